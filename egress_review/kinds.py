"""Files whose numbers nobody can recompute: what would leave, and what a reviewer must know.

A plot goes on only where nothing of the table it shows is hidden; a table only if it is small and
shows no small count; a summary only if enough people stand behind it. None ever passes by itself,
and none is compared with earlier releases: the notes say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from egress_review.errors import OutputRefused
from egress_review.files.model import Model, Picture, Prose, Read, Sheet
from egress_review.files.names import kind_of
from egress_review.files.precheck import Offered, Outcome, apart, precheck, refuse
from egress_review.files.reading import clean, read
from egress_review.files.writing import write
from egress_review.model import FileKind, Note, OutputFile, Request
from egress_review.render import one_number, write_csv
from egress_review.rules import check_model
from enclave.model import DisclosureRules, Unverified

Kind = TypeVar("Kind", Picture, Model, Prose)
MOST_CELLS = 500  # of a table that was not recomputed: what a person can read number by number


@dataclass(frozen=True, slots=True)
class Looked:
    """A file that was looked at: what would leave, what reviewers see, what they should know."""

    content: bytes
    full: bytes
    notes: tuple[Note, ...]


def kind(file: OutputFile) -> FileKind:
    """Return the kind a file's name promises. Raises `OutputRefused` where it was said another."""
    found = kind_of(file.name)
    if found is not file.kind:
        raise OutputRefused(f"{file.name} is a {found.value} by its name, not a {file.kind.value}.")
    return found


def table(name: str, content: bytes) -> Sheet:
    """Return the cells of a submitted table, whatever its format. Raises `OutputRefused`."""
    found = read(name, content)
    if not isinstance(found, Sheet):
        raise OutputRefused(f"{name} is not a table.")
    return found


def reviewed(content: bytes) -> Sheet:
    """Return the cells of a checked table, which is CSV whatever was submitted."""
    return table("table.csv", content)


def leaving(name: str, protected: bytes) -> bytes:
    """Return what is released of a protected table (CSV): the same cells in its own format."""
    sheet = reviewed(protected)
    return write(sheet.columns, sheet.rows, name)


def check_content(request: Request, name: str, content: Read, outcome: Outcome | None) -> None:
    """Raise `OutputRefused` for what stands in a file and would be sent back.

    Whether the request's own words say enough was asked when it was handed in (`readiness`).
    """
    known = {name: outcome} if outcome else {}
    advice = precheck(request.title, request.context, [Offered(name, content)], known)
    refuse([one for one in advice if one.code != "context.missing"])


def check_apart(one: Sheet, other: Sheet, rules: DisclosureRules) -> None:
    """Raise `OutputRefused` where two tables that nobody recomputed differ by a few people."""
    refuse(apart(one, other, rules.safe_threshold))


def unverified(name: str, sheet: Sheet, rules: DisclosureRules, why: OutputRefused) -> Looked:
    """Return a table that is no query's answer, as it is. Raises `OutputRefused`.

    `why` is what the recomputation said, which is also the refusal where the agencies take no such
    tables. Its small counts were looked for by `check_content`.
    """
    if rules.unverified is Unverified.REFUSE:
        raise why
    if len(sheet.rows) * len(sheet.columns) > MOST_CELLS:
        raise OutputRefused(
            f"{why.sentence} A table that was not recomputed can have {MOST_CELLS} cells at most.",
            hint=why.hint,
        )
    content = write_csv(sheet.columns, [tuple(map(one_number, row)) for row in sheet.rows])
    note = Note(
        "table.unverified",
        f"Its numbers were not recomputed ({why.sentence.rstrip('.')}), are not protected against "
        "other numbers, and are not compared with earlier releases.",
    )
    return Looked(content, content, (note,))


def plot(file: OutputFile, content: bytes, *, hidden: int, rules: DisclosureRules) -> Looked:
    """Return a plot as its pixels; `hidden` rows of its table are not to be seen.

    Raises `OutputRefused`.
    """
    _refuse_unrecomputed(rules)
    if hidden:
        raise OutputRefused(
            f"{hidden} rows of {file.drawn_from}, which it was drawn from, have to be hidden; the "
            "picture shows them.",
            hint="Draw it from the protected table, which is handed back to you.",
        )
    found = _read(file.name, content, Picture)
    note = Note(
        "plot.unverified",
        f"Only a person can see whether it shows {file.drawn_from} and nothing else.",
    )
    return Looked(clean(found), found.png, (note,))


def model(request: Request, file: OutputFile, content: bytes, rules: DisclosureRules) -> Looked:
    """Return a regression summary in its one form. Raises `OutputRefused`."""
    _refuse_unrecomputed(rules)
    found = _read(file.name, content, Model)
    check_content(request, file.name, found, None)
    notes = check_model(found, rules)
    body = clean(found)
    note = Note(
        "model.unverified",
        f"Its {len(found.parameters)} estimates from {found.n} observations were not recomputed.",
    )
    return Looked(body, body, (note, *notes))


def text(file: OutputFile, content: bytes, rules: DisclosureRules) -> Looked:
    """Return a text or code in its one form. Raises `OutputRefused`."""
    _refuse_unrecomputed(rules)
    found = _read(file.name, content, Prose)
    body = clean(found)
    return Looked(body, body, found.notes)


def _read(name: str, content: bytes, wanted: type[Kind]) -> Kind:
    found = read(name, content)
    if not isinstance(found, wanted):
        raise OutputRefused(f"{name} is not what its name says.")
    return found


def _refuse_unrecomputed(rules: DisclosureRules) -> None:
    if rules.unverified is Unverified.REFUSE:
        raise OutputRefused(
            "An agency whose data it uses takes only tables that can be recomputed.",
            hint="Submit the tables it was made from, as their queries answered them.",
        )
