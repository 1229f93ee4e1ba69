"""The program that takes one submitted file apart: `python -m egress_review.files.child FORM`.

Reads the file from standard input and answers on standard output; gives up everything else before
it looks at the first byte. Whatever it answers, its parent believes only the form of it. Never
writes a file, opens a socket or starts a program.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from typing import Protocol

from egress_review.errors import OutputRefused
from enclave.gateway import kernel, landlock, seccomp

MEMORY = 1024**3  # address space, libraries included
CANNOT_CONFINE = 3
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
FORMS = {  # its module, and the seconds of processor time it may take
    "xlsx": ("egress_review.files.in_child.workbook", 20),
    "parquet": ("egress_review.files.in_child.parquet", 6),
    "png": ("egress_review.files.in_child.png", 6),
    "pdf": ("egress_review.files.in_child.pdf", 4),
}


class Reader(Protocol):
    """What a form's module has: `read` answers, or raises `OutputRefused`."""

    def warm(self) -> None:
        """Load now what would be loaded late."""
        ...

    def read(self, content: bytes) -> tuple[dict[str, object], bytes]:
        """Return what is said as JSON and the bytes after it."""
        ...


def main(form: str) -> int:
    """Read standard input, answer on standard output; return the exit status."""
    module, seconds = FORMS[form]
    try:
        bound(seconds)
        reader: Reader = importlib.import_module(module)
        reader.warm()
        confine()
    except OSError:
        return CANNOT_CONFINE
    sys.stdout.buffer.write(answer(reader, sys.stdin.buffer.read()))
    sys.stdout.buffer.flush()
    return 0


def answer(reader: Reader, content: bytes) -> bytes:
    """Return what a reader finds, or why it refuses: a line of JSON, then bytes."""
    try:
        said, rest = reader.read(content)
    except OutputRefused as refused:
        said, rest = {"refused": refused.sentence, "hint": refused.hint or ""}, b""
    return json.dumps(said).encode() + b"\n" + rest


def bound(seconds: int) -> None:
    """Bound memory, time and what may be written, before any library is loaded."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def confine() -> None:
    """Give up files, sockets, programs and privileges; everything needed is loaded by now.

    No descriptor can be had any more, so no file or socket, whatever the rights. The filter of
    system calls holds in every thread. Raises OSError where one of them cannot be set.
    """
    kernel.call("prctl", _PR_SET_DUMPABLE, 0)
    kernel.call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    seccomp.install()
    landlock.restrict({})
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
