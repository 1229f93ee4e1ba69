"""Questions about groups of persons by number, each after one person more or less than it shows.

Two aggregates of one query differ by a narrow condition, wherever a condition can be hidden: in a
FILTER, a CASE, a product, a NULL, a join, a step before. Always the same for the same number.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.fuzz.phrases import Item, Phrases

_ENROLMENT = {"district": "text", "grade": "int", "school_year": "int", "sex": "text"}
_WAGES = {"year": "int", "quarter": "int", "wage": "money", "industry": "text", "town": "text"}
_FIRMS = {"employer": "text", "size": "int", "town": "text"}
_VIEWS = {"enrolment": _ENROLMENT, "wages": _WAGES, "firms": _FIRMS}

_PIECES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "pieces.yml").read_text("utf-8"))
_CONDITIONS: dict[str, list[str]] = _PIECES["conditions"]
_PLAIN_VALUES = ("{x}", "CASE WHEN {c} THEN {x} END", "CASE WHEN {c} THEN {x} ELSE 0 END")
_PLAIN_CALLS = ("sum({v})", "avg({v})", "count(*)", "count({v})", "count_if({c})")
_CONDITION = "{open}"
_NARROW = ("Kent", "Hebron", "Groton")


@dataclass(frozen=True, slots=True)
class Rows:
    """What is grouped: its FROM, its columns, and how a person is named there."""

    sql: str
    columns: dict[str, str]
    person: str = "person_id"


def question(number: int) -> str:
    """Return the question of this number."""
    return Author(random.Random(number)).question()


class Author:
    """Writes one question."""

    def __init__(self, chance: random.Random):
        self.chance = chance
        self.phrases = Phrases(chance)

    def question(self) -> str:
        """Some keys, some aggregates that are near each other, a WHERE and perhaps a HAVING."""
        rows = self._rows(0)
        keys = [self._key(rows) for _ in range(self.chance.choice((0, 0, 0, 1, 1, 2)))]
        calls = self._calls(rows)
        sql = f"SELECT {', '.join([*keys, *calls])} FROM {rows.sql}"
        sql += self._where(rows, 0.4)
        if keys:
            sql += f" GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}"
        if self._maybe(0.05):
            sql += f" HAVING {self.chance.choice(calls)} > {self.chance.randrange(20)}"
        return sql

    # Aggregates --------------------------------------------------------------------------------

    def _calls(self, rows: Rows) -> list[str]:
        """Aggregates over nearly the same rows: `near` decides which, and `narrow` whom not."""
        near, narrow = self._condition(rows), self._narrow(rows)
        twins = [near, f"{near} OR {narrow}", f"({near}) AND NOT ({narrow})", "1 = 1", narrow]
        call = self._call(rows)
        made = []
        for at in range(self.chance.choice((1, 2, 2, 2, 3))):
            call = self._call(rows) if at and self._maybe(0.4) else call
            made.append(call.replace(_CONDITION, f"({self.chance.choice(twins)})"))
        if self._maybe(0.25):
            made.append("count(*)")
        return list(dict.fromkeys(made))

    def _call(self, rows: Rows) -> str:
        """One aggregate in which a condition is left open."""
        calls = _PLAIN_CALLS if self._maybe(0.4) else _PIECES["calls"]
        call = self._filled(self.chance.choice(calls), rows, _CONDITION)
        if self._maybe(0.6) and not any(sign in call for sign in (" / ", " - ")):
            call += f" FILTER (WHERE {_CONDITION})"
        return call

    def _filled(self, template: str, rows: Rows, condition: str) -> str:
        numbers = [name for name, kind in rows.columns.items() if kind in ("int", "money")]
        texts = [name for name, kind in rows.columns.items() if kind == "text"] or ["'x'"]
        if "{v}" in template:
            template = template.replace("{v}", self._value(rows))
        x, y = (self.chance.choices(numbers, k=2)) if numbers else ("1", "2")
        return (
            template.replace("person_id", rows.person).replace("{c}", condition)
            .replace("{d}", self._condition(rows)).replace("{t}", self.chance.choice(texts))
            .replace("{n}", str(self.chance.choice((0, 1, 3, 2021, 4000)))).replace("{x}", x)
            .replace("{y}", y)
        )  # fmt: skip

    def _value(self, rows: Rows) -> str:
        if self._maybe(0.08):
            kind = self.chance.choice(("int", "money", "real"))
            return self.phrases.expression(kind, _items(rows))
        if self._maybe(0.4):
            return self.chance.choice(_PLAIN_VALUES)
        value = str(self.chance.choice(_PIECES["values"]))
        if self._maybe(0.15):
            value = value.replace("{x}", f"({self.chance.choice(_PIECES['values'])})", 1)
        return value

    # Conditions --------------------------------------------------------------------------------

    def _condition(self, rows: Rows) -> str:
        name = self.chance.choice(list(rows.columns))
        column = name.rsplit(".", maxsplit=1)[-1]
        forms = _CONDITIONS.get(column) or ("{x} IS NOT NULL", "{x} > 1", "{x} = 1")
        found = self.chance.choice(forms).replace("{x}", name)
        if self._maybe(0.2):
            found += self.chance.choice((" AND ", " OR ")) + self._condition(rows)
        return found

    def _narrow(self, rows: Rows) -> str:
        """A condition that holds for few persons, if there is one."""
        names = {name.rsplit(".", maxsplit=1)[-1]: name for name in rows.columns}
        found = (
            [f"{names['district']} = '{self.chance.choice(_NARROW)}'"]
            if "district" in names
            else []
        )
        if "wage" in names:
            found += [f"{names['wage']} > 1000000", f"{names['wage']} < 1500"]
        if "district" in names and "grade" in names:
            found.append(
                f"({names['district']} = 'Essex' AND {names['grade']} = {self.chance.randrange(5)})"
            )
        return (
            self.chance.choice(found)
            if found
            else f"({self._condition(rows)} AND {self._condition(rows)})"
        )

    def _where(self, rows: Rows, probability: float) -> str:
        found = [self._condition(rows)] if self._maybe(probability) else []
        if self._maybe(0.15):
            view = self.chance.choice(list(_VIEWS))
            inner = self._condition(Rows(view, _VIEWS[view]))
            forms = (f"{rows.person} IN (SELECT person_id FROM {view} WHERE {inner})",
                     f"{rows.person} NOT IN (SELECT person_id FROM {view} WHERE {inner})",
                     f"EXISTS (SELECT 1 FROM {view} z WHERE z.person_id = {rows.person})",
                     f"(SELECT count(*) FROM {view} z WHERE z.person_id = {rows.person}) > 1",
                     f"(SELECT avg(quarter) FROM wages) < {self.chance.choice(list(rows.columns))}",
                     f"(SELECT count(*) FROM {view} WHERE {inner}) > 6")  # fmt: skip
            found.append(self.chance.choice(forms))
        return f" WHERE {' AND '.join(f'({each})' for each in found)}" if found else ""

    def _key(self, rows: Rows) -> str:
        name = self.chance.choice(list(rows.columns))
        forms = (name, name, name, name, self._condition(rows), f"coalesce({name}, NULL)",
                 f"CASE WHEN {self._condition(rows)} THEN 'a' ELSE 'b' END")  # fmt: skip
        return self.chance.choice(forms)

    # What is grouped ---------------------------------------------------------------------------

    def _rows(self, depth: int) -> Rows:
        plain = (self._view, self._joined, self._joined)
        more = (self._left, self._summed, self._windowed, self._stacked, self._listed, self._semi,
                self._stepped)  # fmt: skip
        return self.chance.choice(more if depth < 2 and self._maybe(0.5) else plain)(depth)

    def _view(self, _depth: int) -> Rows:
        name = self.chance.choice(list(_VIEWS))
        return Rows(name, _VIEWS[name])

    def _joined(self, _depth: int) -> Rows:
        other, columns = self.chance.choice((("wages", _WAGES), ("firms", _FIRMS)))
        return Rows(f"{other} JOIN enrolment USING (person_id)", {**columns, **_ENROLMENT})

    def _left(self, depth: int) -> Rows:
        inner = self._rows(depth + 1)
        chosen = dict(self.chance.sample(list(inner.columns.items()), min(3, len(inner.columns))))
        items = ", ".join(
            [f"{inner.person} AS p", *(f"{n} AS r_{n.rsplit('.')[-1]}" for n in chosen)]
        )
        step = f"(SELECT {items} FROM {inner.sql}{self._where(inner, 0.6)}) r"
        columns = {f"r_{n.rsplit('.')[-1]}": kind for n, kind in chosen.items()}
        word = self.chance.choice(("LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "JOIN"))
        sql = f"enrolment l {word} {step} ON l.person_id = r.p"
        return Rows(
            sql,
            {**_ENROLMENT, **columns},
            self.chance.choice(("l.person_id", "l.person_id", "r.p")),
        )

    def _summed(self, depth: int) -> Rows:
        inner = self._rows(depth + 1)
        names = ("a", "b")[: self.chance.choice((1, 2))]
        made = [
            self._filled(self.chance.choice(_PIECES["per_person"]), inner, self._condition(inner))
            for _ in names
        ]
        items = ", ".join(f"{call} AS {name}" for call, name in zip(made, names, strict=True))
        step = f"(SELECT {inner.person} AS person_id, {items} FROM {inner.sql}"
        step += f"{self._where(inner, 0.3)} GROUP BY {inner.person}) q"
        return self._with_home(step, dict.fromkeys(names, "int"))

    def _windowed(self, _depth: int) -> Rows:
        view = self.chance.choice(("wages", "firms"))
        rows = Rows(view, _VIEWS[view])
        made = self._filled(
            self.chance.choice(_PIECES["windows"]), rows, f"({self._condition(rows)})"
        )
        step = f"(SELECT *, {made} AS w FROM {view}{self._where(rows, 0.3)}"
        step += " QUALIFY w > 1) q" if self._maybe(0.2) else ") q"
        return self._with_home(step, {**rows.columns, "w": "int"})

    def _with_home(self, step: str, columns: dict[str, str]) -> Rows:
        if self._maybe(0.5):
            return Rows(f"{step} JOIN enrolment USING (person_id)", {**columns, **_ENROLMENT})
        return Rows(step, columns)

    def _stacked(self, _depth: int) -> Rows:
        word = self.chance.choice(("UNION", "UNION ALL", "EXCEPT", "INTERSECT"))
        parts = []
        for number in "wages", self.chance.choice(("firms", "enrolment", "wages")):
            rows = Rows(number, _VIEWS[number])
            x = self._filled(self.chance.choice(("{x}", "{x}", "1", "{v}")), rows, "(1 = 1)")
            parts.append(f"SELECT person_id, {x} AS x FROM {number}{self._where(rows, 0.5)}")
        return self._with_home(f"({f' {word} '.join(parts)}) q", {"x": "int"})

    def _listed(self, _depth: int) -> Rows:

        return Rows(self.chance.choice(_PIECES["lists"]), {**_WAGES, "n": "int"})

    def _semi(self, depth: int) -> Rows:
        word = self.chance.choice(("SEMI JOIN", "ANTI JOIN"))
        inner = self._view(depth)
        step = f"(SELECT person_id FROM {inner.sql}{self._where(inner, 0.8)}) s"
        rows = self._view(depth)
        return Rows(f"{rows.sql} {word} {step} USING (person_id)", rows.columns)

    def _stepped(self, depth: int) -> Rows:
        inner = self._rows(depth + 1)
        chosen = self.chance.sample(list(inner.columns), min(3, len(inner.columns)))
        made = self._filled(self._value(inner), inner, f"({self._condition(inner)})")
        items = ", ".join([f"{inner.person} AS person_id", *chosen, f"{made} AS made"])
        step = f"(SELECT {items} FROM {inner.sql}{self._where(inner, 0.4)}) step"
        columns = {name.rsplit(".", maxsplit=1)[-1]: inner.columns[name] for name in chosen}
        return Rows(step, {**columns, "made": "int"})

    def _maybe(self, probability: float) -> bool:
        return self.chance.random() < probability


def _items(rows: Rows) -> Sequence[Item]:
    return [Item(name, kind) for name, kind in rows.columns.items()]
