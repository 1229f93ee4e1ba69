"""Questions put to a log, and their answers: the form in which every check speaks.

Never decides anything, and never lets a log's own words reach a terminal as control characters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SHOWN = 5  # examples named for one kind of finding
_LONGEST = 200  # characters of one place named; a log's own words may be of any length


class Unreadable(ValueError):
    """What was given cannot be read at all; its text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question put to the log and its answer; `wrong` names up to five places.

    `notes` are what a person should look at although it proves nothing wrong. `checked` is False
    when the question could not be decided here; that neither passes nor fails.
    """

    question: str
    answer: str
    wrong: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    checked: bool = True

    @property
    def passed(self) -> bool:
        """Whether nothing was found against it."""
        return not self.wrong


@dataclass(slots=True)
class Findings:
    """Counts what is wrong and keeps the first few places."""

    count: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, place: str) -> None:
        """Note one more."""
        self.count += 1
        if self.count <= SHOWN:
            self.places.append(plain(place))

    def absorb(self, other: Findings) -> None:
        """Note what another has found after this one."""
        self.count += other.count
        self.places += other.places[: SHOWN - len(self.places)]

    @property
    def named(self) -> tuple[str, ...]:
        """The places kept, and how many more there were."""
        more = self.count - len(self.places)
        return tuple([*self.places, f"and {more:,} more"] if more else self.places)

    def answer(self, question: str, good: str, notes: tuple[str, ...] = ()) -> Check:
        """Return the check: `good` when nothing was found."""
        answer = good if not self.count else f"{self.count:,} found"
        return Check(question, answer, self.named, notes)


def counted(number: int, one: str) -> str:
    """Return a count with its noun: 1 entry, 2,000 entries."""
    many = f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"
    return f"{number:,} {one if number == 1 else many}"


def plain(text: str) -> str:
    """Return text a log may have chosen, fit for one line of a terminal.

    Escape sequences in an entry could otherwise paint "Verified" over a finding.
    """
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: _LONGEST + 1]
    )
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
