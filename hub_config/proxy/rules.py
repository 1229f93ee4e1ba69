"""What the proxy lets through: pure rules over paths and headers, no I/O.

Honest about reach: while notebook server and kernel share a container the researcher may replace
the server, which can then answer anything on an allowed path. What the *browser* may do with the
answer is decided here and cannot be replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit

_COMMON = "object-src 'none'; base-uri 'self'; font-src 'self' data:; img-src 'self' data: blob:"

# JupyterHub's own pages carry inline scripts; they hold no text a researcher wrote.
HUB_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'none'; form-action 'self' {workspaces}; " + _COMMON
)
# No allow-downloads, no allow-popups: neither a file nor a window leaves a workspace's page.
WORKSPACE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; worker-src 'self' blob:; "
    "frame-src 'self'; frame-ancestors 'self'; form-action 'self'; "
    + _COMMON
    + "; sandbox allow-scripts allow-same-origin allow-forms allow-modals"
)
ALWAYS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-DNS-Prefetch-Control": "off",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=(), "
    "display-capture=(), clipboard-read=(self), clipboard-write=(self)",
}

# RFC 9110 7.6.1, and what this proxy writes itself.
HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
FORWARDED = ("forwarded", "x-forwarded-", "x-real-ip", "x-scheme")

_OURS = frozenset({"content-security-policy", *(name.lower() for name in ALWAYS)})

# A workspace may send these and no other: nothing that makes a browser report, prefetch, refresh,
# redirect elsewhere or save a file.
_FROM_WORKSPACE = frozenset(
    [
        "content-type",
        "content-length",
        "content-encoding",
        "content-language",
        "cache-control",
        "etag",
        "expires",
        "last-modified",
        "date",
        "vary",
        "set-cookie",
        "location",
        "accept-ranges",
        "content-range",
        "pragma",
        "x-jupyterhub-version",
    ]
)

# First segments below a workspace's prefix that hand out files or a shell.
_REFUSED_FIRST = frozenset({"files", "nbconvert", "terminals"})
_REFUSED_API = frozenset({"terminals", "nbconvert"})
_REFUSED_HUB = (("hub", "token"), ("hub", "admin"))

# What a notebook server asks of the hub, and nothing else: (method, path after the API prefix).
_WORKSPACE_CALLS = frozenset({("GET", ""), ("GET", "user"), ("POST", "oauth2/token")})


def segments(raw_path: str) -> tuple[str, ...] | None:
    """Return a path's decoded segments, or None where decoding changes its meaning.

    `a%2Fb`, `..` and the like are how one path is made to look like another.
    """
    decoded = tuple(unquote(part) for part in raw_path.split("/") if part)
    if any(part in {".", ".."} or "/" in part or "\\" in part or "\0" in part for part in decoded):
        return None
    return decoded


def refuses(path: tuple[str, ...], query: Iterable[str], *, workspace: bool) -> bool:
    """Say whether a browser may not ask for this path (R36: outputs leave through egress only)."""
    if not workspace:
        return path[:2] in _REFUSED_HUB
    inside = path[3:] if path[:1] == ("user",) else path
    if inside[:1] == ("api",):
        return inside[1:2] != () and inside[1] in _REFUSED_API
    return (inside[:1] != () and inside[0] in _REFUSED_FIRST) or "download" in query


def workspace_may_call(method: str, path: tuple[str, ...]) -> bool:
    """Say whether a workspace may make this call to the hub; its token decides for whom."""
    if path[:2] != ("hub", "api"):
        return False
    call = "/".join(path[2:])
    if (method, call) in _WORKSPACE_CALLS:
        return True
    return method == "POST" and len(path) == 5 and path[2] == "users" and path[4] == "activity"


def request_headers(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers to pass on; what names the client is ours to say, not the client's."""
    return [
        (name, value)
        for name, value in given
        if name.lower() not in HOP_BY_HOP and not name.lower().startswith(FORWARDED)
    ]


def response_headers(
    given: Iterable[tuple[str, str]], *, workspace: bool, domain: str
) -> list[tuple[str, str]]:
    """Return the headers to answer with; a workspace's by allow-list, redirects only inwards."""
    kept = []
    for name, value in given:
        lower = name.lower()
        if lower in HOP_BY_HOP or lower in _OURS:
            continue
        if workspace and lower not in _FROM_WORKSPACE:
            continue
        if workspace and lower == "location" and not stays(value, domain):
            continue
        is_cookie = workspace and lower == "set-cookie"
        kept.append((name, _own_cookie(value) if is_cookie else value))
    return kept


def stays(location: str, domain: str) -> bool:
    """Say whether a redirect stays on the hub's host name or below it."""
    if "\\" in location or any(ord(letter) < 33 for letter in location):
        return False  # browsers read these as `/` or drop them
    parts = urlsplit(location)
    if not parts.scheme and not parts.netloc:
        return True
    host = parts.hostname or ""
    return parts.scheme in {"http", "https"} and (host == domain or host.endswith("." + domain))


def _own_cookie(value: str) -> str:
    """Drop the Domain attribute: a workspace sets cookies for its own host name only."""
    parts = [part for part in value.split(";") if not part.strip().lower().startswith("domain")]
    return ";".join(parts)


def policy(*, workspace: bool, workspaces: str) -> str:
    """Return the content security policy; `workspaces` is the source of all workspace origins."""
    return WORKSPACE_POLICY if workspace else HUB_POLICY.format(workspaces=workspaces)
