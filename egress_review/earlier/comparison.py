"""What differs between a file and its last version, and its last release: cell by cell.

Who may see the unprotected files of both sees those compared; its author, inside the workspace, the
protected ones. Nobody sees here what they could not open.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from egress_review import permissions
from egress_review.conversation import Conversing
from egress_review.custody import Piece
from egress_review.earlier.ledger import load
from egress_review.files.model import Sheet
from egress_review.files.tables import read_csv
from egress_review.model import FileKind, OutputFile, Request, Standing, State
from enclave.errors import NotFound
from enclave.events import Action
from enclave.model import Person

MOST_SHOWN = 1_000
Side = tuple[Request, int]  # a request, and the number of a file of it


class Beside(StrEnum):
    """What a file is compared with."""

    VERSION = "version"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Change:
    """One row (of a text: line): its labels, its cells before and now; None where there was none.

    `cells` of (column, before, now) holds only what differs.
    """

    labels: tuple[str, ...]
    cells: tuple[tuple[str, str | None, str | None], ...]

    @property
    def what(self) -> str:
        """Return `added`, `removed` or `changed`."""
        if all(before is None for _, before, _ in self.cells):
            return "added"
        return "removed" if all(now is None for _, _, now in self.cells) else "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """How one file differs from the same file of request `other`; None: there is no way to say."""

    file: str
    beside: Beside
    other: str
    full: bool
    changes: tuple[Change, ...] | None


class Comparing(Conversing):
    """Reading what has changed."""

    def difference(self, person: Person, id: str) -> tuple[Difference, ...]:
        """Return how a request's files differ from before, to a reviewer, once audit knows of it.

        Raises `NotFound` or `Denied`; the author reads it in the workspace (`own_difference`).
        """
        request = self.reviews.request(id)
        permissions.check_see_raw(person, request)
        event = self._event(Action.OUTPUT_VIEWED, request, person.id, difference=True)
        self.audit.append(event)
        return tuple(self._differences(request, reader=person))

    def own_difference(self, request: Request) -> tuple[Difference, ...]:
        """Return how the protected files differ, for the author, inside the workspace."""
        return tuple(self._differences(request, reader=None))

    def _differences(self, request: Request, *, reader: Person | None) -> Iterator[Difference]:
        for beside, number, (other, theirs) in self._before(request):
            full = reader is not None and permissions.may_see_raw(reader, other)
            if reader is not None and not permissions.may_see(reader, other):
                continue
            one = request.files[number - 1]
            sides = ((request, number), (other, theirs))
            try:
                changes = self._changes(one, sides, full=full)
            except NotFound:  # destroyed by now
                changes = None
            yield Difference(one.name, beside, other.id, full, changes)

    def _before(self, request: Request) -> Iterator[tuple[Beside, int, tuple[Request, int]]]:
        """Yield each file's number with the earlier request, and its number there."""
        chain = [one for one in self.chain(request.id) if one.submitted_at < request.submitted_at]
        last = next((one for one in reversed(chain) if one.shown), None)
        released = [
            one
            for one in self.reviews.requests(project=request.project, states={State.RELEASED})
            if one.person == request.person and one.id != request.id
        ]
        for number, file in enumerate(request.files, start=1):
            if last and (theirs := _number(last, file)):
                yield Beside.VERSION, number, (last, theirs)
            for one in reversed(released):
                if theirs := _number(one, file):
                    yield Beside.RELEASE, number, (one, theirs)
                    break

    def _changes(
        self, file: OutputFile, sides: tuple[Side, Side], *, full: bool
    ) -> tuple[Change, ...] | None:
        piece = Piece.FULL if full else Piece.PROTECTED
        now, before = (self.custody.open(one.id, piece, file=n) for one, n in sides)
        if file.kind is FileKind.TABLE:
            labels = [self._labels(one, number) for one, number in sides]
            sheets = read_csv(before), read_csv(now)
            return tuple(compared(*sheets, labels=(labels[1], labels[0])))[:MOST_SHOWN]
        if file.kind is FileKind.PLOT:
            return () if now == before else None
        return tuple(lines(before.decode(), now.decode()))[:MOST_SHOWN]

    def _labels(self, request: Request, number: int) -> tuple[bool, ...] | None:
        """Return which columns of a table are labels; None: it was not recomputed."""
        if request.files[number - 1].standing is not Standing.RECOMPUTED:
            return None
        entry = load(self.custody.open(request.id, Piece.LEDGER, file=number))
        return tuple(not is_number for is_number in entry.numbers)


def _number(request: Request, file: OutputFile) -> int:
    """Return the number of the file of the same name and kind; 0: there is none."""
    for number, one in enumerate(request.files, start=1):
        if (one.name, one.kind) == (file.name, file.kind):
            return number
    return 0


def compared(
    before: Sheet, now: Sheet, *, labels: tuple[tuple[bool, ...] | None, tuple[bool, ...] | None]
) -> Iterator[Change]:
    """Yield the rows that differ. Rows are the same by their labels; without those, by place."""
    old, new = (_by_labels(one, which) for one, which in zip((before, now), labels, strict=True))
    for key in dict.fromkeys([*old, *new]):
        was, is_now = old.get(key, {}), new.get(key, {})
        cells = tuple(
            (name, was.get(name), is_now.get(name))
            for name in dict.fromkeys([*was, *is_now])
            if was.get(name) != is_now.get(name)
        )
        if cells:
            yield Change(key[:-1], cells)
        elif (key in old) != (key in new):  # a row of nothing but labels
            sides = ("", None) if key in old else (None, "")
            yield Change(key[:-1], (("", *sides),))


def _by_labels(
    sheet: Sheet, labels: tuple[bool, ...] | None
) -> Mapping[tuple[str, ...], Mapping[str, str]]:
    """Return each row's numbers under its labels and how often those came before."""
    marks = labels or (False,) * len(sheet.columns)
    found: dict[tuple[str, ...], Mapping[str, str]] = {}
    seen: dict[tuple[str, ...], int] = {}
    for place, row in enumerate(sheet.rows):
        key = tuple(cell for cell, mark in zip(row, marks, strict=True) if mark)
        key = key or (f"row {place + 1}",)
        seen[key] = seen.get(key, 0) + 1
        cells = zip(sheet.columns, row, marks, strict=True)
        found[(*key, str(seen[key]))] = {name: cell for name, cell, mark in cells if not mark}
    return found


def lines(before: str, now: str) -> Iterator[Change]:
    """Yield the lines of a text that differ."""
    for line in difflib.ndiff(before.splitlines(), now.splitlines()):
        if line.startswith("- "):
            yield Change((), (("line", line[2:], None),))
        elif line.startswith("+ "):
            yield Change((), (("line", None, line[2:]),))
