"""Refuses requests that change something unless they come from this site's own pages.

No tokens: the browser itself says where a request comes from (Fetch Metadata, Origin), and a page
cannot forge either. Never trusts Referer, and never lets a request through that says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from enclave.web.errors import CrossSite, MethodRefused

SAFE_METHODS = frozenset({"GET", "HEAD"})


def check(method: str, headers: Mapping[str, str], origin: str) -> None:
    """Pass safe methods; pass POST from `origin` only.

    Both headers must agree when both are there; when both are missing the request is refused.
    Raises `MethodRefused` for any other method and `CrossSite` for a POST from elsewhere.
    """
    if method in SAFE_METHODS:
        return
    if method != "POST":
        raise MethodRefused("This address answers GET and POST only.")
    claims = [
        headers.get("sec-fetch-site", "same-origin") == "same-origin",
        headers.get("origin", origin) == origin,
        "sec-fetch-site" in headers or "origin" in headers,
    ]
    if not all(claims):
        raise CrossSite(
            "The request did not come from a page of this site, so nothing was changed.",
            hint="Open the page here and send the form again.",
        )
