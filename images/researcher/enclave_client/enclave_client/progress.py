"""How far a long query is: shown after two seconds, in a notebook or a terminal, and taken away."""

from __future__ import annotations

import contextvars
import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

import pyarrow
from IPython import get_ipython
from IPython.display import HTML, display

AFTER_SECONDS = 2.0
EVERY_SECONDS = 0.5


class Progress:
    """Rows, bytes and seconds of one query. Writes nothing where nobody looks."""

    def __init__(self, *, shown: bool = True):
        self.rows = self.bytes = 0
        self._began = time.monotonic()
        self._over = threading.Event()
        self._handle: Any = None
        self._written = 0
        self._watcher: threading.Thread | None = None
        if shown and (_in_notebook() or sys.stderr.isatty()):
            # The context of the cell, so that what is shown appears under it.
            run = contextvars.copy_context().run
            self._watcher = threading.Thread(target=run, args=(self._watch,), daemon=True)

    def add(self, batch: pyarrow.RecordBatch) -> None:
        """Count a batch that has come."""
        self.rows += batch.num_rows
        self.bytes += batch.nbytes

    def sentence(self) -> str:
        """Say how far the query is."""
        seconds = time.monotonic() - self._began
        came = f"{self.rows:,} rows, {self.bytes / 1e6:,.1f} MB" if self.rows else "no row yet"
        return f"Running for {seconds:,.0f} s: {came}. Interrupt to stop it."

    def __enter__(self) -> Self:
        if self._watcher is not None:
            self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._watcher is not None:
            self._watcher.join()
            self._clear()

    def _watch(self) -> None:
        if self._over.wait(AFTER_SECONDS):
            return
        while True:
            self._show(self.sentence())
            if self._over.wait(EVERY_SECONDS):
                return

    def _show(self, text: str) -> None:
        if not _in_notebook():
            sys.stderr.write("\r" + text.ljust(self._written))
            sys.stderr.flush()
            self._written = len(text)
            return
        shown = HTML(f'<p role="status">{text}</p>')
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)

    def _clear(self) -> None:
        if self._handle is not None:
            self._handle.update(HTML(""))
        if self._written:
            sys.stderr.write("\r" + " " * self._written + "\r")
            sys.stderr.flush()


def _in_notebook() -> bool:
    return hasattr(get_ipython(), "kernel")
