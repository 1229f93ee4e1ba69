"""The engine: one project's extract in a read-only, locked DuckDB that can reach nothing else.

The views are streamed through pyarrow into a database file in memory (tmpfs), which is opened
read-only and unlinked at once, so that no name leads to it and it ends with the process. Never
writes to a disk, never loads an extension, never sees a file, a network or a Python variable.
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

from enclave.errors import Unavailable
from enclave.model import PERSON_ID, ColumnRole, Policy
from enclave.vault.extract import ViewFactory

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - checked to be tmpfs before it is used


class Readable(Protocol):
    """What the engine needs of an extract: a fresh reader for each view."""

    @property
    def views(self) -> Mapping[str, ViewFactory]:
        """Return the factory of each view's reader."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What one engine may use. `seconds` bounds one query; `memory` is DuckDB's own notation."""

    threads: int = 2
    memory: str = "2GB"
    seconds: int = 300


# docs/explanation/gateway.md lists these; a test compares. Set in this order, then locked.
HARDENING: Mapping[str, str] = {
    "temp_directory": "",  # no spill: rows never reach a disk, and memory is memory
    "max_temp_directory_size": "0KB",
    "enable_external_access": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_persistent_secrets": "false",
    "allow_unredacted_secrets": "false",
    "python_enable_replacements": "false",
    "enable_external_file_cache": "false",
    "max_expression_depth": "250",
}


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
    if filesystem(scratch) != "tmpfs":
        raise Unavailable(
            "There is no memory file system to open the extract in.",
            hint="Mount a tmpfs on /dev/shm: plain rows are never written to a disk.",
        )
    with _private(scratch) as place:
        path = place / "extract.duckdb"
        _load(path, extract, policy)
        return _open_read_only(path, limits or Limits())


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


def _load(path: Path, extract: Readable, policy: Policy | None) -> None:
    connection = duckdb.connect(
        str(path), config={"python_enable_replacements": "false", "memory_limit": "2GB"}
    )
    try:
        for name, columns in _wanted(extract, policy).items():
            reader = extract.views[name]()
            connection.from_arrow(_only(reader, columns)).create(name)
        connection.execute("CHECKPOINT")
    except (duckdb.Error, pa.ArrowException, OSError):
        raise Unavailable(
            "The extract could not be read into the engine.",
            hint="An administrator looks at free memory, or builds the extract again.",
        ) from None
    finally:
        connection.close()


def _wanted(extract: Readable, policy: Policy | None) -> dict[str, list[str] | None]:
    if policy is None:
        return dict.fromkeys(extract.views)
    return {
        view.name: [
            PERSON_ID,
            *(c.name for c in view.columns if c.role is not ColumnRole.HIDDEN),
        ]
        for view in policy.views
    }


def _only(reader: pa.RecordBatchReader, columns: list[str] | None) -> pa.RecordBatchReader:
    if columns is None or columns == reader.schema.names:
        return reader
    schema = pa.schema([reader.schema.field(name) for name in columns])
    return pa.RecordBatchReader.from_batches(schema, (batch.select(columns) for batch in reader))


def _open_read_only(path: Path, limits: Limits) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path), read_only=True)
    settings = {
        **HARDENING,
        "threads": str(limits.threads),
        "memory_limit": limits.memory,
        "max_execution_time": str(limits.seconds * 1000),
        "lock_configuration": "true",
    }
    for name, value in settings.items():
        connection.execute(f"SET {name} = '{value}'")
    path.unlink()
    return connection
