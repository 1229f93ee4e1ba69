"""Tells people what their alert rules have found: reads new entries, gathers, sends, tries again.

One loop in the site's process. Each thing found is told at least once, whatever is killed when; a
message names entries, actions, projects and addresses of pages, never a value, a query's text or a
person. Raising an alert is an event first. Never decides who sees what: `audit.scope` does, asked
anew at every look, so a role taken away ends its alerts.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np

from audit.custody import AuditFiles
from audit.findings import Findings, Sought
from audit.indexing import Indexer, OpenLog
from audit.outbox import ENTRY, Hit, Message, Outbox
from audit.saved import Rule, Saved, Search, Trigger, may_use, now_ms
from audit.scope import sight_of
from audit.search import Browser, Wanted
from audit.sending import deliver, title, whereto
from audit.sentences import TITLES, Fact, visible
from audit.thresholds import Thresholds
from audit.watch import Standing
from audit.webhook import NotDelivered
from enclave.errors import AuditUnavailable, EnclaveError, NotFound
from enclave.events import Action, Event, Receipt, Scalar, Verdict
from enclave.model import Person
from enclave.settings import Settings
from enclave.store import Appends, ControlStore

LOOK_SECONDS = 5.0  # between two looks at the log
STEP = 50_000  # entries a rule reads in one look
ACTOR = "alerts"
_FIRST_PAUSE, _LONGEST_PAUSE = 30_000, 3_600_000  # ms between two attempts

logger = logging.getLogger("audit.alerts")


@dataclass(frozen=True, slots=True)
class Sources:
    """What the alerts read: the log through its index, the findings, and how the log stands."""

    files: AuditFiles
    open_log: OpenLog
    index: Indexer
    findings: Findings
    thresholds: Thresholds
    standing: Callable[[], Standing]
    read: Callable[[Search], Wanted]


class Alerts:
    """The loop. One process at a time works; another waits for it to end."""

    def __init__(
        self, settings: Settings, store: ControlStore, audit: Appends, saved: Saved, *, on: Sources
    ):
        self._settings, self._store, self._audit, self._on = settings, store, audit, on
        self._saved, self._outbox = saved, Outbox(saved)

    def run(self, stop: threading.Event) -> None:
        """Look again and again until told to stop."""
        while not stop.is_set():
            try:
                with _only_one(self._on.files) as is_ours:
                    while is_ours and not stop.is_set():
                        self.look()
                        stop.wait(LOOK_SECONDS)
            except OSError as error:  # the log's directory is away, say
                logger.error("alerts: %s", error)
            stop.wait(LOOK_SECONDS)

    def look(self) -> None:
        """Do everything once. What fails is logged and is there again at the next look."""
        for step in (self.collect, self.gather, self.log_late, self.send):
            try:
                step()
            except (EnclaveError, sqlite3.Error, OSError, ValueError) as error:
                logger.error("alerts: %s: %s", step.__name__, error)
            except Exception as error:  # the thread's edge: alerts must not end unnoticed
                logger.error("alerts: %s: %s", step.__name__, type(error).__name__)

    # -- reading ----------------------------------------------------------------------------------

    def collect(self) -> None:
        """Find what is new for each rule, and keep it with how far the rule has read."""
        rules = [rule for rule in self._saved.rules() if rule.is_on]
        self._state_of_verification(rules)
        if any(rule.trigger is Trigger.ANOMALY for rule in rules):
            self._on.findings.catch_up(STEP)
        if any(rule.trigger is Trigger.SEARCH for rule in rules):
            self._on.index.keep_level(STEP)
        searches = {search.id: search for search in self._saved.searches()}
        people = self._store.people()
        with closing(self._on.open_log()) as log:
            size = log.count()
        for rule in rules:
            self._read(rule, searches.get(rule.search or ""), people, size)

    def _read(
        self, rule: Rule, search: Search | None, people: Mapping[str, Person], size: int
    ) -> None:
        try:
            agency = sight_of(people.get(rule.owner)).agency
        except NotFound:
            return  # a role that comes back goes on where it stopped
        if rule.next > size:
            # a year has been closed, and a new log has begun
            self._outbox.found(rule, (), 0)
        elif rule.trigger is Trigger.ANOMALY:
            self._anomalies(rule, agency)
        elif search is not None and may_use(search, rule.owner, people):
            self._entries(rule, search, agency)

    def _entries(self, rule: Rule, search: Search, agency: str | None) -> None:
        wanted = self._on.read(search)
        files = self._on.files
        with Browser.open(files.index, self._on.open_log, scope=agency) as browser:
            end = min(browser.size, rule.next + STEP)
            if end <= rule.next:
                return
            # what an alert has itself logged must not raise the next one
            fits = browser.found(wanted) & ~browser.found(Wanted(action=Action.AUDIT_ALERTED))
            found = np.flatnonzero(fits[rule.next : end]) + rule.next
            facts = [fact for index in found.tolist() if (fact := browser.fact(index))]
        self._outbox.found(rule, [_of_entry(fact) for fact in facts], end)

    def _anomalies(self, rule: Rule, agency: str | None) -> None:
        titles = self._on.thresholds.rules
        with self._on.findings.read() as reader:
            found = reader.find(Sought(agency or "", after=rule.next), limit=STEP)
            end = reader.level()
        hits = [
            Hit(f"finding:{each.id}", f"{titles[each.kind].title}.", f"/anomalies/{each.id}")
            for each in reversed(found)
        ]
        self._outbox.found(rule, hits, max(end, rule.next))

    def _state_of_verification(self, rules: list[Rule]) -> None:
        standing = self._on.standing()
        level = standing.level.value
        if standing.is_known and level != self._outbox.mood():
            told = [rule.id for rule in rules if rule.trigger is Trigger.UNVERIFIED]
            line = f"{standing.heading}. {standing.sentence}"
            self._outbox.turned(told, level, Hit(f"{level}:{now_ms()}", line, "/verification"))

    # -- messages ---------------------------------------------------------------------------------

    def gather(self) -> None:
        """Make a message of what waits, one a rule and interval, once the log has taken it."""
        rules = {rule.id: rule for rule in self._saved.rules()}
        busy = {message.rule for message in self._outbox.unsent()}
        soonest = now_ms() - int(self._settings.alert_interval_seconds * 1000)
        for id in self._outbox.waiting():
            if id in rules and id not in busy and self._outbox.last_made(id) <= soonest:
                try:
                    self._raise(rules[id])
                except EnclaveError as error:  # it waits; another rule's may go out all the same
                    logger.error("alerts: gather: %s", error)

    def _raise(self, rule: Rule) -> None:
        try:
            with self._saved.write() as connection:
                message = self._outbox.gather(connection, rule.id, now_ms())
                self._audit.append(_event(rule, message, "raised"))
        except EnclaveError:
            if rule.trigger is not Trigger.UNVERIFIED:
                raise
            # A log that takes no entries is the very thing to be told of. Nothing of any entry
            # is in this message; its own entry follows when the log is back.
            with self._saved.write() as connection:
                self._outbox.gather(connection, rule.id, now_ms(), is_logged=False)

    def log_late(self) -> None:
        """Log what had to go out while the log could not be written."""
        rules = {rule.id: rule for rule in self._saved.rules()}
        for message in self._outbox.unlogged():
            with self._saved.write() as connection:
                self._outbox.logged(connection, message.id)
                self._audit.append(_event(rules[message.rule], message, "raised"))

    def send(self) -> None:
        """Hand over what is due; what is not taken is tried again, ever more seldom."""
        rules = {rule.id: rule for rule in self._saved.rules()}
        searches = {search.id: search for search in self._saved.searches()}
        people = self._store.people()
        for message in self._outbox.unsent():
            if message.again <= now_ms() and message.rule in rules:
                rule = rules[message.rule]
                name = title(rule, searches.get(rule.search or ""))
                self._hand_over(message, rule, name, people.get(rule.owner))

    def _hand_over(self, message: Message, rule: Rule, name: str, owner: Person | None) -> None:
        try:
            deliver(self._settings, message, rule, name, owner)
        except NotDelivered as error:
            pause = min(_FIRST_PAUSE << min(message.attempts, 10), _LONGEST_PAUSE)
            self._outbox.failed(message.id, error.sentence, now_ms() + pause)
            logger.warning("alert %s was not taken: %s", message.id, error.sentence)
            self._note(_event(rule, message, "failed"))
        else:
            self._outbox.taken(message.id, now_ms())
            self._note(_event(rule, message, "taken"))

    def _note(self, event: Event) -> None:
        """Log how a message fared; that it was raised is in the log already."""
        try:
            self._audit.append(event)
        except EnclaveError as error:
            logger.warning("alerts: cannot log: %s", error.sentence)


class Withheld:
    """Audit, of which nothing is had before `open`: no entry is told of and nothing is shown.

    For a site whose start audit has not taken yet: its control store may be an older one, in which
    somebody has a role again. That the log cannot be verified is told all the same.
    """

    def __init__(self, audit: Appends):
        self._audit, self._is_open = audit, False

    def open(self) -> None:
        """Let events through from now on."""
        self._is_open = True

    def append(self, event: Event) -> Receipt:
        """Return a receipt; raises AuditUnavailable before `open`."""
        if not self._is_open:
            raise AuditUnavailable("The site has not begun: it waits for the audit service.")
        return self._audit.append(event)


@contextmanager
def telling(alerts: Alerts) -> Iterator[None]:
    """Run the loop in a thread beside whatever the block does."""
    stop = threading.Event()
    thread = threading.Thread(target=alerts.run, args=(stop,), name="audit-alerts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=30)


def _of_entry(fact: Fact) -> Hit:
    where = f" in {visible(fact.project, kept='')}" if fact.project else ""
    return Hit(
        f"{ENTRY}{fact.index}",
        f"Entry {fact.index:,}: {TITLES[fact.action].lower()}{where}.",
        f"/events/{fact.index}",
    )


def _event(rule: Rule, message: Message, state: str) -> Event:
    detail: dict[str, Scalar] = {
        "rule": rule.id, "message": message.id, "told": message.total, "state": state,
        "channel": rule.channel.value, "to": whereto(rule), "attempt": message.attempts + 1,
    }  # fmt: skip
    verdict = Verdict.FAILED if state == "failed" else Verdict.ALLOWED
    return Event(Action.AUDIT_ALERTED, ACTOR, verdict, detail=detail)


@contextmanager
def _only_one(files: AuditFiles) -> Iterator[bool]:
    """Say whether no other process sends alerts; holds the place while within."""
    handle = os.open(files.directory / "alerts.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
