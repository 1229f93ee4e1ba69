"""A syscall filter for the process that holds rows: what answering queries never needs.

A list of what is refused, not of what is allowed: the C library, Arrow and gRPC differ from one
release to the next in what they call, and a call missing from an allow-list would close the door
on an upgrade. What matters is refused whatever its arguments: starting a program or a process, any
socket but a Unix one, and every call that reaches into another process or into the kernel.
Refused calls return an error; the process goes on. Numbers: asm/unistd_64.h, asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct
from collections.abc import Iterator

from enclave.gateway import kernel

# linux/audit.h, linux/seccomp.h, linux/bpf_common.h, linux/sched.h
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_X32, _CLONE_THREAD, _CLONE3 = 0x40000000, 0x00010000, 435
_SET_FILTER, _ALL_THREADS = 1, 1
_SECCOMP = {"x86_64": 317, "aarch64": 277}

# name: (x86_64, aarch64); None where the machine has no such call
REFUSED: dict[str, tuple[int | None, int | None]] = {
    # starting programs
    "execve": (59, 221),
    "execveat": (322, 281),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    # file systems and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "mknodat": (259, 33),
    "mknod": (133, None),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    # who we are
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setgroups": (116, 159),
    "capset": (126, 91),
    "personality": (135, 92),
    # the kernel itself
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "syslog": (103, 116),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    # new processes; threads go through `clone`, which is looked at
    "fork": (57, None),
    "vfork": (58, None),
}
_SOCKETS = {"socket": (41, 198), "socketpair": (53, 199)}
_CLONE = (56, 220)


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
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no syscall numbers are known for {machine}")
    return b"".join(struct.pack("=HBBI", *line) for line in _lines(machine, network=network))


def _lines(machine: str, *, network: bool) -> Iterator[tuple[int, int, int, int]]:
    column = list(_ARCHITECTURES).index(machine)
    yield _LOAD, 0, 0, _ARCH
    yield _IF_EQUAL, 1, 0, _ARCHITECTURES[machine]
    yield _RETURN, 0, 0, _KILL
    yield _LOAD, 0, 0, _NUMBER
    if machine == "x86_64":  # the x32 numbers are a second way to every call
        yield _IF_AT_LEAST, 0, 1, _X32
        yield _RETURN, 0, 0, _KILL
    for numbers in REFUSED.values():
        number = numbers[column]
        if number is not None:
            yield from _refuse(number, errno.EPERM)
    # Its flags lie behind a pointer no filter can read; without it the C library uses `clone`.
    yield from _refuse(_CLONE3, errno.ENOSYS)
    yield _IF_EQUAL, 0, 4, _CLONE[column]
    yield _LOAD, 0, 0, _FIRST_ARGUMENT
    yield _IF_ANY_BIT, 0, 1, _CLONE_THREAD
    yield _RETURN, 0, 0, _ALLOW
    yield _RETURN, 0, 0, _ERROR | errno.EPERM
    for numbers in () if network else _SOCKETS.values():
        yield _IF_EQUAL, 0, 4, numbers[column]
        yield _LOAD, 0, 0, _FIRST_ARGUMENT
        yield _IF_EQUAL, 0, 1, socket.AF_UNIX
        yield _RETURN, 0, 0, _ALLOW
        yield _RETURN, 0, 0, _ERROR | errno.EAFNOSUPPORT
    yield _RETURN, 0, 0, _ALLOW


def _refuse(number: int, error: int) -> Iterator[tuple[int, int, int, int]]:
    yield _IF_EQUAL, 0, 1, number
    yield _RETURN, 0, 0, _ERROR | error
