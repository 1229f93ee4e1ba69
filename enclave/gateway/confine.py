"""Give up what a worker does not need, before it reads a row: network, privileges, memory.

Called first thing in the worker's main thread: namespaces belong to a thread, and threads started
later inherit them. Where the process is not root the network namespace and the private memory file
system are left out, and the log says so.
"""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWNET = 0x20000, 0x8000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_SLAVE = 2, 4, 8, 0x4000, 1 << 19
_LAST_CAPABILITY = 63

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends."""
    _call("prctl", _PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:  # it ended before the call
        os._exit(1)


def confine(mount: Path, *, memory: int) -> Path | None:
    """Confine this process; return a memory file system of its own, or None where not root.

    `memory` bounds in bytes both the process's own data and that file system.
    """
    _call("prctl", _PR_SET_DUMPABLE, 0)  # no core, no ptrace by the same user: keys are in memory
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))  # DuckDB's planner is under no limit
    private = None
    if os.geteuid() == 0:
        private = _private_memory(mount, memory)
        _drop_capabilities()
    else:
        log.warning("not root: the worker keeps the host's network namespace")
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    with suppress(OSError):  # the kernel should take this process first when memory runs out
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    return private


def _private_memory(mount: Path, memory: int) -> Path | None:
    try:
        _call("unshare", _CLONE_NEWNS | _CLONE_NEWNET | _CLONE_NEWIPC)
        mount.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What the host mounts later shall be seen here, what we mount nowhere else.
        _call("mount", b"none", b"/", None, _MS_REC | _MS_SLAVE, None)
        options = f"size={memory},mode=0700".encode()
        flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
        _call("mount", b"tmpfs", os.fsencode(mount), b"tmpfs", flags, options)
    except OSError as error:
        log.warning("no namespaces of its own for the worker: %s", error.strerror)
        return None
    return mount


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _drop_capabilities() -> None:
    """Empty every capability set: root without them owns its own files and nothing more."""
    for number in range(_LAST_CAPABILITY + 1):
        with suppress(OSError):  # numbers beyond this kernel's last one
            _call("prctl", _PR_CAPBSET_DROP, number)
    header = _Header(version=0x20080522, pid=0)
    _call("capset", ctypes.byref(header), ctypes.byref((_Data * 2)()))


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
