"""Attempts to get a restricted column's value, or a small group, past the agreement.

Each is run on the real engine, over rows with planted values, if it passes at all: what counts is
whether something leaks. Then each control is taken away, to see that it was what stopped them.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from enclave.gateway.refusals import QueryDenied
from tests.support import held

ALONE = held.people()[held.ALONE]["person_id"]
RICH = held.people()[held.RICH]["person_id"]

# A column that may only filter, or only join: its value may not be told ---------------------------

ROLES = """
SELECT town FROM wages
SELECT * FROM wages
SELECT wages.town AS t FROM wages
SELECT x FROM (SELECT town AS x FROM wages)
WITH a(x) AS (SELECT town FROM wages) SELECT x FROM a
WITH a AS (FROM wages), b AS (FROM a) SELECT * FROM b
SELECT upper(town) FROM wages
SELECT town || '' FROM wages
SELECT CASE WHEN town = 'canary-town' THEN 'canary-town' ELSE 'no' END FROM wages
SELECT if(town = 'canary-town', 1, 0) FROM wages
SELECT town = 'canary-town' FROM wages
SELECT town IN ('canary-town') FROM wages
SELECT nullif(town, 'x') FROM wages
SELECT coalesce(NULL, town) FROM wages
SELECT {'a': town} FROM wages
SELECT [town] FROM wages
SELECT struct_pack(t := town) FROM wages
SELECT unnest([town]) FROM wages
SELECT map([1], [town]) FROM wages
SELECT x.a FROM (SELECT {'a': town} AS x FROM wages)
SELECT list_transform([town], lambda t: t) FROM wages
SELECT list_transform([1], lambda i: town) FROM wages
SELECT max(town) FROM wages
SELECT list(town) FROM wages
SELECT string_agg(year::VARCHAR, ',' ORDER BY town) FROM wages
SELECT arg_max(person_id, town) FROM wages
SELECT arg_max(town, wage) FROM wages
SELECT mode(town) FROM wages
SELECT histogram(town) FROM wages
SELECT count(DISTINCT town) FROM wages
SELECT sum(length(town)) FROM wages
SELECT sum(CASE WHEN town = 'canary-town' THEN 1 END) FROM wages GROUP BY person_id
SELECT person_id, count(*) FILTER (WHERE town = 'canary-town') FROM wages GROUP BY person_id
SELECT first_value(town) OVER (ORDER BY wage) FROM wages
SELECT lag(town) OVER (ORDER BY wage) FROM wages
SELECT rank() OVER (ORDER BY town) FROM wages
SELECT row_number() OVER (PARTITION BY town) FROM wages
SELECT count(*) FILTER (WHERE town = 'canary-town') OVER (PARTITION BY person_id) FROM wages
SELECT person_id FROM wages ORDER BY town
SELECT person_id FROM wages ORDER BY town LIMIT 1
SELECT person_id FROM wages ORDER BY CASE WHEN town = 'canary-town' THEN 0 ELSE 1 END
SELECT count(*) FROM wages GROUP BY town
SELECT count(*) FROM wages GROUP BY length(town)
SELECT year, count(*) FROM wages GROUP BY GROUPING SETS ((year), (town))
SELECT DISTINCT town FROM wages
SELECT DISTINCT ON (town) person_id FROM wages
SELECT person_id FROM (SELECT DISTINCT person_id, town FROM wages)
SELECT town FROM wages UNION SELECT 'x'
SELECT person_id FROM wages UNION ALL SELECT town FROM wages
SELECT 'canary-town' INTERSECT SELECT town FROM wages
SELECT 'canary-town' EXCEPT SELECT town FROM wages
SELECT person_id, 'A' FROM wages WHERE town = 'Ashford' UNION ALL SELECT person_id, 'P' FROM wages WHERE town = 'Putnam'
SELECT v.t, w.person_id FROM wages w JOIN (VALUES ('Ashford'), ('canary-town')) v(t) ON w.town = v.t
SELECT v.k FROM wages w JOIN (VALUES ('Ashford', 1), ('canary-town', 2)) v(t, k) ON w.town = v.t
SELECT v.t FROM (VALUES ('Ashford'), ('canary-town')) v(t) WHERE v.t IN (SELECT town FROM wages)
SELECT v.t FROM (VALUES ('Ashford'), ('canary-town')) v(t) SEMI JOIN wages w ON w.town = v.t
SELECT v.t, (SELECT count(*) FROM wages WHERE town = v.t) FROM (VALUES ('canary-town')) v(t)
SELECT t FROM unnest(['Ashford', 'canary-town']) u(t), wages WHERE town = t
SELECT r.range FROM range(30) r, wages WHERE length(town) = r.range
SELECT e.district FROM wages w JOIN enrolment e ON w.town = e.district
SELECT person_id, EXISTS (SELECT 1 FROM wages x WHERE x.person_id = w.person_id AND x.town = 'canary-town') FROM wages w
SELECT person_id, (SELECT count(*) FROM wages x WHERE x.person_id = w.person_id AND x.town = 'canary-town') FROM wages w
SELECT e.person_id, x.flag FROM enrolment e LEFT JOIN (SELECT person_id, 1 AS flag FROM wages WHERE town = 'canary-town') x USING (person_id)
SELECT e.person_id, w.wage FROM enrolment e LEFT JOIN wages w ON e.person_id = w.person_id AND w.town = 'canary-town'
SELECT (SELECT town FROM wages LIMIT 1)
SELECT person_id FROM wages WHERE wage > (SELECT avg(length(town)) FROM wages)
SELECT person_id FROM wages QUALIFY max(town) OVER (PARTITION BY person_id) = 'x'
SELECT person_id FROM wages GROUP BY person_id HAVING max(town) = 'canary-town'
WITH RECURSIVE r(t, n) AS (SELECT town, 1 FROM wages UNION ALL SELECT t, n + 1 FROM r WHERE n < 2) SELECT t FROM r
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT length(town)::INT FROM wages, r WHERE n < 2) SELECT n FROM r
SELECT * FROM wages POSITIONAL JOIN firms
SELECT COLUMNS(*) FROM wages
SELECT * EXCLUDE (employer) FROM wages
SELECT * REPLACE (town AS industry) FROM wages
SELECT wages FROM wages
SUMMARIZE wages
SUMMARIZE SELECT town FROM wages
SELECT employer FROM wages
SELECT * EXCLUDE (town) FROM wages
SELECT w.employer FROM wages w JOIN firms f ON w.employer = f.employer
SELECT person_id FROM wages WHERE employer = 'canary-employer'
SELECT person_id FROM wages WHERE employer LIKE 'canary%'
SELECT person_id FROM wages WHERE employer IS NULL
SELECT a.person_id FROM wages a JOIN wages b ON a.employer = b.employer
SELECT v.e, w.person_id FROM wages w JOIN (VALUES ('canary-employer')) v(e) ON w.employer = v.e
SELECT f.person_id FROM firms f JOIN wages w ON w.employer > f.employer
SELECT f.person_id FROM firms f JOIN wages w ON upper(w.employer) = f.employer
SELECT coalesce(w.employer, f.employer) FROM wages w FULL JOIN firms f ON w.employer = f.employer
SELECT count(*) FROM wages GROUP BY employer
SELECT person_id FROM wages ORDER BY employer
SELECT f.person_id FROM firms f ASOF JOIN wages w ON w.employer = f.employer AND f.size >= w.town::INT
"""

# Rows of persons, small groups and single values, where the answer must be groups ------------------

GROUPS = """
SELECT * FROM enrolment
SELECT sex FROM enrolment
SELECT person_id FROM enrolment
SELECT 1 FROM enrolment
SELECT district, sex FROM enrolment WHERE district = 'Kent'
SELECT district, count(*) FROM enrolment GROUP BY district, person_id
SELECT person_id, count(*) FROM wages GROUP BY person_id
SELECT * FROM (SELECT person_id, sum(wage) FROM wages GROUP BY person_id)
SELECT DISTINCT district FROM enrolment
SELECT district FROM enrolment GROUP BY ROLLUP (district)
SELECT district, count(*) FROM enrolment GROUP BY CUBE (district, sex)
SELECT district, count(*) FROM enrolment GROUP BY GROUPING SETS ((district), ())
SELECT max(wage) FROM wages
SELECT min(wage), count(*) FROM wages
SELECT list(sex) FROM enrolment
SELECT string_agg(sex, ',') FROM enrolment
SELECT any_value(sex), first(sex), last(sex), mode(sex) FROM enrolment
SELECT arg_max(sex, grade) FROM enrolment
SELECT histogram(wage) FROM wages
SELECT approx_top_k(wage, 3) FROM wages
SELECT quantile_cont(wage, 0.999) FROM wages
SELECT quantile_cont(wage, [0.5, 1.0]) FROM wages
SELECT quantile_disc(wage, 0.5) FROM wages
SELECT approx_quantile(wage, 1.0) FROM wages
SELECT bool_or(sex = 'canary-sex') FROM enrolment
SELECT bit_or(grade), product(grade) FROM enrolment
SELECT entropy(sex), skewness(wage) FROM enrolment JOIN wages USING (person_id)
SELECT max(n) FROM (SELECT person_id, sum(wage) AS n FROM wages GROUP BY person_id)
SELECT district, max(count(*)) OVER () FROM enrolment GROUP BY district, person_id
SELECT sum(wage) OVER (PARTITION BY person_id) FROM wages
SELECT count(*) OVER () FROM enrolment
SELECT row_number() OVER (ORDER BY wage) FROM wages
SELECT count(*) FROM (SELECT * FROM enrolment LIMIT 1)
SELECT avg(wage) FROM (SELECT wage, person_id FROM wages ORDER BY wage DESC LIMIT 1)
SELECT avg(wage) FROM (SELECT person_id, wage, rank() OVER (ORDER BY wage DESC) AS r FROM wages) WHERE r = 1
SELECT avg(wage) FROM (SELECT * FROM wages QUALIFY row_number() OVER (ORDER BY wage DESC) = 1)
SELECT count(*) FROM enrolment WHERE (SELECT sex FROM enrolment WHERE district = 'Kent') = 'canary-sex'
SELECT count(*) FROM enrolment WHERE EXISTS (SELECT 1 FROM enrolment WHERE district = 'Kent' AND sex = 'canary-sex')
SELECT count(*) FROM enrolment WHERE (SELECT max(wage) FROM wages) > 7000000
SELECT count(*) FROM enrolment WHERE grade IN (SELECT grade FROM enrolment WHERE district = 'Kent')
SELECT count(*) FROM enrolment a JOIN enrolment b ON a.grade = b.grade AND b.district = 'Kent'
SELECT count(*) FROM enrolment a, enrolment b WHERE b.district = 'Kent' AND b.sex = 'canary-sex'
SELECT count(*) FROM enrolment a CROSS JOIN (SELECT sex FROM enrolment WHERE district = 'Kent') b WHERE b.sex = 'canary-sex'
SELECT count(*) FROM enrolment a LEFT JOIN enrolment b ON b.district = 'Kent'
SELECT count(*) FROM enrolment a WHERE a.grade = (SELECT min(grade) FROM enrolment b WHERE b.district = 'Kent')
SELECT a.grade, (SELECT count(*) FROM wages w WHERE w.quarter = a.grade) FROM enrolment a
SELECT avg((SELECT sum(w.wage) FROM wages w WHERE w.quarter = e.grade)) FROM enrolment e
SELECT avg((SELECT sum(w.wage) FROM wages w WHERE w.person_id = e.person_id OR w.quarter = 1)) FROM enrolment e
SELECT v.k, count(*) FROM (VALUES ('all'), ('one')) v(k) LEFT JOIN enrolment e ON v.k = 'all' OR e.district = 'Kent' GROUP BY v.k
SELECT v.k, count(e.person_id) FROM range(3) v(k) LEFT JOIN enrolment e ON e.grade = v.k GROUP BY 1
SELECT k, count(*) FROM (SELECT district AS k, person_id FROM enrolment UNION ALL SELECT 'Kent', 'forged-' || range FROM range(20)) GROUP BY k
SELECT k, count(*) FROM (SELECT district AS k FROM enrolment UNION ALL SELECT district FROM enrolment) GROUP BY k
SELECT district FROM enrolment EXCEPT SELECT 'Avon'
SELECT sex FROM enrolment INTERSECT SELECT 'canary-sex'
SELECT district FROM enrolment UNION SELECT 'x'
SELECT unnest(list(sex)) FROM enrolment
SELECT count(*) FROM (SELECT unnest(range(100)) AS i, person_id FROM enrolment WHERE district = 'Kent') GROUP BY i, person_id
SELECT sum(CASE WHEN district = 'Kent' THEN wage ELSE 5000000 END) FROM wages JOIN enrolment USING (person_id)
SELECT avg(CASE WHEN district = 'Kent' THEN wage ELSE quarter END) FROM wages JOIN enrolment USING (person_id)
SELECT sum(x) FROM (SELECT person_id, wage + 1000000000 AS x FROM wages)
SELECT sum(greatest(wage, 7000000)) FROM wages
SELECT sum(exp(-abs(wage - 7654321)) + 1) FROM wages
SELECT count(DISTINCT CASE WHEN district = 'Kent' THEN sex ELSE 'z' END) FROM enrolment
SELECT sum(ascii(sex)) FROM enrolment
WITH RECURSIVE r(p, n) AS (SELECT person_id, 1 FROM enrolment UNION ALL SELECT p, n + 1 FROM r WHERE n < 20) SELECT count(*) FROM r
SELECT count(*) FROM enrolment POSITIONAL JOIN wages
WITH __held_0_held AS (SELECT 1 AS a) SELECT count(*) FROM enrolment, __held_0_held
WITH __duckdb_delim_1 AS (SELECT DISTINCT district FROM enrolment) SELECT * FROM __duckdb_delim_1
SELECT district AS __held_ok, count(*) FROM enrolment GROUP BY 1
SUMMARIZE enrolment
SUMMARIZE SELECT district, count(*) FROM enrolment GROUP BY district
SELECT json_group_array(sex) FROM enrolment
SELECT count(*) FILTER (WHERE count(*) > 1) FROM enrolment
SELECT min(person_id) FROM enrolment
SELECT list(person_id) FROM enrolment
SELECT min(a.wage) FROM wages a SEMI JOIN enrolment b ON a.quarter = b.grade
"""

# Queries that pass, but whose answer must not show what they are after ------------------------------

NOT_SHOWN = """
SELECT district, count(*) FROM enrolment GROUP BY district
SELECT district, sex, count(*) FROM enrolment GROUP BY ALL
SELECT count(*) FROM enrolment WHERE district = 'Kent'
SELECT sex, count(*) FROM enrolment GROUP BY sex
SELECT district, count(*) FROM enrolment GROUP BY district HAVING count(*) < 10
SELECT district, count(*) FROM enrolment GROUP BY district ORDER BY count(*) LIMIT 1
SELECT district, sum(wage), count(*) FROM wages JOIN enrolment USING (person_id) GROUP BY district
SELECT sum(wage), count(DISTINCT person_id) FROM wages JOIN enrolment USING (person_id) WHERE district IN ('Derby', 'Kent')
SELECT count(*) FILTER (WHERE district = 'Kent'), 99 FROM enrolment
SELECT count(*) FILTER (WHERE district <> 'Kent'), count(*) FROM enrolment
SELECT sum(CASE WHEN district = 'Kent' THEN 1 ELSE 0 END), 99 FROM enrolment
SELECT sum(CASE WHEN district = 'Kent' THEN wage END), 99 FROM wages JOIN enrolment USING (person_id)
SELECT sum(CASE WHEN district = 'Kent' THEN 0 ELSE wage END), sum(wage) FROM wages JOIN enrolment USING (person_id)
SELECT sum(wage) FILTER (WHERE district = 'Kent'), 99 FROM wages JOIN enrolment USING (person_id)
SELECT avg((district = 'Kent')::INT), 99 FROM enrolment
SELECT count(CASE WHEN district = 'Kent' THEN 1 END), 99 FROM enrolment
SELECT count(DISTINCT CASE WHEN district = 'Kent' THEN person_id END), 99 FROM enrolment
SELECT count_if(district = 'Kent'), 99 FROM enrolment
SELECT sum(k), count(*) FROM (SELECT person_id, max(CASE WHEN district = 'Kent' THEN 1 ELSE 0 END) AS k FROM enrolment GROUP BY person_id)
SELECT sum(total), 99 FROM (SELECT person_id, sum(wage) AS total FROM wages GROUP BY person_id) JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(n), 99 FROM (SELECT person_id, count(*) FILTER (WHERE wage > 7000000) AS n FROM wages GROUP BY person_id)
SELECT sum(wage + 1000000000), count(*) FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(1000000000 - wage), count(*) FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT avg(wage * 2), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT stddev(wage), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT corr(wage, quarter), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(wage * (district = 'Kent')::INT), 99 FROM wages JOIN enrolment USING (person_id)
SELECT district, (SELECT count(*) FROM enrolment WHERE district = 'Kent') FROM enrolment GROUP BY district
SELECT a.district, a.n FROM (SELECT district, count(*) AS n FROM enrolment GROUP BY 1) a WHERE a.n < 10
SELECT district, n FROM (SELECT district, count(*) AS n, rank() OVER (ORDER BY count(*)) AS r FROM enrolment GROUP BY 1) WHERE r = 1
SELECT k, count(*) FROM (SELECT unnest(range(50)) AS i, district AS k, person_id FROM enrolment) GROUP BY k
SELECT district, count(*) FROM enrolment JOIN (SELECT i FROM range(50) r(i)) ON true GROUP BY district
"""
SMALL = {name for name, size in held.DISTRICTS.items() if size < held.PERSONS}


def _lines(text: str) -> list[str]:
    return [line for line in text.strip().splitlines() if line]


ATTACKS = [
    *(("roles", sql) for sql in _lines(ROLES)),
    *(("groups", sql) for sql in _lines(GROUPS)),
    *(("roles", sql) for sql in _lines(GROUPS) if "sex" in sql and "wage" not in sql),
]


def test_there_are_enough_attacks() -> None:
    assert len({sql for _, sql in ATTACKS}) + len(_lines(NOT_SHOWN)) >= 60


@pytest.mark.parametrize(("policy", "sql"), ATTACKS)
def test_an_attempt_is_refused_with_its_clause_and_what_to_do(policy: str, sql: str) -> None:
    with pytest.raises(QueryDenied) as refusal:
        held.ask(sql, policy=policy)
    if refusal.value.code in ("query.column-role", "query.aggregate-only", "query.single-person"):
        assert held.AGREEMENT in (refusal.value.clause or "")
        assert refusal.value.hint


def _leaks(rows: list[tuple[Any, ...]]) -> bool:
    """Say whether a canary, a small district, a count under the threshold or Kent alone shows."""
    canaries = (held.CANARY_SEX, held.CANARY_TOWN, held.CANARY_EMPLOYER)
    if any(held.shows(rows, canary) for canary in canaries):
        return True
    flat = [cell for row in rows for cell in row]
    if SMALL & {cell for cell in flat if isinstance(cell, str)}:
        return True
    numbers = [float(cell) for cell in flat if isinstance(cell, (int, float)) or _is_number(cell)]
    counts = [number for number in numbers if 0 < number < held.PERSONS]
    return bool(counts) or any(map(_near, rows)) or _tells_pay(numbers)


def _near(row: tuple[Any, ...]) -> bool:
    """Say whether two numbers of one row differ by fewer than may be told apart."""
    numbers = [float(cell) for cell in row if isinstance(cell, (int, float)) or _is_number(cell)]
    pairs = itertools.combinations(numbers, 2)
    return any(0 < abs(one - other) < held.PERSONS for one, other in pairs)


def _is_number(cell: object) -> bool:
    return type(cell).__name__ == "Decimal"


def _tells_pay(numbers: list[float]) -> bool:
    """Say whether an answer tells, within a tenth, what one of the two rich persons earns."""
    earned = [
        sum(float(row["wage"]) for row in held.pay() if row["person_id"] == person)
        for person in (ALONE, RICH)
    ]
    return any(abs(number - pay) < pay / 10 for number in numbers for pay in earned)


@pytest.mark.parametrize("small", ["remainder", "drop"])
@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("sql", _lines(NOT_SHOWN))
def test_an_answer_does_not_show_what_a_query_is_after(sql: str, small: str, unique: bool) -> None:
    _, rows = held.ask(sql, small=small, unique=unique)
    assert not _leaks(rows), rows
