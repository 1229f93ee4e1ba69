"""The one canonical JSON of our nouns, and its hash: what is stored, signed and logged.

Sets are sorted and keys are ordered, so that equal values have equal bytes. Never reads a file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

T = TypeVar("T")


def canonical(value: object) -> bytes:
    """Return UTF-8 JSON of a noun, mapping, sequence or scalar: sorted keys, no spaces."""
    return json.dumps(
        plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode()


def plain(value: object) -> Any:
    """Return `value` as JSON's own types: dataclasses as objects, sets sorted, dates as ISO."""
    match value:
        case Enum():
            made: Any = value.value
        case date():
            made = value.isoformat()
        case Mapping():
            made = {str(plain(key)): plain(item) for key, item in value.items()}
        case set() | frozenset():
            made = sorted(plain(item) for item in value)
        case list() | tuple():
            made = [plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            made = {f.name: plain(getattr(value, f.name)) for f in fields(value)}
        case _:
            made = value
    return made


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read(kind: type[T], body: str | bytes) -> T:
    """Return the noun that `canonical` wrote; raises pydantic's ValidationError if it is none."""
    noun: T = _adapter(cast(Hashable, kind)).validate_json(body)  # mypy doubts type[T]'s hash
    return noun


def sha256(body: str | bytes) -> str:
    """Return the hex SHA-256 of a document's bytes."""
    return hashlib.sha256(body.encode() if isinstance(body, str) else body).hexdigest()
