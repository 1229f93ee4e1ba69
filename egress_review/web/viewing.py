"""What a reviewer is shown of one file of a request, by its kind.

A recomputed table is shown twice, as it is and as it would leave, with what an attacker could make
of it; anything else as the characters or pixels that would leave. Never hands on a submitted byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from egress_review import permissions
from egress_review.custody import Piece
from egress_review.earlier.ledger import load
from egress_review.files.tables import read_csv
from egress_review.model import FileKind, OutputFile, Request, Standing
from egress_review.service import ReviewService, conflicts
from egress_review.web import heat
from egress_review.web.acts import service_of
from egress_review.web.shown import Risk, ShownTable, lay_out
from enclave.errors import NotFound
from enclave.model import Person
from enclave.web import tables
from enclave.web.app import signed_in
from enclave.web.tables import Column

ROWS_A_PAGE = 100
ROWS: Mapping[str, frozenset[Risk]] = {
    "hidden": frozenset({Risk.RULE, Risk.PROTECTS, Risk.HIDDEN}),
    **{risk.value: frozenset({risk}) for risk in Risk if risk is not Risk.HIDDEN},
}
"""Which rows `?rows=` keeps."""

KINDS: Mapping[FileKind, str] = {
    FileKind.TABLE: "table",
    FileKind.PLOT: "plot",
    FileKind.MODEL: "regression summary",
    FileKind.TEXT: "text",
}
NOT_CHECKED: Mapping[FileKind, str] = {
    FileKind.TABLE: "Its numbers were not recomputed from the agencies' data, and it was not held "
    "against earlier releases: whether they are right, and whom they describe beside what is "
    "known, only you can judge.",
    FileKind.PLOT: "Nothing in the picture itself was checked, only the table it is said to be "
    "drawn from: whether it shows that table and nothing more, only your eyes can tell.",
    FileKind.MODEL: "Its estimates were not computed again: only the numbers of observations and "
    "degrees of freedom that it states were held against the rules.",
    FileKind.TEXT: "Nobody but you has read it: numbers or persons named in the text are found by "
    "no rule.",
}
"""What was not checked of an unverified file, by kind: a vote for it says that one has looked."""

_UNSEEN: tuple[Column[object], ...] = (Column("row", "row", lambda row: None, sortable=False),)


def number_of(request: HttpRequest, found: Request) -> int:
    """Return which file of a request is asked for, from 1; the first where none or no such one."""
    asked = request.query_params.get("file", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else 1
    return number if 1 <= number <= len(found.files) else 1


def view(
    request: HttpRequest, service: ReviewService, person: Person, found: Request
) -> dict[str, Any]:
    """Return what the template needs of the file asked for; a look at raw bytes is logged first."""
    number = number_of(request, found)
    file = found.files[number - 1]
    context = {
        "number": number,
        "file": file,
        "kind": KINDS[file.kind],
        "conflicts": (),
        "not_checked": NOT_CHECKED[file.kind] if is_unverified(file) else "",
    }
    try:
        if is_recomputed(file):
            return context | _table(request, service, person, found)
        full, _ = service.view_raw(person, found, file=number)
        return context | _plain(request, file, full)
    except NotFound:  # destroyed by schedule, some time after the request ended
        return context | {"shape": "gone"}


def is_recomputed(file: OutputFile) -> bool:
    """Say whether a file is a table that equals its recomputation."""
    return file.kind is FileKind.TABLE and file.standing is Standing.RECOMPUTED


def is_unverified(file: OutputFile) -> bool:
    """Say whether reviewers have to judge a file by eye."""
    return file.standing is Standing.UNVERIFIED


def picture(request: HttpRequest) -> Response:
    """Hand out a plot's pixels, written anew by us, to a reviewer: a look, logged like any."""
    person, service = signed_in(request), service_of(request)
    found = service.reviews.request(request.path_params["id"])
    permissions.check_see_raw(person, found)
    number = request.path_params["number"]
    if not 1 <= number <= len(found.files) or found.files[number - 1].kind is not FileKind.PLOT:
        raise NotFound("This request has no such picture.")
    full, _ = service.view_raw(person, found, file=number)
    if not full.startswith(b"\x89PNG\r\n\x1a\n"):
        raise NotFound("This plot is kept in a form that is not shown here.")
    # a sandbox without rights: were it ever opened by itself, it could do nothing here
    headers = {"Content-Security-Policy": "sandbox; default-src 'none'"}
    return Response(full, media_type="image/png", headers=headers)


# Tables that equal their recomputation -----------------------------------------------------------


def _table(
    request: HttpRequest, service: ReviewService, person: Person, found: Request
) -> dict[str, Any]:
    as_outsider = request.query_params.get("view") == "released"
    number = number_of(request, found)
    table = _laid_out(service, person, found, number, as_outsider=as_outsider)
    asked = request.query_params.get("rows", "")
    kept = [i for i, risk in enumerate(table.risks) if asked not in ROWS or risk in ROWS[asked]]
    at = _state(request, len(kept))
    here = [table.row(index) for index in kept[at.offset : at.offset + at.size]]
    grid = heat.grid(table, measure=request.query_params.get("measure", ""))
    return {
        "shape": "table",
        "table": table,
        "rows": here,
        "pages": _pages(here, at, len(kept)),
        "as_outsider": as_outsider,
        "asked": asked if asked in ROWS else "",
        "hidden": sum(risk in ROWS["hidden"] for risk in table.risks),
        "link": at.link,
        "legend": heat.legend(table),
        "grid": grid,
        "picture": None if grid else heat.picture(table.risks),
        "risk_words": heat.SHORT,
        "conflicts": conflicts(service, found, file=number),
    }


def _laid_out(
    service: ReviewService, person: Person, found: Request, number: int, *, as_outsider: bool
) -> ShownTable:
    if as_outsider:
        full, protected = None, service.custody.open(found.id, Piece.PROTECTED, file=number)
    else:
        full, protected = service.view_raw(person, found, file=number)
    entry = load(service.custody.open(found.id, Piece.LEDGER, file=number))
    method = found.files[number - 1].summary.get("method", "suppress")
    threshold = int(found.summary["safe_threshold"] or 0)
    return lay_out(full, protected, entry, threshold=threshold, changed=method != "suppress")


def _state(request: HttpRequest, total: int) -> tables.State:
    """Return which page is asked for; one beyond the last is the last."""
    names = ("file", "rows", "view", "measure")
    kept = {k: v for k, v in request.query_params.items() if k in names}
    asked = request.query_params.get("page", "")
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1
    page = max(1, min(page, max(1, -(-total // ROWS_A_PAGE))))
    return tables.State(request.url.path, kept, "row", False, page, ROWS_A_PAGE)


def _pages(here: list[Any], at: tables.State, total: int) -> tables.Table:
    return tables.page_of(here, _UNSEEN, at, total=total, caption="rows of the table", empty="")


# Everything else ---------------------------------------------------------------------------------


def _plain(request: HttpRequest, file: OutputFile, full: bytes) -> dict[str, Any]:
    if file.kind is FileKind.TABLE:
        sheet = read_csv(full)
        at = _state(request, len(sheet.rows))
        rows = list(sheet.rows[at.offset : at.offset + at.size])
        return {
            "shape": "sheet",
            "columns": sheet.columns,
            "rows": rows,
            "pages": _pages(rows, at, len(sheet.rows)),
        }
    if file.kind is FileKind.MODEL:
        return {"shape": "model", "model": json.loads(full)}
    if file.kind is FileKind.TEXT:
        return {"shape": "text", "text": full.decode()}
    return {"shape": "plot"}
