"""The engine: one project's extract in a read-only, locked DuckDB that can reach nothing else.

The views are streamed through pyarrow into a database file in memory (tmpfs), which is opened
read-only and unlinked at once, so that no name leads to it and it ends with the process. What a
query spills goes to a memory file system too, or nowhere: DuckDB 2.0 cannot encrypt what it writes.
Never writes to a disk, never loads an extension, never sees a file, a network or a Python variable.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from enclave.errors import Unavailable
from enclave.gateway.confine import SHARED_MEMORY
from enclave.gateway.refusals import ExtractUnreadable, NoRoom
from enclave.model import PERSON_ID, ColumnRole, Policy, versioned
from enclave.vault.extract import ViewFactory


class Readable(Protocol):
    """What the engine needs of an extract: a fresh reader for each view."""

    @property
    def views(self) -> Mapping[str, ViewFactory]:
        """Return the factory of each view's reader."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What one engine may use. `seconds` bounds one query; sizes are in DuckDB's own notation.

    `spill` counts only where there is a memory file system to spill to.
    """

    threads: int = 2
    memory: str = "2GB"
    seconds: int = 300
    spill: str = "1800MiB"


# docs/explanation/gateway-process.md lists these; a test compares. Set in this order, then locked.
HARDENING: Mapping[str, str] = {
    "temp_directory": "",  # unless there is a memory file system for it: never a disk
    "max_temp_directory_size": "0KB",
    "enable_external_access": "false",
    "disabled_filesystems": "LocalFileSystem",  # also the paths the one above lets pass
    "allowed_configs": "[]",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "allow_extensions_metadata_mismatch": "false",
    "allow_extension_repositories": "forbidden",
    "allow_parser_override_extension": "default",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_persistent_secrets": "false",
    "allow_unredacted_secrets": "false",
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "enable_external_file_cache": "false",
    "external_file_cache_spill": "false",
    "enable_logging": "false",
    "max_expression_depth": "250",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table to load: where its rows come from, and which columns (None: all)."""

    rows: ViewFactory
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Where the database and what queries spill may lie: memory file systems, never disks."""

    scratch: Path = SHARED_MEMORY
    spill: Path | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An open database, and the most rows of one person in each table where that is known."""

    connection: duckdb.DuckDBPyConnection
    most: Mapping[str, int]


def open_engine(
    extract: Readable,
    *,
    policy: Policy | None = None,
    limits: Limits | None = None,
    scratch: Path = SHARED_MEMORY,
) -> duckdb.DuckDBPyConnection:
    """Return a hardened, read-only connection over an extract's views; cursors of it share it.

    With a policy only the columns it grants are loaded. `scratch` must be on tmpfs. Raises
    Unavailable when it is not, when it is full, or when the extract cannot be read.
    """
    return open_tables(tables(extract, policy), limits=limits, places=Places(scratch)).connection


def tables(
    extract: Readable, policy: Policy | None, *, epoch: int | None = None
) -> dict[str, Table]:
    """Return an extract's tables by name; those of an older epoch are named `view@epoch`."""
    return {
        name if epoch is None else versioned(name, epoch): Table(extract.views[name], columns)
        for name, columns in _wanted(extract, policy).items()
    }


def open_tables(
    tables: Mapping[str, Table], *, limits: Limits | None = None, places: Places | None = None
) -> Opened:
    """Load tables into memory and return them hardened and read-only. Raises as `open_engine`."""
    places = places or Places()
    for place in (places.scratch, places.spill):
        if place is not None and filesystem(place) != "tmpfs":
            raise Unavailable(
                "There is no memory file system to open the extract in.",
                hint="Mount a tmpfs on /dev/shm: plain rows are never written to a disk.",
            )
    with _private(places.scratch) as place:
        path = place / "extract.duckdb"
        limits = limits or Limits()
        most = _load(path, tables, limits)
        return Opened(_open_read_only(path, limits, places.spill), most)


def filesystem(path: Path) -> str:
    """Return the type of the file system a path lies on, as the kernel's mount table says."""
    wanted, best, kind = path.resolve(), Path("/"), ""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, right = line.split(" - ", maxsplit=1)
        mount = Path(left.split(" ")[4])
        if wanted.is_relative_to(mount) and len(mount.parts) >= len(best.parts):
            best, kind = mount, right.split(" ")[0]
    return kind


@contextmanager
def _private(scratch: Path) -> Iterator[Path]:
    """Make a directory nobody else may enter, and remove it with all names in it."""
    place = scratch / f"enclave-{secrets.token_hex(8)}"
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _load(path: Path, tables: Mapping[str, Table], limits: Limits) -> Mapping[str, int]:
    connection = duckdb.connect(
        str(path),
        config={
            "python_enable_replacements": "false",
            "memory_limit": limits.memory,
            "temp_directory": "",
        },
    )
    streams = {name: Stream(table) for name, table in tables.items()}
    try:
        for name, stream in streams.items():
            connection.from_arrow(stream.reader()).create(f'"{name}"')
        connection.execute("CHECKPOINT")
    except (duckdb.Error, pa.ArrowException, OSError):
        if any(stream.broken for stream in streams.values()):
            raise ExtractUnreadable(
                "The extract was changed or damaged.", hint="An administrator builds it again."
            ) from None
        raise NoRoom(
            "There is no room in memory to open the extract.",
            hint="An administrator gives the gateway more memory.",
        ) from None
    finally:
        connection.close()
    return {name: stream.most for name, stream in streams.items() if stream.most}


@dataclass(slots=True)
class Stream:
    """A table on its way in. Counts the rows of each person, and sees whether reading broke.

    Rows come in order of person_id, so one person's stand together. `most` is the largest number
    of them; None where rows were out of order or without a person, of which nothing is known.
    """

    table: Table
    most: int | None = None
    broken: bool = False
    _last: tuple[str, int] = ("", 0)

    def reader(self) -> pa.RecordBatchReader:
        """Return the rows with the wanted columns, once."""
        self.broken = True  # until the reader is there
        source = self.table.rows()
        names = self.table.columns or tuple(source.schema.names)
        schema = pa.schema([source.schema.field(name) for name in names])
        self.broken, self.most = False, 1 if PERSON_ID in names else None
        return pa.RecordBatchReader.from_batches(schema, self._batches(source, list(names)))

    def _batches(self, source: pa.RecordBatchReader, names: list[str]) -> Iterator[pa.RecordBatch]:
        self.broken = True
        for batch in source:
            self.broken = False
            if self.most and batch.num_rows:
                self.most = self._counted(batch.column(PERSON_ID), self.most)
            yield batch.select(names)
            self.broken = True
        self.broken = False

    def _counted(self, rows: pa.Array, most: int) -> int | None:
        """Return the most rows of one person up to here, if these are in order too."""
        runs = pc.run_end_encode(rows)
        persons, ends = runs.values, runs.run_ends
        before, carried = self._last
        rises = pc.greater(persons[1:], persons[:-1])
        if persons.null_count or not pc.all(rises, min_count=0).as_py():
            return None
        if persons[0].as_py() < before:
            return None
        first = ends[0].as_py() + (carried if persons[0].as_py() == before else 0)
        last = ends[-1].as_py() - ends[-2].as_py() if len(ends) > 1 else first
        self._last = (persons[-1].as_py(), last)
        between = pc.max(pc.pairwise_diff(ends)).as_py() or 0
        return int(max(most, first, between))


def _wanted(extract: Readable, policy: Policy | None) -> dict[str, tuple[str, ...] | None]:
    if policy is None:
        return dict.fromkeys(extract.views)
    return {
        view.name: (
            PERSON_ID,
            *(c.name for c in view.columns if c.role is not ColumnRole.HIDDEN),
        )
        for view in policy.views
    }


def _open_read_only(path: Path, limits: Limits, spill: Path | None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path), read_only=True)
    for name, value in settings_of(limits, spill).items():
        connection.execute(f"SET {name} = '{value}'")
    path.unlink()
    return connection


def settings_of(limits: Limits, spill: Path | None = None) -> dict[str, str]:
    """Return every setting of the engine in the order in which it is given; the last one locks.

    With a place to spill to, DuckDB lets SQL open files there too (and only there): the directory's
    name is random, and the inspector lets no query name a file.
    """
    spilling = {
        "temp_directory": str((spill or Path()) / secrets.token_hex(16)),
        "max_temp_directory_size": limits.spill,
        "disabled_filesystems": "",
    }
    return {
        **HARDENING,
        **(spilling if spill is not None else {}),
        "threads": str(limits.threads),
        "memory_limit": limits.memory,
        "max_execution_time": str(limits.seconds * 1000),
        "lock_configuration": "true",
    }
