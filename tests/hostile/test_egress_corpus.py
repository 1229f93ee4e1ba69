"""Bad outputs in the proportions published are caught before a person; good ones are not stopped.

Every sixth of them in every run, their files parsed in this process; all 182 with
ENCLAVE_CORPUS=all, in children as the service does it (make nightly). Prints the table.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from egress_review.files import sandbox
from enclave.model import DisclosureRules, Unverified
from enclave.settings import Settings
from tests.data.egress.corpus import GOOD, PUBLISHED, cases
from tests.support.audit import AuditProcess
from tests.support.corpus import Judged, judge
from tests.support.parsing import parse_here
from tests.support.review import AGENCIES, World, review_world

ALL = os.environ.get("ENCLAVE_CORPUS") == "all"
CASES = cases()
TRIED = CASES if ALL else CASES[::6]


def open_to_review(rules: DisclosureRules) -> DisclosureRules:
    """Return the rules, but letting people look at what cannot be recomputed."""
    return replace(rules, unverified=Unverified.REVIEW)


@pytest.fixture(scope="module")
def enclave() -> Iterator[World]:
    """One enclave for all outputs: each is withdrawn before the next is asked for."""
    place = Path(tempfile.mkdtemp(prefix="enc-"))
    settings = Settings(state_dir=place / "s", run_dir=place / "r", audit_checkpoint_seconds=0.2)
    service = AuditProcess(settings).start()
    with service.client() as audit, review_world(settings, audit) as made:
        made.agree(rules={name: open_to_review(AGENCIES[name].rules) for name in ("dol", "cscu")})
        yield made
    service.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def judged(enclave: World) -> list[Judged]:
    with pytest.MonkeyPatch.context() as patch:
        if not ALL:
            patch.setattr(sandbox, "parse", parse_here)
        return [judge(enclave, case) for case in TRIED]


def table(judged: list[Judged]) -> str:
    """Return, per reason, how many there were and how many were caught."""
    lines = [f"{'reason':28}{'published':>10}{'tried':>7}{'caught':>8}"]
    for reason, share in PUBLISHED.items():
        mine = [one for one in judged if one.case.reason == reason]
        caught = sum(one.caught for one in mine)
        lines.append(f"{reason:28}{share:>9}%{len(mine):>7}{caught:>8}")
    bad = [one for one in judged if one.case.reason != GOOD]
    good = [one for one in judged if one.case.reason == GOOD]
    stopped = sum(bool(one.stopped) for one in good)
    lines.append(f"{'all bad ones':38}{len(bad):>7}{sum(one.caught for one in bad):>8}")
    lines.append(f"{'good ones, wrongly stopped':38}{len(good):>7}{stopped:>8}")
    missed = [one.case.id for one in bad if not one.caught]
    wrong = [f"{one.case.id}: {one.stopped}" for one in good if one.stopped]
    return "\n".join([*lines, f"missed: {missed}", f"wrongly stopped: {wrong}"])


def test_bad_outputs_are_caught_before_a_person(judged: list[Judged]) -> None:
    """R22: at least 95 of 100, in the proportions published; the table is printed."""
    print("\n" + table(judged))
    bad = [one for one in judged if one.case.reason != GOOD]
    assert sum(one.caught for one in bad) >= 0.95 * len(bad), table(judged)


def test_good_outputs_are_not_stopped(judged: list[Judged]) -> None:
    """R22, R46: at most 5 of 100; small groups in them are hidden, and that is no stop."""
    good = [one for one in judged if one.case.reason == GOOD]
    assert sum(bool(one.stopped) for one in good) <= 0.05 * len(good), table(judged)


def test_no_row_of_too_few_people_shows_in_what_goes_to_review(judged: list[Judged]) -> None:
    """R22: looked up by the corpus itself, whatever the service says of the output."""
    assert [one for one in judged if one.shows] == []


def test_the_corpus_is_in_the_proportions_published() -> None:
    found = Counter(case.reason for case in CASES)
    bad = len(CASES) - found[GOOD]
    assert bad >= 100
    assert found[GOOD] >= 50
    for reason, share in PUBLISHED.items():
        assert abs(100 * found[reason] / bad - share) < 1
    assert cases() == CASES
