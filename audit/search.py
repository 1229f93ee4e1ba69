"""Answers the site's questions out of the browsing index: which entries, how many, when, whose.

An answer is a set of entries, one flag for each entry of the log; filters are intersections, so
any combination costs about the same. The entries themselves are read from the log. Never the
source of truth, and never writes.

A `Browser` may be confined to one agency (`scope`): then every answer, whatever it is, is made of
entries on that agency's data alone, since every answer starts from `Browser.found`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from audit import terms
from audit.indexing import Indexer, OpenLog
from audit.log import LogReader
from audit.postings import SEGMENT, Flags, Sets, last, mark, unpack
from audit.sentences import Fact, told
from audit.shelf import Shelf
from audit.terms import DAY_MS, Beginning, Kind
from enclave.events import Action, Verdict

__all__ = ["DAY_MS", "Browser", "Indexer", "Kind", "Tally", "Wanted"]

_PAST_END = "\U0010ffff"
_Name = TypeVar("_Name")


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


class _Values:
    """The sets of every value of one kind in some segments, by value and segment."""

    def __init__(self, rows: Sequence[tuple[Any, int, bytes]]):
        self.rows = rows
        self.sets = Sets([(segment, places) for _, segment, places in rows])
        self.nbytes = self.sets.nbytes + sum(len(places) + 100 for _, _, places in rows)


class Browser:
    """Reads the index and the log for one page; not for use by two threads at a time."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        log: LogReader,
        scope: str | None = None,
        shelf: Shelf | None = None,
    ):
        self._connection, self._log, self._scope = connection, log, scope
        self._shelf = shelf or Shelf()
        (self._index,) = connection.execute("PRAGMA application_id").fetchone()
        row = connection.execute("SELECT size FROM level").fetchone()
        self.size = int(row[0])
        self._full = self.size // SEGMENT  # so many segments will not change any more
        self._room = -(-self.size // SEGMENT) * SEGMENT
        self._found: dict[Wanted, Flags] = {}
        self._hours: dict[Wanted, dict[int, int]] = {}

    @classmethod
    @contextmanager
    def open(
        cls,
        path: Path,
        open_log: OpenLog,
        *,
        scope: str | None = None,
        shelf: Shelf | None = None,
    ) -> Iterator[Browser]:
        """Open the index read-only, confined to one agency's data where `scope` names one.

        All answers come out of one state of the index. What `shelf` keeps of it is not read again.
        Raises sqlite3.Error where there is no index.
        """
        address = f"{path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, isolation_level=None)
        with closing(connection), closing(open_log()) as log:
            connection.execute("BEGIN")
            yield cls(connection, log, scope, shelf)

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

        An entry is left out where its text is gone meanwhile, or is no event any more.
        """
        found = self._cut(self.found(wanted), offset, limit, newest_first=newest_first)
        return [fact for index in found if (fact := self.fact(index))]

    def _cut(self, found: Flags, offset: int, limit: int, *, newest_first: bool) -> Sequence[int]:
        """Return a slice of the flagged entries, looking only where it lies."""
        step = -1 if newest_first else 1
        segments = found.reshape(-1, SEGMENT)
        cut: list[int] = []
        for number in range(len(segments))[::step]:
            many = int(np.count_nonzero(segments[number]))
            if offset < many:
                places = np.flatnonzero(segments[number])[::step] + number * SEGMENT
                cut += places[offset : offset + limit - len(cut)].tolist()
            offset = max(0, offset - many)
            if len(cut) == limit:
                break
        return cut

    def fact(self, index: int) -> Fact | None:
        """Return an entry as the log holds it; None where there is none or no event is left."""
        entry = self._log.entry(index)
        return told(index, entry.body) if entry is not None else None

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
        if self._scope is None:
            return sorted({name for some in self._values(kind) for name, _, _ in some.rows})
        return sorted({name for name, _, _, _ in self._counted(kind, self._all())})

    def _values(self, kind: str) -> tuple[_Values, _Values]:
        """Return the sets of a kind's values: those of full segments, and those of the newest."""
        key = (self._index, self._full, kind)
        full = self._shelf.get(key, lambda: self._read_values(kind, 0, self._full))
        return full, self._read_values(kind, self._full, self._full + 1)

    def _read_values(self, kind: str, first: int, end: int) -> _Values:
        query = (
            "SELECT value, segment, places FROM posting"
            " WHERE kind = ? AND segment >= ? AND segment < ? ORDER BY value, segment"
        )
        return _Values(self._connection.execute(query, (kind, first, end)).fetchall())

    def _counted(self, kind: str, fits: Flags) -> Iterator[tuple[Any, int, bytes, int]]:
        """Yield each value's sets that have fitting entries, and how many; older ones first."""
        for some in self._values(kind):
            numbers = some.sets.counts(fits)
            for at in np.flatnonzero(numbers).tolist():
                yield *some.rows[at], int(numbers[at])

    def per_day(self, wanted: Wanted) -> dict[int, int]:
        """Return the number of fitting entries a day; keys are days since 1970, UTC."""
        return _summed((hour // 24, number) for hour, number in self._per_hour(wanted).items())

    def per_hour_of_day(self, wanted: Wanted) -> dict[tuple[int, int], int]:
        """Return the number of fitting entries for each (day since 1970, hour of that day)."""
        return {divmod(hour, 24): number for hour, number in self._per_hour(wanted).items()}

    def _per_hour(self, wanted: Wanted) -> dict[int, int]:
        if wanted not in self._hours:
            counted = self._counted(Kind.HOUR, self.found(wanted))
            self._hours[wanted] = _summed((hour, number) for hour, _, _, number in counted)
        return self._hours[wanted]

    def tally(self, kind: str, wanted: Wanted | None = None) -> list[Tally]:
        """Return for each value of a kind that occurs among the fitting entries how often it does.

        In the order of the names. Without `wanted`: among all but look-ups.
        """
        fits = self.found(wanted or Wanted())
        denied = fits & self._of(Kind.VERDICT, Verdict.DENIED)
        entries: dict[str, int] = {}
        newest: dict[str, tuple[int, bytes]] = {}
        for name, segment, places, number in self._counted(kind, fits):
            entries[name] = entries.get(name, 0) + number
            newest[name] = segment, places
        refused = _summed((name, number) for name, _, _, number in self._counted(kind, denied))
        return [
            Tally(name, entries[name], refused.get(name, 0), self._time(last(fits, *newest[name])))
            for name in sorted(entries)
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
        return self._marked(kind, "value = ?", (str(value),))

    def _from(self, kind: Kind, first: str | int, end: str | int) -> Flags:
        """Return the entries that have a value in [first, end)."""
        return self._marked(kind, "value >= ? AND value < ?", (first, end))

    def _marked(self, kind: Kind, test: str, values: tuple[str | int, ...]) -> Flags:
        """Return the entries of the sets that a test of their values finds."""
        found, full = self._none(), self._full * SEGMENT
        query = (
            f"SELECT segment, places FROM posting WHERE kind = ? AND {test}"  # noqa: S608 - ours
            " AND segment >= ? AND segment < ?"
        )

        def read(first: int, end: int) -> None:
            mark(found, self._connection.execute(query, (kind.value, *values, first, end)))

        def of_full() -> NDArray[np.uint8]:
            read(0, self._full)
            return np.packbits(found[:full], bitorder="little")

        if kind is Kind.ENDED:  # grows in full segments too: a query may end much later
            read(0, self._full)
        else:
            kept = self._shelf.get((self._index, self._full, kind, *values), of_full)
            found[:full] = np.unpackbits(kept, bitorder="little").view(np.bool_)
        read(self._full, self._full + 1)
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


def _summed(numbers: Iterable[tuple[_Name, int]]) -> dict[_Name, int]:
    sums: dict[_Name, int] = {}
    for name, number in numbers:
        sums[name] = sums.get(name, 0) + number
    return sums
