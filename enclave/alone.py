"""One at a time: what must not be done twice at once, and is refused while it is being done."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from enclave.errors import Conflict


@contextmanager
def alone(lock: Path, sentence: str) -> Iterator[None]:
    """Hold the lock's file; it dies with its process. Raises `Conflict` while another holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(sentence, hint="Wait until it has ended.") from None
        yield
