"""Landlock: which directories a process may still read or write, whoever it runs as.

Needs no privilege, so it holds where the gateway is not root. What the kernel is too old for is
left out: the caller is told the version (0: none at all). See docs.kernel.org, Landlock.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from enclave.gateway import kernel

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every machine
_VERSION, _PATH, _PORT = 1, 1, 2

READ_FILE, READ_DIR = 1 << 2, 1 << 3
READ = READ_FILE | READ_DIR
SOCKETS = 1 << 5 | 1 << 7 | 1 << 9  # remove files, make directories, make sockets; no listing
WRITE = READ | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 14  # and truncate
_FILE_ONLY = 1 << 0 | 1 << 1 | READ_FILE | 1 << 14 | 1 << 15
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}  # by version: how many of the file rights it knows
_TCP_SINCE, _TCP = 4, 0b11  # bind, connect
_CONNECT = 0b10
_SCOPES_SINCE, _SCOPES = 6, 0b11  # abstract sockets and signals stay among ourselves


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _PortRule(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


def version() -> int:
    """Return the kernel's version of Landlock, 0 where it has none."""
    try:
        return kernel.system_call(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    except OSError:
        return 0


def restrict(paths: Mapping[Path, int], *, ports: tuple[int, ...] = ()) -> int:
    """Leave this thread and its later ones these rights below these paths, and no others.

    Paths that do not exist are left out. `ports`: where TCP may still connect to. Returns the
    version that holds, 0 where there is none. Raises OSError; `no_new_privs` must be set.
    """
    held = version()
    if not held:
        return 0
    known = (1 << max(count for since, count in _RIGHTS.items() if since <= held)) - 1
    rules = _Ruleset(
        known,
        _TCP if held >= _TCP_SINCE else 0,
        _SCOPES if held >= _SCOPES_SINCE else 0,
    )
    ruleset = kernel.system_call(
        _CREATE, ctypes.byref(rules), ctypes.c_size_t(ctypes.sizeof(rules)), 0
    )
    try:
        for path, rights in paths.items():
            with suppress(FileNotFoundError):
                _allow(ruleset, path, rights & known)
        for port in ports if held >= _TCP_SINCE else ():
            rule = _PortRule(_CONNECT, port)
            kernel.system_call(_ADD, ruleset, _PORT, ctypes.byref(rule), 0)
        kernel.system_call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return held


def _allow(ruleset: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        given = rights if path.is_dir() else rights & _FILE_ONLY
        rule = _PathRule(given, descriptor)
        kernel.system_call(_ADD, ruleset, _PATH, ctypes.byref(rule), 0)
    finally:
        os.close(descriptor)
