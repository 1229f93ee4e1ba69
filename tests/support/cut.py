"""Cuts a piece of work short at each of its durable steps in turn: by an error, or by kill -9.

A step is a sync, a rename, a removal of a file, or a transaction of the audit log. Never cuts
inside the system call itself: `tests.support.faults` does that with strace.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from audit.sqlite import SqliteStore

_STEPS: tuple[tuple[Any, str], ...] = (
    (os, "fsync"),
    (os, "replace"),
    (os, "rename"),
    (os, "unlink"),
    (os, "rmdir"),
    (SqliteStore, "commit"),
    (SqliteStore, "run"),
    (SqliteStore, "scrub"),
    (SqliteStore, "seal"),
)


class Cut(OSError):
    """The step that did not happen."""


class _Steps:
    """Counts steps and ends the work before the one with this number."""

    def __init__(self, last: int, end: str):
        self._left, self._end = last, end

    def __call__(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                if self._end == "kill -9":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise Cut("cut short")
            return real(*given, **named)

        return step


def cuts(
    work: Callable[[], object],
    *,
    end: str,
    stride: int = 1,
    steps: tuple[tuple[Any, str], ...] = _STEPS,
) -> Iterator[int]:
    """Yield after each cut, until the work comes to its end uncut; INJECTIONS=all tries all steps.

    A stride tries only every so manieth step.
    """
    place, stride = 1, 1 if os.environ.get("INJECTIONS") == "all" else stride
    while _cut(work, place, end, steps):
        yield place
        place += stride


def _cut(
    work: Callable[[], object], place: int, end: str, steps: tuple[tuple[Any, str], ...]
) -> bool:
    """Say whether the work was cut short before its `place`-th step."""
    if end == "kill -9":
        child = os.fork()
        if child == 0:
            try:
                _run(work, place, end, steps)
            except BaseException:
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)
    try:
        _run(work, place, end, steps)
    except Cut:
        return True
    return False


def _run(
    work: Callable[[], object], place: int, end: str, which: tuple[tuple[Any, str], ...]
) -> None:
    steps = _Steps(place, end)
    patches = [patch.object(where, name, steps(getattr(where, name))) for where, name in which]
    for each in patches:
        each.start()
    try:
        work()
    finally:
        for each in patches:
            each.stop()
