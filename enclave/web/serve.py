"""Runs a site on its port, on the loopback only: TLS is the front proxy's. Never reloads code."""

from __future__ import annotations

from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette

SHUTDOWN_SECONDS = 3


def server(app: Starlette) -> uvicorn.Server:
    """Return a uvicorn server for the app's own URL; `await server.serve()` runs it."""
    parts = urlsplit(app.state.web.site.url)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=parts.port or (443 if parts.scheme == "https" else 80),
        log_level="warning",
        access_log=False,  # addresses may carry what a person searched for; audit has the acts
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ws="none",
    )
    return uvicorn.Server(config)


def run(app: Starlette) -> None:
    """Serve until SIGTERM or SIGINT."""
    server(app).run()
