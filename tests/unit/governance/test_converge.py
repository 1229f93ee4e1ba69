"""Converging one project: a dry run changes nothing and reports what the run then reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from enclave.audit_client import AuditClient
from enclave.errors import EnclaveError, Invalid, NotFound
from enclave.governance.converge import Outcome, converge
from enclave.governance.projects import Control, Refused
from enclave.model import ProjectState
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import keys
from tests.support.audit import AuditProcess
from tests.support.governance import NetworkFiles

DSA = "agreements/dsa-credential-pay"
PROJECT = "credential-pay"


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    return NetworkFiles(tmp_path)


@pytest.fixture
def control(settings: Settings, audit: AuditClient) -> Control:
    return Control(settings, ControlStore(settings.database_url), audit, "ansible:test")


Agree = Callable[..., Outcome]


@pytest.fixture
def agree(control: Control, files: NetworkFiles, audit_service: AuditProcess) -> Agree:
    """Converge dry, then really; both must report the same, and the dry one must do nothing."""

    def both(*, closed: bool = False) -> Outcome:
        before = (control.store.projects(), len(audit_service.facts()))
        expected = converge(control, files.path(DSA), closed=closed, dry_run=True)
        assert (control.store.projects(), len(audit_service.facts())) == before
        found = converge(control, files.path(DSA), closed=closed)
        assert expected == found
        return found

    return both


def test_a_dry_run_is_the_truth_about_a_projects_whole_life(
    control: Control, files: NetworkFiles, agree: Agree
) -> None:
    provisioned = agree()
    assert provisioned.changed
    assert provisioned.before["state"] == "absent"
    assert provisioned.after["state"] == "provisioned"
    assert not agree().changed

    files.replace(DSA, "researchers: [rosa, ravi]", "researchers: [rosa]").sign(DSA)
    amended = agree()
    assert amended.changed
    assert amended.after["policy"]["researchers"] == ["rosa"]
    assert "ravi loses project credential-pay at once." in amended.meaning
    assert not agree().changed

    files.replace("people/rosa", "name: Rosa Rivera", "name: Rosa R.")
    assert agree().after["files"].keys() == {"person/rosa"}
    assert not agree().changed

    keys.create(control.settings, PROJECT)
    closed = agree(closed=True)
    assert closed.changed
    assert (closed.after["state"], closed.after["left"]) == ("closed", [])
    assert not agree(closed=True).changed
    assert not agree().changed  # the unchanged file of a closed project asks for nothing


def test_one_project_is_provisioned_without_its_neighbours(control: Control, agree: Agree) -> None:
    agree()
    assert [row.id for row in control.store.projects()] == [PROJECT]
    assert set(control.store.hashes("agreement")) == {"e-mou", "dsa-credential-pay"}


def test_a_neighbours_missing_signature_does_not_stop_it(
    control: Control, files: NetworkFiles, agree: Agree
) -> None:
    files.replace("agreements/dsa-early-start", "title: Early", "title: Very early")
    assert agree().changed


def test_its_own_or_the_e_mous_missing_signature_does(
    control: Control, files: NetworkFiles
) -> None:
    files.replace("agreements/e-mou", "title: Enterprise", "title: Large")
    for dry_run in (True, False):
        with pytest.raises(Refused, match="has lapsed"):
            converge(control, files.path(DSA), dry_run=dry_run)
    assert control.store.projects() == ()


def test_an_e_mou_is_no_project(control: Control, files: NetworkFiles) -> None:
    with pytest.raises(Invalid, match="no project"):
        converge(control, files.path("agreements/e-mou"))


def test_what_never_was_cannot_be_closed(control: Control, files: NetworkFiles) -> None:
    with pytest.raises(NotFound):
        converge(control, files.path(DSA), closed=True, dry_run=True)


def test_a_build_that_cannot_be_made_leaves_the_project_waiting_for_it(
    control: Control, files: NetworkFiles
) -> None:
    expected = converge(control, files.path(DSA), build=True, dry_run=True)
    assert (expected.after["state"], expected.after["extract"]) == ("active", "built")
    with pytest.raises(EnclaveError):  # nothing was delivered
        converge(control, files.path(DSA), build=True)
    row = control.store.project(PROJECT)
    assert (row.state, row.extract_epoch) == (ProjectState.PROVISIONED, None)
