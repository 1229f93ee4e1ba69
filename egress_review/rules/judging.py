"""What only the whole of an output shows: classes disclosed, ends of bands, models of few people.

Returns notes; those whose code is in `REFUSING` mean that the output goes back. Sentences name
columns and counts that the rules fix, never a value of the data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from egress_review.errors import OutputRefused
from egress_review.evidence.recompute import Evidence
from egress_review.files.model import Dummy, Model
from egress_review.model import Note
from egress_review.sdc.classes import disclosed
from enclave.model import DisclosureRules

_JOIN = "Leave out or join the categories of few people."
REFUSING = {
    "bands.outermost": "Join the outer bands into open ones, such as '80,000 and more'.",
    "labels.amounts": "Group into bands with words of your own, CASE WHEN … THEN 'under 20,000' …, "
    "each of enough people.",
    "labels.list": "Group more coarsely: join values into bands.",
    "model.dof": "Use fewer parameters, or more people.",
    "model.n": "Use more people.",
    "model.category": _JOIN,
    "model.uncounted": "Write the summary with summarise(results).save('name.model.json').",
    "model.fit": "Leave out the variable that determines the outcome.",
}
PERFECT = 1e-9  # how near to 1 a share of explained variance is 1


def judge_table(evidence: Evidence, rules: DisclosureRules) -> tuple[Note, ...]:
    """Return what reviewers should know of a recomputed table, or why it is refused."""
    return (*_classes(evidence, rules), *_bands(evidence, rules), *_left_out(evidence))


def _left_out(evidence: Evidence) -> Iterator[Note]:
    if evidence.dropped:
        yield Note(
            "rows.left-out",
            f"{len(evidence.dropped)} rows that HAVING left out stand as hidden in what leaves: "
            "the totals count them.",
        )


def check_table(evidence: Evidence, rules: DisclosureRules) -> tuple[Note, ...]:
    """Return what reviewers should know of a table. Raises `OutputRefused`."""
    return passed(judge_table(evidence, rules))


def check_model(model: Model, rules: DisclosureRules) -> tuple[Note, ...]:
    """Return what reviewers should know of a regression's summary. Raises `OutputRefused`."""
    return passed(judge_model(model, rules))


def passed(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """Return notes that refuse nothing. Raises `OutputRefused` for the first that does."""
    for note in notes:
        if note.code in REFUSING:
            raise OutputRefused(note.sentence, hint=REFUSING[note.code])
    return notes


def _classes(evidence: Evidence, rules: DisclosureRules) -> Iterator[Note]:
    """Say where one category holds (nearly) all of a group (Handbook on SDC, 5.2)."""
    found = disclosed(evidence.table, rules.safe_class_share)
    if found:
        yield Note(
            "class.disclosure",
            f"{len(found)} rows hold at least {rules.safe_class_share:.0%} of the group they are "
            "a part of: whoever is known to be in the group is known to be in that category.",
        )


def _bands(evidence: Evidence, rules: DisclosureRules) -> Iterator[Note]:
    """Say where the first or last value of a numeric group is that of few people.

    Of calculated bands it is refused: the label tells about where the smallest or largest value is,
    hidden or not. Of a column's own whole numbers (a year, a grade, an age) reviewers judge.
    """
    for dimension, made in enumerate(evidence.made):
        if not _ends_in_few(evidence, dimension, rules):
            continue
        if made:
            yield Note(
                "bands.outermost",
                f"The first or last band of group {dimension + 1} is that of fewer than "
                f"{rules.safe_threshold} people, so its label tells where the extreme is.",
            )
        else:
            yield Note(
                "groups.outermost",
                f"The smallest or largest value of group {dimension + 1} is that of fewer than "
                f"{rules.safe_threshold} people; the table shows that there is somebody.",
            )


def _ends_in_few(evidence: Evidence, dimension: int, rules: DisclosureRules) -> bool:
    persons: dict[int, int] = defaultdict(int)
    for cell in evidence.table.cells:
        label = cell.key[dimension].removeprefix("=")
        if dimension in cell.level and label.lstrip("-").isdigit():
            persons[int(label)] = max(persons[int(label)], cell.persons)
    if len(persons) < 2:
        return False
    ends = (persons[min(persons)], persons[max(persons)])
    return any(0 < count < rules.safe_threshold for count in ends)


# Models ----------------------------------------------------------------------------------------


def judge_model(model: Model, rules: DisclosureRules) -> tuple[Note, ...]:
    """Return why a regression's summary is refused, or what reviewers should know of it."""
    return tuple(_model(model, rules))


def _model(model: Model, rules: DisclosureRules) -> Iterator[Note]:
    dof = min(model.residual_dof, model.n - len(model.parameters))  # what it says may be anything
    if dof < rules.safe_dof_threshold:
        yield Note(
            "model.dof",
            f"The model has {dof} residual degrees of freedom; at least "
            f"{rules.safe_dof_threshold} are asked for.",
        )
    if model.n < rules.safe_threshold:
        yield Note(
            "model.n", f"The model has {model.n} observations, fewer than {rules.safe_threshold}."
        )
    yield from _categories(model, rules)
    if any(1 - abs(model.fit[name]) < PERFECT for name in ("r_squared",) if name in model.fit):
        yield Note("model.fit", "The model fits exactly: its parameters are the data.")
    if _dummies_only(model):
        yield Note(
            "model.means",
            "All its variables are categories, so its parameters are differences of group means: "
            "read it as a table of means.",
        )


def _categories(model: Model, rules: DisclosureRules) -> Iterator[Note]:
    """Say where a category has too few people: its parameter is about their mean."""
    counted = {dummy.name for dummy in model.dummies}
    missing = [one.name for one in model.parameters if "[" in one.name and one.name not in counted]
    if missing:
        yield Note(
            "model.uncounted",
            f"{len(missing)} categories of the model come without the number of their people.",
        )
    few = [min(dummy.ones, dummy.zeros) for dummy in model.dummies]
    few += list(_references(model))
    if any(count < rules.safe_threshold for count in few):
        yield Note(
            "model.category",
            f"A category of the model has fewer than {rules.safe_threshold} observations.",
        )


def _references(model: Model) -> Iterator[int]:
    """Yield the size of each factor's left-out category: who is in none of its others."""
    factors: dict[str, list[Dummy]] = defaultdict(list)
    for dummy in model.dummies:
        if "[T." in dummy.name and ":" not in dummy.name:
            factors[dummy.name.partition("[")[0]].append(dummy)
    for dummies in factors.values():
        yield model.n - sum(dummy.ones for dummy in dummies)


def _dummies_only(model: Model) -> bool:
    counted = {dummy.name for dummy in model.dummies}
    variables = [one.name for one in model.parameters if one.name.lower() not in CONSTANTS]
    return bool(variables) and all(name in counted for name in variables)


CONSTANTS = frozenset({"const", "intercept", "(intercept)", "sigma", "alpha", "scale"})
