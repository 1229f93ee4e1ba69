"""The linkage zone's one door: its scratch database, bounded, with the registry attached.

For one process at a time. Whatever a step spills to disk lies inside the zone and is removed when
the door closes, or when it next opens.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from enclave.alone import alone
from enclave.settings import Settings
from linkage import identity

MEMORY = "2GB"
SPILL = "20GB"  # an unbounded join must end in an error, not in a full disk


@contextmanager
def zone(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the linkage zone alone: a scratch database with bounds, the registry attached."""
    root = settings.state_dir / "linkage"
    with alone(root / "lock", "Linkage is at work already."):
        scratch = root / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        connection = connect(scratch)
        try:
            identity.open_ledger(connection, str(root / "registry.db"))
            yield connection
        finally:
            connection.close()
            shutil.rmtree(scratch, ignore_errors=True)


def connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database that may spill into `scratch`, within bounds."""
    return duckdb.connect(
        config={
            "memory_limit": MEMORY,
            "temp_directory": str(scratch),
            "max_temp_directory_size": SPILL,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
    )
