"""Makes real gateway workers fail on purpose, for tests: found by way of PYTHONPATH.

`SABOTAGE=blind`: the inspector lets everything pass, so that what is behind it is tried for itself.
`SABOTAGE=spoilt`: a query that holds the word spoils the inspector's empty database.
`SABOTAGE=<project>`: that project's worker ends as soon as it has its orders.
`CLOCK=<seconds>`: any program's clock is that much ahead, or behind when negative.
"""

import os
import sys
import time

if "CLOCK" in os.environ:
    ahead, now, now_ns = int(os.environ["CLOCK"]), time.time, time.time_ns
    time.time = lambda: now() + ahead
    time.time_ns = lambda: now_ns() + ahead * 1_000_000_000

if "SABOTAGE" in os.environ and sys.orig_argv[-1:] == ["worker"]:
    from enclave.gateway import cell

    enter = cell.enter

    def _inspect(self, sql):
        from enclave.gateway.inspector import Inspection  # noqa: PLC0415 - after the walls

        return Inspection(sql, sql, "", (), (), (), (), "tests")

    class _Spoilt:
        """A connection to a database that is beyond use once it has been asked to be."""

        beyond_use = False

        def __init__(self, connection):
            self._connection = connection

        def cursor(self):
            return _Spoilt(self._connection.cursor())

        def execute(self, sql, *given):
            import duckdb  # noqa: PLC0415 - after the walls

            _Spoilt.beyond_use = _Spoilt.beyond_use or "spoilt" in sql
            if _Spoilt.beyond_use:
                raise duckdb.FatalException("database has been invalidated")
            return self._connection.execute(sql, *given)

        def __getattr__(self, name):
            return getattr(self._connection, name)

    def _sabotaged():
        entered = enter()
        if os.environ["SABOTAGE"] == entered.start.policy.project and not entered.start.closed:
            os._exit(3)
        if os.environ["SABOTAGE"] == "blind":
            from enclave.gateway.inspector import Inspector  # noqa: PLC0415 - after the walls

            Inspector.inspect = _inspect
        if os.environ["SABOTAGE"] == "spoilt":
            from enclave.gateway.inspector import engine_json  # noqa: PLC0415 - after the walls

            open_empty = engine_json.open_empty
            engine_json.open_empty = lambda catalogue: _Spoilt(open_empty(catalogue))
        return entered

    cell.enter = _sabotaged
