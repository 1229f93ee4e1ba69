"""What can go wrong at the door of a site, each with the sentence the person reads.

Never says more to a stranger than that the door is shut: reasons are for the person who may know.
"""

from __future__ import annotations

from typing import ClassVar

from enclave.errors import Denied, EnclaveError, Invalid, Unavailable


class LoginNeeded(Denied):
    """Nobody is logged in here, or the session has ended."""

    code = "login.needed"
    status = 401


class RecentLoginNeeded(Denied):
    """The decision needs a log-in of a few minutes ago; `back` is where to return to."""

    code = "login.recent-needed"
    status = 401

    def __init__(self, back: str):
        super().__init__("Log in again to confirm that it is you.")
        self.back = back


class LoginFailed(Denied):
    """The identity provider's answer does not prove who this is."""

    code = "login.failed"


class SecondFactorNeeded(Denied):
    """The log-in used one factor only."""

    code = "login.second-factor"


class NotAdmitted(Denied):
    """The person is known to the identity provider but not admitted to this site."""

    code = "login.not-admitted"


class CrossSite(Denied):
    """A request that changes something did not come from this site's own pages."""

    code = "request.cross-site"


class WrongHost(Invalid):
    """The request names another host than this site's (RFC 9110 7.4)."""

    code = "request.wrong-host"
    status = 421


class ProviderAway(Unavailable):
    """The identity provider does not answer, or answers something else than its standard."""

    code = "login.provider-away"


class PageMissing(EnclaveError):
    """No page has this address."""

    code = "page.missing"
    status = 404


class MethodRefused(EnclaveError):
    """The page exists, but not for this method."""

    code = "page.method"
    status = 405


class TooLarge(EnclaveError):
    """More was sent than a form here can hold."""

    code = "request.too-large"
    status = 413


class Unexpected(EnclaveError):
    """Something failed that we did not foresee; the details are in the service's own log."""

    code = "service.unexpected"
    status: ClassVar[int] = 500
