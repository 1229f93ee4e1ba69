"""Keyed chance for the numbers of a cell: the same persons and number always meet the same chance.

What a cell draws hangs on a secret key, on exactly who is in it and on the number itself; not on
the table, the query, the column, the project or when it is asked. So asking again, in whatever
words, brings nothing new to average over. Two numbers of the same persons that differ (rows and
persons) draw apart, so that their difference is not plain. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BITS = 256


@dataclass(frozen=True, slots=True)
class Chances:
    """The chances of one table's cells: who is in each, under a key, as a tag."""

    key: bytes
    tags: tuple[bytes, ...]

    def of(self, cell: int, number: int) -> int:
        """Return a number below 2^256, evenly spread to whoever lacks the key."""
        told = self.tags[cell] + number.to_bytes(16, "big", signed=True)
        return int.from_bytes(hmac.digest(self.key, told, hashlib.sha256), "big")


def chances(
    persons: npt.NDArray[np.uint64], cells: Iterable[npt.NDArray[np.int64]], *, key: bytes
) -> Chances:
    """Return the chances of cells given by the places of their persons among `persons`.

    `persons` are keyed hashes that are the same in every project.
    """
    return Chances(key, tuple(_tag(persons[np.unique(members)], key) for members in cells))


def _tag(persons: npt.NDArray[np.uint64], key: bytes) -> bytes:
    everyone = np.sort(persons).astype("<u8").tobytes()
    return hmac.digest(key, b"cell" + everyone, hashlib.sha256)
