"""What ACRO, the leading output checker, makes of the same data: run in its own environment.

    .acro-venv/bin/python benchmarks/_acro.py holes|speed ROWS.csv

Prints JSON. Imports nothing of this project: ACRO needs an older pandas than anything here.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from importlib.metadata import version

import acro
import pandas as pd

WHO, ROW, COLUMN, AMOUNT = "person_id", "county", "industry", "wage"
TIMES = 3


def main() -> None:
    """Replay the holes, or take the time, on the rows of a CSV file."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    what, path = sys.argv[1:]
    rows = pd.read_csv(path)
    found = holes(rows) if what == "holes" else speed(rows)
    found["versions"] = {name: version(name) for name in ("acro", "pandas")}
    print(json.dumps(found, indent=1, sort_keys=True))


def holes(rows: pd.DataFrame) -> dict[str, object]:
    """Return what each of three pairs of outputs gives away, and which checks failed."""
    return {
        "row_totals": row_totals(rows),
        "one_person": one_person(rows),
        "wrong_margins": wrong_margins(rows),
    }


def row_totals(rows: pd.DataFrame) -> dict[str, object]:
    """Two outputs: a table with its small cells taken out, and the totals of its rows."""
    session = acro.ACRO(suppress=True)
    table = session.crosstab(rows[ROW], rows[COLUMN])
    totals = session.crosstab(rows[ROW], pd.Series("all", index=rows.index, name="all"))["all"]
    true = pd.crosstab(rows[ROW], rows[COLUMN])
    lonely = table.index[table.isna().sum(axis=1) == 1]
    worked_out = {
        row: (totals[row] - table.loc[row].sum(), true.loc[row][table.loc[row].isna()].iloc[0])
        for row in lonely
    }
    return {
        "suppressed": int(table.isna().sum().sum()),
        "worked_out": sum(bool(one == other) for one, other in worked_out.values()),
        "totals_shown": int(totals.notna().sum()),
        "failed": failed(session),
    }


def one_person(rows: pd.DataFrame) -> dict[str, object]:
    """Two outputs: sums by county of everybody, and of everybody but one person."""
    session = acro.ACRO(suppress=True)
    county = rows[ROW].value_counts().index[0]
    person = rows[rows[ROW] == county][WHO].iloc[0]
    both = []
    for chosen in (rows, rows[rows[WHO] != person]):
        table = session.pivot_table(chosen, index=[ROW], values=[AMOUNT], aggfunc="sum")
        both.append(float(table[AMOUNT][county]))
    true = float(rows[(rows[WHO] == person) & (rows[ROW] == county)][AMOUNT].sum())
    return {
        "difference_is_the_wage": abs(both[0] - both[1] - true) < 0.005,
        "failed": failed(session),
    }


def wrong_margins(rows: pd.DataFrame) -> dict[str, object]:
    """One output with margins, and the number of rows from anywhere else."""
    session = acro.ACRO(suppress=True)
    table = session.crosstab(rows[ROW], rows[COLUMN], margins=True)
    counts = pd.crosstab(rows[ROW], rows[COLUMN])
    hidden = counts.where(table.drop(index="All", columns="All").isna()).sum().sum()
    said = table.loc["All", "All"]
    return {
        "total_said": int(said),
        "total_true": len(rows),
        "hidden": int(hidden),
        "difference_is_hidden": bool(len(rows) - said == hidden),
        "failed": failed(session),
    }


def failed(session: acro.ACRO) -> list[list[str]]:
    """Return, per output, the checks that say fail; `reminders` are not among them."""
    return [
        [line.strip().split(":")[0] for line in one.summary.splitlines() if ": fail" in line]
        for one in session.results.results.values()
    ]


def speed(rows: pd.DataFrame) -> dict[str, object]:
    """Return the seconds (least of three) of counts and sums with margins."""

    def run(suppress: bool, **values: object) -> list[float]:
        best = [float("inf")] * 2
        for _ in range(TIMES):
            session = acro.ACRO(suppress=suppress)
            begin = time.perf_counter(), time.process_time()
            session.crosstab(rows[ROW], rows[COLUMN], margins=True, **values)
            ends = time.perf_counter() - begin[0], time.process_time() - begin[1]
            best = [min(pair) for pair in zip(best, ends, strict=True)]
        return best

    return {
        "count": run(False),
        "sum": run(False, values=rows[AMOUNT], aggfunc="sum"),
        "sum_suppressed": run(True, values=rows[AMOUNT], aggfunc="sum"),
    }


if __name__ == "__main__":
    main()
