"""A bounded run of the fuzzing: whatever comes in, a verdict or a refusal comes out (R18, R20).

The nightly run of a million inputs and more is `make nightly`.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from enclave.events import Verdict
from enclave.gateway.inspector import bound_plan
from enclave.gateway.refusals import NotUnderstood, QueryDenied
from tests.fuzz import mutations
from tests.fuzz.__main__ import _stretch, try_one
from tests.fuzz.shrink import shrink
from tests.fuzz.targets import Finding, Targets, _no_literals, describe, open_targets

INPUTS = 5_000  # each is a text, a message and two sets of parameters: 20,000 tries
MEMORY = 700  # MiB that the run may add to this process: three engines of 256 MiB at most

# Each was found by a nightly run and is kept: the number of an input need not stay what it was.
FOUND = [
    "->]PRAGMAmain.wagesIS",
    "SELECT year FROM wages" + " LEFT JOIN credentials c" * 30,
    'SELECT wages FROM "r\ud800owid"',
    "SELECT regexp_replace(county, '[aeiou]', '_', 'ég') AS a FROM wages GROUP BY 1",
    "1e3001e3001e3001 SUMMARIZE 1e3001e3001e300",  # half a number was a word, and logged
]


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Targets]:
    with open_targets(tmp_path_factory.mktemp("fuzz")) as opened:
        yield opened


def test_whatever_comes_in_a_verdict_or_a_refusal_comes_out(targets: Targets) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    passed = targets.passed
    for number in range(INPUTS):
        try:
            targets.check(number)
        except Exception as error:
            raise AssertionError(f"{describe(error)}: {mutations.text(number)!r}") from error
    assert targets.passed - passed > INPUTS // 50  # or the fuzzing is at the door only
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert grown < MEMORY


@pytest.mark.parametrize("sql", FOUND)
def test_what_was_found_once_is_a_refusal_now(targets: Targets, sql: str) -> None:
    for number, project in enumerate(targets.projects):
        with pytest.raises(QueryDenied):
            project.inspector.inspect(sql)
        targets.inspect(sql, number)


def test_a_list_joined_by_a_cast_condition_is_answered(targets: Targets) -> None:
    """Found by a nightly run: the engine's plan gives no type for what the cast is of."""
    sql = (
        "SELECT count(*) FROM wages w JOIN (VALUES (0), (1)) v(n) "
        "ON CAST(w.county = 'Hartford' AND w.year = 2024 AS INTEGER) = v.n"
    )
    assert targets.projects[0].inspector.inspect(sql).verdict is Verdict.ALLOWED


def test_an_input_is_the_same_for_the_same_number() -> None:
    assert mutations.text(77) == mutations.text(77)
    assert mutations.body(77) == mutations.body(77)
    assert len({mutations.text(number) for number in range(300)}) > 250


# The checks see what they look for


def test_a_file_that_is_opened_is_seen(targets: Targets) -> None:
    assert not targets.place.touched()
    duckdb.sql("FROM read_csv('canary.csv')").fetchall()
    assert targets.place.touched()


def test_a_literal_in_a_text_for_the_log_is_seen() -> None:
    sql = "SELECT year FROM wages WHERE county = 'zqx7canary' AND wage > 8675309177"
    _no_literals(sql, "SELECT year FROM wages WHERE county = ? AND wage > ?")
    for leaking in (sql, sql.replace("'", ""), sql.replace("8675309177", "?")):
        with pytest.raises(Finding, match="literal"):
            _no_literals(sql, leaking)


def test_an_error_that_is_no_refusal_is_found_and_made_small(
    targets: Targets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(cursor: object, sql: str) -> object:
        raise TypeError if "year" in sql else NotUnderstood("another")

    monkeypatch.setattr(bound_plan, "plan", broken)
    monkeypatch.setattr(mutations, "text", lambda number: "SELECT 1, year /* aa */ FROM wages")
    monkeypatch.setattr("tests.fuzz.__main__.text", mutations.text)
    (tmp_path / "found").mkdir()
    try_one(targets, 1, tmp_path)
    found = json.loads((tmp_path / "found" / "1.json").read_text())
    assert found["kind"].startswith("TypeError")
    assert len(found["small"]) < 20


def test_a_process_that_dies_is_a_finding_and_the_rest_is_still_tried(tmp_path: Path) -> None:
    (tmp_path / "found").mkdir()
    calls = iter((1, 0))

    class Done:
        def __init__(self) -> None:
            self.returncode, self.stdout = next(calls), b"3\n"

    def run(argv: list[str], **_: object) -> Done:
        stop = int(argv[argv.index("--stop") + 1])
        (tmp_path / f"at-{stop}").write_text(str(stop - 5))
        return Done()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.fuzz.__main__.subprocess.run", run)
        assert _stretch(0, tmp_path) == (0, 3)
    (found,) = (tmp_path / "found").iterdir()
    assert "the process ended with 1" in found.read_text()


def test_making_small_keeps_the_fault() -> None:
    def fails(text: str) -> None:
        if "x" in text and "y" in text:
            raise ValueError("both")

    assert shrink("aaaxbbbbbbyccc", "ValueError: both", fails) == "xy"
    assert shrink("aaa", "ValueError: both", fails) == "aaa"
