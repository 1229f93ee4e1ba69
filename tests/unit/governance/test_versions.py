"""Moving and forgetting: logged before it counts, refused where it may not be, told to services.

R6 (a project keeps its version), R33 (what changed and who), R15.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from enclave import versions as rows
from enclave.audit_client import AuditClient
from enclave.errors import AuditUnavailable, Conflict, NotFound
from enclave.events import Action, Event
from enclave.governance import projects, versions
from enclave.governance.converge import converge
from enclave.governance.projects import Control
from enclave.model import ProjectState
from enclave.settings import Settings
from enclave.store import ControlStore, Version, move, now
from enclave.vault import extract, keys
from tests.support.audit import AuditProcess
from tests.support.governance import NetworkFiles

DSA = "agreements/dsa-credential-pay"
PROJECT = "credential-pay"


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    return NetworkFiles(tmp_path)


@pytest.fixture
def control(settings: Settings, audit: AuditClient, files: NetworkFiles) -> Control:
    """A project that stands on the first of two versions, with their files."""
    made = Control(settings, ControlStore(settings.database_url), audit, "os:test")
    projects.apply(made, files.compiled())
    keys.create(settings, PROJECT)
    for epoch in (1, 2):
        register(made, epoch)
    return made


def register(control: Control, epoch: int) -> None:
    mark, key = control.store.project(PROJECT).policy_sha256, keys.load(control.settings, PROJECT)
    views = {"wages": pa.table({"person_id": ["p"] * epoch})}
    extract.write_extract(
        control.settings, PROJECT, key, epoch=epoch, policy_sha256=mark, views=views
    )
    with control.store.record(control.audit, Event(Action.PROJECT_BUILT, "os:test")) as connection:
        version = Version(PROJECT, epoch, mark, {"wages": epoch}, now())
        rows.register(connection, version)
        if epoch == 1:
            move(connection, PROJECT, ProjectState.ACTIVE, epoch=1)


def told(service: AuditProcess, action: str) -> list[dict[str, object]]:
    return [fact["detail"] for fact in service.facts() if fact["action"] == action]


def test_a_move_is_logged_from_where_to_where_and_done_once(
    control: Control, audit_service: AuditProcess
) -> None:
    assert versions.move(control, PROJECT, 2)
    assert not versions.move(control, PROJECT, 2)
    assert versions.move(control, PROJECT, 1), "back is as good as forward"
    moves = told(audit_service, "project.moved")
    assert [(each["from"], each["epoch"]) for each in moves] == [(1, 2), (2, 1)]
    assert moves[0]["policy_sha256"] == control.store.project(PROJECT).policy_sha256


def test_a_project_keeps_its_state_and_policy_through_a_move(control: Control) -> None:
    before = (control.store.project(PROJECT).state, control.store.policy(PROJECT))
    versions.move(control, PROJECT, 2)
    assert (control.store.project(PROJECT).state, control.store.policy(PROJECT)) == before


def test_forgetting_removes_the_files_and_says_how_much(
    control: Control, audit_service: AuditProcess
) -> None:
    size = extract.size(control.settings, PROJECT, 2)
    assert size > 0
    assert versions.forget(control, PROJECT, 2)
    assert extract.epochs(control.settings, PROJECT) == (1,)
    assert not versions.forget(control, PROJECT, 2)
    (detail,) = told(audit_service, "project.forgot-version")
    assert (detail["epoch"], detail["bytes"]) == (2, size)


def test_a_crash_between_log_and_removal_is_finished_by_the_next_forget(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(extract, "remove_epoch", crash)
        with pytest.raises(KeyboardInterrupt):
            versions.forget(control, PROJECT, 2)
    assert [each.version.epoch for each in versions.look(*_where(control))] == [1]
    assert versions.forget(control, PROJECT, 2)
    assert extract.epochs(control.settings, PROJECT) == (1,)


def _where(control: Control) -> tuple[Settings, ControlStore, str]:
    return control.settings, control.store, PROJECT


def test_the_version_in_use_is_neither_forgotten_nor_is_what_never_was(control: Control) -> None:
    with pytest.raises(Conflict, match="stands on version 1"):
        versions.forget(control, PROJECT, 1)
    assert extract.epochs(control.settings, PROJECT) == (1, 2)
    for epoch in (0, -1, 3):
        with pytest.raises(NotFound):
            versions.forget(control, PROJECT, epoch)
        with pytest.raises(NotFound):
            versions.move(control, PROJECT, epoch)


def test_without_audit_nothing_moves_and_nothing_is_forgotten(
    control: Control, audit_service: AuditProcess, settings: Settings
) -> None:
    audit_service.kill()
    with audit_service.client(timeout=0.3) as audit:
        away = Control(settings, control.store, audit, "os:test")
        for act in (versions.move, versions.forget):
            with pytest.raises(AuditUnavailable):
                act(away, PROJECT, 2)
    assert control.store.project(PROJECT).extract_epoch == 1
    assert extract.epochs(settings, PROJECT) == (1, 2)


def test_an_amended_agreement_puts_every_version_out_of_use(
    control: Control, files: NetworkFiles
) -> None:
    """R31: what was built under another text is shown as that and never moved to."""
    files.replace(DSA, "title: What", "title: Just what").sign(DSA)
    projects.apply(control, files.compiled())
    standing = versions.look(*_where(control))
    assert [(each.pinned, each.in_force) for each in standing] == [(False, False)] * 2
    with pytest.raises(Conflict, match="another text"):
        versions.move(control, PROJECT, 2)


def test_closing_destroys_every_version_and_says_how_many(
    control: Control, audit_service: AuditProcess
) -> None:
    projects.close(control, PROJECT)
    assert extract.epochs(control.settings, PROJECT) == ()
    assert control.store.versions(PROJECT) == ()
    (detail,) = told(audit_service, "project.closed")
    assert detail["versions"] == 2


def test_converging_moves_to_the_version_that_is_named_and_to_no_other(
    control: Control, files: NetworkFiles
) -> None:
    """A dry run is the truth; without a version named the project stays where it is."""
    assert not converge(control, files.path(DSA), build=True).changed
    expected = converge(control, files.path(DSA), version=2, dry_run=True)
    assert control.store.project(PROJECT).extract_epoch == 1
    assert (expected.before["version"], expected.after["version"]) == (1, 2)
    assert converge(control, files.path(DSA), version=2) == expected
    assert not converge(control, files.path(DSA), version=2).changed
    for dry_run in (True, False):
        with pytest.raises(NotFound, match="keeps no version 9"):
            converge(control, files.path(DSA), version=9, dry_run=dry_run)


def test_converging_does_not_amend_and_then_find_no_version_to_move_to(
    control: Control, files: NetworkFiles
) -> None:
    """All or nothing: the old text stays in force when its follow-up cannot be done."""
    files.replace(DSA, "title: What", "title: Just what").sign(DSA)
    with pytest.raises(NotFound, match="under this text"):
        converge(control, files.path(DSA), version=2)
    assert control.store.policy(PROJECT).title.startswith("What")
