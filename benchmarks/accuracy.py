"""What each method of protection costs in accuracy, on one table of a realistic shape.

Persons with one row a year, in counties and industries of very unequal size; counts by county,
industry and year with every margin, threshold 10. Errors are shown less true counts; for
suppression what is shown is exact and the cost is what is hidden. `of small` are true counts below
50, `within 5 %` the share of all cells that are shown and off by no more. Private errors include
the rows that bounding leaves out. PERSONS=20000 and SEED=1 can be set.
"""

from __future__ import annotations

import os
from fractions import Fraction

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks._results import keep
from egress_review.evidence.recompute import Evidence, recompute
from egress_review.methods import bounded
from egress_review.sdc import private
from egress_review.sdc.chance import chances
from egress_review.sdc.linking import link
from egress_review.sdc.noise import noisy
from egress_review.sdc.primary import sensitive
from egress_review.sdc.rounding import rounded
from egress_review.sdc.suppress import suppress
from egress_review.sdc.tables import Table as Cells
from enclave.model import Amounts, DisclosureRules, PrivateTerms

PERSONS, SEED = int(os.environ.get("PERSONS", "20000")), int(os.environ.get("SEED", "1"))
COUNTIES = tuple(f"county {n}" for n in range(8))
INDUSTRIES = tuple(f"industry {n:02}" for n in range(20))
YEARS = ("2021", "2022", "2023", "2024")
RULES = DisclosureRules(safe_threshold=10)
VIEWS = {"wages": ("person_id", "county", "industry", "year", "wage")}
LABELS = {"wages.county": COUNTIES, "wages.industry": INDUSTRIES, "wages.year": YEARS}
COUNTED = (
    "SELECT county, industry, year, count(*) AS n FROM wages GROUP BY CUBE (county, industry, year)"
)
SUMMED = "SELECT county, sum(wage) AS pay FROM wages GROUP BY ROLLUP (county)"
EPSILONS = (Fraction(1, 4), Fraction(1, 2), Fraction(1), Fraction(2), Fraction(4))
Ints = npt.NDArray[np.int64]
Row = dict[str, object]


def people() -> duckdb.DuckDBPyConnection:
    """Return an engine with the table of wages."""
    dice = np.random.default_rng(SEED)
    years = dice.integers(1, 5, size=PERSONS)
    owner = np.repeat(np.arange(PERSONS), years)
    first = np.concatenate([np.arange(n) for n in years])
    county = dice.choice(8, PERSONS, p=_unequal(8, 1.2))[owner]
    industry = dice.choice(20, PERSONS, p=_unequal(20, 1.6))[owner]
    rows = pa.table(
        {
            "person_id": [f"00000000-0000-4000-8000-{n:012x}" for n in owner],
            "county": [COUNTIES[n] for n in county],
            "industry": [INDUSTRIES[n] for n in industry],
            "year": 2021 + (first + owner) % 4,
            "wage": np.round(dice.lognormal(10.4, 0.6, len(owner)), 2),
        }
    )
    engine = duckdb.connect()
    engine.register("given", rows)
    engine.execute(
        "CREATE TABLE wages AS SELECT CAST(person_id AS UUID) AS person_id, county, industry, "
        "CAST(year AS INTEGER) AS year, CAST(wage AS DECIMAL(18, 2)) AS wage FROM given"
    )
    return engine


def _unequal(count: int, power: float) -> npt.NDArray[np.float64]:
    weights = 1.0 / np.arange(1, count + 1) ** power
    return np.asarray(weights / weights.sum())


def suppressed(evidence: Evidence) -> Row:
    """Hide what is sensitive and what protects it."""
    reasons = sensitive(evidence.table, RULES)
    table = Cells(
        evidence.table.dimensions,
        evidence.table.measures,
        evidence.table.cells,
        primary=frozenset(reasons),
    )
    problem = link(table, [], RULES)
    pattern = suppress(problem.system, budget=60.0)
    assert not pattern.unprotected
    hidden = np.array([bool(pattern.hidden[gate]) for gate in problem.gates])
    true = _true(evidence)
    people_hidden = true[hidden].sum() / true.sum()
    return {
        "method": "suppress",
        "hidden": f"{hidden.mean():.1%}",
        "of small": f"{hidden[true < 50].mean():.0%} hidden",
        "median": "0",
        "95 %": "0",
        "within 5 %": f"{(~hidden).mean():.0%}",
        "told": f"{len(reasons)} by rule, {hidden.sum() - len(reasons)} for them; "
        f"{people_hidden:.1%} of what cells count",
    }


def by_chance(evidence: Evidence) -> list[Row]:
    """Round and change every count."""
    persons = np.random.default_rng(SEED).integers(
        0, 2**63, size=len(evidence.population.persons), dtype=np.uint64
    )
    drawn = chances(persons, evidence.population.cells, key=b"benchmark" * 4)
    true = _true(evidence)
    rows = []
    for base in (10, 20):
        shown = [rounded(drawn, n, int(count), base=base) for n, count in enumerate(true)]
        rows.append(_row(f"round, base {base}", true, np.array(shown)))
    for spread in (5, 10):
        shown = [
            noisy(drawn, n, int(count), spread=spread, threshold=10) for n, count in enumerate(true)
        ]
        rows.append(_row(f"noise, spread {spread}", true, np.array(shown)))
    return rows


def privately(engine: duckdb.DuckDBPyConnection, evidence: Evidence) -> list[Row]:
    """Draw the counts at each ε, of persons with up to four rows and with one."""
    keys = [
        (cell.level, tuple(cell.key[n].removeprefix("=") for n in sorted(cell.level)))
        for cell in evidence.table.cells
    ]
    true, rows = _true(evidence), []
    for most, epsilon in [*((4, epsilon) for epsilon in EPSILONS), (1, Fraction(1))]:
        terms = PrivateTerms(10**6, int(epsilon * 1000), most)
        asked = bounded.understand(COUNTED, VIEWS, terms, LABELS)
        drawn = private.draw(asked.plan, epsilon, bounded.recompute(engine, asked))
        totals = {
            level: private.totals(drawn["rows", finest], finest, level)
            for (_, level), finest in asked.plan.sources.items()
        }
        shown = np.array([max(0, totals[level][key]) for level, key in keys])
        told = private.reach(asked.plan.scale(epsilon, asked.plan.questions[0]), 1)
        row = _row(f"private, ε {float(epsilon):g}, {most} rows a person", true, shown)
        rows.append(row | {"told": f"a finest cell within ±{told}, 95 of 100"})
    return rows


def sums(engine: duckdb.DuckDBPyConnection) -> list[Row]:
    """Draw the sum of wages by county at each ε; a row counts as up to 150,000."""
    found = engine.execute(
        "SELECT county, sum(wage) FROM wages GROUP BY county ORDER BY county"
    ).fetchall()
    true = np.array([float(value) for _, value in found])
    rows = []
    for epsilon in EPSILONS:
        bounds = {"wages.wage": Amounts(0, 15_000_000)}
        terms = PrivateTerms(10**6, int(epsilon * 1000), 4, bounds)
        asked = bounded.understand(SUMMED, VIEWS, terms, LABELS)
        drawn = private.draw(asked.plan, epsilon, bounded.recompute(engine, asked))
        (cells,) = drawn.values()
        off = np.abs(np.array([cells[name,] / 100 for name, _ in found]) - true) / true
        rows.append(
            {
                "ε": f"{float(epsilon):g}",
                "median": f"{np.median(off):.2%}",
                "worst": f"{off.max():.2%}",
            }
        )
    return rows


def _true(evidence: Evidence) -> Ints:
    return np.array([cell.values["rows"] for cell in evidence.table.cells]).astype(np.int64)


def _row(name: str, true: Ints, shown: Ints) -> Row:
    off = np.abs(shown - true)
    small = true < 50
    return {
        "method": name,
        "hidden": "0",
        "of small": f"{np.median(off[small]):.0f} off",
        "median": f"{np.median(off):.0f}",
        "95 %": f"{np.quantile(off, 0.95):.0f}",
        "within 5 %": f"{(off <= 0.05 * true).mean():.0%}",
        "told": "",
    }


def main() -> None:
    """Print both tables and write the numbers."""
    engine = people()
    evidence = recompute(engine, COUNTED, VIEWS, RULES)
    counts = [suppressed(evidence), *by_chance(evidence), *privately(engine, evidence)]
    amounts = sums(engine)
    true = _true(evidence)
    title = f"{len(true)} counts of {PERSONS:,} persons, {(true < 10).sum()} below 10"
    _show(title, counts)
    _show("Sums of wages by county, private", amounts)
    keep("accuracy", {"title": title, "counts": counts, "sums": amounts})


def _show(title: str, rows: list[Row]) -> None:
    table = Table(title=title)
    for head in rows[0]:
        table.add_column(head, justify="left" if head in ("method", "told") else "right")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
