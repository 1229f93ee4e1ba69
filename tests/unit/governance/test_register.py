"""The public reads who used which data for what, and nothing of any person (R45, SATRE 1.7.02)."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from enclave.cli import enclave
from enclave.events import Action, Event
from enclave.settings import Settings
from enclave.store import ControlStore, set_project
from tests.support.audit import AuditProcess
from tests.support.governance import NetworkFiles

DSA = "agreements/dsa-credential-pay"


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    return NetworkFiles(tmp_path)


def _run(settings: Settings, *words: str) -> str:
    result = CliRunner().invoke(enclave, words, env=settings.environment())
    assert result.exit_code == 0, result.exception or result.output
    return result.output


def test_the_register_names_the_network_its_data_and_every_project(
    settings: Settings, audit_service: AuditProcess, files: NetworkFiles
) -> None:
    _run(settings, "apply", str(files.place))
    said = _run(settings, "register")
    assert said.startswith("# Register of Demonstration Network\n")
    assert "residents advise through the Resident Advisory Board" in said
    assert "- **Quarterly wage records** (" in said
    (_, project) = said.split("### What a college credential is worth in wages\n")
    assert "Describe how wages differ" in project
    assert "- By: Example University" in project
    assert "Quarterly wage records (" in project
    assert "- Agreed: 2025-07-01 to 2034-06-30, all its data destroyed by 2034-12-31" in project
    assert "- State: provisioned" in project


def test_the_register_keeps_closed_projects(
    settings: Settings, audit_service: AuditProcess, files: NetworkFiles
) -> None:
    _run(settings, "apply", str(files.place))
    store, event = ControlStore(settings.database_url), Event(Action.PROJECT_CLOSED, "os:test")
    with audit_service.client() as audit, store.record(audit, event) as connection:
        set_project(connection, "credential-pay", state="closed")
    project = _run(settings, "register").split("### What a college credential")[1]
    assert "- State: closed" in project.split("###")[0]


def test_the_register_names_no_person_and_no_column(
    settings: Settings, audit_service: AuditProcess, files: NetworkFiles
) -> None:
    _run(settings, "apply", str(files.place))
    said = _run(settings, "register")
    store = ControlStore(settings.database_url)
    for person in store.people().values():
        assert person.name not in said and person.email not in said and f" {person.id} " not in said
    columns = {f.name for each in store.datasets().values() for f in each.fields if "_" in f.name}
    assert columns and not [name for name in columns if name in said.replace("\\", "")]


def test_what_an_agreement_says_is_text_in_the_register(
    settings: Settings, audit_service: AuditProcess, files: NetworkFiles
) -> None:
    files.replace(DSA, "title: What", "title: '<script>x</script> [a](b)'  # What").sign(DSA)
    _run(settings, "apply", str(files.place))
    said = _run(settings, "register")
    assert r"### \<script\>x\</script\> \[a\](b)" in said
