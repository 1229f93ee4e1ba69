"""Actions of the rooms that are judged here, which this version takes account of or need not.

Those that are none of these are named in the report: a log cannot hide what left under a new word.
"""

from __future__ import annotations

_ROOMS = {
    "access": "denied granted revoked",
    "query": "intent outcome denied explained",
    "output": "submitted refused protected budget-spent viewed commented returned checked voted "
    "released rejected withdrawn downloaded destroyed notices-chosen",
    "audit": "searched verified rule-changed alerted purged key-rotated closed rotated",
}

KNOWN = frozenset(
    f"{room}.{name}".encode() for room, names in _ROOMS.items() for name in names.split()
)
