"""What a person typed into a form that was not carried out: shown back, so that nothing is lost.

Kept for the answer to that very request and nowhere else. Only texts of several words: a single
one is soon typed again, and what our forms send unseen has none.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope

FORM = "application/x-www-form-urlencoded"
MOST_BYTES = 64 * 1024  # of a form that is read before anybody is logged in


def remember(request: Request, values: Iterable[str]) -> None:
    """Keep the texts among a form's values until this request is answered."""
    request.state.typed = tuple(value for value in values if len(value.split()) > 1)


def typed(request: Request) -> tuple[str, ...]:
    """Return the texts of the form that came with this request."""
    texts: tuple[str, ...] = getattr(request.state, "typed", ())
    return texts


async def read(scope: Scope, receive: Receive) -> None:
    """Read a form that comes too late to be carried out; a large one is not read at all."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    small = length.isdecimal() and int(length) <= MOST_BYTES
    if scope["method"] != "POST" or not small or headers.get("content-type") != FORM:
        return
    request = Request(scope, receive)
    async with request.form(max_files=0, max_fields=200) as posted:
        remember(request, (str(value) for _, value in posted.multi_items()))
