"""Recomputes a table with each person's part in it bounded, for differential privacy.

What is bounded is bounded here, in the query that reads the extract, whatever the data hold: rows
that join two persons do not count, of each person only the first few rows by a hash of the row
count, and each amount counts as the nearest bound if it lies outside. So one person with all rows
changes a grouping's cells by no more than `sdc.private.Question` says, or less. The cells are those
of public labels, whether anybody is in them or not. Whatever could let one person's row hang on
another's (outer joins, queries inside, HAVING) is refused. Never writes.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from egress_review.errors import OutputRefused
from egress_review.evidence import lineage_sql, sql_tree
from egress_review.evidence.aggregates import Base, Columns, Of, Views
from egress_review.evidence.lineage_sql import Shape
from egress_review.evidence.sql_tree import Node, calls, is_a
from egress_review.sdc.private import Key, Plan, plan
from egress_review.sdc.tables import Kind, Level
from enclave.model import Amounts, PrivateTerms

MOST_CELLS = 10_000
POSSIBLE = (
    "Possible under this agreement: SELECT columns with listed labels, count(*), count(column), "
    "count(DISTINCT person_id), sum or avg of columns with agreed bounds FROM views [JOIN … USING "
    "(person_id)] [WHERE …] GROUP BY those columns, ROLLUP, CUBE or GROUPING SETS."
)
KINDS = {Of.ROWS: Kind.ROWS, Of.PERSONS: Kind.PERSONS, Of.NONNULL: Kind.NONNULL, Of.SUM: Kind.SUM}

Cells = Mapping[tuple[str, Level], Mapping[Key, int]]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the answer: a label of a group, a number, or a sum divided by a count."""

    group: int | None = None
    measure: str = ""
    divisor: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query understood under private terms; nothing in it comes from the data.

    `measures` gives, by name, the base, and its least and most per row (1 for counts). `labels` are
    the public labels per group, `""` for a missing value.
    """

    shape: Shape
    columns: tuple[Column, ...]
    measures: Mapping[str, tuple[Base, Amounts]]
    labels: tuple[tuple[str, ...], ...]
    fields: tuple[str, ...]
    levels: tuple[Level, ...]
    plan: Plan
    rows: int
    views: Views = field(repr=False)

    def keys(self, level: Level) -> Iterator[Key]:
        """Yield the keys of a grouping's cells, in the order of the public labels."""
        return itertools.product(*(self.labels[place] for place in sorted(level)))

    def fingerprint(self, *about: str) -> str:
        """Return a hash of the question: equal questions, under equal terms, have equal ones."""
        bounds = {name: [bound.least, bound.most] for name, (_, bound) in self.measures.items()}
        told = [*about, self.rows, bounds, self.labels, _sql(self)]
        told += [[sorted(level) for level in self.levels], [str(one) for one in self.columns]]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def understand(
    sql: str, views: Views, terms: PrivateTerms, labels: Mapping[str, Sequence[str]]
) -> Asked:
    """Return what a query asks. Raises `OutputRefused` for what the terms do not cover.

    `labels` are the public labels of columns by `view.column`, from the dictionary or the terms.
    """
    shape = lineage_sql.understand(sql, views)
    _refuse_ties(shape)
    found = Columns(shape.sources, views)
    fields = tuple(_field(group, found) for group in shape.groups)
    measures = {_name(base): (base, _bound(base, terms)) for base in shape.bases}
    sets = shape.node["group_sets"] or [[]]
    levels = tuple(dict.fromkeys(frozenset(one) for one in sets))
    asked = Asked(
        shape=shape,
        columns=tuple(_columns(shape)),
        measures=measures,
        labels=tuple(_labels(name, labels) for name in fields),
        fields=fields,
        levels=levels,
        plan=_plan(levels, measures, terms.rows),
        rows=terms.rows,
        views=views,
    )
    if sum(1 for level in asked.levels for _ in asked.keys(level)) > MOST_CELLS:
        raise OutputRefused(f"The listed labels make more than {MOST_CELLS:,} rows.")
    return asked


def recompute(engine: duckdb.DuckDBPyConnection, asked: Asked) -> Cells:
    """Return, per question of the plan, the bounded number of every public cell.

    Raises `OutputRefused` if the engine cannot run it.
    """
    questions = asked.plan.questions
    levels = list(dict.fromkeys(question.level for question in questions))
    found: dict[Level, dict[Key, tuple[int, ...]]] = {level: {} for level in levels}
    try:
        answered = engine.execute(_sql(asked, levels), list(map(list, asked.labels))).fetchall()
    except duckdb.Error:
        raise OutputRefused("The query could not be recomputed on the project's extract.") from None
    width = len(asked.fields)
    for line in answered:
        level = frozenset(n for n, bit in enumerate(line[width : 2 * width]) if not bit)
        key = tuple(line[place] for place in sorted(level))
        found[level][key] = tuple(int(value or 0) for value in line[2 * width :])
    place = {name: at for at, name in enumerate(asked.measures)}
    none = (0,) * len(asked.measures)
    return {
        (one.measure, one.level): {
            key: found[one.level].get(key, none)[place[one.measure]]
            for key in asked.keys(one.level)
        }
        for one in questions
    }


def _plan(levels: Sequence[Level], measures: Mapping[str, tuple[Base, Amounts]], rows: int) -> Plan:
    most = {
        name: (KINDS[base.of], max(abs(bound.least), abs(bound.most)))
        for name, (base, bound) in measures.items()
    }
    return plan(levels, most, rows=rows)


# Understanding ---------------------------------------------------------------------------------


def _refuse_ties(shape: Shape) -> None:
    """Refuse whatever makes what becomes of one person's rows hang on other persons' rows."""
    node = shape.node
    if shape.kept is not None:
        raise _refuse("HAVING leaves out rows by other people's")
    if list(sql_tree.find([node["from_table"], node["where_clause"]], "SUBQUERY")):
        raise _refuse("It asks another query inside")
    if any(table["join_type"] != "INNER" for table in _joins(node["from_table"])):
        raise _refuse("An outer join keeps or drops rows by other people's")


def _joins(table: Node) -> Iterator[Node]:
    if table["type"] == "JOIN":
        yield table
        yield from _joins(table["left"])
        yield from _joins(table["right"])


def _field(group: Node, columns: Columns) -> str:
    if not is_a(group, "COLUMN_REF"):
        raise _refuse("It groups by more than a plain column")
    source, column = columns.find(group)
    return f"{source.view}.{column}"


def _labels(name: str, labels: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    if name not in labels:
        raise OutputRefused(
            f"The labels of {name} are not public: neither its dictionary nor the agreement lists "
            "them, so which groups exist would tell of persons.",
            hint="Group by columns with codes, or have the agreement list the labels.",
        )
    return tuple(labels[name])


def _bound(base: Base, terms: PrivateTerms) -> Amounts:
    if base.of in (Of.ROWS, Of.PERSONS, Of.NONNULL):
        return Amounts(0, 1)
    if base.of is not Of.SUM:
        raise _refuse("It asks for more than counts, sums and averages")
    if base.field not in terms.amounts:
        raise OutputRefused(
            f"The agreement gives no bounds for {base.field}, so it cannot be added up.",
            hint="Counts are possible, and sums of columns with agreed bounds.",
        )
    return terms.amounts[base.field]


def _columns(shape: Shape) -> Iterator[Column]:
    groups = iter(shape.label_groups())
    for item, bases in zip(shape.node["select_list"], shape.outputs, strict=True):
        if bases is None:
            group = next(groups)
            if group is None:
                raise _refuse("A label is made of more than one plain group")
            yield Column(group)
        else:
            yield _number(item, bases)


def _number(item: Node, bases: tuple[Base, ...]) -> Column:
    """Return a number that is one count or sum as it is, or a sum by its count."""
    core = _core(item)
    inner = sql_tree.arguments(core) if is_a(core, "FUNCTION") else []
    plain = len(inner) < 2 and all(is_a(one, "COLUMN_REF") for one in inner)
    if plain and calls(core, "count", "count_star", "sum") and len(bases) == 1:
        return Column(measure=_name(bases[0]))
    if plain and calls(core, "avg", "mean"):
        parts = {base.of: _name(base) for base in bases}
        if parts.keys() == {Of.SUM, Of.NONNULL}:
            return Column(measure=parts[Of.SUM], divisor=parts[Of.NONNULL])
    raise _refuse("It calculates with counts and sums")


def _core(item: Node) -> Node:
    """Look through a cast or a rounding."""
    if is_a(item, "CAST"):
        return _core(item["child"])
    return _core(sql_tree.arguments(item)[0]) if calls(item, "round") else item


def _name(base: Base) -> str:
    told = (base.of.value, base.field if base.readers else "", base.subset)
    return ":".join(part for part in told if part)


def _refuse(what: str) -> OutputRefused:
    return OutputRefused(f"{what}, which this agreement's privacy does not cover.", hint=POSSIBLE)


# Asking ----------------------------------------------------------------------------------------


def _sql(asked: Asked, levels: Sequence[Level] = ()) -> str:
    """Return SQL with, per group of the levels: labels, GROUPING bits, one number per measure.

    One list of labels per group is a parameter. Names are ours and the tree is the parser's own: no
    text of a person is here.
    """
    groups = [f"g{n}" for n in range(len(asked.fields))]
    public = [f"list_contains(?, {name})" for name in groups]
    sets = ", ".join(f"({', '.join(groups[n] for n in sorted(level))})" for level in levels)
    bits = [f"grouping({name})" for name in groups]
    numbers = [_total(n, base) for n, (base, _) in enumerate(asked.measures.values())]
    return (
        f"WITH every AS ({_rows(asked, groups)}), "  # noqa: S608
        "kept AS (SELECT *, row_number() OVER (PARTITION BY p0 ORDER BY mark) AS place FROM every "
        f"WHERE {' AND '.join(['one', *public])}) "
        f"SELECT {', '.join([*groups, *bits, *numbers])} FROM kept WHERE place <= {asked.rows:d} "
        f"GROUP BY GROUPING SETS ({sets or '()'})"
    )


def _total(n: int, base: Base) -> str:
    return f"count(DISTINCT a{n})" if base.of is Of.PERSONS else f"sum(a{n})"


def _rows(asked: Asked, groups: Sequence[str]) -> str:
    """Return SQL with each row read: its labels, person, if it is one person's, mark, amounts."""
    shape = asked.shape
    node = copy.deepcopy(shape.node)
    node["modifiers"], node["group_expressions"], node["group_sets"] = [], [], []
    first, *others = [source.person for source in shape.sources]
    alone = " AND ".join([f"{first} IS NOT NULL", *(f"{first} = {other}" for other in others)])
    node["select_list"] = [
        sql_tree.template("coalesce(CAST(:group AS VARCHAR), '')", group=group)
        for group in shape.groups
    ]
    node["select_list"] += sql_tree.expressions(first, alone, _mark(asked))
    node["select_list"] += [_given(base, bound) for base, bound in asked.measures.values()]
    amounts = [f"a{n}" for n in range(len(asked.measures))]
    names = ", ".join([*groups, "p0", "one", "mark", *amounts])
    return f"SELECT * FROM ({sql_tree.text(node)}) AS read({names})"  # noqa: S608 - as above


def _given(base: Base, bound: Amounts) -> Node:
    """Return what one row gives: a person, 1 or an amount in hundredths, within the bounds."""
    match base.of:
        case Of.PERSONS:
            text, nothing = base.sql, "NULL"
        case Of.ROWS:
            text, nothing = "1", "0"
        case Of.NONNULL:
            text, nothing = f"CASE WHEN {base.sql} IS NULL THEN 0 ELSE 1 END", "0"
        case _:
            text, nothing = _clamped(base.sql, bound), "0"
    if not base.condition:
        return sql_tree.expressions(text)[0]
    condition = json.loads(base.condition)
    return sql_tree.template(
        f"CASE WHEN :condition THEN {text} ELSE {nothing} END", condition=condition
    )


def _clamped(column: str, bound: Amounts) -> str:
    least, most = f"{bound.least / 100:.2f}", f"{bound.most / 100:.2f}"
    return (
        f"CASE WHEN {column} IS NULL THEN 0 WHEN {column} <= {least} THEN {bound.least:d} "
        f"WHEN {column} >= {most} THEN {bound.most:d} "
        f"ELSE CAST(round({column} * 100) AS BIGINT) END"
    )


def _mark(asked: Asked) -> str:
    """Return SQL that hashes one row, so that which of a person's rows count is the row's own."""
    columns = [
        f"{sql_tree.quoted(source.alias)}.{sql_tree.quoted(column)}"
        for source in asked.shape.sources
        for column in asked.views[source.view]
    ]
    return f"hash({', '.join(columns)})"
