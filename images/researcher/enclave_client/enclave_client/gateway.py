"""Ask the project's gateway over the workspace's one data socket (Arrow Flight SQL)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import pandas
import pyarrow

from enclave_client.errors import Refused, refusal
from enclave_client.progress import Progress

SOCKET = "/run/enclave/gateway/gateway.sock"
WAIT_SECONDS = 60.0  # the gateway opens the extract when it starts

Parameters = Sequence[Any] | Mapping[str, Any]


def connect(path: str | None = None) -> adbc.Connection:
    """Return a DBAPI connection to the gateway; pandas, polars and SQLAlchemy can use it too.

    Waits a minute for the gateway to come up. Raises Refused if it does not.
    """
    socket = Path(path or os.environ.get("ENCLAVE_GATEWAY_SOCKET", SOCKET))
    deadline = time.monotonic() + WAIT_SECONDS
    while not socket.exists():
        if time.monotonic() > deadline:
            raise Refused("The gateway is not there. If it stays away, tell the administrator.")
        time.sleep(0.2)
    return adbc.connect(f"grpc+unix://{socket}", autocommit=True)


def query(
    sql: str, parameters: Parameters | None = None, *, progress: bool = True
) -> pandas.DataFrame:
    """Ask one query; return its answer, with the query's id in `.attrs["enclave.query"]`.

    `parameters` are the values of its `?` or `$1` (a list) or `$name` (a dict). A query that takes
    long shows how far it is unless `progress` is false; interrupting stops it on the server too.
    Raises Refused with the clause of the agreement that forbids it.
    """
    table = fetch(sql, parameters, progress=progress)
    frame: pandas.DataFrame = table.to_pandas()
    frame.attrs["enclave.query"] = (table.schema.metadata or {}).get(b"enclave.query", b"").decode()
    return frame


def fetch(
    sql: str, parameters: Parameters | None = None, *, progress: bool = True
) -> pyarrow.Table:
    """Ask one query as `query` does; return its answer as an Arrow table."""
    if not isinstance(sql, str) or not sql.strip():
        raise Refused('There is no query here. Write one, as in query("SELECT count(*) FROM …").')
    values = _bound(parameters)
    try:
        with (
            connect() as connection,
            connection.cursor() as cursor,
            Progress(shown=progress) as so_far,
        ):
            cursor.execute(sql, values)
            reader = cursor.fetch_record_batch()
            batches = []
            for batch in reader:
                so_far.add(batch)
                batches.append(batch)
            return pyarrow.Table.from_batches(batches, reader.schema)
    except (adbc_driver_manager.Error, pyarrow.ArrowException) as error:
        raise refusal(error) from None


def _bound(parameters: Parameters | None) -> Any:
    """Return parameters as the driver wants them: it takes names only as columns of a batch."""
    if parameters is None:
        return None
    named = isinstance(parameters, Mapping)
    if isinstance(parameters, (str, bytes)) or not (named or isinstance(parameters, Iterable)):
        raise Refused("The parameters are not a list. Write (value,) or [value] for a single one.")
    values = list(parameters.values()) if isinstance(parameters, Mapping) else list(parameters)
    try:
        columns = [pyarrow.array([value]) for value in values]
    except (pyarrow.ArrowException, OverflowError, TypeError, ValueError):
        raise Refused("A parameter is no value that a query can hold.") from None
    if not named:
        return tuple(values)
    return pyarrow.record_batch(columns, names=list(map(str, parameters))) if columns else None
