"""Start a child as the first process of a process space of its own: it sees no other."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from enclave.gateway import kernel

log = logging.getLogger(__name__)

_NEW_PID = 0x20000000


@contextmanager
def own_process_space() -> Iterator[None]:
    """Have children that this thread starts meanwhile begin a new process space, where allowed.

    The thread itself stays where it is; it must not start another thread before this has ended.
    """
    here = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        kernel.call("unshare", _NEW_PID)
    except OSError as error:
        log.debug("no process space of its own for a worker: %s", error.strerror)
        os.close(here)
        yield
        return
    try:
        yield
    finally:
        kernel.call("setns", here, _NEW_PID)
        os.close(here)
