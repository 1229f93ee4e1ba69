"""Who enters the hub and which projects they may open."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from enclave.audit_client import AuditClient
from enclave.errors import Denied
from enclave.events import Action, Event
from enclave.model import Role
from enclave.settings import Settings
from enclave.store import ControlStore, amend
from hub_config import idp, projects
from hub_config.authenticator import (
    EnclaveAuthenticator,
    LoggedLogout,
    check_may_enter,
    second_factor,
)
from tests.support.hub import PEOPLE, POLICIES, fill
from tests.support.watching import Book


@pytest.fixture
def store(settings: Settings, audit: AuditClient):
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    found = ControlStore(settings.database_url)
    fill(found, audit)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("said", "strong"),
    [
        ({"amr": ["pwd", "otp"]}, True),
        ({"amr": ["mfa"]}, True),
        ({"acr": "https://refeds.org/profile/mfa"}, True),
        ({"amr": ["pwd"]}, False),
        ({"amr": "pwd"}, False),
        ({"acr": "0"}, False),
        ({}, False),
    ],
)
def test_a_second_factor_is_read_from_the_provider_s_claims(said, strong):
    assert second_factor(said) is strong


def test_a_log_in_without_a_second_factor_is_refused_even_for_a_researcher():
    with pytest.raises(Denied, match="second factor"):
        check_may_enter("rosa", {"amr": ["pwd"]}, {Role.RESEARCHER}, require_mfa=True)


def test_who_logs_out_of_the_hub_does_not_wait_for_audit(monkeypatch, caplog):
    cleared: list[str] = []
    away = Book()
    away.is_away = True
    monkeypatch.setattr(EnclaveAuthenticator, "hands", SimpleNamespace(audit=away), raising=False)
    monkeypatch.setattr(LoggedLogout, "clear_cookie", lambda _self, name: cleared.append(name))
    leaving = LoggedLogout.__new__(LoggedLogout)
    leaving._jupyterhub_user = SimpleNamespace(name="rosa")
    asyncio.run(leaving.handle_logout())
    assert len(cleared) == 1
    assert "could not be logged" in caplog.text


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.RESEARCHER}))
def test_no_other_role_enters_the_hub(role: Role):
    """An administrator's page could act inside a researcher's."""
    with pytest.raises(Denied, match="not a researcher"):
        check_may_enter("adam", {"amr": ["mfa"]}, {role}, require_mfa=True)


def test_a_person_sees_only_projects_that_name_them(store: ControlStore):
    assert [p.project for p in projects.open_to(store, "rosa")] == ["credential-pay"]
    assert {p.project for p in projects.open_to(store, "ravi")} == {"credential-pay", "early-start"}
    assert projects.open_to(store, "adam") == ()
    assert projects.shut_to(store, "ravi") == ()


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)])
def test_who_is_named_reads_why_a_project_is_not_open_today(
    store: ControlStore, audit: AuditClient, days: tuple[int, int]
):
    starts, ends = (date.today() + timedelta(days=each) for each in days)
    given = replace(POLICIES[1], starts=starts, ends=ends, destroy_by=ends)
    with store.record(audit, Event(Action.AGREEMENT_APPLIED, actor="adam")) as connection:
        amend(connection, given)
    assert [p.project for p in projects.open_to(store, "ravi")] == ["credential-pay"]
    assert [p.project for p in projects.shut_to(store, "ravi")] == ["early-start"]
    assert projects.shut_to(store, "rosa") == ()


@pytest.mark.parametrize("project", ["early-start", "no-such-project"])
def test_another_s_project_is_denied_and_one_that_does_not_exist_too(
    store: ControlStore, project: str
):
    with pytest.raises(Denied) as refused:
        projects.choose(store, "rosa", project)
    assert refused.value.sentence == "You are not named as a researcher of this project."


def test_the_page_escapes_what_an_agreement_says():
    evil = replace(POLICIES[0], title="<script>alert(1)</script>", purpose='"><img src=x>')
    for page in (projects.form(evil), projects.menu([evil], person="rosa", base="/hub/")):
        assert "<script>" not in page and "<img" not in page


def test_the_demo_provider_knows_the_store_s_people_and_two_strangers(store: ControlStore):
    found = idp.accounts(store)
    assert {person.id for person in PEOPLE} | {"mallory", "nora"} == set(found)
    assert second_factor(found["rosa"]) and not second_factor(found["nora"])
    assert found["rosa"]["groups"] == ["researcher"]
