"""What researchers ask passes: at least 95 of 100 questions, with the demo's own agreements.

R47, R52: analysis of approved, linked, minimised views in the researcher's own words.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from enclave.gateway.inspector import Inspector, make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue
from enclave.gateway.refusals import QueryDenied
from enclave.model import Column, ColumnRole, Policy, View
from tests.fuzz.world import KINDS, VIEWS, world_tables
from tests.support.gateway import make_policy

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
