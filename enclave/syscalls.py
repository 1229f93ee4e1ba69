"""Syscall filters as the kernel takes them: numbers of calls, and the pieces a filter is made of.

For the two filters of this project, the gateway's and the workspaces', which refuse different
lists. Decides nothing and installs nothing. Numbers: asm/unistd_64.h, asm-generic/unistd.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

# linux/audit.h, linux/seccomp.h, linux/bpf_common.h
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
LOAD, IF_EQUAL, IF_AT_LEAST, IF_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
FIRST_ARGUMENT = 16  # offset in struct seccomp_data, little-endian
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH = 0, 4  # offsets too
_X32 = 0x40000000

Line = tuple[int, int, int, int]  # a struct sock_filter: what, where to go if so, if not; value

# name: (x86_64, aarch64); None where the machine has no such call
NUMBERS: Mapping[str, tuple[int | None, int | None]] = {
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
    # looked at, not refused outright
    "socket": (41, 198),
    "socketpair": (53, 199),
    "clone": (56, 220),
    "clone3": (435, 435),
}


def number(name: str, machine: str) -> int | None:
    """Return a call's number, None where the machine has no such call."""
    return NUMBERS[name][list(ARCHITECTURES).index(machine)]


def program(lines: Iterator[Line]) -> bytes:
    """Return a filter as an array of `struct sock_filter`."""
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def begin(machine: str) -> Iterator[Line]:
    """Yield what every filter begins with: calls of another architecture end the process."""
    yield LOAD, 0, 0, _ARCH
    yield IF_EQUAL, 1, 0, ARCHITECTURES[machine]
    yield RETURN, 0, 0, KILL
    yield LOAD, 0, 0, _NUMBER
    if machine == "x86_64":  # the x32 numbers are a second way to every call
        yield IF_AT_LEAST, 0, 1, _X32
        yield RETURN, 0, 0, KILL


def refuse(name: str, machine: str, error: int) -> Iterator[Line]:
    """Yield the refusal of a call with an error number; nothing where there is no such call."""
    found = number(name, machine)
    if found is not None:
        yield IF_EQUAL, 0, 1, found
        yield RETURN, 0, 0, ERROR | error
