"""Sentences in place of pydantic's words: what is wrong with a value, for who wrote the file."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from enclave.governance.source import Problem, Source


def problem(read: Source, error: Mapping[str, Any], *, known: frozenset[str]) -> Problem:
    """Return the problem that one of pydantic's errors stands for; `known` are allowed keys."""
    place = tuple(part for part in error["loc"] if part != "[key]")
    name = ".".join(str(part) for part in place) or read.name
    return read.problem(f"“{name}” {_sentence(error, known)}", *place)


def _sentence(error: Mapping[str, Any], known: frozenset[str]) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            sentence = "is missing."
        case "extra_forbidden":
            sentence = f"is not known here.{_meant(str(error['loc'][-1]), known)}"
        case "string_type":
            sentence = f"must be text, but is {error['input']!r}: put it in quotes."
        case "enum" | "literal_error":
            sentence = f"must be one of {context['expected']}."
        case kind if kind.startswith("date"):
            sentence = "must be a date like 2026-12-31."
        case "string_pattern_mismatch":
            sentence = f"is “{error['input']}”, {_PATTERNS[context['pattern']]}."
        case _:
            sentence = f"is wrong: {error['msg']}."
    return sentence


def _meant(word: str, known: frozenset[str]) -> str:
    near = get_close_matches(word, sorted(known), 1)
    return f" Did you mean “{near[0]}”?" if near else ""


_PATTERNS: Mapping[str, str] = {
    r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$": "but an id has lower-case letters, digits and single dashes "
    "and starts with a letter",
    r"^[a-z][a-z0-9_]{0,62}$": "but a name has lower-case letters, digits and underscores and "
    "starts with a letter",
    r"^[0-9a-f]{64}$": "but a SHA-256 has 64 hexadecimal digits",
    r"^[^@\s]+@[^@\s]+$": "but an address has the form name@host",
}
