"""Texts by number: made-up questions, and questions and attacks that were broken on purpose.

Literals are replaced by markers, so that a log that repeats one is found out. File names in them
lead to files that `targets` watches. `text(n)` needs nothing but `n`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import yaml

from tests.fuzz import grammar

DATA = Path(__file__).parents[1] / "data" / "gateway"
MARKER, NUMBER = "zqx7canary", "8675309177"

# What DuckDB reads and a researcher seldom writes; each is a start for mutations.
# What DuckDB reads and a researcher seldom writes, and words to break a query with.
_HERE = Path(__file__).parent
_SNIPPETS = (_HERE / "snippets.sql").read_text("utf-8").splitlines()
_VOCABULARY = (_HERE / "words.txt").read_text("utf-8").split()
_ODD = ["\0", "\ufeff", "\u200b", "\u2028", "\u00a0", "\u1680", "\u0085", "\r", "\f", "\v", "é",
        "\ud800", "\U0001f600", "\u202e", "'", '"', "`", ";", "--", "/*", "*/", "$", "$$", "\\",
        "(", ")", "\u037e", "\uff07", "\u017f", "\u212a", "\u0130"]  # fmt: skip
_PARTS = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\w+|\s+|[^\w\s]")


@cache
def seeds() -> tuple[str, ...]:
    """Every query that the tests know, good or bad, and the snippets above."""
    files = [path.read_text("utf-8") for path in sorted(DATA.glob("*.sql"))]
    asked = [line.replace("\\n", "\n") for file in files for line in file.splitlines()]
    attacks = yaml.safe_load((DATA / "attacks.yml").read_text(encoding="utf-8"))
    bad = [str(query) for queries in attacks.values() for query in queries]
    return tuple(text for text in [*asked, *bad, *_SNIPPETS] if text.strip())


def text(number: int) -> str:
    """Return the input of this number."""
    chance = random.Random(number)
    make, times = chance.choices(
        (_question, _tokens, _characters, _both, _soup), (4, 46, 25, 15, 10)
    )[0], chance.choice((1, 1, 2, 3, 6))  # fmt: skip
    return make(chance, times)


Make = Callable[[random.Random, int], str]


def _question(chance: random.Random, times: int) -> str:
    return _marked(chance, grammar.question(chance.randrange(1 << 40)))


def _seed(chance: random.Random) -> str:
    if chance.random() < 0.04:
        return grammar.question(chance.randrange(1 << 40))
    return chance.choice(seeds())


def _tokens(chance: random.Random, times: int) -> str:
    parts = _PARTS.findall(_marked(chance, _seed(chance))) or [" "]
    for _ in range(times):
        at = chance.randrange(len(parts))
        match chance.randrange(7):
            case 0:
                del parts[at : at + chance.choice((1, 1, 2, 5))]
            case 1:
                parts[at:at] = [" ", chance.choice(_VOCABULARY), " "]
            case 2:
                parts[at] = chance.choice(_VOCABULARY)
            case 3:
                other = _PARTS.findall(chance.choice(seeds())) or [" "]
                parts[at:] = other[chance.randrange(len(other)) :]
            case 4:
                other = _PARTS.findall(chance.choice(seeds())) or [" "]
                start = chance.randrange(len(other))
                parts[at:at] = [" ", *other[start : start + chance.randrange(1, 8)], " "]
            case 5:
                parts[at:at] = parts[at : at + chance.randrange(1, 9)] * chance.choice(
                    (1, 1, 1, 1, 1, 30)
                )
            case _:
                to = chance.randrange(len(parts))
                parts[at], parts[to] = parts[to], parts[at]
        parts = parts or [" "]
    return "".join(parts)


def _characters(chance: random.Random, times: int, start: str | None = None) -> str:
    found = list(_marked(chance, _seed(chance)) if start is None else start) or [" "]
    for _ in range(times):
        at = chance.randrange(len(found))
        match chance.randrange(4):
            case 0:
                del found[at : at + chance.choice((1, 1, 3))]
            case 1:
                found.insert(at, chance.choice(_ODD))
            case 2:
                found[at] = chr(chance.choice((chance.randrange(128), chance.randrange(0x10FFFF))))
            case _:
                found[at] = found[at].swapcase()
        found = found or [" "]
    return "".join(found)


def _both(chance: random.Random, times: int) -> str:
    return _characters(chance, 1, _tokens(chance, times))


def _soup(chance: random.Random, times: int) -> str:
    joint = chance.choice((" ", " ", ""))
    return joint.join(chance.choices(_VOCABULARY, k=chance.randrange(1, 30)))


def _marked(chance: random.Random, sql: str) -> str:
    """Return the query with its strings and numbers replaced by markers, one time in three."""
    if chance.random() < 0.67:
        return sql
    marked = re.sub(r"'(?:[^']|'')*'", f"'{MARKER}'", sql)
    return re.sub(r"(?<![\w.])\d{3,}(?![\w.])", NUMBER, marked)


def body(number: int) -> bytes:
    """Return the bytes of a broken Flight SQL message."""
    chance = random.Random(number)
    found = bytearray(chance.choice(messages()))
    for _ in range(chance.choice((0, 1, 2, 5))):
        at = chance.randrange(len(found) + 1)
        match chance.randrange(4):
            case 0:
                del found[at : at + chance.choice((1, 2, 8))]
            case 1:
                found[at:at] = chance.randbytes(chance.choice((1, 2, 8)))
            case 2:
                found[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                found[at:] = chance.choice(messages())[chance.randrange(20) :]
    return bytes(found)


@cache
def messages() -> Sequence[bytes]:
    """One good message of each kind that the protocol file knows, filled with a query."""
    from google.protobuf.any_pb2 import Any as AnyMessage  # noqa: PLC0415

    from enclave.gateway import flight_sql_pb2 as sql  # noqa: PLC0415

    packed = [b"", b"\0", b"\xff" * 40, b"SELECT 1"]
    for kind in sql.DESCRIPTOR.message_types_by_name:
        message = getattr(sql, kind)()
        for field in message.DESCRIPTOR.fields:
            if field.type == field.TYPE_STRING and not field.is_repeated:
                setattr(message, field.name, "SELECT year FROM wages")
            if field.type == field.TYPE_BYTES and not field.is_repeated:
                setattr(message, field.name, b"SELECT year FROM wages")
        wrapped = AnyMessage()
        wrapped.Pack(message)
        packed.append(wrapped.SerializeToString())
    return tuple(packed)
