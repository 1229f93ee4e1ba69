"""What must hold for any text, and the checks of it: a verdict or a refusal, and nothing else.

Each finding is an exception: one that is no refusal, a literal in a log's text, a name that nobody
granted, an engine that crashed, or a file that was touched.
"""

from __future__ import annotations

import ctypes
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from enclave.gateway import flight_messages as flight
from enclave.gateway.engine_duckdb import Limits, open_engine
from enclave.gateway.inspector import Inspection, Inspector, make_inspector, parameters
from enclave.gateway.inspector.catalogue import compile_catalogue
from enclave.gateway.refusals import QueryDenied
from enclave.model import Policy, QueryMode
from tests.fuzz import mutations
from tests.fuzz.world import make_world, world_tables
from tests.support.gateway import WITHHELD, make_policy, make_tables

SECONDS = 0.5  # one query on the engine; a broken join may ask for anything
BATCHES = 3
_IN_OPEN, _IN_CREATE, _IN_NONBLOCK = 0x20, 0x100, 0x800
_LITERALS = (duckdb.token_type.string_const, duckdb.token_type.numeric_const,
             duckdb.token_type.comment)  # fmt: skip
_ENDINGS = (duckdb.Error, pa.ArrowException, OSError, RuntimeError)  # what `answer` expects too


class Finding(AssertionError):
    """Something came out that must not."""


@dataclass(frozen=True, slots=True)
class Project:
    """One agreement: its inspector, and the hardened engine over its tables."""

    inspector: Inspector
    engine: duckdb.DuckDBPyConnection


class Place:
    """The working directory, with files that a query may name and must never open."""

    def __init__(self, directory: Path):
        for name in ("canary.csv", "canary.db", "canary.parquet", "canary.json"):
            (directory / name).write_text("canary\nzqx7canary\n")
        libc = ctypes.CDLL(None, use_errno=True)
        self._watch = libc.inotify_init1(_IN_NONBLOCK)
        if libc.inotify_add_watch(self._watch, bytes(directory), _IN_OPEN | _IN_CREATE) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def touched(self) -> bool:
        """Whether anybody opened or made a file there since the last question."""
        try:
            return bool(os.read(self._watch, 4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Stop watching."""
        os.close(self._watch)


class Targets:
    """Everything that takes a researcher's text, in one process."""

    def __init__(self, place: Place):
        self.place = place
        self.passed = 0
        roles = _project(make_policy(), make_tables(10))
        grouped = _project(make_world(mode=QueryMode.AGGREGATE_ONLY), world_tables())
        world = _project(make_world(), world_tables())
        self.projects = (world, world, roles, grouped)

    def check(self, number: int) -> None:
        """Try the input of this number on every target; raises what was found."""
        text = mutations.text(number)
        self.inspect(text, number)
        self.hand_over(text, number)
        self.unpack(mutations.body(number))

    def inspect(self, text: str, number: int) -> None:
        """A verdict or a refusal; what passes is logged without literals and runs harmlessly."""
        project = self.projects[number % len(self.projects)]
        _no_literals(text, project.inspector.redact(text))
        if number % 8 < 2:  # a refusal is an answer there
            project.inspector.explain(f"EXPLAIN POLICY {text}" if number % 2 else text)
        try:
            seen = project.inspector.inspect(text)
        except QueryDenied as refused:
            if mutations.MARKER in refused.sentence:
                raise Finding("A refusal's sentence repeats a literal.") from refused
            return
        self.passed += 1
        _only_granted(project.inspector, seen)
        _no_literals(text, seen.redacted)
        _run(project.engine, seen.sql)
        if self.place.touched():
            raise Finding("A file was opened or made.")

    def hand_over(self, text: str, number: int) -> None:
        """Values become literals or are refused, and nothing else happens."""
        values = _values(random.Random(number))
        try:
            parameters.render(text, values)
            parameters.render(text, {"name": values[0], "n": None, "x": values[-1]})
        except QueryDenied:
            return

    def unpack(self, body: bytes) -> None:
        """A message of the protocol or a refusal, from everything that reads a client's bytes."""
        for read in (_command, flight.prepared, flight.question, flight.cancelled):
            try:
                read(body)
            except QueryDenied:
                continue


@contextmanager
def open_targets(directory: Path) -> Iterator[Targets]:
    """The targets, with a directory of canaries to work in."""
    before = Path.cwd()
    os.chdir(directory)
    place = Place(directory)
    try:
        yield Targets(place)
    finally:
        place.close()
        os.chdir(before)


def _command(body: bytes) -> flight.Question | None:
    return flight.asked(flight.unpack(body))


class _Views:
    """Tables as an extract offers them."""

    def __init__(self, tables: dict[str, pa.Table]):
        self.views: dict[str, Callable[[], pa.RecordBatchReader]] = {
            name: table.to_reader for name, table in tables.items()
        }


def _project(policy: Policy, tables: dict[str, pa.Table]) -> Project:
    schemas = {name: table.schema for name, table in tables.items()}
    limits = Limits(threads=1, memory="256MB", seconds=5)
    engine = open_engine(_Views(tables), policy=policy, limits=limits)
    return Project(make_inspector(compile_catalogue(policy, schemas, WITHHELD)), engine)


def _only_granted(inspector: Inspector, seen: Inspection) -> None:
    catalogue = inspector.catalogue
    granted = {f"{v}.{c}" for v in catalogue.schemas for c in catalogue.columns(v)}
    if not set(seen.views) <= set(catalogue.schemas) or not set(seen.columns) <= granted:
        raise Finding("A verdict names what nobody granted.")


def _no_literals(text: str, redacted: str) -> None:
    """The engine's own scanner finds the literals: it shares no code with the inspector's."""
    if redacted == "-":
        return
    raw = text.encode(errors="replace")  # a lone surrogate cannot be handed to the engine
    tokens = duckdb.tokenize(raw.decode())
    ends = [at for at, _ in tokens[1:]] + [len(raw)]
    pieces = [(raw[at:end].decode(errors="replace").strip(), kind)
              for (at, kind), end in zip(tokens, ends, strict=True)]  # fmt: skip
    plain = " ".join(piece for piece, kind in pieces if kind not in _LITERALS)
    for piece, kind in pieces:
        shown = piece.strip("'-/* \n")
        if kind in _LITERALS and len(shown) > 3 and shown not in plain and shown in redacted:
            raise Finding("A text for the log holds a literal.")


def _run(engine: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Run a query for a moment; it may end, fail or be stopped, but the engine must live."""
    cursor = engine.cursor()
    deadline = threading.Timer(SECONDS, cursor.interrupt)
    deadline.daemon = True
    deadline.start()
    try:
        reader = cursor.sql(sql).to_arrow_reader(1024)
        for _ in range(BATCHES):
            if next(reader, None) is None:
                break
        reader.close()
    except (duckdb.InternalException, duckdb.FatalException) as error:
        raise Finding(f"The engine broke: {str(error)[:200]}") from None
    except _ENDINGS:
        return
    finally:
        deadline.cancel()
        cursor.close()


def _values(chance: random.Random) -> list[object]:
    pool: list[object] = [
        None, True, 7, -(2**70), 0.5, float("nan"), float("inf"), 1e308, Decimal("1.50"),
        Decimal("NaN"), "zqx7canary", "it's", "Ñ'; --", "\0", "\ud800", date(2020, 1, 1),
        datetime(2020, 1, 1, 12), b"bytes", object(), [1], {"a": 1}, Decimal("1e500"),
    ]  # fmt: skip
    return chance.choices(pool, k=chance.randrange(1, 4))


def describe(error: BaseException) -> str:
    """Return the kind of a finding, for telling two apart."""
    text = str(error).splitlines()[0][:120] if str(error) else ""
    return f"{type(error).__name__}: {text}"
