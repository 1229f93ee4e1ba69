"""Pages for what goes wrong: each says what, why, and what to do next. Never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from enclave.errors import AuditUnavailable, Denied, EnclaveError, Invalid, NotFound
from enclave.events import Action, Event, Verdict
from enclave.web import cookies
from enclave.web.errors import (
    LoginNeeded,
    MethodRefused,
    PageMissing,
    RecentLoginNeeded,
    TooLarge,
    Unexpected,
)
from enclave.web.typed import typed
from enclave.web.visit import came_from, render, visit_of, web_of

_log = logging.getLogger(__name__)

SEE_OTHER = 303

HEADINGS: Mapping[int, str] = {
    400: "This request cannot be read",
    403: "You may not do this",
    404: "Not found",
    405: "This page does not answer that request",
    409: "This has changed since you looked",
    410: "This is gone",
    413: "That is too much",
    421: "Wrong address",
    422: "Something in the form needs another look",
    500: "Something failed on our side",
    503: "Not available right now",
}


def login_address(back: str, *, again: bool = False) -> str:
    """Return the log-in's address that leads to `back` afterwards."""
    return f"/login?next={quote(back, safe='')}" + ("&again=1" if again else "")


def error_response(request: Request, error: EnclaveError) -> Response:
    """Return the page for an error, or send the browser to log in where that is the remedy."""
    if isinstance(error, RecentLoginNeeded):
        return _login_again(request, login_address(error.back, again=True))
    if isinstance(error, LoginNeeded):
        return _login_needed(request)
    return render(
        request,
        "error.html",
        status_code=error.status,
        heading=HEADINGS.get(error.status, HEADINGS[500 if error.status > 499 else 400]),
        error=error,
        back=came_from(request) if request.method == "POST" else None,
        typed=typed(request),
    )


def _login_again(request: Request, login: str) -> Response:
    """Go straight to log in, unless that would lose what was typed: then show it first."""
    if not typed(request):
        return RedirectResponse(login, SEE_OTHER)
    return render(
        request,
        "login_again.html",
        status_code=RecentLoginNeeded.status,
        login=login,
        typed=typed(request),
    )


def _login_needed(request: Request) -> Response:
    """Go straight to log in; after an old cookie or a POST first say what happened."""
    back = came_from(request)
    had_one = cookies.read(request.headers, cookies.SESSION) is not None
    if request.method != "POST" and not had_one:
        return RedirectResponse(login_address(back), SEE_OTHER)
    return render(
        request,
        "session_ended.html",
        status_code=LoginNeeded.status,
        login=login_address(back),
        lost=request.method == "POST",
        typed=typed(request),
    )


def on_enclave_error(request: Request, error: Exception) -> Response:
    """Turn an `EnclaveError` of any room into its page."""
    assert isinstance(error, EnclaveError)
    if isinstance(error, Denied | NotFound):
        _tell(request, error)
    return error_response(request, error)


def _tell(request: Request, error: EnclaveError) -> None:
    """Log that somebody who is signed in was refused what they asked for (SATRE 2.5.03).

    The page's name and not its address, which may hold anything. A refusal gives nothing away, so
    it does not wait for audit to be back.
    """
    web, visit = web_of(request), visit_of(request)
    if visit.person is None or visit.session is None:
        return
    page = getattr(request.scope.get("endpoint"), "__name__", "unknown")
    event = Event(
        action=Action.ACCESS_DENIED,
        actor=visit.person.id,
        verdict=Verdict.DENIED,
        clause=error.clause,
        session=visit.session.id,
        detail={"site": web.site.name, "code": error.code, "page": page},
    )
    try:
        web.audit.append(event)
    except AuditUnavailable:
        _log.warning("a refusal could not be logged: audit is away")


def on_http_error(request: Request, error: Exception) -> Response:
    """Turn Starlette's own refusals into ours."""
    assert isinstance(error, HTTPException)
    response = error_response(request, _translated(error.status_code))
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def _translated(status: int) -> EnclaveError:
    home = "The start page lists what there is."
    known: Mapping[int, EnclaveError] = {
        404: PageMissing("Nothing on this site has this address.", hint=home),
        405: MethodRefused("This address does not answer that method.", hint=home),
        413: TooLarge("More was sent than this page accepts.", hint="Send less and try again."),
    }
    if status in known:
        return known[status]
    return Invalid("The request could not be read.", hint=home) if status < 500 else unexpected()


def unexpected() -> Unexpected:
    """Return the error for what nobody foresaw."""
    return Unexpected(
        "An error that we did not foresee ended this request; nothing was half done.",
        hint="Try again. If it happens again, tell the operating group the time and the address.",
    )


def on_anything_else(request: Request, _error: Exception) -> Response:
    """Answer what nobody foresaw. Outermost of all, so it must complete the headers itself."""
    response = error_response(request, unexpected())
    for name, value in request.app.state.headers.items():
        response.headers.setdefault(name, value)
    return response
