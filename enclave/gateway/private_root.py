"""A root directory of a worker's own: its program, its project's files, and nothing else.

Everything keeps its path, so settings mean the same inside. What is not bound here cannot be named
by the worker: no other project's extract, no key, no store, no home, no /etc. Needs root.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

from enclave.gateway import kernel

_NEW = {
    "mount": 0x20000,
    "cgroup": 0x2000000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "network": 0x40000000,
}
_SET_FLAGS, _UP = 0x8914, 1  # linux/sockios.h, linux/if.h
_READ_ONLY, _NOSUID, _NODEV, _NOEXEC = 1, 2, 4, 8
_REMOUNT, _BIND, _REC, _PRIVATE = 0x20, 0x1000, 0x4000, 1 << 18
_DETACH = 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
DEVICES = tuple(Path("/dev") / name for name in ("null", "zero", "random", "urandom"))


def unshare() -> None:
    """Leave the host's mounts, network, IPC and host name; a loopback of our own comes up."""
    kernel.call("unshare", sum(_NEW.values()))
    kernel.call("mount", b"none", b"/", None, _REC | _PRIVATE, None)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))


def build(place: Path, *, read: Iterable[Path], write: Iterable[Path]) -> None:
    """Put a new root together at `place`, a directory that exists. Raises OSError."""
    mount_memory(place, size=1 << 20, mode=0o755)
    for path in (*read, *DEVICES):
        _bind(place, path, _READ_ONLY | _NOSUID | (0 if path in DEVICES else _NODEV))
    for path in write:
        _bind(place, path, _NOSUID | _NODEV | _NOEXEC)
    (place / "proc").mkdir()
    kernel.call("mount", b"proc", _at(place, Path("/proc")), b"proc", _hardened(), None)


def mount_memory(place: Path, *, size: int, mode: int = 0o700, owner: int = 0) -> None:
    """Mount a memory file system of `size` bytes, kept out of swap where the kernel can."""
    options = f"size={size},mode={mode:o},uid={owner},gid={owner}"
    try:
        _mount_tmpfs(place, f"{options},noswap")
    except OSError:  # before Linux 6.4
        _mount_tmpfs(place, options)


def enter(place: Path) -> None:
    """Make `place` the root directory and let go of the old one. Raises OSError."""
    flags = _REMOUNT | _BIND | _READ_ONLY | _hardened()
    kernel.call("mount", b"none", os.fsencode(place), None, flags, None)
    os.chdir(place)
    here = ctypes.c_char_p(b".")
    kernel.system_call(_PIVOT_ROOT[platform.machine()], here, here)
    kernel.call("umount2", b".", _DETACH)
    os.chdir("/")


def _mount_tmpfs(place: Path, options: str) -> None:
    kernel.call(
        "mount",
        b"tmpfs",
        os.fsencode(place),
        b"tmpfs",
        _hardened(),
        ctypes.c_char_p(options.encode()),
    )


def _hardened() -> int:
    return _NOSUID | _NODEV | _NOEXEC


def _bind(root: Path, path: Path, flags: int) -> None:
    """Show a file or directory of the host at its own path; a link is made again as a link."""
    target = root / path.relative_to("/")
    if target.exists() or target.is_symlink() or not os.path.lexists(path):
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    if path.is_symlink():
        target.symlink_to(path.readlink())
        return
    if path.is_dir():
        target.mkdir()
    else:
        target.touch()
    kernel.call("mount", os.fsencode(path), os.fsencode(target), None, _BIND, None)
    kernel.call("mount", b"none", os.fsencode(target), None, _REMOUNT | _BIND | flags, None)


def _at(root: Path, path: Path) -> bytes:
    return os.fsencode(root / path.relative_to("/"))
