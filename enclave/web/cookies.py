"""Our two cookies: one names the session, one ties a log-in under way to its browser.

`__Host-` makes the browser insist on Secure, Path=/ and no Domain, so no other host can plant one;
browsers accept Secure on http://*.localhost too. Never holds anything but a random id.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.responses import Response

SESSION = "__Host-enclave"
LOGIN = "__Host-enclave-login"


def read(headers: Headers, name: str) -> str | None:
    """Return a cookie's value; a header that cannot be read carries none."""
    try:
        jar = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return None
    return jar[name].value if name in jar else None


def put(response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """Set a cookie; without `max_age` (seconds) it ends with the browser.

    SameSite is Lax, not Strict: the identity provider's redirect back is a cross-site navigation.
    """
    response.set_cookie(
        name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="lax"
    )


def drop(response: Response, name: str) -> None:
    """Remove a cookie from the browser."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
