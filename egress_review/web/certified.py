"""A release's certificate in words, and how anyone checks it without this site.

Reads the certificate that lies beside the released file. Shows nothing that is not in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from egress_review import permissions
from egress_review.policy import Act, can
from egress_review.service import available_until
from egress_review.submission import CERTIFICATE
from egress_review.web.acts import service_of
from egress_review.web.room import names_of, state_cell
from enclave.errors import NotFound
from enclave.web.app import render, signed_in

METHODS: Mapping[str, str] = {
    "round": "rounded up or down by keyed chance",
    "noise": "changed by keyed chance",
    "private": "drawn under differential privacy",
}
"""What was done to numbers that are not hidden, in words, by the method's name."""


def certificate(request: HttpRequest) -> Response:
    """Show what the certificate of a release says to whoever may see the request."""
    person, service = signed_in(request), service_of(request)
    found = service.reviews.request(request.path_params["id"])
    permissions.check_see(person, found)
    if not can(found, Act.DOWNLOAD):
        raise NotFound(
            "This request has no certificate: nothing of it was released.",
            hint="Open the request to see where it stands.",
        )
    body = json.loads(service.custody.released(found.id, CERTIFICATE))
    names, files = names_of(service), _files(body)
    return render(
        request,
        "certificate.html",
        one=found,
        state=state_cell(found),
        body=body,
        files=files,
        changed={file["protection"]["method"] for file in files if "protection" in file},
        hides=any("protection" not in file for file in files),
        METHODS=METHODS,
        votes=[
            (names.agency(vote["agency"]), names.person(vote["person"]), vote["at"])
            for vote in body["votes"]
        ],
        agencies=[names.agency(agency) for agency in body["lineage"]["agencies"]],
        until=available_until(found).timestamp(),
        crumbs=(
            ("My requests", "/mine") if permissions.is_author(person, found) else ("Queue", "/"),
            (found.title, f"/requests/{found.id}"),
            ("Certificate", None),
        ),
    )


def _files(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the files a certificate names; the first form of it named one."""
    if "files" in body:
        return list(body["files"])
    return [{**body["file"], "suppression": body["suppression"]}]
