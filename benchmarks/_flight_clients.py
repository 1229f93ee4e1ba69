"""Clients of a Flight SQL socket: pyarrow's and ADBC's, one or many at once.

Also a program, which an unmodified container can run: it needs pyarrow and ADBC alone.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
from pyarrow import flight

_TYPE = b"type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery"


def command(text: str) -> flight.FlightDescriptor:
    """Return a CommandStatementQuery by hand: protobuf is in no workspace's image."""
    body = text.encode()
    inner = b"\x0a" + _varint(len(body)) + body
    outer = b"\x0a" + _varint(len(_TYPE)) + _TYPE + b"\x12" + _varint(len(inner)) + inner
    return flight.FlightDescriptor.for_command(outer)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def over_flight(path: str) -> tuple[Callable[[str], pa.Table], Callable[[], None]]:
    """Return what asks through pyarrow (GetFlightInfo, DoGet), and what closes it."""
    client = flight.FlightClient(f"grpc+unix://{path}")

    def ask(text: str) -> pa.Table:
        info = client.get_flight_info(command(text))
        return client.do_get(info.endpoints[0].ticket).read_all()

    return ask, client.close


def over_adbc(path: str) -> tuple[Callable[[str], pa.Table], Callable[[], None]]:
    """Return what asks through ADBC's DBAPI, which prepares each query, and what closes it."""
    connection = adbc.connect(f"grpc+unix://{path}", autocommit=True)

    def ask(text: str) -> pa.Table:
        with connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetch_arrow_table()

    return ask, connection.close


def many(path: str, text: str, *, clients: int, each: int) -> tuple[list[float], float]:
    """Ask from `clients` connections at once, `each` times; return all seconds and queries/s."""
    taken: list[float] = []
    ready = threading.Barrier(clients + 1)

    def one() -> None:
        ask, close = over_flight(path)
        ask(text)
        ready.wait()
        for _ in range(each):
            started = time.perf_counter()
            ask(text)
            taken.append(time.perf_counter() - started)
        close()

    threads = [threading.Thread(target=one) for _ in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return taken, clients * each / (time.perf_counter() - started)


def main() -> None:
    """Print the median seconds of a query: SOCKET, `adbc` or `flight`, how often, the text."""
    path, kind, times, text = sys.argv[1:]
    ask, close = over_adbc(path) if kind == "adbc" else over_flight(path)
    with ExitStack() as stack:
        stack.callback(close)
        ask(text)
        seconds = []
        for _ in range(int(times)):
            started = time.perf_counter()
            ask(text)
            seconds.append(time.perf_counter() - started)
    print(statistics.median(seconds))


if __name__ == "__main__":
    main()
