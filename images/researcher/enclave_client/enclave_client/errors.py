"""The one exception of this package, and what is made of a driver's errors."""

from __future__ import annotations

import re
import textwrap

_WRAPPING = re.compile(r"^[A-Z_]+: (?:\[FlightSQL\] )?|\.? Detail: \w+ \(.*\)$", re.DOTALL)
_SAID = re.compile(r"\[[a-z-]+\.[a-z-]+\]")  # what the enclave itself says carries its code
_PARTS = re.compile(
    r"(?P<sentence>.*?) (?P<code>\[[a-z-]+\.[a-z-]+\])"
    r"(?: (?P<clause>Clause: .*?\.)(?= |$))?(?: (?P<hint>.*))?",
    re.DOTALL,
)
WIDTH = 96  # columns of a notebook's output beside an open file browser


class Refused(Exception):
    """The enclave says no, or cannot answer now: one sentence, its code, and what to do next."""

    def _render_traceback_(self) -> list[str]:
        """Return the lines a notebook shows instead of a traceback; none is cut inside a word."""
        found = _PARTS.fullmatch(str(self))
        said = [found[name] for name in ("sentence", "clause", "hint", "code")] if found else []
        lines = [line for part in said or [str(self)] if part for line in part.splitlines()]
        lines[:1] = [f"Not given: {line}" for line in lines[:1]] or ["Not given."]
        return [short for line in lines for short in _wrapped(line)]


def _wrapped(line: str) -> list[str]:
    """Return a line in pieces; what is indented is a picture of the query and stays as it is."""
    if line[:1].isspace() or len(line) <= WIDTH:
        return [line]
    return textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False)


def refusal(error: Exception) -> Refused:
    """Return what the gateway said, without what the driver put around it."""
    text = str(error)
    if _SAID.search(text):
        return Refused(_WRAPPING.sub("", text))
    if "context canceled" in text:
        return Refused("The query was interrupted, and was stopped on the server too.")
    if "onnection error" in text or "Unavailable" in text:
        return Refused(
            "The gateway does not answer. If this goes on, end the session and open a new one."
        )
    return Refused(_WRAPPING.sub("", text))
