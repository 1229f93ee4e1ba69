"""A syscall filter for the process that holds rows: what answering queries never needs.

A list of what is refused, not of what is allowed: the C library, Arrow and gRPC differ from one
release to the next in what they call, and a call missing from an allow-list would close the door
on an upgrade. What matters is refused whatever its arguments: starting a program or a process, any
socket but a Unix one, and every call that reaches into another process or into the kernel.
Refused calls return an error; the process goes on.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
from collections.abc import Iterator

from enclave import syscalls
from enclave.gateway import kernel
from enclave.syscalls import ALLOW, ERROR, FIRST_ARGUMENT, IF_ANY_BIT, IF_EQUAL, LOAD, RETURN, Line

_CLONE_THREAD = 0x00010000  # linux/sched.h
_SET_FILTER, _ALL_THREADS = 1, 1
_SECCOMP = {"x86_64": 317, "aarch64": 277}

# Starting programs, other processes, file systems and namespaces, who we are, the kernel itself,
# new processes; threads go through `clone`, which is looked at.
_REFUSED = """
    execve execveat ptrace process_vm_readv process_vm_writev process_madvise process_mrelease
    pidfd_open pidfd_getfd pidfd_send_signal kcmp mount umount2 pivot_root chroot open_tree
    move_mount fsopen fsconfig fsmount fspick mount_setattr unshare setns name_to_handle_at
    open_by_handle_at mknodat mknod fanotify_init quotactl setuid setgid setreuid setregid
    setresuid setresgid setgroups capset personality bpf perf_event_open userfaultfd
    io_uring_setup io_uring_enter io_uring_register add_key request_key keyctl init_module
    finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff syslog acct
    settimeofday clock_settime adjtimex clock_adjtime sethostname setdomainname vhangup iopl
    ioperm modify_ldt fork vfork
"""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_char_p))


def install(*, network: bool = False) -> None:
    """Filter every thread of this process from now on; `network` leaves TCP and UDP open.

    Raises OSError where the kernel has no filters or this machine's call numbers are not known.
    """
    machine = platform.machine()
    body = program(machine, network=network)
    given = _Program(len(body) // 8, body)
    kernel.system_call(_SECCOMP[machine], _SET_FILTER, _ALL_THREADS, ctypes.byref(given))


def program(machine: str, *, network: bool = False) -> bytes:
    """Return the filter as an array of `struct sock_filter`; raises OSError as `install` does."""
    if machine not in syscalls.ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no syscall numbers are known for {machine}")
    return syscalls.program(_lines(machine, network=network))


def _lines(machine: str, *, network: bool) -> Iterator[Line]:
    yield from syscalls.begin(machine)
    for name in _REFUSED.split():
        yield from syscalls.refuse(name, machine, errno.EPERM)
    # Its flags lie behind a pointer no filter can read; without it the C library uses `clone`.
    yield from syscalls.refuse("clone3", machine, errno.ENOSYS)
    yield from _only("clone", machine, (IF_ANY_BIT, _CLONE_THREAD), errno.EPERM)
    for name in () if network else ("socket", "socketpair"):
        yield from _only(name, machine, (IF_EQUAL, socket.AF_UNIX), errno.EAFNOSUPPORT)
    yield RETURN, 0, 0, ALLOW


def _only(name: str, machine: str, wanted: tuple[int, int], error: int) -> Iterator[Line]:
    """Yield the refusal of a call unless its first argument is as wanted."""
    test, value = wanted
    found = syscalls.number(name, machine)
    if found is None:
        return
    yield IF_EQUAL, 0, 4, found
    yield LOAD, 0, 0, FIRST_ARGUMENT
    yield test, 0, 1, value
    yield RETURN, 0, 0, ALLOW
    yield RETURN, 0, 0, ERROR | error
