"""A syscall filter for workspaces, as the bytes the kernel takes: what no analysis ever needs.

Stands on top of Docker's own profile (whose 2020s default still lets io_uring through) and is the
whole filter under bubblewrap. Refused calls return EPERM; the process goes on.
"""

from __future__ import annotations

import errno
import platform
import struct

from enclave.errors import Unavailable

# linux/audit.h, linux/seccomp.h, linux/bpf_common.h
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE = 0x00050000 | errno.EPERM
_ABSENT = 0x00050000 | errno.ENOSYS
_X32 = 0x40000000
_NUMBER, _ARCH = 0, 4  # offsets in struct seccomp_data

# Numbers from asm/unistd_64.h and asm-generic/unistd.h.
_REFUSED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "open_by_handle_at": (304, 265),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "syslog": (103, 116),
}
# clone3 hides its flags behind a pointer no filter can read; without it libc falls back to clone.
_CLONE3 = 435


def refused() -> tuple[str, ...]:
    """Return the names of the calls the filter refuses."""
    return tuple(_REFUSED)


def program(machine: str | None = None) -> bytes:
    """Return the filter as an array of `struct sock_filter`.

    Raises `Unavailable` for a machine whose syscall numbers are not known here.
    """
    machine = machine or platform.machine()
    if machine not in _ARCHITECTURE:
        raise Unavailable(
            f"There is no syscall filter for {machine}, so no workspace starts on it.",
            hint="Use a x86_64 or aarch64 machine.",
        )
    column = list(_ARCHITECTURE).index(machine)
    lines = [
        _line(_LOAD, _ARCH),
        _line(_JUMP_EQUAL, _ARCHITECTURE[machine], yes=1),
        _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":  # the x32 numbers are a second way to every call
        lines += [_line(_JUMP_AT_LEAST, _X32, no=1), _line(_RETURN, _KILL)]
    for numbers in _REFUSED.values():
        lines += [_line(_JUMP_EQUAL, numbers[column], no=1), _line(_RETURN, _REFUSE)]
    lines += [_line(_JUMP_EQUAL, _CLONE3, no=1), _line(_RETURN, _ABSENT)]
    return b"".join([*lines, _line(_RETURN, _ALLOW)])


def _line(code: int, k: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, k)
