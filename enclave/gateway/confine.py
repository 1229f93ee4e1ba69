"""Give up what a worker does not need, before it reads a row: files, network, calls, privileges.

Must be called while the process has one thread: namespaces, Landlock and capabilities belong to a
thread, and a thread that was there before keeps what it had (importing pyarrow starts two). So the
worker's own modules are imported afterwards. Each control stands alone; tests take them away one
by one. Never gives anything back.
"""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import enclave
from enclave.errors import Unavailable
from enclave.gateway import kernel, landlock, private_root, seccomp

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_LAST_CAPABILITY = 63
_JAVA = (Path("/etc/java-17-openjdk"), Path("/etc/nsswitch.conf"))  # Java's own settings
_USERS = Path("/etc/passwd")  # Java asks who runs it; a root of our own holds that one line
PROCESSES = 512  # threads too: gRPC and the engine start some each
MEMORY_PLACE, SPILL_PLACE = Path("/memory"), Path("/spill")
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - checked to be tmpfs before it is used


@dataclass(frozen=True, slots=True)
class Cell:
    """What one worker may see and take. Sizes in bytes; `uid` 0: it keeps its own.

    `java`: it also sees what Java reads of /etc.
    """

    project: str
    state_dir: Path
    run_dir: Path
    memory: int
    spill: int
    uid: int = 0
    java: bool = False

    @property
    def read(self) -> tuple[Path, ...]:
        """Return what it may read: the program and the project's extract."""
        program = (sys.prefix, sys.base_prefix, *enclave.__path__)
        system = ("/usr", "/lib", "/lib64", "/etc/localtime", "/etc/ld.so.cache")
        extract = self.state_dir / "extracts" / self.project
        return (*map(Path, system), *map(Path, program), extract, *(_JAVA if self.java else ()))

    @property
    def journal(self) -> Path:
        """Return the one directory it writes to that outlives it."""
        return self.state_dir / "gateway" / self.project

    @property
    def sessions(self) -> Path:
        """Return where it makes its sockets."""
        return self.run_dir / "sessions"

    @property
    def audit(self) -> Path:
        """Return where audit listens to it."""
        return self.run_dir / "audit" / "gateway"


# Starts the program with its rows in this directory; returns the ports it listens on (loopback).
Companion = Callable[[Path], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Confined:
    """What holds, by name, and the memory file systems of its own: None where not root."""

    held: tuple[str, ...]
    scratch: Path | None = None
    spill: Path | None = None


def confine(cell: Cell, *, parent: int, companion: Companion | None = None) -> Confined:
    """Confine this process to its cell. Raises Unavailable where too little of it would hold.

    A companion program (an engine that is a program of its own) is started inside the same
    namespaces and as the same user, before starting programs ends.
    """
    with suppress(OSError):  # the kernel should take this process first when memory runs out
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    held = [leave_no_dump(), bound_memory(cell)]
    alone = os.geteuid() == 0 and enter_own_root(cell)
    if alone:
        held.append("own namespaces and root directory")
    if os.geteuid() == 0:
        held.append(drop_privileges(cell if alone else None))
    kernel.call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    leave_no_dump()  # a change of user undoes both
    die_with_parent(parent)
    ports = companion(MEMORY_PLACE if alone else SHARED_MEMORY) if companion else ()
    files = limit_files(cell, ports, alone=alone)
    calls = filter_calls(network=bool(ports))
    if not calls or not (files or alone):
        raise Unavailable(
            "This host cannot confine the process that holds rows.",
            hint="Run the gateway as root, or on Linux 5.13 or later with Landlock and seccomp.",
        )
    held = [name for name in (*held, files, calls) if name]
    log.info("confined: %s", "; ".join(held))
    return Confined(tuple(held), *((MEMORY_PLACE, SPILL_PLACE) if alone else (None, None)))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends."""
    kernel.call("prctl", _PR_SET_PDEATHSIG, int(signal.SIGKILL))
    # In a process space of its own the parent has no number; its pipe, closed, says the same.
    if os.getpid() != 1 and os.getppid() != parent:
        os._exit(1)


def leave_no_dump() -> str:
    """No core file, and no look into our memory by our own user: keys and rows are in it."""
    kernel.call("prctl", _PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return "no dump"


def bound_memory(cell: Cell) -> str:
    """Bound our own memory: DuckDB's planner is under none of its limits."""
    resource.setrlimit(resource.RLIMIT_DATA, (cell.memory, cell.memory))
    return "bounded memory"


def enter_own_root(cell: Cell) -> bool:
    """Move into namespaces and a root directory of our own; say whether the host let us."""
    place = (cell.run_dir / "gateway" / "memory").resolve()
    before = os.umask(0o022)
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        private_root.unshare()
        private_root.build(place, read=cell.read, write=(cell.journal, cell.sessions, cell.audit))
        for path, size in ((MEMORY_PLACE, cell.memory), (SPILL_PLACE, max(cell.spill, 4096))):
            target = place / path.relative_to("/")
            target.mkdir()
            private_root.mount_memory(target, size=size, owner=cell.uid)
        if cell.java:
            line = f"worker:x:{cell.uid}:{cell.uid}::/:/usr/sbin/nologin\n"
            (place / _USERS.relative_to("/")).write_text(line, encoding="ascii")
        private_root.enter(place)
    except OSError as error:
        log.warning("no namespaces of its own for the worker: %s", error.strerror)
        return False
    finally:
        os.umask(before)
    return True


def drop_privileges(cell: Cell | None) -> str:
    """Become the project's own user, if there is one, and empty every capability set.

    The one group kept beside its own is that of audit's directory, to be able to speak to it.
    """
    for number in range(_LAST_CAPABILITY + 1):
        with suppress(OSError):  # numbers beyond this kernel's last one
            kernel.call("prctl", _PR_CAPBSET_DROP, number)
    if cell is not None and cell.uid:
        resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))
        os.setgroups([cell.audit.stat().st_gid])
        os.setresgid(cell.uid, cell.uid, cell.uid)
        os.setresuid(cell.uid, cell.uid, cell.uid)
    header = _Header(version=0x20080522, pid=0)
    kernel.call("capset", ctypes.byref(header), ctypes.byref((_Data * 2)()))
    return "a user of its own without capabilities" if os.geteuid() else "root, no capabilities"


def limit_files(cell: Cell, ports: tuple[int, ...], *, alone: bool) -> str:
    """Leave only the cell's files readable, whoever we run as; empty where there is no Landlock.

    `ports`: where TCP may still connect to.
    """
    process = Path("/proc") if alone else Path(f"/proc/{os.getpid()}")
    facts = [Path("/proc") / name for name in ("meminfo", "cpuinfo", "stat", "filesystems")]
    # DuckDB ends the process where it may not look for its control group (2.0.0).
    facts += [Path("/sys/fs/cgroup"), Path("/sys/devices/system")]
    users = (_USERS,) if cell.java else ()
    readable = (*cell.read, *users, process, *facts, *private_root.DEVICES)
    rights = dict.fromkeys(readable, landlock.READ)
    rights[cell.journal] = landlock.WRITE
    rights[cell.sessions] = landlock.SOCKETS
    rights |= dict.fromkeys(
        (MEMORY_PLACE, SPILL_PLACE) if alone else (SHARED_MEMORY,), landlock.WRITE
    )
    held = landlock.restrict(rights, ports=ports)
    return f"Landlock {held}" if held else ""


def filter_calls(*, network: bool = False) -> str:
    """Refuse the system calls no query needs; empty where the kernel has no such filter."""
    try:
        seccomp.install(network=network)
    except OSError as error:
        log.warning("no syscall filter: %s", error.strerror)
        return ""
    return "syscall filter"


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )
