"""A Flight SQL server with nothing in front of the engine: what the gateway is measured against.

A process of its own, like the gateway's worker, over the same extract and the same calls, so that
the same clients can be used; but without inspector, audit, journal, budgets or confinement. Reads
the settings, the project and its key (hex) from standard input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
from pyarrow import flight

from enclave.gateway import flight_messages as messages
from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway.duck import BATCH_ROWS
from enclave.gateway.engine_duckdb import open_engine
from enclave.settings import Settings
from enclave.vault.extract import open_extract


class Bare(flight.FlightServerBase):
    """Runs whatever it is sent."""

    def __init__(self, path: Path, engine: duckdb.DuckDBPyConnection):
        super().__init__(f"grpc+unix://{path}")
        self._engine = engine

    def get_flight_info(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.FlightInfo:
        """Give the text back as a ticket."""
        asked = messages.asked(messages.unpack(descriptor.command))
        text = "" if asked is None else asked.text
        ticket = messages.pack(sql.TicketStatementQuery(statement_handle=text.encode()))
        return flight.FlightInfo(None, descriptor, [flight.FlightEndpoint(ticket, [])], -1, -1)

    def do_get(
        self, context: flight.ServerCallContext, ticket: flight.Ticket
    ) -> flight.FlightDataStream:
        """Run the text; DuckDB's reader goes to the socket without Python."""
        asked = messages.asked(messages.unpack(ticket.ticket))
        text = "" if asked is None else asked.text
        reader = self._engine.cursor()._submit(text, None, "stream", BATCH_ROWS).arrow_reader()
        return flight.RecordBatchStream(reader)

    def do_action(
        self, context: flight.ServerCallContext, action: flight.Action
    ) -> Iterator[flight.Result]:
        """Prepare, as the gateway does: the handle is the text."""
        if action.type == "CreatePreparedStatement":
            return iter([flight.Result(messages.prepared(action.body.to_pybytes()))])
        return iter(())


def main() -> None:
    """Serve until the standard input ends."""
    orders = json.loads(sys.stdin.readline())
    settings = Settings.model_validate(orders["settings"])
    extract = open_extract(settings, orders["project"], bytes.fromhex(orders["key"]), epoch=1)
    server = Bare(Path(orders["socket"]), open_engine(extract))
    print("open", flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
