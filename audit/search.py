"""Answers the site's questions out of the browsing index: which entries, how many, when, whose.

An answer is a set of entries, one flag for each entry of the log; filters are intersections, so
any combination costs about the same. The entries themselves are read from the log. Never the
source of truth, and never writes.

A `Browser` may be confined to one agency (`scope`): then every answer, whatever it is, is made of
entries on that agency's data alone, since every answer starts from `Browser.found`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audit import terms
from audit.indexing import Indexer, OpenLog
from audit.log import LogReader
from audit.postings import SEGMENT, Flags, counts, last, mark, unpack
from audit.sentences import Fact, read
from audit.terms import DAY_MS, HOUR_MS, Beginning, Kind
from enclave.events import Action, Verdict

__all__ = ["DAY_MS", "Browser", "Indexer", "Kind", "Tally", "Wanted"]

_PAST_END = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; None leaves a thing open. Times in ms since 1970, `until` excluded.

    `lookups` includes the entries that looking into this log has itself made; `folded` leaves out
    a query's beginning where its end is there.
    """

    person: str | None = None
    project: str | None = None
    agency: str | None = None
    dataset: str | None = None
    column: str | None = None
    action: str | None = None
    verdict: str | None = None
    since: int | None = None
    until: int | None = None
    words: str | None = None
    intent: str | None = None
    session: str | None = None
    lookups: bool = False
    folded: bool = False

    def terms(self) -> Iterator[tuple[Kind, str]]:
        """Yield the sets that an entry must stand in."""
        wanted = {
            Kind.ACTOR: self.person,
            Kind.PROJECT: self.project,
            Kind.AGENCY: self.agency,
            Kind.DATASET: self.dataset,
            Kind.COLUMN: self.column,
            Kind.ACTION: self.action,
            Kind.VERDICT: self.verdict,
            Kind.INTENT: self.intent,
            Kind.SESSION: self.session,
        }
        yield from ((kind, value) for kind, value in wanted.items() if value is not None)


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something occurs, how often with a refusal, and when last (ms since 1970)."""

    name: str
    entries: int
    denied: int
    last: int


class Browser:
    """Reads the index and the log for one page; not for use by two threads at a time."""

    def __init__(self, connection: sqlite3.Connection, log: LogReader, scope: str | None = None):
        self._connection, self._log, self._scope = connection, log, scope
        row = connection.execute("SELECT size FROM level").fetchone()
        self.size = int(row[0])
        self._room = -(-self.size // SEGMENT) * SEGMENT
        self._found: dict[Wanted, Flags] = {}

    @classmethod
    @contextmanager
    def open(cls, path: Path, open_log: OpenLog, *, scope: str | None = None) -> Iterator[Browser]:
        """Open the index read-only, confined to one agency's data where `scope` names one.

        All answers come out of one state of the index. Raises sqlite3.Error where there is none.
        """
        address = f"{path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, isolation_level=None)
        with closing(connection), closing(open_log()) as log:
            connection.execute("BEGIN")
            yield cls(connection, log, scope)

    def found(self, wanted: Wanted) -> Flags:
        """Return which entries fit, as one flag for each entry; not to be changed."""
        if wanted not in self._found:
            self._found[wanted] = self._fitting(wanted)
        return self._found[wanted]

    def _fitting(self, wanted: Wanted) -> Flags:
        found = self._all()
        for kind, value in wanted.terms():
            found &= self._of(kind, value)
        if wanted.since is not None or wanted.until is not None:
            found &= self._between(wanted.since, wanted.until)
        for beginning in terms.asked(wanted.words):
            found &= self._beginning(beginning)
        if not wanted.lookups and wanted.action is None:
            found &= ~self._of(Kind.ACTION, Action.AUDIT_SEARCHED)
        if wanted.folded:
            begun = self._of(Kind.ACTION, Action.QUERY_INTENT)
            found &= ~(begun & self._of(Kind.ENDED, ""))
        return found

    def _all(self) -> Flags:
        """Return every entry that may be seen here: the one place where `scope` is enforced."""
        if self._scope is not None:
            return self._of(Kind.AGENCY, self._scope)
        return self._of(Kind.ALL, "")

    def count(self, wanted: Wanted) -> int:
        """Return how many entries fit."""
        return int(np.count_nonzero(self.found(wanted)))

    def indices(self, wanted: Wanted, *, newest_first: bool = True) -> Sequence[int]:
        """Return the numbers of the entries that fit, in the order of the log."""
        indices: list[int] = np.flatnonzero(self.found(wanted)).tolist()
        return indices[::-1] if newest_first else indices

    def find(
        self, wanted: Wanted, *, offset: int = 0, limit: int = 25, newest_first: bool = True
    ) -> list[Fact]:
        """Return one page of the entries that fit, in the order of the log.

        An entry whose text retention has removed meanwhile is left out.
        """
        found = np.flatnonzero(self.found(wanted))
        ordered = found[::-1] if newest_first else found
        return [
            fact for index in ordered[offset : offset + limit] if (fact := self.fact(int(index)))
        ]

    def fact(self, index: int) -> Fact | None:
        """Return an entry as the log holds it, or None where there is none or its text is gone."""
        entry = self._log.entry(index)
        return read(index, entry.body) if entry is not None and entry.body is not None else None

    def beginnings(self, facts: Sequence[Fact]) -> dict[int, Fact]:
        """Return, by the number of a query's end, its beginning: there the asked text stands."""
        ends = {f.intent: f.index for f in facts if f.intent and f.action is Action.QUERY_OUTCOME}
        marks = ", ".join("?" * len(ends))
        rows = self._connection.execute(
            f"SELECT value, segment, places FROM posting WHERE kind = ? AND value IN ({marks})",  # noqa: S608 - marks only
            (Kind.INTENT.value, *ends),
        ).fetchall()
        found = {}
        for intent, segment, blob in rows:
            begun = self.fact(segment * SEGMENT + int(unpack(blob)[0]))
            if begun is not None and begun.action is Action.QUERY_INTENT and self._sees(begun):
                found[ends[intent]] = begun
        return found

    def _sees(self, fact: Fact) -> bool:
        return self._scope is None or self._scope in fact.agencies

    def choices(self, kind: str) -> list[str]:
        """Return the values that occur: of `actor`, `project`, `action`, `agency`, ..."""
        if self._scope is not None:
            rows = self._connection.execute(
                "SELECT value, segment, places FROM posting WHERE kind = ? ORDER BY value", (kind,)
            ).fetchall()
            numbers = counts(self._all(), [(segment, places) for _, segment, places in rows])
            there = (row[0] for row, number in zip(rows, numbers, strict=True) if number)
            return list(dict.fromkeys(there))
        query = "SELECT DISTINCT value FROM posting WHERE kind = ? ORDER BY value"
        return [value for (value,) in self._connection.execute(query, (kind,))]

    def per_day(self, wanted: Wanted) -> dict[int, int]:
        """Return the number of fitting entries a day; keys are days since 1970, UTC."""
        return self._per(wanted, Kind.DAY, DAY_MS)

    def per_hour_of_day(self, wanted: Wanted) -> dict[tuple[int, int], int]:
        """Return the number of fitting entries for each (day since 1970, hour of that day)."""
        hours = self._per(wanted, Kind.HOUR, HOUR_MS)
        return {divmod(hour, 24): number for hour, number in hours.items()}

    def _per(self, wanted: Wanted, kind: Kind, length: int) -> dict[int, int]:
        found = self.found(wanted)
        query = "SELECT value, segment, places FROM posting WHERE kind = ?"
        values: list[str | int] = [kind.value]
        for time, test in ((wanted.since, ">="), (wanted.until, "<=")):
            if time is not None:
                query += f" AND value {test} ?"
                values.append(time // length)
        rows = self._connection.execute(query, values).fetchall()
        numbers: dict[int, int] = {}
        counted = counts(found, [(segment, places) for _, segment, places in rows])
        for (value, _, _), number in zip(rows, counted, strict=True):
            if number:
                numbers[value] = numbers.get(value, 0) + number
        return numbers

    def tally(self, kind: str, wanted: Wanted | None = None) -> list[Tally]:
        """Return for each value of a kind that occurs among the fitting entries how often it does.

        In the order of the names. Without `wanted`: among all but look-ups.
        """
        rows = self._connection.execute(
            "SELECT value, segment, places FROM posting WHERE kind = ? ORDER BY value, segment",
            (kind,),
        ).fetchall()
        sets = [(segment, places) for _, segment, places in rows]
        fits = self.found(wanted or Wanted())
        numbers = counts(fits, sets)
        refused = counts(fits & self._of(Kind.VERDICT, Verdict.DENIED), sets)
        totals: dict[str, tuple[int, int, tuple[int, bytes]]] = {}
        for (name, *newest), number, bad in zip(rows, numbers, refused, strict=True):
            if number:  # segments come in order: what comes later is newer
                before = totals.get(name, (0, 0, ()))
                totals[name] = (before[0] + number, before[1] + bad, (newest[0], newest[1]))
        return [
            Tally(name, number, bad, self._time(last(fits, *newest)))
            for name, (number, bad, newest) in totals.items()
        ]

    def _time(self, index: int) -> int:
        (time,) = self._connection.execute(
            "SELECT time FROM moment WHERE idx = ?", (index,)
        ).fetchone()
        return int(time)

    # Sets --------------------------------------------------------------------------------------

    def _none(self) -> Flags:
        return np.zeros(self._room, dtype=np.bool_)

    def _of(self, kind: Kind, value: str) -> Flags:
        """Return the entries that have a value."""
        found = self._none()
        query = "SELECT segment, places FROM posting WHERE kind = ? AND value = ?"
        mark(found, self._connection.execute(query, (kind.value, str(value))))
        return found

    def _from(self, kind: Kind, first: str | int, end: str | int) -> Flags:
        """Return the entries that have a value in [first, end)."""
        found = self._none()
        query = "SELECT segment, places FROM posting WHERE kind = ? AND value >= ? AND value < ?"
        mark(found, self._connection.execute(query, (kind.value, first, end)))
        return found

    def _beginning(self, beginning: Beginning) -> Flags:
        """Return the entries in which a word begins so."""
        found = self._words(beginning.text)
        if beginning.parts:
            together = self._words(beginning.parts[0])
            for part in beginning.parts[1:]:
                together &= self._words(part)
            found |= together
        return found

    def _words(self, text: str) -> Flags:
        found = self._none()
        for kind in terms.kinds_of(text):
            found |= self._from(kind, text, text + _PAST_END)
        return found

    def _between(self, since: int | None, until: int | None) -> Flags:
        """Return the entries of a time: whole days as sets, the days cut through one by one."""
        first = -(-since // DAY_MS) if since is not None else -(1 << 40)
        end = until // DAY_MS if until is not None else 1 << 40
        found = self._from(Kind.DAY, first, end) if first < end else self._none()
        cut = {time // DAY_MS for time in (since, until) if time is not None and time % DAY_MS}
        for day in cut:
            places = np.flatnonzero(self._from(Kind.DAY, day, day + 1))
            if len(places):
                rows = self._connection.execute(
                    "SELECT idx FROM moment WHERE idx BETWEEN ? AND ?"
                    " AND time >= ? AND time < ? AND time >= ? AND time < ?",
                    (
                        int(places[0]), int(places[-1]), day * DAY_MS, (day + 1) * DAY_MS,
                        -(1 << 60) if since is None else since,
                        1 << 60 if until is None else until,
                    ),
                )  # fmt: skip
                found[np.fromiter((idx for (idx,) in rows), dtype=np.int64)] = True
        return found
