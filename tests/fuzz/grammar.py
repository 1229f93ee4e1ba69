"""Research-like SQL by number, over the project's views; always the same for the same number.

Every query has one answer: what could differ between two runs (samples, a LIMIT without a total
order, clocks) is not written. `question(n)` needs nothing but `n`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fuzz.phrases import Item, Phrases, order
from tests.fuzz.world import VIEWS

MAX_DEPTH = 2


@dataclass(frozen=True, slots=True)
class Source:
    """Something in FROM: its alias, the kinds of its columns, and how it is written."""

    alias: str
    columns: dict[str, str]
    sql: str

    def items(self) -> list[Item]:
        return [Item(f"{self.alias}.{name}", kind) for name, kind in self.columns.items()]


@dataclass(frozen=True, slots=True)
class Select:
    """A written query, and the kinds of its columns."""

    sql: str
    columns: dict[str, str]


def question(number: int) -> str:
    """Return the query of this number."""
    chance = random.Random(number)
    return Author(chance, Phrases(chance)).question()


@dataclass(slots=True)
class Author:
    """Writes one query. `ctes` are the names that a FROM may use beside the views."""

    chance: random.Random
    phrases: Phrases
    ctes: dict[str, dict[str, str]] = field(default_factory=dict)
    names: int = 0

    def question(self) -> str:
        """A whole query: perhaps WITH, a body, perhaps ORDER BY all of it and LIMIT."""
        heads = [self._cte(n) for n in range(self.chance.choice((0, 0, 0, 1, 1, 2)))]
        body = self._body(0)
        head = f"WITH RECURSIVE {', '.join(heads)} " if heads else ""
        return head + body.sql + self._tail(body)

    def _tail(self, body: Select) -> str:
        if not self._maybe(0.5):
            return ""
        places = [str(n + 1) for n in range(len(body.columns))]
        self.chance.shuffle(places)
        ends = ("", " DESC", " NULLS FIRST", " DESC NULLS LAST", " ASC")
        ordered = ", ".join(place + self.chance.choice(ends) for place in places)
        limit = self.chance.choice(("", "", f" LIMIT {self.chance.randrange(1, 30)}"))
        return f" ORDER BY {ordered}{limit}"

    def _cte(self, number: int) -> str:
        name = f"step{number}"
        if self._maybe(0.1):
            self.ctes[name] = {"n": "int"}
            last = self.chance.randrange(2, 9)
            return f"{name}(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM {name} WHERE n < {last})"
        body = self._body(1)
        self.ctes[name] = body.columns
        hint = self.chance.choice(("", "", "MATERIALIZED ", "NOT MATERIALIZED "))
        return f"{name} AS {hint}({body.sql})"

    def _body(self, depth: int) -> Select:
        kinds = (self._rows, self._groups, self._groups, self._windows, self._rows,
                 self._stars, self._set_operation)  # fmt: skip
        return self.chance.choice(kinds)(depth)

    # Kinds of SELECT

    def _rows(self, depth: int) -> Select:
        sources, joined = self._from(depth)
        scope = _scope(sources)
        outputs = self._outputs(scope, self.chance.randrange(1, 5))
        where = self._where(scope, depth)
        select = self.chance.choice(("SELECT", "SELECT", "SELECT DISTINCT")) + " " + _list(outputs)
        if self._maybe(0.1):
            return Select(f"FROM {joined} {select}{where}", _kinds(outputs))
        return Select(f"{select} FROM {joined}{where}", _kinds(outputs))

    def _stars(self, depth: int) -> Select:
        view = self._view()
        columns = dict(view.columns)
        dropped = self.chance.choice(list(columns)[1:])
        new = self.phrases.expression(columns[dropped], view.items())
        where = self._where(view.items(), depth)
        form = self.chance.choice(("*", "t.*", "* EXCLUDE (c)", "* REPLACE (e AS c)"))
        if "EXCLUDE" in form:
            del columns[dropped]
        select = {"*": "*", "t.*": f"{view.alias}.*", "* EXCLUDE (c)": f"* EXCLUDE ({dropped})",
                  "* REPLACE (e AS c)": f"* REPLACE ({new} AS {dropped})"}[form]  # fmt: skip
        return Select(f"SELECT {select} FROM {view.sql}{where}", columns)

    def _groups(self, depth: int) -> Select:
        sources, joined = self._from(depth)
        scope = _scope(sources)
        count = self.chance.randrange(0, 4)
        keys = {self._name("k"): self.phrases.output(scope) for _ in range(count)}
        count = self.chance.randrange(1, 4)
        outputs = {**keys, **{f"a{n}": self.phrases.aggregate(scope) for n in range(count)}}
        text = f"SELECT {_list(outputs)} FROM {joined}{self._where(scope, depth)}"
        text += self._group_by(keys)
        if self._maybe(0.3):
            text += f" HAVING {self.phrases.compare(*self.phrases.aggregate(scope), ())}"
        return Select(text, _kinds(outputs))

    def _group_by(self, keys: dict[str, tuple[str, str]]) -> str:
        if not keys:
            return ""
        texts = [sql for sql, _ in keys.values()]
        forms = [", ".join(str(n + 1) for n in range(len(keys))), ", ".join(keys), "ALL"]
        if len(keys) > 1 and len(set(texts)) == len(texts):
            sets = ", ".join(f"({text})" for text in texts)
            forms += [f"ROLLUP ({', '.join(texts)})", f"CUBE ({', '.join(texts)})",
                      f"GROUPING SETS ({sets}, ())"]  # fmt: skip
        return f" GROUP BY {self.chance.choice(forms)}"

    def _windows(self, depth: int) -> Select:
        sources, joined = self._from(depth)
        scope = _scope(sources)
        outputs = self._outputs(scope, self.chance.randrange(1, 3))
        for n in range(self.chance.randrange(1, 3)):
            outputs[f"w{n}"] = self.phrases.window(scope)
        text = f"SELECT {_list(outputs)} FROM {joined}{self._where(scope, depth)}"
        if self._maybe(0.25):
            window = f"PARTITION BY {scope[0].sql} ORDER BY {order(scope)}"
            text += f" QUALIFY row_number() OVER ({window}) = 1"
        return Select(text, _kinds(outputs))

    def _set_operation(self, depth: int) -> Select:
        left, view = self._rows(depth + 1), self._view()
        outputs = {
            name: (self.phrases.expression(kind, view.items()), kind)
            for name, kind in left.columns.items()
        }
        words = ("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "UNION ALL BY NAME")
        word = self.chance.choice(words)
        return Select(f"{left.sql} {word} SELECT {_list(outputs)} FROM {view.sql}", left.columns)

    # FROM and WHERE

    def _from(self, depth: int) -> tuple[list[Source], str]:
        sources = [self._source(depth)]
        text = sources[0].sql
        for _ in range(self.chance.choice((0, 0, 0, 1, 1, 2))):
            other = self._source(depth)
            kept, part = self._join(sources, other)
            sources, text = sources + kept, text + part
        return sources, text

    def _join(self, left: list[Source], right: Source) -> tuple[list[Source], str]:
        pair = self._equal(left, right)
        word = self.chance.choice(("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN",
                                   "ANTI JOIN", "JOIN", "LATERAL"))  # fmt: skip
        if word == "LATERAL":
            inner = f"(SELECT count(*) AS n FROM {right.sql} WHERE {pair})"
            alias = self._name("l")
            return [Source(alias, {"n": "int"}, "")], f", LATERAL {inner} AS {alias}"
        if word in ("SEMI JOIN", "ANTI JOIN"):
            return [], f" {word} {right.sql} ON {pair}"
        more = f" AND {self.phrases.condition(right.items())}" if self._maybe(0.3) else ""
        return [right], f" {word} {right.sql} ON {pair}{more}"

    def _equal(self, left: list[Source], right: Source) -> str:
        pairs = [(a, b) for a in _scope(left) for b in right.items() if a.kind == b.kind]
        people = [(a, b) for a, b in pairs if a.kind == "person"]
        if not pairs:
            return f"{right.items()[0].sql} IS NULL"
        a, b = self.chance.choice(people or pairs)
        return f"{a.sql} = {b.sql}"

    def _source(self, depth: int) -> Source:
        roll = self.chance.random()
        if self.ctes and roll < 0.35:
            name, alias = self.chance.choice(sorted(self.ctes)), self._name("c")
            return Source(alias, self.ctes[name], f"{name} AS {alias}")
        if depth < MAX_DEPTH and roll < 0.5:
            alias, inner = self._name("q"), self._body(depth + 1)
            return Source(alias, inner.columns, f"({inner.sql}) AS {alias}")
        if roll < 0.54:
            alias, rows = self._name("v"), "('Hartford', 1), ('Tolland', 2), (NULL, 3)"
            made = f"(VALUES {rows}) AS {alias}(place, n)"
            return Source(alias, {"place": "text", "n": "int"}, made)
        if roll < 0.58:
            alias = self._name("y")
            return Source(alias, {"n": "int"}, f"range(2019, 2025) AS {alias}(n)")
        return self._view()

    def _view(self) -> Source:
        name, alias = self.chance.choice(sorted(VIEWS)), self._name("t")
        columns = {"person_id": "person", **{c: s.kind for c, s in VIEWS[name].items()}}
        return Source(alias, columns, f"{name} AS {alias}")

    def _where(self, scope: Sequence[Item], depth: int) -> str:
        if not self._maybe(0.6):
            return ""
        parts = [self._condition(scope, depth) for _ in range(self.chance.choice((1, 1, 2, 3)))]
        return " WHERE " + self.chance.choice((" AND ", " OR ", " AND NOT ")).join(parts)

    def _condition(self, scope: Sequence[Item], depth: int) -> str:
        view = self._view()
        pairs = [(a, b) for a in scope for b in view.items() if a.kind == b.kind]
        if depth > MAX_DEPTH or not pairs or not self._maybe(0.2):
            return f"({self.phrases.condition(scope)})"
        outer, inner = self.chance.choice(pairs)
        same, extra = f"{inner.sql} = {outer.sql}", self.phrases.condition(view.items())
        forms = [f"EXISTS (SELECT 1 FROM {view.sql} WHERE {same} AND {extra})",
                 f"NOT EXISTS (SELECT 1 FROM {view.sql} WHERE {same})",
                 f"{outer.sql} IN (SELECT {inner.sql} FROM {view.sql} WHERE {extra})",
                 f"(SELECT count(*) FROM {view.sql} WHERE {same}) > 1"]  # fmt: skip
        if inner.kind != "person":  # the largest pseudonym is one person's
            forms.append(f"{outer.sql} = (SELECT max({inner.sql}) FROM {view.sql})")
        return self.chance.choice(forms)

    def _outputs(self, scope: Sequence[Item], count: int) -> dict[str, tuple[str, str]]:
        return {f"o{n}": self.phrases.output(scope) for n in range(count)}

    def _name(self, letter: str) -> str:
        self.names += 1
        return f"{letter}{self.names}"

    def _maybe(self, probability: float) -> bool:
        return self.chance.random() < probability


def _scope(sources: Sequence[Source]) -> list[Item]:
    return [item for source in sources for item in source.items()]


def _list(outputs: dict[str, tuple[str, str]]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, (sql, _) in outputs.items())


def _kinds(outputs: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {name: kind for name, (_, kind) in outputs.items()}
