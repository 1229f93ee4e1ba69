"""An output leaves protected, with every agency's consent, or not at all (R3, R22, SATRE 3.3)."""

from __future__ import annotations

import json

import pytest

from audit.custody import AuditFiles, known_keys
from audit.merkle import ProofError
from audit.policy import Policy
from audit.proof import Proof
from egress_review.checking import strictest
from egress_review.earlier import against
from egress_review.model import State
from egress_review.render import MARK
from egress_review.submission import CERTIFICATE
from tests.support.postgres import on_both_databases
from tests.support.review import PEOPLE, PROJECT, SUMS, World

pytestmark = on_both_databases


def test_a_table_is_recomputed_protected_and_put_in_review(world: World) -> None:
    request = world.submit()
    assert request.state is State.PROTECTED, request.sentence
    assert request.agencies == ("dol",)
    assert request.persons == 400
    assert request.summary["safe_threshold"] == 11
    (told,) = world.told(request)["files"]
    assert told["suppressed"]
    assert request.summary["complementary"]


@pytest.mark.parametrize("agencies", [("dol", "cscu"), ("cscu", "dol")])
def test_the_rules_are_the_strictest_of_every_agency_in_any_order(
    world: World, agencies: tuple[str, ...]
) -> None:
    """R22: a table of labour's rows and the colleges'; labour's threshold is the larger one."""
    policy = world.store.policy(PROJECT)
    assert strictest(policy, agencies, world.store).safe_threshold == 11
    assert strictest(policy, ("cscu",), world.store).safe_threshold == 10


def test_a_release_happens_when_every_agency_has_agreed_and_carries_a_certificate(
    world: World,
) -> None:
    request = world.in_review()
    assert world.vote("dora", request).state is State.PROTECTED
    assert world.vote("carl", request).state is State.RELEASED
    name, content = world.service.download(PEOPLE["rosa"], request.id, "pay.csv")
    assert name == "pay.csv"
    assert content.startswith(b"institution,people")
    _, certificate = world.service.download(PEOPLE["rosa"], request.id, CERTIFICATE)
    said = json.loads(certificate)
    assert {vote["agency"] for vote in said["votes"]} == {"dol", "cscu"}
    assert [step["action"] for step in said["audit"]] == [
        "output.submitted",
        "output.protected",
        "output.voted",
        "output.voted",
    ]
    proofs = said["proofs"]
    assert [each["action"] for each in proofs] == [
        "output.voted",
        "output.voted",
        "output.released",
    ]
    policy = Policy.parse("quorum none\n").for_log(known_keys(AuditFiles.of(world.settings)))
    for each in proofs:  # offline: with nothing but the log's key
        proof = Proof.parse(each["proof"])
        proof.check_leaf(bytes.fromhex(each["leaf"]), policy)
        assert proof.index == each["entry"]
    with pytest.raises(ProofError):
        Proof.parse(proofs[0]["proof"]).check_leaf(bytes.fromhex(proofs[2]["leaf"]), policy)


def test_sums_and_counts_are_hidden_together(world: World) -> None:
    request = world.submit(SUMS)
    assert request.state is State.PROTECTED, request.sentence
    _, protected = world.service.view_raw(PEOPLE["dora"], request)
    for line in protected.decode().splitlines():
        assert line.count(MARK) in (0, 2)


def test_a_table_of_a_query_that_reads_nothing_is_answered(world: World) -> None:
    request = world.submit("SELECT county, count(*) AS n FROM wages WHERE year < 0 GROUP BY county")
    assert request.state in (State.PROTECTED, State.REFUSED)
    assert request.sentence or request.summary["rows"] == 0


def test_a_table_too_large_to_be_held_against_itself_is_refused_before_that_is_tried(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows by rows of 20,000 would be gigabytes."""
    monkeypatch.setattr(against, "MOST_CELLS", 4)
    for name in ("nested", "compare", "within"):
        monkeypatch.setattr(against, name, lambda *_: pytest.fail("made rows by rows"))
    request = world.submit()
    assert request.state is State.REFUSED
    assert "4 rows or more cannot be held" in request.sentence
