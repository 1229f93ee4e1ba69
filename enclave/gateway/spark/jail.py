"""Start one program that can reach no more files and no more network than it was given.

For Spark's JVM: its SQL can run programs and read files, so the kernel (Landlock) forbids both
whatever its SQL says. Run by path with `python -I`, not imported: it stands alone and needs nothing
of ours. Never widens what its caller may do. Prints `landlock: no` and goes on where the kernel
has no Landlock, for the caller to say so.

    jail.py --read PATH… --run PATH… --write PATH… --connect PORT… -- PROGRAM ARGUMENT…
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Iterable

# linux/landlock.h; the numbers of its three calls are the same on every architecture.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_FILES_BY_VERSION = {1: 1 << 13, 2: 1 << 14, 3: 1 << 15, 4: 1 << 15}  # one past the last right
_IOCTL_DEV_VERSION, _IOCTL_DEV = 5, 1 << 15
_NETWORK_VERSION, _CONNECT_TCP = 4, 2
_SCOPE_VERSION, _SCOPES = 6, 3  # abstract Unix sockets and signals outside stay out of reach
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE

_libc = ctypes.CDLL(None, use_errno=True)


def enter(
    *, read: Iterable[str], run: Iterable[str], write: Iterable[str], connect: Iterable[int]
) -> bool:
    """Restrict this process for good; return False where the kernel cannot."""
    version = _libc.syscall(_CREATE, None, 0, 1)
    if version < 1:
        return False
    every = _FILES_BY_VERSION.get(version, 1 << 15) - 1
    if version >= _IOCTL_DEV_VERSION:
        every |= _IOCTL_DEV
    network = _CONNECT_TCP if version >= _NETWORK_VERSION else 0
    scopes = _SCOPES if version >= _SCOPE_VERSION else 0
    wanted = struct.pack("QQQ", every, network, scopes)
    size = 24 if version >= _SCOPE_VERSION else 16 if version >= _NETWORK_VERSION else 8
    rules = _check(_libc.syscall(_CREATE, wanted, size, 0))
    for paths, rights in (
        (read, _READ_FILE | _READ_DIR),
        (run, _READ_FILE | _EXECUTE),
        (write, every & ~_EXECUTE),
    ):
        for path in paths:
            _allow(rules, path, rights & every)
    for port in connect if network else ():
        _check(_libc.syscall(_ADD, rules, 2, struct.pack("QQ", _CONNECT_TCP, port), 0))
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _check(_libc.syscall(_RESTRICT, rules, 0))
    os.close(rules)
    return True


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # what is not there need not be reached
    if not os.path.isdir(path):
        rights &= _ON_FILES
    rule = struct.pack("=Qi", rights, place)
    _check(_libc.syscall(_ADD, rules, 1, rule, 0))
    os.close(place)


def _check(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


def main(arguments: list[str]) -> None:
    """Read the lists, enter the jail and become the program."""
    lists: dict[str, list[str]] = {"--read": [], "--run": [], "--write": [], "--connect": []}
    current: list[str] = []
    split = arguments.index("--")
    for word in arguments[:split]:
        if word in lists:
            current = lists[word]
        else:
            current.append(word)
    parent = os.getppid()
    _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0))
    if os.getppid() != parent:  # it ended before the call
        sys.exit(1)
    jailed = enter(
        read=lists["--read"],
        run=lists["--run"],
        write=lists["--write"],
        connect=map(int, lists["--connect"]),
    )
    print("landlock: yes" if jailed else "landlock: no", flush=True)
    os.execv(arguments[split + 1], arguments[split + 1 :])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
