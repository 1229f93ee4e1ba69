"""How much a short text may grow before it runs: refused before a reader would make it.

Checked by removing the check: each of `GROWING` then took some seconds, all memory, or did not end.
"""

from __future__ import annotations

import pytest

from enclave.gateway.inspector import bound_plan, growth
from enclave.gateway.refusals import TooLarge
from tests.support.gateway import make_test_inspector


def chained(first: str, step: str, source: str = "", steps: int = 30) -> str:
    """Columns that each name the one before: `a0`, then `step` with the one before for `~`."""
    made = [f"{step.replace('~', f'a{at}')} AS a{at + 1}" for at in range(steps)]
    return f"SELECT {', '.join([f'{first} AS a0', *made])} {source}"


def stepped(first: str, step: str, steps: int = 30) -> str:
    """Steps of a WITH that each read the one before."""
    made = [f"s{at + 1} AS (SELECT {step} AS a FROM s{at})" for at in range(steps)]
    return f"WITH {', '.join([f's0 AS ({first})', *made])} SELECT a FROM s{steps}"


def nested(first: str, step: str, steps: int = 30) -> str:
    return f"SELECT {step} AS a FROM (" * steps + first + ")" * steps


def beside(subquery: str, glue: str = ", ", most: int = 60) -> str:
    return glue.join(subquery.replace("~", str(at)) for at in range(most))


YEAR, WAGES = "SELECT year AS a FROM wages", "FROM wages w"
GROWING = {
    "sums": chained("year", "~ + ~", "FROM wages"),
    "texts": chained("industry", "~ || ~", "FROM wages"),
    "constants": chained("1", "~ + ~"),
    "lists": chained("[year]", "[~, ~]", "FROM wages"),
    "cases": chained("year", "CASE WHEN ~ > 1 THEN ~ ELSE ~ END", "FROM wages"),
    "other case of letters": chained("1", "~ + ~").replace("AS a", "AS A"),
    "in WHERE": chained("year", "~ + ~", "FROM wages", steps=11) + " WHERE a11 + a11 + a11 > 0",
    "rows in steps": nested(YEAR, "{'x': a, 'y': a}"),
    "rows in steps of a WITH": stepped(YEAR, "{'x': a, 'y': a}"),
    "rows without names": nested(YEAR, "(a, a)"),
    "rows by name": stepped(YEAR, "struct_pack(x := a, y := a)"),
    "maps": nested(YEAR, "MAP {a: a}"),
    "zipped": stepped("SELECT [year] AS a FROM wages", "list_zip(a, a)"),
    "rows beside": "SELECT l29.a FROM (SELECT year AS a FROM wages) l, "
    + ", ".join(
        f"(SELECT {{'x': {'l' if at == 0 else f'l{at - 1}'}.a, 'y': "
        f"{'l' if at == 0 else f'l{at - 1}'}.a}} AS a) l{at}"
        for at in range(30)
    ),
    "rows of columns": chained("year", "{'x': ~, 'y': ~}", "FROM wages"),
    "lateral": f"SELECT 1 {WAGES}, " + beside("LATERAL (SELECT w.year AS y) l~"),
    "not called lateral": f"SELECT 1 {WAGES}, " + beside("(SELECT w.year AS y) l~"),
    "scalars": "SELECT "
    + beside("(SELECT max(x.year) FROM wages x WHERE x.year = w.year + ~)")
    + f" {WAGES}",
    "EXISTS": f"SELECT 1 {WAGES} WHERE "
    + beside("EXISTS (SELECT 1 FROM wages x WHERE x.year = w.year + ~)", " AND "),
    "functions": f"SELECT 1 {WAGES}, " + beside("unnest([w.year]) AS u~(y)"),
    "ranges": f"SELECT 1 {WAGES}, " + beside("range(w.year) AS u~(y)"),
    "in one another": f"SELECT 1 {WAGES}, LATERAL (WITH s AS (SELECT 1 FROM "
    + beside("(SELECT w.year AS y) l~", most=16)
    + ") SELECT 1 FROM s, "
    + beside("(SELECT w.year AS y) m~", most=16)
    + ") q",
}
HONEST = {
    "named again": "SELECT wage * 4 AS annual, annual / 12 AS monthly, monthly * 1.1 AS more, "
    "more - monthly AS less FROM wages WHERE annual > 10",
    "long chain": chained("year", "~ + 1", "FROM wages", steps=60),
    "rows": "SELECT {'a': p, 'b': p} FROM (SELECT {'x': year, 'y': quarter, 'z': wage} AS p "
    "FROM wages)",
    "UNION": " UNION ALL ".join(
        f"SELECT {at} AS k, (SELECT count(*) FROM wages WHERE year = {at}) AS n" for at in range(60)
    ),
    "steps": "WITH "
    + ", ".join(f"s{at} AS (SELECT max(a) AS a FROM ({YEAR}) q)" for at in range(40))
    + " SELECT s0.a, s39.a FROM s0, s39",
    "joins": "SELECT count(*) FROM wages w "
    + " ".join(
        f"LEFT JOIN (SELECT person_id FROM wages WHERE year = {at}) y{at} USING (person_id)"
        for at in range(20)
    ),
}


@pytest.mark.parametrize("name", GROWING)
def test_what_grows_is_refused_before_a_reader_makes_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bind(*_: object) -> None:
        raise AssertionError("the binder was handed the text")

    monkeypatch.setattr(bound_plan, "plan", bind)
    with pytest.raises(TooLarge) as refused:
        make_test_inspector().inspect(GROWING[name])
    assert refused.value.hint


@pytest.mark.parametrize("name", HONEST)
def test_what_people_write_is_not(name: str) -> None:
    make_test_inspector().inspect(HONEST[name])


def test_what_is_at_the_bounds_takes_the_readers_no_time() -> None:
    """Just below each bound, asked for real: this ends, and is no test of a clock."""
    inspector = make_test_inspector()
    most = growth.MAX_SUBQUERIES
    inspector.inspect(f"SELECT 1 {WAGES}, " + beside("LATERAL (SELECT w.year AS y) l~", most=most))
    inspector.inspect(chained("year", "~ + ~", "FROM wages", steps=10))
    inspector.inspect(nested(YEAR, "{'x': a, 'y': a}", steps=12))
