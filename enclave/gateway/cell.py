"""The worker's first steps, before anything of size is imported: its orders, its key, its walls.

Imports nothing that starts a thread, because a thread from before keeps what `confine` takes away.
"""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from enclave import documents
from enclave.errors import EnclaveError, Unavailable
from enclave.gateway.confine import Cell, Confined, confine
from enclave.gateway.orders import KEY_BYTES, Report, Start, line, settings_of
from enclave.gateway.spark import server
from enclave.model import EngineKind
from enclave.settings import Settings

MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Entered:
    """What a confined worker works with. `key` is written over once the extract is open."""

    start: Start
    key: bytearray = field(repr=False)
    confined: Confined
    orders: BinaryIO
    reports: BinaryIO
    spark: Spark | None = None


@dataclass(slots=True)
class Spark:
    """Spark beside the worker: started within its walls, while programs may still be started.

    `problem` is why it was not; without it the worker is still there to say so.
    """

    place: Path | None = None
    running: server.Server | None = None
    problem: Unavailable | None = None

    def __call__(self, memory: Path) -> tuple[int, ...]:
        """Start it with a directory of its own below `memory`; return where it listens."""
        self.place = memory / f"enclave-spark-{secrets.token_hex(8)}"
        self.place.mkdir(mode=0o700)
        try:
            self.running = server.start(self.place, server.Size())
        except Unavailable as problem:
            self.problem = problem
            return ()
        return (self.running.port,)


def enter() -> Entered:
    """Read the first order and confine this process; nothing else may write to standard output.

    Where that is not possible it is reported, and the process ends.
    """
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    key = _key(sys.stdin.fileno())
    start = documents.read(Start, sys.stdin.buffer.readline())
    spark = Spark() if start.policy.engine is EngineKind.SPARK and not start.closed else None
    try:
        confined = confine(cell_of(start), parent=start.parent, companion=spark)
    except EnclaveError as error:
        reports.write(line(Report(0, error.explain())))
        reports.flush()
        sys.exit(1)
    return Entered(start, key, confined, sys.stdin.buffer, reports, spark)


def cell_of(start: Start) -> Cell:
    """Return the walls these orders ask for."""
    settings = settings_of(start)
    return Cell(
        project=start.policy.project,
        state_dir=Path(settings.state_dir),
        run_dir=Path(settings.run_dir),
        memory=process_memory(settings),
        spill=settings.gateway_spill_mib * MIB,
        uid=start.uid,
        java=start.policy.engine is EngineKind.SPARK,
    )


def process_memory(settings: Settings) -> int:
    """Return the bytes a worker may take: engine, planner, Arrow buffers and thread stacks."""
    return (1024 + settings.gateway_memory_mib * 5 // 2) * MIB


def _key(pipe: int) -> bytearray:
    """Read the key into memory that can be written over; no buffer of Python's sees it."""
    key = bytearray(KEY_BYTES)
    view = memoryview(key)
    while view:
        read = os.readv(pipe, [view])
        if not read:
            sys.exit(1)
        view = view[read:]
    return key
