"""The one exception of this package, and what is made of a driver's errors."""

from __future__ import annotations

import re

_WRAPPING = re.compile(r"^[A-Z_]+: (?:\[FlightSQL\] )?|\.? Detail: \w+ \(.*\)$", re.DOTALL)
_SAID = re.compile(r"\[[a-z-]+\.[a-z-]+\]")  # what the enclave itself says carries its code


class Refused(Exception):
    """The enclave says no, or cannot answer now: one sentence, its code, and what to do next."""

    def _render_traceback_(self) -> list[str]:
        return [f"Not given: {self}"]


def refusal(error: Exception) -> Refused:
    """Return what the gateway said, without what the driver put around it."""
    text = str(error)
    if _SAID.search(text):
        return Refused(_WRAPPING.sub("", text))
    if "onnection error" in text or "Unavailable" in text:
        return Refused(
            "The gateway does not answer. If this goes on, stop your server and start it again."
        )
    return Refused(_WRAPPING.sub("", text))
