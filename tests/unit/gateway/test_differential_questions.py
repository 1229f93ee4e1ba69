"""What researchers ask passes: at least 95 of 100 questions, with the demo's own agreements.

R2, R20: analysis of approved, linked, minimised views in the researcher's own words. The questions
in `asked/` were written without a look at the older ones, nor at what had passed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pytest

from enclave.gateway.inspector import Inspector, make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue
from enclave.gateway.refusals import QueryDenied
from enclave.model import Aggregation, Column, ColumnRole, Policy, QueryMode, View
from tests.fuzz.world import KINDS, VIEWS, make_world, world_tables
from tests.support import held
from tests.support.gateway import make_policy, make_test_inspector

DATA = Path(__file__).parents[2] / "data" / "gateway"
PROJECTS = {
    "credential-pay": ("wages", "credentials"),
    "early-start": ("wic", "enrolment", "benefits"),
}
# What is refused rightly: without its values the engine would have to look at rows to bind it.
REFUSED = {"PIVOT wages ON quarter USING avg(wage) GROUP BY county": "query.construct"}


def questions() -> list[str]:
    """Every question of both files."""
    lines = [
        line
        for path in sorted(DATA.glob("questions*.sql"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [line.replace("\\n", "\n") for line in lines if line and not line.startswith("-- #")]


def demo_policy(project: str) -> Policy:
    """The demo's agreement of a project: its views and roles; `sex` is for groups only."""
    views = tuple(
        View(name, name, "dol", name, tuple(
            Column(column, KINDS[shape.kind][1], column,
                   ColumnRole.AGGREGATE_ONLY if column == "sex" else ColumnRole.PROJECTABLE,
                   f"{project}, view {name}, field {column}")
            for column, shape in VIEWS[name].items()
        ), f"{project}, view {name}")
        for name in PROJECTS[project]
    )  # fmt: skip
    return make_policy(project=project, views=views)


@pytest.fixture(scope="module")
def inspectors() -> list[Inspector]:
    schemas = {name: table.schema for name, table in world_tables().items()}
    return [
        make_inspector(compile_catalogue(demo_policy(project), schemas)) for project in PROJECTS
    ]


def _refusal(inspectors: list[Inspector], sql: str) -> QueryDenied | None:
    """The refusal of the project that has the views, None where one lets it pass."""
    refusals = []
    for inspector in inspectors:
        try:
            inspector.inspect(sql)
        except QueryDenied as refused:
            refusals.append(refused)
        else:
            return None
    return min(refusals, key=lambda refused: refused.code == "query.not-granted")


def test_there_are_enough_questions() -> None:
    assert len(set(questions())) >= 160


def test_at_least_ninety_five_of_a_hundred_questions_pass_and_the_others_are_refused_rightly(
    inspectors: list[Inspector], capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {sql: found for sql in questions() if (found := _refusal(inspectors, sql))}
    share = 1 - len(refused) / len(questions())
    with capsys.disabled():
        print(f"\n{len(questions())} questions, {share:.1%} pass")
        for sql, found in refused.items():
            print(f"  {found.code}: {sql[:100]}")
    assert share >= 0.95
    assert {sql: found.code for sql, found in refused.items()} == REFUSED


# Questions asked anew, in agreements of rows and of groups ----------------------------------------


class Asked(NamedTuple):
    """A question, and the code it is refused with: rightly, as the page says."""

    sql: str
    refused: str | None


def asked(name: str) -> list[Asked]:
    """Return the questions of a file: parted by empty lines, a comment before the first."""
    _, *parts = (DATA / "asked" / f"{name}.sql").read_text(encoding="utf-8").split("\n\n")
    return [_asked(part.strip()) for part in parts]


def _asked(part: str) -> Asked:
    if not part.startswith("-- refused: "):
        return Asked(part, None)
    code, _, sql = part.removeprefix("-- refused: ").partition("\n")
    return Asked(sql, code)


def early_start() -> Policy:
    """The demo's agreement whose answers must be groups, with its own threshold and share."""
    return replace(
        demo_policy("early-start"),
        mode=QueryMode.AGGREGATE_ONLY,
        aggregation=Aggregation(persons=15, share=0.5),
    )


def _world(name: str) -> tuple[Inspector, dict[str, pa.Table]]:
    name = name.removeprefix("analysts_")
    if name == "groups":
        return make_test_inspector(early_start()), world_tables()
    if name in ("rows", "clients"):
        return make_test_inspector(make_world()), world_tables()
    return held.inspector("groups" if name == "held" else "roles"), held.tables()


@pytest.mark.parametrize("name", sorted(path.stem for path in (DATA / "asked").glob("*.sql")))
def test_what_is_asked_anew_is_answered_or_refused_rightly(name: str) -> None:
    inspector, tables = _world(name)
    found: dict[str, str | None] = {}
    with duckdb.connect(config={"threads": "1"}) as engine:
        for view, table in tables.items():
            engine.from_arrow(table).create(view)
        for sql, _ in asked(name):
            try:
                engine.execute(inspector.inspect(sql).sql).fetchall()
                found[sql] = None
            except QueryDenied as refused:
                found[sql] = refused.code
                assert refused.hint
    assert found == dict(asked(name))


def test_at_least_ninety_five_of_a_hundred_asked_anew_pass() -> None:
    every = [one for file in (DATA / "asked").glob("*.sql") for one in asked(file.stem)]
    assert len({one.sql for one in every}) == len(every) >= 300
    assert sum(one.refused is None for one in every) >= 0.95 * len(every)
