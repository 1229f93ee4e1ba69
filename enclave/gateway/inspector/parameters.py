"""Put a query's parameters into its text as literals, before anything inspects it.

So that one text is inspected, run and journaled: a value handed over beside a query is held to
every rule a literal is held to. Never looks at what a value means, and never logs one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import pairwise

from enclave.gateway.inspector import limits
from enclave.gateway.inspector.limits import Word
from enclave.gateway.refusals import NotUnderstood

Value = str | int | float | bool | Decimal | date | datetime | time | None
Values = Sequence[Value] | Mapping[str, Value]

MAX_INTEGER = 2**127 - 1  # HUGEINT: the engine would turn a longer literal into a rounded DOUBLE
MAX_DIGITS = 38  # of a DECIMAL

_TAKEN = "Text, numbers, decimals, dates, times, true, false and NULL can be handed over."


def render(sql: str, values: Values | None) -> str:
    """Return the text with each `?`, `$1` or `$name` replaced by the literal of its value.

    `:name` is no parameter: a colon also cuts lists and casts. Raises NotUnderstood for a wrong
    count, an unknown name or a value of another type, and what `limits.split` raises.
    """
    if not values and "?" not in sql and "$" not in sql:
        return sql
    text = limits.split(sql)
    marks = [word for word in text.words if _is_mark(word)]
    wanted = _wanted(marks)
    given = _given(values, wanted)
    pieces: list[str] = []
    at = 0
    for word, name in zip(marks, _named(marks), strict=True):
        pieces += (sql[at : word.at], f" {literal(given[name])} ")
        at = word.at + len(word.text)
    _check_neighbours(text.words)
    return "".join((*pieces, sql[at:])) if marks else sql


def wanted(sql: str) -> tuple[str, ...]:
    """Return the names of the parameters a text wants, "1", "2" … for those without a name.

    Raises NotUnderstood when it mixes the ways to write them, and what `limits.split` raises.
    """
    return _wanted([word for word in limits.split(sql).words if _is_mark(word)])


def literal(value: Value) -> str:
    """Return one literal of SQL that both parsers read as exactly this value.

    Raises NotUnderstood for a value that no literal can hold.
    """
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            written: str = write(value)
            return written
    raise NotUnderstood("A parameter has a type that no query can hold.", hint=_TAKEN)


def _is_mark(word: Word) -> bool:
    return word.kind == "parameter" or (word.kind == "symbol" and word.text == "?")


def _wanted(marks: Sequence[Word]) -> tuple[str, ...]:
    if len({_style(mark) for mark in marks}) > 1:
        raise NotUnderstood(
            "The query mixes ways to write a parameter.", hint="Use one of ?, $1 and $name."
        )
    names = tuple(dict.fromkeys(_named(marks)))
    if not names or not names[0].isdigit():
        return names
    numbers = sorted(map(int, names))
    if numbers != list(range(1, len(numbers) + 1)):
        raise NotUnderstood(
            "The numbers of the parameters leave a gap.", hint="Write $1, $2, $3 …, all of them."
        )
    return tuple(map(str, numbers))


def _style(mark: Word) -> str:
    if mark.text == "?":
        return "?"
    return "$1" if mark.text[1:].isdigit() else "$name"


def _named(marks: Sequence[Word]) -> list[str]:
    return [
        str(place) if mark.text == "?" else _plain(mark.text)
        for place, mark in enumerate(marks, start=1)
    ]


def _plain(text: str) -> str:
    """Return a parameter's name; names are matched in any case, as the engine does."""
    name = text.removeprefix("$")
    is_number = name.isascii() and name.isdigit()  # a client may call a column `²`
    return str(int(name)) if is_number else name.lower()


def _given(values: Values | None, wanted: Sequence[str]) -> Mapping[str, Value]:
    if isinstance(values, Mapping):
        given = {_plain(str(name)): value for name, value in values.items()}
    elif isinstance(values, (str, bytes)):
        raise NotUnderstood("The parameters are not a list.", hint="Hand over a list of values.")
    else:
        given = {str(place): value for place, value in enumerate(values or (), start=1)}
    if set(given) == set(wanted):
        return given
    if len(given) != len(wanted):
        due = "one value" if len(wanted) == 1 else f"{len(wanted)} values"
        raise NotUnderstood(
            f"The query wants {due}, and {len(given)} came with it.",
            hint="Hand over one value for each of them.",
        )
    missing = ", ".join(f"${name}" for name in wanted if name not in given)
    raise NotUnderstood(f"No value came for {missing}.", hint="Values have the parameters' names.")


def _check_neighbours(words: Sequence[Word]) -> None:
    """Refuse what stands so close to a parameter that its literal would become another word."""
    for left, right in pairwise(words):
        if (_is_mark(left) and _is_value(right)) or (_is_value(left) and _is_mark(right)):
            raise NotUnderstood(
                "A parameter stands directly beside another value.",
                hint="Put an operator or a comma between them; number parameters as $1.",
            )


def _is_value(word: Word) -> bool:
    return word.kind in ("string", "number") or _is_mark(word)


def _text(value: str) -> str:
    if "\0" in value:
        raise NotUnderstood("A text handed over holds a NUL character.", hint="Leave it out.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotUnderstood("A text handed over is not valid Unicode.", hint="Mend it.") from None
    return "'" + str.replace(value, "'", "''") + "'"


def _integer(value: int) -> str:
    if abs(value) > MAX_INTEGER:
        raise NotUnderstood("A whole number handed over is too long.", hint="Use 128 bits at most.")
    return _signed(format(value, "d"))


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise NotUnderstood(
            "A number handed over is infinite or no number.", hint="Use NULL for a missing one."
        )
    written = float.__repr__(value)  # the shortest text that gives the same double again
    return _signed(written if "e" in written else f"{written}e0")


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise NotUnderstood(
            "A decimal handed over is infinite or no number.", hint="Use NULL for a missing one."
        )
    if abs(value.adjusted()) > MAX_DIGITS:  # before writing out a number of a million digits
        raise _too_long()
    written = format(value, "f")
    if sum(character.isdigit() for character in written) > MAX_DIGITS:
        raise _too_long()
    return _signed(written)


def _too_long() -> NotUnderstood:
    return NotUnderstood(
        f"A decimal handed over has more than {MAX_DIGITS} digits.", hint="Round it."
    )


def _signed(written: str) -> str:
    """Return a number in brackets if it has a sign: `5 -?` with -3 must not become a comment."""
    return f"({written})" if written.startswith("-") else written


def _datetime(value: datetime) -> str:
    kind = "TIMESTAMP" if value.tzinfo is None else "TIMESTAMPTZ"
    return f"{kind} '{value.isoformat(sep=' ')}'"


def _time(value: time) -> str:
    if value.tzinfo is not None:
        raise NotUnderstood("A time handed over has a time zone.", hint="Leave the zone out.")
    return f"TIME '{value.isoformat()}'"


# The order matters: a bool is an int, and a datetime is a date.
_WRITERS: tuple[tuple[type, Callable[..., str]], ...] = (
    (type(None), lambda _: "NULL"),
    (bool, lambda value: "TRUE" if value else "FALSE"),
    (int, _integer),
    (float, _float),
    (Decimal, _decimal),
    (str, _text),
    (datetime, _datetime),
    (date, lambda value: f"DATE '{value.isoformat()}'"),
    (time, _time),
)
