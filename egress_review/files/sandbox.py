"""Has a child process take a dangerous format apart, and believes only the form of its answer.

A parser that crashes, loops, eats memory or is taken over ends as a refused file. The child gets
the bytes as its standard input and nothing else: no environment, no arguments of a person, no
file, no socket (`child`). What it answers is read up to a limit and for a limited time.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any

from egress_review.errors import OutputRefused
from egress_review.files.model import MOST_PIXELS
from enclave.errors import Unavailable

log = logging.getLogger(__name__)

SECONDS = 40.0  # on the wall; the child's own limits of processor time are in `child`
MOST_ANSWER = MOST_PIXELS * 3 + 64 * 1024
CANNOT_CONFINE = 3  # exit status: the limits could not be set, so nothing was read
PYTHON = (sys.executable, "-I", "-B")  # nothing of the environment or the directory it is in
_PROGRAM = "egress_review.files.child"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the child said: one line of JSON, then bytes."""

    said: dict[str, Any]
    rest: bytes


def parse(form: str, content: bytes) -> Answer:
    """Return what the child for this form found in the content.

    Raises `OutputRefused` when it refused, failed or took too much, `Unavailable` when this host
    cannot confine it.
    """
    return believe(form, *_run(form, content))


def believe(form: str, status: int, answer: bytes) -> Answer:
    """Return what a child's exit status and output say. Raises as `parse` does."""
    if status == CANNOT_CONFINE:
        raise Unavailable(
            "This host cannot confine the program that reads submitted files.",
            hint="Egress review needs Linux with seccomp.",
        )
    line, _, rest = answer.partition(b"\n")
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        said = None
    if status or len(answer) > MOST_ANSWER or not isinstance(said, dict):
        log.info("the reader of %s ended with status %s", form, status)
        raise OutputRefused(
            "The file could not be read within the limits of time and memory, or is damaged.",
            hint="Write it again with the usual tools; group more coarsely if it is large.",
        )
    if "refused" in said:
        raise OutputRefused(str(said["refused"])[:300], hint=str(said.get("hint") or "")[:300])
    return Answer(said, rest)


def _command(form: str) -> list[str]:
    return [*PYTHON, "-m", _PROGRAM, form]


def _run(form: str, content: bytes) -> tuple[int, bytes]:
    """Return the child's exit status (negative: the signal that ended it) and what it wrote."""
    with os.fdopen(os.memfd_create("submitted"), "w+b") as given:
        given.write(content)
        given.seek(0)
        child = subprocess.Popen(
            _command(form),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
        )
    deadline = threading.Timer(SECONDS, child.kill)
    deadline.start()
    try:
        assert child.stdout is not None
        with child.stdout as stream:
            answer = stream.read(MOST_ANSWER + 1)
        if len(answer) > MOST_ANSWER:
            child.kill()
        return child.wait(), answer
    finally:
        deadline.cancel()
        child.kill()
