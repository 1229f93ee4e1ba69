"""The response headers every page carries, and the one safe way to hand out a file.

Never lets a page run inline script or style, be framed, or stay in a cache.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def origin_of(url: str) -> str:
    """Return scheme://host[:port] of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def security_headers(*, issuer: str, https: bool) -> dict[str, str]:
    """Return the headers of a page.

    `form-action` names the identity provider because a form may end in a redirect to its log-in
    (CSP 3, 6.4.2: redirects of a form submission are checked too).
    """
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"font-src 'self'; connect-src 'self'; form-action 'self' {origin_of(issuer)}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # not `no-referrer`: that would turn the Origin of our own forms into `null`
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cache-Control": "no-store",
    }
    if https:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


class SecureHeaders:
    """ASGI middleware: adds each header unless the response has set a stricter one itself."""

    def __init__(self, app: ASGIApp, *, headers: dict[str, str]) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the response's headers."""

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    sent.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, complete)


class Attachment(Response):
    """A file to save, never a page of ours: opened in the browser it would run in a sandbox."""

    def __init__(self, content: bytes, filename: str, media_type: str = "application/octet-stream"):
        # RFC 6266: a plain ASCII name for old readers, the exact one percent-encoded beside it
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", filename).strip("._") or "file"
        exact = quote(filename, safe="")
        disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"
        super().__init__(
            content,
            media_type=media_type,
            headers={
                "Content-Disposition": disposition,
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
        )
