"""Log in, log out, and the page that shows a person their own sessions.

Every log-in, good or refused, is an event with a receipt before the browser hears of it: while
audit is away nobody logs in. Logging out always works.
"""

from __future__ import annotations

import logging
import secrets

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from enclave.errors import AuditUnavailable, EnclaveError
from enclave.events import Action, Event, Scalar, Verdict
from enclave.web import cookies
from enclave.web.addresses import local
from enclave.web.door import admit
from enclave.web.errors import LoginFailed, SecondFactorNeeded
from enclave.web.oidc import SKEW_SECONDS, Identity
from enclave.web.pages import SEE_OTHER
from enclave.web.sessions import LOGIN_SECONDS, Attempt
from enclave.web.visit import Web, render, signed_in, visit_of, web_of

NOBODY = "unknown"  # the actor of a log-in that failed before we knew who it was

_log = logging.getLogger(__name__)


def login(request: Request) -> Response:
    """GET /login?next=…&again=1: send the browser to the identity provider."""
    web = web_of(request)
    browser = secrets.token_urlsafe(32)
    attempt = web.sessions.begin_login(
        site=web.site.name,
        browser=browser,
        next=local(request.query_params.get("next")),
        again=request.query_params.get("again") == "1",
    )
    url = web.provider.authorization_url(attempt, redirect_uri=_callback_of(web))
    response = RedirectResponse(url, SEE_OTHER)
    cookies.put(response, cookies.LOGIN, browser, max_age=LOGIN_SECONDS)
    return response


def callback(request: Request) -> Response:
    """GET /oidc/callback: check what came back, log it, open a session under a new id."""
    web = web_of(request)
    known = NOBODY
    try:
        attempt = _attempt(request)
        identity = web.provider.redeem(
            request.query_params.get("code", ""), attempt, redirect_uri=_callback_of(web)
        )
        known = identity.subject
        _check(request, identity, attempt)
        admit(web, identity.subject)
    except EnclaveError as error:
        web.audit.append(_event(web, known, error=error))
        raise
    web.audit.append(_event(web, known, again=attempt.again))
    return _enter(request, identity, attempt)


def _attempt(request: Request) -> Attempt:
    web, query = web_of(request), request.query_params
    attempt = web.sessions.take_login(
        query.get("state", ""),
        site=web.site.name,
        browser=cookies.read(request.headers, cookies.LOGIN) or "",
    )
    if attempt is None:
        raise LoginFailed(
            "This log-in was not begun in this browser, took too long, or was used before.",
            hint="Log in once more from the start page.",
        )
    # RFC 9207: an answer that names another issuer is somebody else's
    stranger = query.get("iss", web.settings.oidc_issuer) != web.settings.oidc_issuer
    if stranger or "error" in query or "code" not in query:
        raise LoginFailed("The identity provider did not log you in.", hint="Log in once more.")
    return attempt


def _check(request: Request, identity: Identity, attempt: Attempt) -> None:
    web, before = web_of(request), visit_of(request).person
    if web.settings.require_mfa and not identity.used_second_factor:
        raise SecondFactorNeeded(
            "You logged in with one factor; this site needs two.",
            hint="Set up a second factor at your identity provider, then log in again.",
        )
    if not attempt.again:
        return
    if before is not None and before.id != identity.subject:
        raise LoginFailed(
            f"You are signed in here as {before.name}, but confirmed as somebody else.",
            hint="Log out first if you want to change persons.",
        )
    asked_again = identity.authenticated_at >= attempt.created_at - SKEW_SECONDS
    if web.settings.oidc_auth_time and not asked_again:
        raise LoginFailed(
            "The identity provider did not ask you again, so your identity is not confirmed.",
            hint="Log out at the identity provider, then try again. (Administrators: its tokens "
            "must carry auth_time, or ENCLAVE_OIDC_AUTH_TIME must be off.)",
        )


def _enter(request: Request, identity: Identity, attempt: Attempt) -> Response:
    """Open a session under a new id; whatever id the browser brought along ends here."""
    web = web_of(request)
    web.sessions.end(cookies.read(request.headers, cookies.SESSION))
    at = identity.authenticated_at
    if attempt.again and not web.settings.oidc_auth_time:
        at = attempt.created_at
    at = min(at, web.sessions.now())
    secret = web.sessions.start(identity.subject, site=web.site.name, authenticated_at=at)
    response = RedirectResponse(attempt.next, SEE_OTHER)
    cookies.put(response, cookies.SESSION, secret)
    cookies.drop(response, cookies.LOGIN)
    return response


def logout(request: Request) -> Response:
    """POST /logout: end this session."""
    web = web_of(request)
    web.sessions.end(cookies.read(request.headers, cookies.SESSION))
    return _leave(request, ended=1)


def logout_everywhere(request: Request) -> Response:
    """POST /logout/everywhere: end every session of the person, on every site."""
    web = web_of(request)
    return _leave(request, ended=web.sessions.end_all(signed_in(request).id))


def _leave(request: Request, *, ended: int) -> Response:
    web, visit = web_of(request), visit_of(request)
    assert visit.person is not None and visit.session is not None
    event = Event(
        action=Action.LOGOUT,
        actor=visit.person.id,
        session=visit.session.id,
        detail={"site": web.site.name, "sessions": ended},
    )
    try:
        web.audit.append(event)
    except AuditUnavailable:
        # ending a session only takes rights away, so it never waits for audit
        _log.warning("a log-out could not be logged: audit is away")
    response = RedirectResponse("/logged-out", SEE_OTHER)
    cookies.drop(response, cookies.SESSION)
    return response


def logged_out(request: Request) -> Response:
    """GET /logged-out: say so, and that the identity provider has a session of its own."""
    return render(request, "logged_out.html", provider=web_of(request).provider.logout_url())


def account(request: Request) -> Response:
    """GET /account: who am I here, and where am I logged in."""
    person, session = signed_in(request), visit_of(request).session
    open_ones = web_of(request).sessions.open_of(person.id)
    return render(request, "account.html", sessions=open_ones, this=session)


def routes() -> list[Route]:
    """Return the shared routes every site has."""
    return [
        Route("/login", login, methods=["GET"]),
        Route("/oidc/callback", callback, methods=["GET"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/logout/everywhere", logout_everywhere, methods=["POST"]),
        Route("/logged-out", logged_out, methods=["GET"]),
        Route("/account", account, methods=["GET"]),
    ]


def _event(
    web: Web, actor: str, *, again: bool = False, error: EnclaveError | None = None
) -> Event:
    detail: dict[str, Scalar] = {"site": web.site.name, "again": again}
    verdict = Verdict.ALLOWED
    if error is not None:
        detail["reason"] = error.code
        # a provider that does not answer has refused nobody
        verdict = Verdict.FAILED if error.status >= 500 else Verdict.DENIED
    return Event(action=Action.LOGIN, actor=actor, verdict=verdict, detail=detail)


def _callback_of(web: Web) -> str:
    return f"{web.site.origin}/oidc/callback"
