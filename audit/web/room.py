"""What every page of the auditor's site stands on, and the rule that each look is itself logged.

Reads the log and its index; changes neither the log nor the control store.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from audit.custody import AuditFiles
from audit.log import LogReader
from audit.search import Browser, Indexer
from audit.verify import Report
from audit.watch import Watch
from enclave.errors import Unavailable
from enclave.events import Action, Event, Scalar
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.web.app import render, signed_in
from enclave.web.visit import EventLog

INDEX_STEP = 20_000  # entries a page indexes at most before it answers

logger = logging.getLogger("audit.web")


class Room:
    """The log, its index, its watch, and those who may be named."""

    def __init__(self, settings: Settings, store: ControlStore, audit: EventLog):
        self.settings, self.store, self._audit = settings, store, audit
        self.files = AuditFiles(settings.audit_dir)
        self.watch = Watch(self.files)
        self.index = Indexer(self.files.index, self.files.log)
        self.report: tuple[float, Report] | None = None

    def names(self) -> Mapping[str, str]:
        """Return people's names by id."""
        return {id: person.name for id, person in self.store.people().items()}

    def look(
        self,
        request: Request,
        page: str,
        detail: Mapping[str, Scalar] | None = None,
        *,
        action: Action = Action.AUDIT_SEARCHED,
        project: str | None = None,
    ) -> None:
        """Log that the auditor looks at something; raises AuditUnavailable, and then no page."""
        person = signed_in(request).id
        self._audit.append(
            Event(action, person, project=project, detail={"page": page, **(detail or {})})
        )

    @contextmanager
    def browse(self) -> Iterator[Browser]:
        """Open the index, level with the log as far as a page may wait for that."""
        try:
            self.index.catch_up(INDEX_STEP)
        except sqlite3.Error as error:
            raise _unreadable() from error
        with Browser.open(self.files.index) as browser:
            yield browser

    @contextmanager
    def log(self) -> Iterator[LogReader]:
        """Open the log for reading."""
        try:
            reader = LogReader.open(self.files.log)
        except sqlite3.Error as error:
            raise _unreadable() from error
        with closing(reader):
            yield reader

    def show(self, request: Request, template: str, /, **context: Any) -> Response:
        """Render a page with the state of verification on it."""
        return render(request, template, standing=self.watch.look(), **context)

    def index_in_background(self) -> None:
        """Index a long log before the first page is asked for."""

        def work() -> None:
            try:
                self.index.catch_up()
            except (OSError, sqlite3.Error) as error:
                logger.error("cannot index the log: %s", error)

        threading.Thread(target=work, name="audit-index", daemon=True).start()


def _unreadable() -> Unavailable:
    return Unavailable(
        "The audit log cannot be read.",
        hint="The audit service makes it when it first starts; see whether it runs.",
    )
