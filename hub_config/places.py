"""Where the hub's rooms lie: sockets, secrets, homes. One place, so that all processes agree.

`run_dir/hub` is the hub's alone (0700); `run_dir/hub-api` is what a workspace sees of the hub.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from enclave.durable import make_directory, write_once
from enclave.settings import Settings

RESEARCHER_UID = 1000  # inside the image, and the owner of homes and server directories


def private(settings: Settings) -> Path:
    """Return the directory of sockets between hub and proxy, made if need be."""
    return make_directory(settings.run_dir / "hub", 0o700)


def state(settings: Settings) -> Path:
    """Return the directory of what the hub must remember, made if need be."""
    return make_directory(settings.state_dir / "hub", 0o700)


def hub_socket(settings: Settings) -> Path:
    """Return the hub's own listening socket."""
    return private(settings) / "hub.sock"


def proxy_socket(settings: Settings) -> Path:
    """Return the socket of the proxy's routing interface, spoken to by the hub alone."""
    return private(settings) / "proxy.sock"


def workspace_api(settings: Settings) -> Path:
    """Return the directory mounted into every workspace; its one socket leads to the hub's API."""
    return make_directory(settings.run_dir / "hub-api", 0o755)


def server_socket(settings: Settings, session: str) -> Path:
    """Return where a session's notebook server listens, our own part of the path resolved."""
    return settings.run_dir.resolve() / "sessions" / session / "server" / "server.sock"


def secret(settings: Settings, name: str) -> str:
    """Return a secret that hub and proxy share, made by whichever asks first (64 hex digits)."""
    path = state(settings) / name
    if not path.exists():
        write_once(path, secrets.token_hex(32).encode())
    return path.read_text().strip()
