"""What differs between a request's files and their last version, and their last release.

A page of its own: to compare the unprotected files is a look at them, and is logged before it.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from egress_review import permissions
from egress_review.earlier.comparison import Beside, Difference
from egress_review.web.acts import service_of
from enclave.web.app import render, signed_in

MOST_ROWS = 200
BESIDE = {Beside.VERSION: "the last version", Beside.RELEASE: "the last release"}


def changes(request: HttpRequest) -> Response:
    """Show a reviewer, file by file, what has changed."""
    person, service = signed_in(request), service_of(request)
    found = service.reviews.request(request.path_params["id"])
    permissions.check_see_raw(person, found)
    differences = service.difference(person, found.id)
    return render(
        request,
        "changes.html",
        one=found,
        differences=[_shown(one) for one in differences],
        crumbs=(
            ("Queue", "/"),
            (found.title, f"/requests/{found.id}"),
            ("What has changed", None),
        ),
    )


def _shown(one: Difference) -> dict[str, Any]:
    rows = [
        (" / ".join(label or "all" for label in change.labels) or "line", change.what, *cell)
        for change in one.changes or ()
        for cell in change.cells
    ]
    return {
        "file": one.file,
        "beside": BESIDE[one.beside],
        "other": one.other,
        "full": one.full,
        "comparable": one.changes is not None,
        "rows": rows[:MOST_ROWS],
        "count": len(rows),
    }
