"""The demo's stand-in for another party gives way to a real one, and comes back with its port."""

from __future__ import annotations

from enclave.demo import witness
from enclave.settings import Settings


def test_the_stand_in_is_named_anew_each_time_so_that_it_follows_its_port(settings: Settings):
    policy = settings.audit_dir / "policy"
    assert witness.appoint(settings) == witness.NAME
    first = policy.read_text()
    moved = settings.model_copy(update={"oidc_issuer": "http://127.0.0.1:9003"})
    assert witness.appoint(moved) == witness.NAME
    assert policy.read_text() != first
    assert "http://127.0.0.1:9004" in policy.read_text()


def test_a_policy_that_an_administrator_put_there_outlives_the_next_start(settings: Settings):
    witness.appoint(settings)
    policy = settings.audit_dir / "policy"
    theirs = policy.read_text().partition("\n")[2] + "# lodged with the agreement\n"
    policy.write_text(theirs)
    assert witness.appoint(settings) == f"policy {policy}"
    assert policy.read_text() == theirs


def test_a_policy_elsewhere_is_the_operators_alone(settings: Settings):
    elsewhere = settings.state_dir / "lodged"
    there = settings.model_copy(update={"audit_policy": elsewhere})
    assert witness.appoint(there) == f"policy {elsewhere}"
    assert not elsewhere.exists()
    assert not (settings.audit_dir / "policy").exists()
