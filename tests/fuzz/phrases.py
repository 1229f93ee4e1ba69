"""Typed SQL expressions, conditions, aggregates and windows over the columns at hand.

Written from templates: `{int}` is filled with an expression of that kind, `{same}` with one of the
kind that is wanted. Nothing here depends on a clock, a seed of the engine or the order of rows.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fuzz.world import COUNTIES


@dataclass(frozen=True, slots=True)
class Item:
    """A column that an expression may name: `sql` as it is written, and its kind."""

    sql: str
    kind: str


Scope = Sequence[Item]

_ANY = (
    "CASE WHEN {bool} THEN {same} ELSE {same} END", "CASE WHEN {bool} THEN {same} END",
    "coalesce({same}, {same})", "nullif({same}, {same})", "greatest({same}, {same})",
    "least({same}, {same})", "[{same}, {same}][1]", "if({bool}, {same}, {same})",
    "struct_extract(struct_pack(a := {same}, b := {int}), 'a')", "list_extract([{same}], 1)",
)  # fmt: skip
_TEMPLATES: dict[str, tuple[str, ...]] = {
    "int": (
        "{int} + {int}",
        "{int} - 1",
        "{int} % 7",
        "abs({int})",
        "length({text})",
        "-{int}",
        "extract(year FROM {date})",
        "year({date})",
        "month({date})",
        "quarter({date})",
        "date_diff('month', {date}, {date})",
        "{money}::BIGINT",
        "len([{int}, {int}])",
        "CAST(round({money}) AS INTEGER)",
        "list_sum([{int}, {int}])",
        "sign({money})",
        "{int} // 3",
        "strpos({text}, 'a')",
        "try_cast({text} AS INTEGER)",
        "date_part('day', {date})",
        "len(list_filter([{int}, {int}], lambda x: x > 2))",
        "list_max([{int}, 3])",
        "dayofweek({date})",
        "json_array_length('[1, 2]')",
        "cardinality(map(['a'], [{int}]))",
    ),
    "money": (
        "{money} * 2",
        "{money} + {money}",
        "round({money}, 1)",
        "abs({money})",
        "{int}::DECIMAL(18, 2)",
        "{money} - {money}",
        "CAST({money} AS DECIMAL(18, 2))",
        "floor({money})",
    ),
    "real": (
        "{real} + {real}",
        "{money}::DOUBLE",
        "round({real}, 2)",
        "ln(abs({real}) + 1)",
        "{real} / 3",
        "sqrt(abs({real}))",
        "{int} / 4",
        "{money} / nullif({int}, 0)",
        "{real} * {real}",
        "exp(0.5)",
        "power({int}, 2)",
        "floor({real})",
        "CAST({int} AS DOUBLE)",
        "isnan({real})::INT::DOUBLE",
    ),
    "text": (
        "upper({text})",
        "lower({text})",
        "substr({text}, 1, 3)",
        "{text} || {text}",
        "trim({text})",
        "replace({text}, 'a', 'o')",
        "{text} || '-' || {int}",
        "strftime({date}, '%Y-%m')",
        "CAST({int} AS VARCHAR)",
        "left({text}, 2)",
        "lpad({text}, 6, '*')",
        "reverse({text})",
        "split_part({text}, ' ', 1)",
        "regexp_replace({text}, '[aeiou]', '_', 'g')",
        "monthname({date})",
        "concat_ws('/', {text}, {int})",
        "regexp_extract({text}, '([A-Z])', 1)",
        "{date}::VARCHAR",
        "array_to_string([{text}, {text}], '+')",
        "printf('%s!', {text})",
        "md5({text})",
        "list_aggregate([{text}, 'z'], 'min')",
        "map([1, 2], [{text}, 'b'])[1]",
        "typeof({same})",
        "json_extract_string('[1, \"b\"]', '$[1]')",
        "{text}[1:2]",
    ),
    "date": (
        "CAST({date} + INTERVAL 3 MONTH AS DATE)",
        "date_trunc('quarter', {date})::DATE",
        "{date} + 7",
        "make_date(2020, 1 + abs({int} % 12), 1)",
        "last_day({date})",
        "{date} - 30",
        "CAST('2021-0' || (1 + abs({int} % 9)) || '-01' AS DATE)",
        "strptime('2022-03-04', '%Y-%m-%d')::DATE",
    ),
    "bool": (
        "{bool} AND {bool}",
        "{bool} OR {bool}",
        "NOT {bool}",
        "{int} > {int}",
        "{text} = {text}",
        "{date} < {date}",
        "{money} >= {money}",
        "{text} LIKE '%a%'",
        "{int} IN (1, 2, 2021)",
        "{real} IS NULL",
        "{text} IS NOT DISTINCT FROM {text}",
        "list_has_any([{int}], [1, 2])",
        "{int} BETWEEN 1 AND 3",
        "({int}, {int}) IN ((1, 2), (2021, 3))",
        "isfinite({real})",
    ),
}
_TEMPLATES["big"] = ("{int}",)
_SLOT = re.compile(r"\{(\w+)\}")

_AGGREGATES = (
    ("count(*)", "int"),
    ("count({who})", "int"),
    ("count(DISTINCT {who})", "int"),
    ("sum({number})", "big"),
    ("avg({number})", "real"),
    ("min({any})", "any"),
    ("max({any})", "any"),
    ("median({number})", "real"),
    ("stddev_samp({number})", "real"),
    ("var_pop({number})", "real"),
    ("quantile_cont({number}, 0.9)", "real"),
    ("quantile_disc({number}, 0.25)", "number"),
    ("string_agg(DISTINCT {word}, '|' ORDER BY {word})", "text"),
    ("bool_or({bool})", "bool"),
    ("first({any} ORDER BY {order})", "any"),
    ("count_if({bool})", "int"),
    ("bool_and({bool})", "bool"),
    ("corr({number}, {other})", "real"),
    ("regr_slope({number}, {other})", "real"),
    ("sum(CASE WHEN {bool} THEN 1 ELSE 0 END) / count(*)", "real"),
    ("product(1)", "real"),
    ("len(list({any} ORDER BY {order}))", "int"),
    ("list_sum(list({number}))", "big"),
    ("percentile_cont(0.5) WITHIN GROUP (ORDER BY {number})", "real"),
    ("mad({number})", "real"),
    ("max(struct_pack(a := {number}, b := {word})).b", "text"),
    ("avg({number} + 1)", "real"),
    ("sum({number} * 1.0 / 3)", "real"),
    ("sum(DISTINCT {number})", "big"),
    ("arg_max({any}, row({order}))", "any"),
)
_NO_FILTER = ("len(", "list_sum(", "sum(CASE", "max(struct")
_WINDOWS = (
    ("row_number()", "int", False),
    ("rank()", "int", False),
    ("dense_rank()", "int", False),
    ("ntile(4)", "int", False),
    ("percent_rank()", "real", False),
    ("cume_dist()", "real", False),
    ("lag({any})", "any", False),
    ("lead({any}, 2)", "any", False),
    ("first_value({any})", "any", True),
    ("max({any})", "any", True),
    ("sum({number})", "big", True),
    ("count(*)", "int", True),
    ("last_value({any} IGNORE NULLS)", "any", True),
    ("avg({number})", "real", True),
    ("nth_value({any}, 2)", "any", True),
    ("count({any}) FILTER (WHERE {bool})", "int", True),
)
_FRAMES = (
    "", " ROWS BETWEEN 3 PRECEDING AND CURRENT ROW", " ROWS UNBOUNDED PRECEDING",
    " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    " ROWS BETWEEN 1 FOLLOWING AND 4 FOLLOWING", " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Phrases:
    """Writes phrases by chance."""

    chance: random.Random

    def expression(self, kind: str, scope: Scope, depth: int = 0) -> str:
        """An expression of a kind: a column where there is one, else made of others."""
        plain = [item.sql for item in scope if item.kind == kind]
        if plain and (depth > 1 or kind == "person" or self.chance.random() < 0.5):
            return self.chance.choice(plain)
        if depth > 1 or kind == "person":
            return self.literal(kind)
        template = self.chance.choice([*_TEMPLATES[kind], *(_ANY if kind != "big" else ())])

        def fill(slot: re.Match[str]) -> str:
            wanted = slot.group(1).replace("same", kind)
            found = self.expression(wanted, scope, depth + 1)
            return found if found.replace("_", "a").replace(".", "a").isalnum() else f"({found})"

        return _SLOT.sub(fill, template)

    def output(self, scope: Scope) -> tuple[str, str]:
        """An expression of the kind of some column, and that kind."""
        kind = self.chance.choice(scope).kind
        return self.expression(kind, scope), kind

    def aggregate(self, scope: Scope) -> tuple[str, str]:
        """A call of an aggregate whose result does not depend on the order of rows."""
        template, kind = self.chance.choice(_AGGREGATES)
        call, kind = self._call(template, kind, scope)
        if not call.startswith(_NO_FILTER) and self.chance.random() < 0.15:
            call += f" FILTER (WHERE {self.condition(scope)})"
        return call, kind

    def window(self, scope: Scope) -> tuple[str, str]:
        """A window over an order by every column but the persons."""
        template, kind, framed = self.chance.choice(_WINDOWS)
        call, kind = self._call(template, kind, scope)
        part = self.chance.choice(("", f"PARTITION BY {self.chance.choice(scope).sql} "))
        frame = self.chance.choice(_FRAMES) if framed else ""
        return f"{call} OVER ({part}ORDER BY {order(scope)}{frame})", kind

    def condition(self, scope: Scope) -> str:
        """A condition on one column."""
        item = self.chance.choice(scope)
        return self.compare(item.sql, item.kind, scope)

    def compare(self, sql: str, kind: str, scope: Scope) -> str:
        """A condition on an expression; a person is compared with other views, never a constant."""
        sign = self.chance.choice(("=", "<>", "<", "<=", ">", ">="))
        if kind == "bool":
            return self.chance.choice((f"{sql}", f"{sql} IS NOT TRUE", f"NOT {sql}"))
        if kind == "person":
            return f"{sql} IS NOT NULL"
        one, two = self.literal(kind), self.literal(kind)
        forms = [f"{sql} {sign} {one}", f"{sql} IS NOT NULL", f"{sql} IS NULL",
                 f"{sql} BETWEEN {one} AND {two}", f"{sql} IN ({one}, {two})",
                 f"{sql} IS DISTINCT FROM {one}", f"{sql} NOT IN ({one})", f"NOT ({sql} > {one})",
                 f"list_contains([{one}, {two}], {sql})",
                 f"{sql} > ANY (SELECT {one})"]  # fmt: skip
        if kind == "text":
            forms += [f"{sql} LIKE 'H%'", f"{sql} ILIKE '%or%'", f"starts_with({sql}, 'N')",
                      f"regexp_matches({sql}, '^[A-M]')", f"length({sql}) > 4",
                      f"{sql} NOT LIKE '%x%' ESCAPE '!'",
                      f"{sql} SIMILAR TO '[A-Z].*'"]  # fmt: skip
        return self.chance.choice(forms)

    def literal(self, kind: str) -> str:
        """A constant of a kind; of a person only NULL."""
        county, year, month = (
            self.chance.choice(COUNTIES), self.chance.randrange(2019, 2024),
            self.chance.randrange(1, 9),
        )  # fmt: skip
        one_of: dict[str, tuple[str, ...]] = {
            "money": (f"{self.chance.randrange(0, 25_000)}.{year % 100}",),
            "real": ("0.5", "-1.25", "3e2", "50.0"),
            "date": (f"DATE '{year}-0{month}-15'",),
            "bool": ("true", "false"),
            "person": ("NULL",),
            "text": (f"'{county}'", f"'{county}'", f"'{county}'", "'it''s'", "'Ñ'"),
        }
        numbers = ("0", "1", "2", "4", "7", "2020", "2022", "-3")
        return self.chance.choice(one_of.get(kind, numbers))

    def _call(self, template: str, kind: str, scope: Scope) -> tuple[str, str]:
        item = self._any(scope)
        number, other = self._one(scope, "number"), self._one(scope, "number")
        filled = template.format(any=item.sql, number=number.sql, other=other.sql,
                                 word=self._one(scope, "word").sql, bool=self.condition(scope),
                                 order=order(scope), who=self.chance.choice(scope).sql)  # fmt: skip
        return filled, {"any": item.kind, "number": number.kind}.get(kind, kind)

    def _any(self, scope: Scope) -> Item:
        """A column that may be in an aggregate: a person is counted, not picked out of a group."""
        return self.chance.choice([i for i in scope if i.kind != "person"] or [Item("1", "int")])

    def _one(self, scope: Scope, group: str) -> Item:
        kinds = ("int", "money", "real") if group == "number" else ("text",)
        fitting = [item for item in scope if item.kind in kinds]
        spare = Item("1", "int") if group == "number" else Item("chr(65)", "text")
        return self.chance.choice(fitting or [spare])


def order(scope: Scope) -> str:
    """Every column but the persons: one may not ask for the first of them by their pseudonyms."""
    columns = [item.sql for item in scope if item.kind != "person"]
    return ", ".join(columns or [scope[0].sql])
