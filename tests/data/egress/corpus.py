"""Outputs as researchers ask for them: bad ones in the proportions published, and good ones.

The proportions are OpenSAFELY's, of a sample of its rejected review requests ("Most common problems
with output review requests", docs/outputs/output-checking.md of its documentation, as read in
2026): unrounded counts about 30 %, too little context 25 %, unredacted counts 20 %, underlying data
absent 10 %, unsupported file types 10 %. The 5 % it does not name are ours: whole rows, differences
of one person, other people's queries. There, counts must be rounded; here, agencies' rules hide
small ones, so a bad count is one that is too small, or worked out from ones that were.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COUNTS = "unrounded or small counts"
CONTEXT = "too little context"
REDACTION = "unredacted"
UNDERLYING = "underlying counts absent"
TYPE = "wrong file type"
OTHER = "other"
GOOD = "good"
PUBLISHED = {COUNTS: 30, CONTEXT: 25, REDACTION: 20, UNDERLYING: 10, TYPE: 10, OTHER: 5}
FORMATS = ("csv", "csv", "xlsx", "parquet", "json")  # as often as they are used
SEED = 20_240_111


@dataclass(frozen=True)
class Part:
    """One file: a query's answer, `edit`ed before it is written in the format of `name`.

    Without a query it is what `edit` makes of nothing. `mine`: the query is the submitter's own.
    """

    name: str
    sql: str = ""
    edit: str = ""
    drawn_from: str = ""
    mine: bool = True


@dataclass(frozen=True)
class Case:
    """One output as it is asked for; `after` is a query whose answer is in review already."""

    id: str
    reason: str
    title: str
    context: str
    parts: tuple[Part, ...]
    after: str = ""

    def __str__(self) -> str:
        return self.id


TITLES = (
    "Pay by county in 2024",
    "Graduates by institution",
    "Workers and wages across industries",
    "Credentials earned at public colleges",
)
CONTEXTS = (
    "People with a wage record in 2024, counted for table 1 of the annual colleges report.",
    "Shows how many graduates each institution has; goes to the legislature's education committee.",
    "Average yearly wages of everybody in the linked extract, for the workforce board's dashboard.",
    "Counts of certificates and associate degrees, to be printed beside last year's figures.",
)
POOR_WORDS = (
    ("Table 1", ""),
    ("Output", "See above."),
    ("Results", "As discussed."),
    ("output_final_v2", "final version"),
    ("test", "test"),
    ("Figure 2", "tbd"),
    ("Data", "The data."),
    ("Release", "Please release."),
    ("Pay by county in 2024", ""),
    ("Graduates by institution", "   "),
    ("untitled", "see the title"),
    ("Export", "updated file, thanks"),
    ("Table", "New table for the analysis"),
    ("results 2", "same as before again"),
    ("Request", "You know already."),
)
LARGE = "county IN ('Fairfield', 'Hartford', 'New Haven')"
MIDDLE = "(quantile_cont(wage, 0.45) + quantile_cont(wage, 0.55)) / 2"
JOINED = "credentials c JOIN wages w USING (person_id)"
ASKED = (  # as people write SQL, and what pandas and R make of the answer: query, edit
    ("SELECT coalesce(county, 'All counties') AS place, count(*) AS n FROM wages "
     "GROUP BY ROLLUP (county)", ""),
    ("SELECT CASE WHEN grouping(institution) = 1 THEN 'Total' ELSE institution END AS college, "
     "count(*) AS n FROM credentials GROUP BY ROLLUP (institution)", ""),
    ("SELECT institution, credential, count(*) AS n FROM credentials "
     "GROUP BY CUBE (institution, credential)", "as-r-writes-it"),
    ("SELECT CASE WHEN county IN ('Tolland', 'Windham') THEN 'East' ELSE 'West' END AS region, "
     "count(DISTINCT person_id) AS people, round(avg(wage), -2) AS mean_wage FROM wages "
     "GROUP BY region", ""),
    ("SELECT county, count(*) AS n, round(100.0 * count(*) FILTER (WHERE industry = 'Health') / "
     f"nullif(count(*), 0), 1) AS pct_health FROM wages WHERE {LARGE} GROUP BY county", ""),
    ("SELECT county, count(*) AS n, printf('%.1f', 100 * avg(CASE WHEN industry = 'Retail' THEN 1 "
     f"ELSE 0 END)) AS pct_retail FROM wages WHERE {LARGE} GROUP BY 1 ORDER BY n DESC", ""),
    ("SELECT industry, count(*) AS n, avg(wage) AS mean, avg(wage) - 1.96 * stddev(wage) / "
     "sqrt(count(*)) AS lower, avg(wage) + 1.96 * stddev(wage) / sqrt(count(*)) AS upper "
     "FROM wages WHERE industry <> 'Farming' GROUP BY industry", ""),
    (f"SELECT industry, count(*) AS n, round({MIDDLE}) AS mid FROM wages "
     "WHERE industry <> 'Farming' GROUP BY industry", ""),
    ('SELECT institution AS "Établissement", count(*) AS "Number of graduates" FROM credentials '
     "GROUP BY 1", ""),
    ("SELECT institution, count(DISTINCT c.person_id) AS graduates, count(DISTINCT w.person_id) AS "
     "employed FROM credentials c LEFT JOIN wages w USING (person_id) GROUP BY institution", ""),
    ("SELECT county, count(DISTINCT person_id) AS people FROM wages WHERE person_id IN (SELECT "
     f"person_id FROM credentials WHERE credential = 'Associate') AND {LARGE} GROUP BY county", ""),
    (f"SELECT credential, count(*) AS n, sum(wage) / count(DISTINCT person_id) AS pay FROM {JOINED}"
     " GROUP BY credential", ""),
    ('SELECT industry, count(*) FILTER (WHERE year = 2024) AS "2024" FROM wages '
     "WHERE industry <> 'Farming' GROUP BY industry", ""),
    ("SELECT institution, credential, count(*) AS n FROM credentials GROUP BY ALL", "wide"),
    ("SELECT wage > 8000 AS above_8000, count(DISTINCT person_id) AS people FROM wages GROUP BY 1",
     ""),
    ("SELECT institution, count(*) AS n FROM credentials GROUP BY 1 ORDER BY 2", "with-percent"),
)  # fmt: skip
CRYPTIC = (("v1", "v2"), ("x", "col1"), ("Unnamed: 0", "n"), ("var3", "q12"), ("field1", "n"))

WAGES = ("county", "industry")
SCHOOLS = ("institution", "credential")


def counted(
    view: str, groups: Sequence[str], measures: str, *, form: str = "", where: str = ""
) -> str:
    """Return a query that groups a view; `form` is ROLLUP, CUBE or blank."""
    by = ", ".join(groups)
    grouped = f"{form} ({by})" if form else by
    return f"SELECT {by}, {measures} FROM {view} {where} GROUP BY {grouped}"


def cases() -> list[Case]:
    """Return 109 bad outputs and 73 good ones, the same every time."""
    dice = random.Random(SEED)
    made = [*_counts(dice), *_context(dice), *_redaction(dice), *_underlying(dice)]
    return [*made, *_types(dice), *_others(dice), *_good(dice)]


def _said(dice: random.Random) -> tuple[str, str]:
    return dice.choice(TITLES), dice.choice(CONTEXTS)


def _one(id: str, reason: str, dice: random.Random, part: Part, **more: str) -> Case:
    return Case(id, reason, *_said(dice), (part,), **more)


def _file(dice: random.Random) -> str:
    return f"table.{dice.choice(FORMATS)}"


def _counts(dice: random.Random) -> Iterator[Case]:
    small = [
        counted("wages", WAGES, measures, form=form, where=where)
        for measures in (
            "count(*) AS n",
            "count(DISTINCT person_id) AS people",
            "avg(wage) AS pay, count(*) AS n",
        )
        for form in ("", "ROLLUP", "CUBE")
        for where in ("", "WHERE county <> 'Hartford'", "WHERE wage > 9000")
    ]
    for number, sql in enumerate(dice.sample(small, 20)):
        yield _one(f"small-{number}", COUNTS, dice, Part(_file(dice), sql))
    for number, edit in enumerate(
        ["round-and-share", "share", "round", "percent", "ratio", "cut"] * 2
    ):
        sql = counted("wages", WAGES, "count(*) AS n, sum(wage) AS pay")
        yield _one(f"worked-out-{number}", COUNTS, dice, Part(_file(dice), sql, edit))


def _context(dice: random.Random) -> Iterator[Case]:
    for number, (title, context) in enumerate(POOR_WORDS):
        sql = counted(
            *dice.choice([("wages", ("county",)), ("credentials", SCHOOLS)]), "count(*) AS n"
        )
        yield Case(f"words-{number}", CONTEXT, title, context, (Part(_file(dice), sql),))
    for number in range(12):
        first, second = CRYPTIC[number % len(CRYPTIC)]
        column = ("county", "industry", "institution")[number % 3]
        view = "credentials" if column == "institution" else "wages"
        sql = f'SELECT {column} AS "{first}", count(*) AS "{second}" FROM {view} GROUP BY 1'
        yield _one(f"columns-{number}", CONTEXT, dice, Part(_file(dice), sql))


def _redaction(dice: random.Random) -> Iterator[Case]:
    edits = ["star-small", "less-than", "redact-some", "blank-words", "range", "star-but-total"]
    for number, edit in enumerate(edits * 2):
        form = ("", "ROLLUP")[number % 2]
        sql = counted("wages", WAGES, "count(*) AS n", form=form)
        yield _one(f"by-hand-{number}", REDACTION, dice, Part(_file(dice), sql, edit))
    for number, edit in enumerate(["ids", "names", "emails", "numbers", "birthdays"] * 2):
        sql = counted("wages", ("county",), "count(*) AS n")
        yield _one(f"persons-{number}", REDACTION, dice, Part(_file(dice), sql, edit))


def _underlying(dice: random.Random) -> Iterator[Case]:
    for number in range(6):
        name = f"plot.{('png', 'pdf')[number % 2]}"
        yield _one(f"plot-alone-{number}", UNDERLYING, dice, Part(name, edit="bars"))
    for number, edit in enumerate(
        ["means-only", "median-only", "shares-only", "rates-only", "sd-only"]
    ):
        sql = counted("wages", ("county",), "count(*) AS n, avg(wage) AS pay")
        yield _one(f"no-counts-{number}", UNDERLYING, dice, Part(_file(dice), sql, edit))


def _types(dice: random.Random) -> Iterator[Case]:
    names = (
        "plot.svg report.html book.ipynb model.pkl paper.docx run.log all.zip fit.rds pay.xlsm "
        "plot.jpg fit.joblib"
    )
    for name in names.split():
        yield _one(f"type-{name.partition('.')[2]}", TYPE, dice, Part(name, edit="words"))


def _others(dice: random.Random) -> Iterator[Case]:
    by_county = counted("wages", ("county",), "count(*) AS n", form="ROLLUP")
    one_out = by_county.replace(
        "GROUP", "WHERE person_id <> (SELECT min(person_id) FROM wages) GROUP"
    )
    yield _one("rows", OTHER, dice, Part("table.csv", "SELECT county, industry, wage FROM wages"))
    yield _one("one-person-less", OTHER, dice, Part("table.csv", one_out), after=by_county)
    yield _one("not-mine", OTHER, dice, Part("table.csv", by_county, mine=False))
    yield _one("another-number", OTHER, dice, Part("table.xlsx", by_county, "one-more"))
    yield _one("printed", OTHER, dice, Part("notes.txt", by_county, "printed"))
    yield _one(
        "largest",
        OTHER,
        dice,
        Part("table.csv", "SELECT county, max(wage) AS top, count(*) AS n FROM wages GROUP BY 1"),
    )


def _good(dice: random.Random) -> Iterator[Case]:
    tables = [
        counted(view, groups, measures, form=form)
        for view, choices in (
            ("wages", (("county",), ("industry",))),
            ("credentials", (("institution",), ("credential",), SCHOOLS)),
        )
        for groups in choices
        for measures in (
            "count(*) AS n",
            "count(DISTINCT person_id) AS people",
            "count(*) AS n, count(DISTINCT person_id) AS people",
        )
        for form in ("", "ROLLUP")
    ]
    tables += [
        counted(
            "wages",
            ("county",),
            measures,
            where="WHERE county IN ('Fairfield', 'Hartford', 'New Haven', 'Litchfield')",
        )
        for measures in (
            "sum(wage) AS total, count(*) AS n",
            "avg(wage) AS pay, count(*) AS n",
            "count(*) AS n",
        )
    ]
    tables += [
        counted(
            "wages",
            ("industry",),
            "avg(wage) AS pay, count(*) AS n",
            where="WHERE industry <> 'Farming'",
        )
    ]
    tables += [
        counted(
            "wages",
            WAGES,
            "count(*) AS n",
            form="CUBE",
            where="WHERE industry IN ('Health', 'Retail')",
        )
    ]
    for number, sql in enumerate(tables):
        yield _one(f"good-table-{number}", GOOD, dice, Part(_file(dice), sql))
    plain = counted("credentials", ("institution",), "count(*) AS n")
    for number in range(8):
        parts = (
            Part("table.csv", plain),
            Part(f"plot.{('png', 'pdf')[number % 2]}", edit="bars", drawn_from="table.csv"),
        )
        yield Case(f"good-plot-{number}", GOOD, *_said(dice), parts)
    for number in range(6):
        parts = (Part("pay.model.json", plain, "regression"),)
        yield Case(f"good-model-{number}", GOOD, *_said(dice), parts)
    for number, name in enumerate(
        (
            "methods.md",
            "notes.txt",
            "model.py",
            "pay.sql",
            "run.do",
            "plot.R",
            "tidy.py",
            "readme.md",
        )
    ):
        parts = (Part("table.csv", plain), Part(name, edit="code" if number > 1 else "prose"))
        yield Case(f"good-text-{number}", GOOD, *_said(dice), parts)
    for number, (sql, edit) in enumerate(ASKED):
        yield _one(f"good-asked-{number}", GOOD, dice, Part("table.csv", sql, edit))
