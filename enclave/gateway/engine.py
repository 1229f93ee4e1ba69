"""What the gateway asks of an engine, whichever it is: start a query, hand over batches, stop.

An engine gets inspected text only, and never decides who may ask. It keeps its own error texts to
itself: they can hold a value of a row.
"""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa

from enclave.errors import EnclaveError
from enclave.gateway.inspector import Inspection


class Work(Protocol):
    """One query in an engine. `interrupt` may come from any thread and at any time."""

    @property
    def reader(self) -> pa.RecordBatchReader:
        """The answer's batches. Asked for the first time, it runs the query, however long.

        Reading a batch may run more of it. What it or the reader raises goes to `failure`.
        """
        ...

    def interrupt(self) -> None:
        """Make the engine give up soon; `reader` and its batches raise from then on."""
        ...

    def close(self) -> None:
        """Give back what the query holds. Interrupts it if it still runs; may come twice."""
        ...

    def failure(self, error: Exception) -> EnclaveError:
        """Return what a researcher may be told of `error`: QueryStopped or QueryFailed."""
        ...

    def cpu_seconds(self) -> float:
        """Return the CPU seconds used so far outside this process; 0.0 for an engine within.

        What this process uses the gateway measures itself (`budgets.py`).
        """
        ...


class Engine(Protocol):
    """Runs inspected queries of one project. Safe to use from many threads."""

    def start(self, inspection: Inspection) -> Work:
        """Return at once with the query's work; nothing is run before its `reader` is asked for."""
        ...
