"""Which programs make up an enclave on one host, in the order they start, and when each is ready.

Never starts anything itself: `supervisor` does.
"""

from __future__ import annotations

import http.client
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from enclave.audit_client import SOURCES, socket_path
from enclave.demo import witness
from enclave.errors import Unavailable
from enclave.programs import ours
from enclave.sessions import poke
from enclave.settings import Settings

Ready = Callable[[Settings], bool]


@dataclass(frozen=True, slots=True)
class Service:
    """One program that runs in the foreground until SIGTERM; `ready` says whether it answers.

    Those after one with `others_wait` start only once it is ready.
    """

    name: str
    argv: tuple[str, ...]
    ready: Ready
    others_wait: bool = False


def answers_on(path: Path) -> bool:
    """Say whether something accepts connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True


def answers_http(url: str, path: str) -> bool:
    """Say whether a site on this host answers `path` with a status below 500.

    `*.localhost` means this machine (RFC 6761 6.3) but is not known to every resolver, so the
    connection goes to the loopback address and the name into the Host header.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=3)
    try:
        connection.request("GET", path, headers={"Host": parts.netloc})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _audit_writer(settings: Settings) -> bool:
    return all(answers_on(socket_path(settings, source)) for source in SOURCES)


def follows(settings: Settings, service: str) -> bool:
    """Say whether a service makes its sockets equal to the open sessions when asked."""
    try:
        poke(settings, service)
    except (ConnectionError, Unavailable):
        return False
    return True


def _gateway(settings: Settings) -> bool:
    return follows(settings, "gateway")


def _review(settings: Settings) -> bool:
    return follows(settings, "egress") and answers_http(settings.review_url, "/healthz")


AUDIT = Service("audit", (ours("audit"), "serve"), _audit_writer, others_wait=True)

SERVICES: tuple[Service, ...] = (
    AUDIT,
    Service(  # another party's, in earnest
        "witness",
        (sys.executable, "-m", "enclave.demo.witness"),
        lambda s: answers_http(f"http://127.0.0.1:{witness.port(s)}", "/"),
    ),
    Service(
        "login",
        (sys.executable, "-m", "hub_config.idp"),
        lambda s: answers_http(s.oidc_issuer, "/.well-known/openid-configuration"),
    ),
    Service(
        "audit-web",
        (ours("audit"), "web"),
        lambda s: answers_http(s.audit_url, "/healthz"),
    ),
    Service("gateway", (ours("enclave"), "gateway", "serve"), _gateway),
    Service("review", (ours("egress-review"), "serve"), _review),
    Service(
        "proxy",
        (sys.executable, "-m", "hub_config.proxy"),
        lambda s: answers_http(s.hub_url, "/healthz"),
        others_wait=True,
    ),
    Service(
        "hub",
        (ours("jupyterhub"), "-f", "jupyterhub_config.py"),
        lambda s: answers_http(s.hub_url, "/hub/health"),
    ),
)
