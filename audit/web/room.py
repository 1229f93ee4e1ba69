"""What every page of the auditor's site stands on, and the rule that each look is itself logged.

Reads the log and its index; changes neither the log nor the control store.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from audit.custody import AuditFiles
from audit.findings import Findings
from audit.indexing import Indexer
from audit.log import Entry, LogReader, open_reader
from audit.saved import Saved
from audit.scope import sight_of
from audit.search import Browser
from audit.sentences import told
from audit.shelf import Shelf
from audit.store import StoreError
from audit.thresholds import load
from audit.verify import Report
from audit.watch import Level, Standing, Watch
from audit.web.memory import ALL, Memory
from enclave.errors import NotFound, Unavailable
from enclave.events import Action, Event, Scalar, Verdict
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.web.app import render, signed_in
from enclave.web.visit import EventLog

INDEX_STEP = 2_000  # entries a page indexes at most before it answers

logger = logging.getLogger("audit.web")


class Room:
    """The log, its index, its watch, and those who may be named."""

    def __init__(self, settings: Settings, store: ControlStore, audit: EventLog):
        self.settings, self.store, self.audit = settings, store, audit
        self.files = AuditFiles.of(settings)
        self.watch = Watch.of(settings)
        self.index = Indexer(self.files.index, self.log)
        self.shelf = Shelf()
        self.thresholds = load(settings)
        self.findings = Findings(self.files.findings, self.log, self.thresholds)
        self.saved = Saved(self.files.site)
        self.report: tuple[float, Report] | None = None
        self.memory = Memory()

    def standing(self) -> Standing:
        """Return the state of verification: what the watch sees, unless this site saw worse."""
        seen = self.watch.look()
        if not self.memory.is_known:
            self._recall()
        worse = self.memory.sentence()
        if worse is not None and seen.level is not Level.RED:
            return replace(seen, level=Level.RED, heading="Not verified", sentence=worse)
        if not self.memory.is_known and seen.level is Level.GREEN:
            sentence = "What this site found before it was started is still being read."
            return replace(
                seen,
                level=Level.AMBER,
                heading="Not known yet",
                sentence=sentence,
                is_known=False,
            )
        return seen

    def _recall(self) -> None:
        try:
            if self.index.keep_level(INDEX_STEP) == 0:
                with Browser.open(self.files.index, self.log, shelf=self.shelf) as browser:
                    self.memory.recall(browser)
        except (OSError, sqlite3.Error, StoreError) as error:
            logger.warning("what was found before cannot be read yet: %s", error)

    def names(self) -> Mapping[str, str]:
        """Return people's names by id."""
        return {id: person.name for id, person in self.store.people().items()}

    def look(
        self,
        request: Request,
        page: str,
        detail: Mapping[str, Scalar] | None = None,
        *,
        project: str | None = None,
    ) -> None:
        """Log that the auditor looks at something; raises AuditUnavailable, and then no page."""
        person = signed_in(request).id
        self.audit.append(
            Event(
                Action.AUDIT_SEARCHED,
                person,
                project=project,
                detail={"page": page, **(detail or {})},
            )
        )

    def verified(
        self, request: Request, page: str, detail: Mapping[str, Scalar], *, wrong: bool
    ) -> None:
        """Log that something was verified here, and remember what is wrong, logged or not."""
        if wrong:
            self.memory.note(page)
        verdict = Verdict.FAILED if wrong else Verdict.ALLOWED
        person = signed_in(request).id
        self.audit.append(
            Event(Action.AUDIT_VERIFIED, person, verdict, detail={"page": page, **detail})
        )
        if page == ALL and not wrong:
            self.memory.clear()

    def scope(self, request: Request) -> str | None:
        """Return the agency whose data this person is confined to; None for an auditor.

        Everything the site shows of entries goes through `browse`, `entry` or `facts`, and these
        through here. Raises NotFound for anybody else.
        """
        return sight_of(signed_in(request)).agency

    def auditors_only(self, request: Request) -> None:
        """Raise NotFound for whoever may not see every entry."""
        if self.scope(request) is not None:
            raise NotFound(
                "There is nothing here that you may see.",
                hint="Each entry on your agency's data can be verified on its own page.",
            )

    @contextmanager
    def browse(self, request: Request) -> Iterator[Browser]:
        """Open the index as this person may see it, level with the log where that is quick."""
        scope = self.scope(request)
        try:
            self.index.keep_level(INDEX_STEP)
            opened = Browser.open(self.files.index, self.log, scope=scope, shelf=self.shelf)
            with opened as browser:
                yield browser
        except sqlite3.OperationalError as error:
            raise Unavailable("The index of the log is busy.", hint="Try again.") from error
        except sqlite3.DatabaseError as error:
            logger.error("the index cannot be read: %s", error)
            self.index.discard()
            raise Unavailable(
                "The index of the log is damaged and is built anew.", hint="Try again in a moment."
            ) from error

    def log(self) -> LogReader:
        """Open the log for reading; raises StoreError. Close it."""
        return open_reader(self.settings)

    def entry(self, request: Request, index: int) -> Entry:
        """Return an entry this person may see, or raise NotFound, the same for both reasons."""
        scope = self.scope(request)
        with closing(self.log()) as log:
            entry = log.entry(index)
        if entry is None or (scope is not None and scope not in _agencies(entry)):
            raise NotFound(
                "The log has no entry with this number.", hint="The list shows what exists."
            )
        return entry

    def show(self, request: Request, template: str, /, **context: Any) -> Response:
        """Render a page with the state of verification on it."""
        confined = self.scope(request)
        return render(
            request,
            template,
            standing=self.standing(),
            confined=confined,
            behind=self.index.behind(),
            **context,
        )

    def index_in_background(self) -> None:
        """Index a long log before the first page is asked for."""
        try:
            self.index.build_in_background()
        except (OSError, sqlite3.Error, StoreError) as error:
            logger.error("cannot index the log: %s", error)


def _agencies(entry: Entry) -> tuple[str, ...]:
    """Return on whose data an entry is; none once its text is gone or no event any more."""
    fact = told(entry.index, entry.body)
    return fact.agencies if fact is not None else ()
