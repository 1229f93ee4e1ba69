"""Make a text that shows a fault smaller, as long as it shows the same one."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.targets import describe

TRIES = 600


def shrink(text: str, kind: str, try_it: Callable[[str], None]) -> str:
    """Return a shorter text with a fault of the same kind; the text itself if there is none."""
    left = TRIES

    def shows(candidate: str) -> bool:
        try:
            try_it(candidate)
        except Exception as error:  # the fault may be of any class
            return describe(error) == kind
        return False

    if not shows(text):
        return text
    size = max(1, len(text) // 2)
    while size and left:
        at = 0
        while at < len(text) and left:
            left -= 1
            shorter = text[:at] + text[at + size :]
            if shows(shorter):
                text = shorter
            else:
                at += size
        size //= 2
    return text
