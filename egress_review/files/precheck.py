"""What a reviewer would send an output back for, told before anybody is asked to review it.

The five reasons are those an output checking service has published with how often each occurs
(OpenSAFELY, "Most common problems with output review requests"). Pure: reads no file, changes
nothing, and says no value of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from egress_review.errors import OutputRefused
from egress_review.files import counts, looks
from egress_review.files.model import Model, Picture, Read, Sheet
from egress_review.files.persons import heading_names_one, names_one
from egress_review.render import MARK

LEAST_WORDS = 3  # that are not fillers, in title and context together

LEAST_PEOPLE = 10  # where no rules are at hand
_FACTOR = re.compile(r"([a-z][a-z_.]*)[A-Z][^:*]*")
_FUNCTION_WORDS = "log ln sq diff lag lead max min mean is has num total sqrt exp std"
_FUNCTIONS = frozenset(_FUNCTION_WORDS.split())
GUESSED = 5_000  # cells; a larger table leaves only if it is recomputed, so no guess is needed


@dataclass(frozen=True, slots=True)
class Advice:
    """One reason to send an output back: a stable code, a sentence, and what to do next.

    `stops`: nobody should be asked to review it like this. Carries no value of the data.
    """

    code: str
    sentence: str
    next_step: str
    stops: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """One file of an output before it is submitted; `content` is None where it was not read.

    `refused` is why it could not be; `queries` how many it names; `drawn_from` a plot's table.
    """

    name: str
    content: Read | None = None
    refused: str = ""
    queries: int = 0
    drawn_from: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check of one table found, where one was made.

    `recomputed`: it is its query's answer, so small groups are hidden here; `hidden` of `rows`
    would be. If it is not, `why` is what the recomputation said. `threshold` is the agencies'.
    """

    recomputed: bool
    rows: int = 0
    hidden: int = 0
    threshold: int = 10
    why: str = ""


def precheck(
    title: str, context: str, files: Sequence[Offered], checked: Mapping[str, Outcome]
) -> tuple[Advice, ...]:
    """Return what an output would be sent back for, the reasons that stop it first.

    `checked` holds, by file name, what is known from recomputing it; a file that is not there is
    judged by what stands in it.
    """
    found = [*_types(files), *_context(title, context, files), *_words(title, context, files)]
    for one in files:
        outcome = checked.get(one.name)
        if isinstance(one.content, Sheet):
            found += _redaction(one.name, one.content, outcome)
            if len(one.content.rows) * len(one.content.columns) <= GUESSED:
                guessed = chain(
                    _counts(one.name, one.content, outcome),
                    _underlying(one.name, one.content, outcome),
                )
                found += map(_perhaps, guessed) if one.queries and not outcome else guessed
        elif isinstance(one.content, Model):
            found += _model(one.content)
    found += _plots(files)
    return tuple(sorted(found, key=lambda advice: not advice.stops))


def _perhaps(advice: Advice) -> Advice:
    """Return what is guessed of a table whose query was not asked again yet."""
    unless = "Nothing, if it is its query's whole answer: that is recomputed and protected. Else: "
    return replace(advice, next_step=unless + advice.next_step, stops=False)


def refuse(advice: Sequence[Advice]) -> None:
    """Raise `OutputRefused` for the first reason that stops an output, if there is one."""
    for one in advice:
        if one.stops:
            raise OutputRefused(one.sentence, hint=one.next_step)


# The five reasons ------------------------------------------------------------------------------


def _types(files: Sequence[Offered]) -> Iterator[Advice]:
    for one in files:
        if one.refused:
            yield Advice(
                "type.wrong", f"{one.name}: {one.refused}", "Send it in a form named there.", True
            )


def _context(title: str, context: str, files: Sequence[Offered]) -> Iterator[Advice]:
    said = f"{title} {context}".lower()
    if not looks.meaningful(context) or len(looks.meaningful(said)) < LEAST_WORDS:
        yield Advice(
            "context.missing",
            "The context does not say what the output shows and what it is for.",
            "Say in a sentence which people it describes, what was measured and for which report.",
            True,
        )
    for one in files:
        unclear = looks.unclear(one.content, said) if isinstance(one.content, Sheet) else []
        if unclear:
            yield Advice(
                "context.columns",
                f"{one.name}: names of columns say nothing: {', '.join(unclear)[:200]}.",
                "Name them in the query (AS …), or explain each of them in the context.",
                True,
            )


def _words(title: str, context: str, files: Sequence[Offered]) -> Iterator[Advice]:
    if any(map(names_one, (title, context, *(one.name for one in files)))):
        yield Advice(
            "redaction.persons",
            "The title, the context or a file's name holds something like the number of a person.",
            "Say it without: what is written there is kept, and read by several people.",
            True,
        )


def _redaction(name: str, sheet: Sheet, outcome: Outcome | None) -> Iterator[Advice]:
    if looks.names_persons(sheet):
        yield Advice(
            "redaction.persons",
            f"{name}: something in it names single persons.",
            "Leave names, numbers and addresses of persons out; group the rows.",
            True,
        )
    if outcome is not None and outcome.recomputed:
        return
    if looks.shows_extremes(sheet) or looks.ranges_of_values(sheet):
        yield Advice(
            "redaction.extremes",
            f"{name}: a largest or smallest value is one person's own.",
            "Ask for the mean of two percentiles that many people lie beyond: "
            "(quantile_cont(x, 0.85) + quantile_cont(x, 0.95)) / 2.",
            True,
        )
    if looks.exact_percentiles(sheet):
        yield Advice(
            "redaction.percentiles",
            f"{name}: a median or percentile to the last figure is the value of one or two people.",
            "Round it to three figures, or ask for the mean of two percentiles: "
            "(quantile_cont(x, 0.45) + quantile_cont(x, 0.55)) / 2.",
            True,
        )
    if looks.hidden_by_hand(sheet, MARK):
        yield Advice(
            "redaction.by-hand",
            f"{name}: numbers were hidden or replaced by hand, which its other numbers may undo.",
            "Submit the query's whole answer: what has to be hidden is found and hidden here.",
            True,
        )


def _counts(name: str, sheet: Sheet, outcome: Outcome | None) -> Iterator[Advice]:
    if outcome is not None and outcome.recomputed:
        if outcome.hidden:
            yield Advice(
                "counts.small",
                f"{name}: {outcome.hidden} of {outcome.rows} rows would be hidden.",
                "Group more coarsely if they matter to you; nothing needs to be done otherwise.",
                False,
            )
        return
    threshold = outcome.threshold if outcome else 10
    why = f" ({outcome.why.rstrip('.')})" if outcome and outcome.why else ""
    if any(0.5 <= part < threshold - 0.5 for part in counts.implied(sheet)):
        yield Advice(
            "counts.implied",
            f"{name}: a share of the count beside it, or what is left of it, is fewer than "
            f"{threshold} people{why}.",
            "Submit the answer of a query that can be recomputed, or group more coarsely.",
            True,
        )
    if any(0 < count < threshold for count in counts.shown(sheet, threshold)):
        yield Advice(
            "counts.small",
            f"{name}: it shows counts below {threshold}, which are hidden only in a query's answer "
            f"as it is, of a query that can be recomputed{why}.",
            "Submit the answer of a query that can be recomputed, or group more coarsely.",
            True,
        )
    if counts.undo_rounding(sheet, threshold):
        yield Advice(
            "counts.rounded-by-hand",
            f"{name}: its counts look rounded by hand, and what stands beside them was worked out "
            "from the exact ones, which undoes that.",
            "Work it out from the rounded counts, or submit the query's own answer.",
            True,
        )


def _underlying(name: str, sheet: Sheet, outcome: Outcome | None) -> Iterator[Advice]:
    if outcome is not None and outcome.recomputed:
        return  # the counts behind each number come from its lineage
    if counts.are_needed(sheet) and not counts.are_behind(sheet):
        yield Advice(
            "counts.absent",
            f"{name}: it shows means, rates or shares without the counts behind them.",
            "Add count(*) to the query, so that each number stands beside how many it describes.",
            True,
        )


def apart(one: Sheet, other: Sheet, threshold: int) -> tuple[Advice, ...]:
    """Return why two tables of an output that nobody recomputed do not go together."""
    if all(len(sheet.rows) * len(sheet.columns) <= GUESSED for sheet in (one, other)) and any(
        0.5 <= count < threshold - 0.5 for count in counts.apart(one, other)
    ):
        said = f"Two of the tables differ by fewer than {threshold} people in a row."
        next_step = "Submit one of them, or the answers of queries that can be recomputed."
        return (Advice("counts.implied", said, next_step, True),)
    return ()


def _plots(files: Sequence[Offered]) -> Iterator[Advice]:
    tables = {one.name for one in files if isinstance(one.content, Sheet) or one.queries}
    for one in files:
        is_plot = isinstance(one.content, Picture) or one.name.lower().endswith((".png", ".pdf"))
        if is_plot and one.drawn_from not in tables:
            yield Advice(
                "counts.absent",
                f"{one.name}: the table this plot was drawn from is not with it.",
                'Submit the table too and name it: drawn_from="table.csv".',
                True,
            )


def _model(model: Model) -> Iterator[Advice]:
    names = [*(one.name for one in model.parameters), *(one.name for one in model.dummies)]
    if any(map(heading_names_one, (*names, model.outcome))):
        yield Advice(
            "redaction.persons",
            f"{model.name}: one of its variables is named after a single person.",
            "Leave that variable out, or join it with others.",
            True,
        )
    if any(0 < count < LEAST_PEOPLE for name in names for count in counts.stated(name)):
        yield Advice(
            "counts.small",
            f"{model.name}: the name of a variable says that it is of fewer than {LEAST_PEOPLE}.",
            "Join the categories of few people.",
            True,
        )
    categories = any("[" in name and "]" in name for name in names) or _has_factor(names)
    if categories and not model.dummies:
        yield Advice(
            "counts.absent",
            f"{model.name}: it has categories without how many observations are in each.",
            "Write it with summarise(results), which counts them.",
            True,
        )


def _has_factor(names: Sequence[str]) -> bool:
    """Say whether two variables are one and a category each, as R names them: countyTolland."""
    found = [one[1] for name in names if (one := _FACTOR.fullmatch(name))]
    return any(found.count(one) > 1 and one not in names for one in set(found) - _FUNCTIONS)


# From lineage ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """One query an output was made from: its id, what it read of whom, and when (ISO, or blank)."""

    query: str
    views: tuple[str, ...]
    agencies: tuple[str, ...]
    version: int
    when: str = ""


def from_lineage(sources: Sequence[Source]) -> str:
    """Return what of the context is known already, to stand below what the researcher says."""
    return "\n".join(
        f"Made from query {one.query}{' of ' + one.when if one.when else ''}: "
        f"{', '.join(one.views)} ({', '.join(one.agencies)}), version {one.version} of the data."
        for one in sources
    )
