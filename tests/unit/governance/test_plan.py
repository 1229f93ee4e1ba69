"""Plan and apply: what is announced is what is done, once, and each time with a reason.

R3, R22, R33 (what changed), R36.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from egress_review.model import FileKind, OutputFile, Request, State
from egress_review.policy import MOVES, Act
from egress_review.store import add_request
from enclave import sessions
from enclave import store as changing
from enclave.audit_client import AuditClient
from enclave.errors import AuditUnavailable, Conflict, KeyMissing, NotFound
from enclave.events import Action, Event
from enclave.governance import plan, projects
from enclave.governance.plan import Plan, Step
from enclave.governance.projects import Control, Refused
from enclave.model import ProjectState, Role
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import destruction, keys
from tests.support.audit import AuditProcess
from tests.support.governance import NetworkFiles, in_force

DSA = "agreements/dsa-credential-pay"
PROJECT = "credential-pay"


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    files = NetworkFiles(tmp_path)
    return files.update(DSA, **in_force()).sign(DSA)


@pytest.fixture
def control(settings: Settings, audit: AuditClient) -> Control:
    return Control(settings, ControlStore(settings.database_url), audit, "os:test")


@pytest.fixture
def applied(control: Control, files: NetworkFiles) -> Control:
    projects.apply(control, files.compiled())
    return control


def meaning(control: Control, files: NetworkFiles) -> list[str]:
    found = plan.make(files.compiled(), plan.look(control.store))
    return [sentence for change in found.changes for sentence in change.meaning]


def request(project: str, state: State) -> Request:
    now = datetime.now(UTC)
    return Request(
        id=f"{project}-{state}",
        project=project,
        person="rosa",
        session="s",
        title="Pay",
        context="",
        files=(OutputFile("pay.csv", FileKind.TABLE, ()),),
        state=state,
        submitted_at=now,
        changed_at=now,
    )


def activate(control: Control, project: str = PROJECT) -> None:
    """Do what `enclave project build` does to the store."""
    event = Event(Action.PROJECT_BUILT, "os:test", project=project)
    with control.store.record(control.audit, event) as connection:
        changing.move(connection, project, ProjectState.ACTIVE, epoch=1)


def open_session(control: Control, person: str) -> str:
    session = sessions.open_session(
        control.store, control.audit, control.settings, person=person, project=PROJECT
    )
    return session.id


def test_the_first_plan_adds_everything_and_says_who_will_see_what(
    control: Control, files: NetworkFiles
) -> None:
    found = plan.make(files.compiled(), plan.look(control.store))
    assert {change.step for change in found.changes} == {Step.ADD}
    assert found.obstacles == ()
    sentences = meaning(control, files)
    assert any("ravi, rosa may work from" in sentence for sentence in sentences)
    assert (
        "The view wages of dol becomes visible: year, quarter, wage, industry, county, rows where "
        "year >= 2019."
    ) in sentences


def test_a_second_apply_changes_nothing_and_logs_nothing(
    applied: Control, files: NetworkFiles, audit_service: AuditProcess
) -> None:
    before = len(audit_service.facts())
    assert projects.apply(applied, files.compiled()) == Plan((), ())
    assert len(audit_service.facts()) == before


def test_every_agreement_and_project_put_in_force_is_logged_with_its_hash(
    applied: Control, files: NetworkFiles, audit_service: AuditProcess
) -> None:
    network = files.compiled()
    facts = audit_service.facts()
    logged = {
        (fact["action"], fact["project"]): fact["detail"]["agreement_sha256"]
        for fact in facts
        if fact["project"]
    }
    for project, policy in network.policies.items():
        assert logged["agreement.applied", project] == policy.agreement_sha256
        assert logged["project.provisioned", project] == policy.agreement_sha256
        assert applied.store.policy(project) == policy
    provisioned = next(fact for fact in facts if fact["action"] == "project.provisioned")
    assert provisioned["columns"][0] == "credentials.institution"
    assert provisioned["detail"]["researchers"] == "ravi, rosa"


def test_the_store_holds_what_the_files_say(applied: Control, files: NetworkFiles) -> None:
    network = files.compiled()
    assert applied.store.people() == network.people
    assert applied.store.agencies() == network.agencies
    assert applied.store.datasets() == network.datasets


# a change in a file, and the sentence that says why it matters
MEANINGS = [
    (
        DSA,
        "  - name: industry",
        "  - name: industry\n  - name: employer_id",
        "wages.employer_id becomes visible to project credential-pay; needs DOL's signature again.",
    ),
    (
        DSA,
        "  - name: industry\n",
        "",
        "wages.industry is no longer visible to project credential-pay.",
    ),
    (
        DSA,
        "  - name: industry",
        "  - name: industry\n    role: filter-only",
        "wages.industry was projectable, becomes filter-only; needs DOL's signature again.",
    ),
    (
        DSA,
        "rows: year >= 2019",
        "rows: year >= 2015",
        "Rows of wages: were year >= 2019, become year >= 2015; needs DOL's signature again.",
    ),
    (
        DSA,
        "  rows: year >= 2019\n",
        "",
        "Rows of wages: were year >= 2019, become all; needs DOL's signature again.",
    ),
    (DSA, "- rosa\n- ravi\n", "- rosa\n", "ravi loses project credential-pay at once."),
    (
        DSA,
        "    safe_threshold: 11",
        "    safe_threshold: 15",
        "dol's safe_threshold for outputs: 11 becomes 15.",
    ),
    (
        "agencies/dol",
        "safe_threshold: 11",
        "safe_threshold: 12",
        "rules.safe_threshold: 11 becomes 12.",
    ),
    (
        "datasets/wages",
        "label: House number",
        "label: Number",
        "fields.street_number.label: House number becomes Number.",
    ),
    (
        "datasets/wages",
        "label: Calendar year",
        "label: Year",
        "wages.year is described anew.",
    ),
    ("people/alma", "roles: [auditor]", "roles: [auditor, administrator]", "roles:"),
    ("people/alma", "name: Alma Adeyemi", "name: Alma A.", "name: Alma Adeyemi becomes Alma A.."),
]


@pytest.mark.parametrize(("name", "old", "new", "sentence"), MEANINGS)
def test_the_plan_says_why_a_change_matters(
    applied: Control, files: NetworkFiles, name: str, old: str, new: str, sentence: str
) -> None:
    if (name, old) == ("agencies/dol", "safe_threshold: 11"):
        files.update(DSA, disclosure=None).sign(DSA)
        projects.apply(applied, files.compiled())
    files.replace(name, old, new)
    assert any(found.startswith(sentence) for found in meaning(applied, files))


def test_a_new_researcher_and_a_view_on_another_dataset_are_announced(
    applied: Control, files: NetworkFiles
) -> None:
    files.update("agreements/dsa-early-start", researchers=["ravi", "rosa"])
    files.replace(
        "agreements/dsa-early-start", "- name: wic\n  dataset: wic", "- name: first\n  dataset: wic"
    )
    sentences = meaning(applied, files)
    assert "rosa may open workspaces of project early-start." in sentences
    assert "first.benefit becomes visible to project early-start; needs OEC's signature again." in (
        sentences
    )
    assert "wic.benefit is no longer visible to project early-start." in sentences
    assert "The text of dsa-early-start changes, so every party signs it again." in sentences


def test_a_changed_agreement_is_refused_until_all_have_signed_it_again(
    applied: Control, files: NetworkFiles, audit_service: AuditProcess
) -> None:
    files.replace(DSA, "title: What", "title: Just what")
    before = len(audit_service.facts())
    with pytest.raises(Refused) as refused:
        projects.apply(applied, files.compiled())
    assert str(refused.value).count("has lapsed") == 4
    assert len(audit_service.facts()) == before
    assert applied.store.policy(PROJECT).title.startswith("What")
    files.sign(DSA)
    changed = projects.apply(applied, files.compiled()).changes
    assert [(change.step, change.kind) for change in changed] == [
        (Step.CHANGE, "agreement"),
        (Step.CHANGE, "project"),
    ]
    assert audit_service.facts()[-1]["action"] == "project.amended"
    assert applied.store.policy(PROJECT).title.startswith("Just what")


def test_a_mere_new_signature_amends_no_project(applied: Control, files: NetworkFiles) -> None:
    files.replace(DSA, "name: Officer of dol", "name: Another officer of dol")
    changes = projects.apply(applied, files.compiled()).changes
    assert [(change.kind, change.id) for change in changes] == [("agreement", "dsa-credential-pay")]


def test_a_signature_is_told_by_its_party_though_one_person_signs_for_two(
    applied: Control, files: NetworkFiles
) -> None:
    for party in ("dol", "cscu"):
        files.replace(DSA, f"name: Officer of {party}", "name: Nora O'Neill-Ñáñez")
    told = meaning(applied, files)
    assert "signatures.dol.name: Officer of dol becomes Nora O'Neill-Ñáñez." in told
    assert "signatures.cscu.name: Officer of cscu becomes Nora O'Neill-Ñáñez." in told


def test_amending_ends_the_sessions_and_asks_for_a_new_extract(
    applied: Control, files: NetworkFiles
) -> None:
    activate(applied)
    open_session(applied, "rosa")
    files.replace(DSA, "- rosa\n- ravi\n", "- rosa\n").sign(DSA)
    projects.apply(applied, files.compiled())
    assert applied.store.sessions() == ()
    row = applied.store.project(PROJECT)
    assert (row.state, row.extract_epoch) == (ProjectState.ACTIVE, None)


def test_whoever_loses_the_role_loses_the_session(applied: Control, files: NetworkFiles) -> None:
    """R3: at once, and also where a program died before it could say so."""
    activate(applied)
    open_session(applied, "rosa")
    reviewer = replace(applied.store.person("rosa"), roles=frozenset({Role.REVIEWER}))
    with applied.store.record(applied.audit, Event(Action.AGREEMENT_APPLIED, "x")) as connection:
        changing.put(connection, "person", "rosa", reviewer)
    projects.carry_out(applied, files.compiled(), ())
    assert applied.store.sessions() == ()


def test_a_file_taken_away_takes_its_document_away(applied: Control, files: NetworkFiles) -> None:
    files.path("people/alma").unlink()
    (change,) = projects.apply(applied, files.compiled()).changes
    assert (change.step, change.kind, change.id) == (Step.REMOVE, "person", "alma")
    assert "alma" not in applied.store.people()


def test_an_agreement_that_is_gone_does_not_end_a_project_by_itself(
    applied: Control, files: NetworkFiles
) -> None:
    files.path(DSA).unlink()
    with pytest.raises(Refused, match="enclave project close credential-pay"):
        projects.apply(applied, files.compiled())
    projects.close(applied, PROJECT)
    assert {change.id for change in projects.apply(applied, files.compiled()).changes} == {
        "dsa-credential-pay"
    }
    assert applied.store.policy(PROJECT).title  # what was agreed stays on record


def test_a_closed_project_does_not_come_back(applied: Control, files: NetworkFiles) -> None:
    projects.close(applied, PROJECT)
    assert projects.apply(applied, files.compiled()).changes == ()
    files.replace(DSA, "title: What", "title: Just what").sign(DSA)
    with pytest.raises(Refused, match="closed for good"):
        projects.apply(applied, files.compiled())
    with pytest.raises(Conflict):
        projects.amend(applied, files.compiled().policies[PROJECT])
    with pytest.raises(Conflict):
        projects.provision(applied, files.compiled().policies[PROJECT])


def test_closing_destroys_key_extract_and_crosswalk_of_this_project_only(
    applied: Control, audit_service: AuditProcess
) -> None:
    state = applied.settings.state_dir
    other = f"{PROJECT}-2"
    for project in (PROJECT, other):
        keys.create(applied.settings, project)
        for folder in ("extracts", "crosswalks"):
            (state / folder / project).mkdir(parents=True)
            (state / folder / project / "x.parquet").write_bytes(b"x")
    (state / "crosswalks" / f"{PROJECT}.db").write_bytes(b"x")
    for place in (f"gateway/{PROJECT}/journal.db", *(f"homes/{PROJECT}/{n}.img" for n in "ab")):
        (state / place).parent.mkdir(parents=True, exist_ok=True)
        (state / place).write_bytes(b"x")
    mark = keys.fingerprint(keys.load(applied.settings, PROJECT))
    activate(applied)
    open_session(applied, "rosa")
    assert projects.close(applied, PROJECT)
    assert applied.store.project(PROJECT).state is ProjectState.CLOSED
    assert applied.store.sessions() == ()
    assert destruction.remains(applied.settings, PROJECT) == ()
    with pytest.raises(KeyMissing):
        keys.load(applied.settings, PROJECT)
    assert len(destruction.remains(applied.settings, other)) == 3
    fact = next(fact for fact in audit_service.facts() if fact["action"] == "project.closed")
    detail = fact["detail"]
    assert detail["key_fingerprint"] == mark
    counts = {kind: number for kind, number in detail.items() if kind.startswith("destroyed_")}
    assert counts == {
        "destroyed_key": 1,
        "destroyed_extract": 1,
        "destroyed_crosswalk": 2,
        "destroyed_journal": 1,
        "destroyed_home": 2,
    }
    assert not projects.close(applied, PROJECT)


def test_closing_counts_the_requests_that_await_their_end(
    applied: Control, audit_service: AuditProcess
) -> None:
    """Egress review keeps them; who closes is told."""
    assert {state.value for state in State if set(MOVES[state]) - {Act.DOWNLOAD}} == set(
        projects.UNDER_REVIEW
    )
    with applied.store.record(applied.audit, Event(Action.OUTPUT_SUBMITTED, "x")) as connection:
        for project in (PROJECT, "early-start"):
            for state in State:
                add_request(connection, request(project, state))
    assert projects.under_review(applied.store, PROJECT) == len(projects.UNDER_REVIEW)
    projects.close(applied, PROJECT)
    fact = next(fact for fact in audit_service.facts() if fact["action"] == "project.closed")
    assert fact["detail"]["requests_under_review"] == len(projects.UNDER_REVIEW)


def test_a_crash_between_log_and_destruction_is_finished_by_the_next_close(
    applied: Control, monkeypatch: pytest.MonkeyPatch, audit_service: AuditProcess
) -> None:
    keys.create(applied.settings, PROJECT)

    def crash(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(keys, "destroy", crash)
        with pytest.raises(KeyboardInterrupt):
            projects.close(applied, PROJECT)
    assert keys.load(applied.settings, PROJECT)
    assert projects.close(applied, PROJECT)
    assert destruction.remains(applied.settings, PROJECT) == ()
    closed = [fact for fact in audit_service.facts() if fact["action"] == "project.closed"]
    assert len(closed) == 1


def test_without_audit_nothing_is_destroyed(
    applied: Control, audit_service: AuditProcess, settings: Settings
) -> None:
    keys.create(settings, PROJECT)
    audit_service.kill()
    with audit_service.client(timeout=0.3) as audit:
        away = Control(settings, applied.store, audit, "os:test")
        with pytest.raises(AuditUnavailable):
            projects.close(away, PROJECT)
    assert keys.load(settings, PROJECT)
    assert applied.store.project(PROJECT).state is ProjectState.PROVISIONED


def test_closing_what_never_was_is_not_found(applied: Control) -> None:
    with pytest.raises(NotFound):
        projects.close(applied, "nothing")


def test_dates_of_the_demo_leave_time_to_show_it(files: NetworkFiles) -> None:
    for policy in files.compiled().policies.values():
        assert policy.starts <= date.today() <= policy.ends
