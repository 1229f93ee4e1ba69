"""Which characters a person sees: what is invisible or turns text around is refused.

Used for every text in every format, after its escapes are undone.
"""

from __future__ import annotations

import unicodedata
from unicodedata import combining

from egress_review.errors import OutputRefused

_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Unicode's Default_Ignorable_Code_Point, as far as the categories above do not hold it, and the
# blank Braille pattern: characters without a shape, of which text can be made that nobody sees.
_UNSEEN_RANGES = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0000, 0xE0FFF),
)
MOST_MARKS = 4  # combining marks in a row: more is decoration, or a message


def decode(content: bytes) -> str:
    """Return bytes as UTF-8 text without hidden characters. Raises `OutputRefused`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise OutputRefused(
            "The file is not UTF-8 text.", hint="Write it with encoding='utf-8'."
        ) from None
    check_seen(text)
    return text


def check_seen(text: str) -> None:
    """Raise `OutputRefused` if a character of the text shows no shape of its own."""
    if text.isascii() and text.isprintable():
        return
    found = set(text)
    if any(map(is_hidden, found)) or (any(map(combining, found)) and _is_decorated(text)):
        raise OutputRefused(
            "The file contains invisible or control characters.",
            hint="A released file holds only what a reviewer can see.",
        )


def _is_decorated(text: str) -> bool:
    marks = 0
    for character in text:
        marks = marks + 1 if combining(character) else 0
        if marks > MOST_MARKS:
            return True
    return False


def is_hidden(character: str) -> bool:
    """Say whether a character has no shape; tabs and line ends are seen by what they do."""
    if character in "\r\n\t":
        return False
    if unicodedata.category(character) in _UNSEEN_CATEGORIES:
        return True
    return any(low <= ord(character) <= high for low, high in _UNSEEN_RANGES)
