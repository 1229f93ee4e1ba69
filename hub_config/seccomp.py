"""A syscall filter for workspaces, as the bytes the kernel takes: what no analysis ever needs.

Stands on top of Docker's own profile (whose 2020s default still lets io_uring through) and is the
whole filter under bubblewrap. Refused calls return EPERM; the process goes on.
"""

from __future__ import annotations

import errno
import platform
from collections.abc import Iterator

from enclave import syscalls
from enclave.errors import Unavailable

_REFUSED = """
    ptrace process_vm_readv process_vm_writev pidfd_getfd mount umount2 pivot_root open_tree
    move_mount fsopen fsconfig fsmount fspick mount_setattr unshare setns add_key request_key
    keyctl bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
    init_module finit_module delete_module kexec_load kexec_file_load open_by_handle_at reboot
    swapon swapoff syslog
"""


def refused() -> tuple[str, ...]:
    """Return the names of the calls the filter refuses."""
    return tuple(_REFUSED.split())


def program(machine: str | None = None) -> bytes:
    """Return the filter as an array of `struct sock_filter`.

    Raises `Unavailable` for a machine whose syscall numbers are not known here.
    """
    machine = machine or platform.machine()
    if machine not in syscalls.ARCHITECTURES:
        raise Unavailable(
            f"There is no syscall filter for {machine}, so no workspace starts on it.",
            hint="Use a x86_64 or aarch64 machine.",
        )
    return syscalls.program(_lines(machine))


def _lines(machine: str) -> Iterator[syscalls.Line]:
    yield from syscalls.begin(machine)
    for name in refused():
        yield from syscalls.refuse(name, machine, errno.EPERM)
    # Its flags lie behind a pointer no filter can read; without it the C library uses `clone`.
    yield from syscalls.refuse("clone3", machine, errno.ENOSYS)
    yield syscalls.RETURN, 0, 0, syscalls.ALLOW
