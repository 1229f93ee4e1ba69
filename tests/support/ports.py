"""Ports for the servers of tests, of which several runs go on side by side on one machine.

Below those the kernel gives to outgoing connections: one of these could take a port between the
moment it was seen free and the moment its server listens.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack, suppress

_BELOW_OUTGOING = range(20_000, 32_768)


def free_ports(count: int) -> list[int]:
    """Return that many ports nobody listens on at the moment."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = secrets.choice(_BELOW_OUTGOING)
            probe = held.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
    return found


def free_port() -> int:
    """Return a port nobody listens on at the moment."""
    return free_ports(1)[0]
