"""The few kernel calls Python has no name for. Raises OSError like any other; decides nothing."""

from __future__ import annotations

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def call(name: str, *arguments: object) -> int:
    """Call a function of the C library; raise OSError where it returns a negative number."""
    return _checked(getattr(_libc, name)(*arguments))


def system_call(number: int, *arguments: object) -> int:
    """Make a system call by its number; raise OSError where the kernel refuses."""
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
