"""Makes real gateway workers fail on purpose, for tests: found by way of PYTHONPATH.

`SABOTAGE=blind`: the inspector lets everything pass, so that what is behind it is tried for itself.
`SABOTAGE=<project>`: that project's worker ends as soon as it has its orders.
"""

import os
import sys

if "SABOTAGE" in os.environ and sys.orig_argv[-1:] == ["worker"]:
    from enclave.gateway import cell

    enter = cell.enter

    def _inspect(self, sql):
        from enclave.gateway.inspector import Inspection  # noqa: PLC0415 - after the walls

        return Inspection(sql, sql, "", (), (), (), (), "tests")

    def _sabotaged():
        entered = enter()
        if os.environ["SABOTAGE"] == entered.start.policy.project and not entered.start.closed:
            os._exit(3)
        if os.environ["SABOTAGE"] == "blind":
            from enclave.gateway.inspector import Inspector  # noqa: PLC0415 - after the walls

            Inspector.inspect = _inspect
        return entered

    cell.enter = _sabotaged
