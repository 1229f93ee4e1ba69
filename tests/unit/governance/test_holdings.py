"""What is held here is said whole: whose it is, since when, for whom, how long (SATRE 3.1.08)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from enclave import tables
from enclave.cli import enclave
from enclave.events import Action, Event
from enclave.governance import holdings
from enclave.settings import Settings
from enclave.store import ControlStore, drop, set_project
from tests.support.audit import AuditProcess
from tests.support.governance import NetworkFiles

RECEIVED = {
    "dataset": "wages",
    "version": 1,
    "agency": "dol",
    "rows": 1234,
    "sha256": "0" * 64,
    "identifiers_version": 0,
    "content_version": 0,
    "stored_at": "2026-03-04T05:06:07+00:00",
}


@pytest.fixture
def store(settings: Settings, audit_service: AuditProcess, tmp_path: Path) -> ControlStore:
    """The demo network in force, with one delivery of wages registered."""
    said = _run(settings, "apply", str(NetworkFiles(tmp_path).place))
    assert "credential-pay" in said
    found = ControlStore(settings.database_url)
    event = Event(Action.DELIVERY_STORED, "os:test")
    with audit_service.client() as audit, found.record(audit, event) as connection:
        connection.execute(insert(tables.deliveries).values(RECEIVED))
    return found


def _run(settings: Settings, *words: str) -> str:
    result = CliRunner().invoke(enclave, words, env=settings.environment())
    assert result.exit_code == 0, result.exception or result.output
    return result.output


def test_each_dataset_has_its_source_contacts_deliveries_projects_and_last_day(
    settings: Settings, store: ControlStore
) -> None:
    said = _run(settings, "holdings")
    (wages,) = (block for block in said.split("\n\n") if block.startswith("wages: "))
    first, second, *lines = wages.splitlines()
    assert first == "wages: Quarterly wage records"
    assert "unemployment insurance" in second
    words = [line.split(maxsplit=1) for line in lines]
    assert words[0][0] == "source" and words[0][1].endswith("(dol)")
    assert "Dora Diaz <dora@dol.example>" in lines[1]
    assert words[2] == ["received", "2026-03-04, version 1, 1,234 rows"]
    assert words[3][1].startswith("credential-pay (provisioned)")
    assert lines[-1].split() == ["needed", "until", "2034-12-31"]
    assert said.count("received      nothing yet") == len(store.datasets()) - 1


def test_what_is_no_longer_described_is_held_all_the_same(
    audit_service: AuditProcess, store: ControlStore
) -> None:
    event = Event(Action.AGREEMENT_APPLIED, "os:test")
    with audit_service.client() as audit, store.record(audit, event) as connection:
        drop(connection, "dataset", "wages")
    (wages,) = (each for each in holdings.find(store) if each.dataset == "wages")
    assert (wages.described, wages.agency, len(wages.received)) == (None, "dol", 1)


def test_a_closed_project_needs_nothing_any_more(
    audit_service: AuditProcess, store: ControlStore
) -> None:
    def until() -> date | None:
        (wages,) = (each for each in holdings.find(store) if each.dataset == "wages")
        assert [row.id for row, _ in wages.projects] == ["credential-pay"]
        return wages.needed_until

    assert until() == date(2034, 12, 31)
    event = Event(Action.PROJECT_CLOSED, "os:test")
    with audit_service.client() as audit, store.record(audit, event) as connection:
        set_project(connection, "credential-pay", state="closed")
    assert until() is None
