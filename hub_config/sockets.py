"""Unix sockets that a researcher may have tampered with: opened without following any link.

A workspace owns the directory its server listens in. A link put there must not lead the proxy,
which may do more than the researcher, to another socket (Docker's, another person's).
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from enclave.errors import Denied

_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def pinned(path: Path) -> Iterator[str]:
    """Yield a name for exactly the socket found at `path`, which stays that socket.

    Every step of the path is opened with O_NOFOLLOW from the one before, so there is no moment at
    which a link could be put in between. Raises `Denied` for a link or anything but a socket,
    `FileNotFoundError` where there is nothing.
    """
    handle = _open(path)
    try:
        if not stat.S_ISSOCK(os.fstat(handle).st_mode):
            raise Denied("The workspace's socket has been replaced by something else.")
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    """Open a path component by component; every descriptor but the last is closed again."""
    handle = os.open("/", _LOOK | os.O_DIRECTORY)
    for part in path.absolute().parts[1:]:
        try:
            following = os.open(part, _LOOK, dir_fd=handle)
        finally:
            os.close(handle)
        handle = following
        if stat.S_ISLNK(os.fstat(handle).st_mode):
            os.close(handle)
            raise Denied("The workspace's socket has been replaced by a link.")
    return handle


def accepts(path: Path) -> bool:
    """Say whether a real socket at `path` accepts a connection right now."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            with pinned(path) as name:
                probe.connect(name)
        except OSError:
            return False
        return True


def url_of(path: Path) -> str:
    """Return the `http+unix` address of a socket; capitals are escaped, since hosts lose them."""
    plain = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789.-_")
    escaped = (chr(byte) if byte in plain else f"%{byte:02x}" for byte in os.fsencode(path))
    return "http+unix://" + "".join(escaped)


def path_of(url: str) -> Path | None:
    """Return the socket's path of an `http+unix` address, or None for another kind of address."""
    parts = urlsplit(url)
    if parts.scheme != "http+unix":
        return None
    return Path(unquote(parts.netloc.rsplit(":", 1)[0] if ":" in parts.netloc else parts.netloc))
