"""From deliveries to an extract: approved rows and columns, pseudonyms, nothing else (R20, R32)."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import update

from enclave import store as control
from enclave import tables, versions
from enclave.alone import alone
from enclave.audit_client import AuditClient
from enclave.errors import AuditUnavailable, Conflict, Invalid, KeyMissing, NotFound
from enclave.events import Action, Event
from enclave.model import FieldKind, Policy, ProjectState
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import build, crosswalk, deliveries, extract, keys
from enclave.vault.extract import open_extract
from linkage.run import link
from tests.support.audit import AuditProcess
from tests.support.population import (
    BOTH_PROJECT,
    PAY,
    PAY_PROJECT,
    SCHOOL,
    SPINE,
    Person,
    found,
    people,
    policy,
    rows,
    take_in,
    view,
)

ONE, OTHER = PAY_PROJECT.project, BOTH_PROJECT.project


@dataclass(frozen=True)
class Enclave:
    """Two projects, linked deliveries, both extracts built."""

    settings: Settings
    service: AuditProcess
    audit: AuditClient
    store: ControlStore
    everyone: list[Person]

    def build(self, project: str = ONE, audit: AuditClient | None = None) -> build.BuildReceipt:
        return build.build(
            self.settings, self.store, audit or self.audit, project=project, actor="adam"
        )

    def view(self, project: str, name: str) -> pa.Table:
        opened = open_extract(self.settings, project, keys.load(self.settings, project))
        return opened.views[name]().read_all()

    def amend(self, policy: Policy) -> None:
        event = Event(Action.PROJECT_AMENDED, "adam", project=policy.project)
        with self.store.record(self.audit, event) as connection:
            control.amend(connection, policy)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enclave]:
    place = Path(tempfile.mkdtemp(prefix="enc-"))
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    service = AuditProcess(settings).start()
    try:
        with service.client() as audit:
            store, everyone = found(settings, audit, PAY_PROJECT, BOTH_PROJECT), people(250)
            given = {each.id: rows(each, everyone) for each in (SPINE, PAY, SCHOOL)}
            take_in(settings, store, audit, tmp_path_factory.mktemp("files"), given)
            link(settings, store, audit, actor="adam")
            enclave = Enclave(settings, service, audit, store, everyone)
            enclave.build(ONE)
            enclave.build(OTHER)
            yield enclave
    finally:
        service.stop()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def enclave(built: Enclave) -> Iterator[Enclave]:
    """The built enclave, a copy for a test that changes it; audit is shared."""
    kept = Path(tempfile.mkdtemp(prefix="enc-"))
    shutil.copytree(built.settings.state_dir, kept, dirs_exist_ok=True)
    settings = built.settings.model_copy(update={"state_dir": kept})
    store = ControlStore(settings.database_url)
    with store.engine.begin() as connection:  # else audit takes it for a backup that was restored
        connection.execute(update(tables.succession).values(state=secrets.token_hex(8)))
    yield replace(built, settings=settings, store=store)
    shutil.rmtree(kept, ignore_errors=True)


def test_an_extract_holds_the_approved_rows_and_columns_only(built: Enclave) -> None:
    table = built.view(ONE, "pay")
    assert table.schema.names == ["person_id", "year", "wage"]
    assert min(table["year"].to_pylist()) == 2020
    expected = sum(row["year"] != "2019" for row in rows(PAY, built.everyone))
    assert table.num_rows == expected
    opened = open_extract(built.settings, ONE, keys.load(built.settings, ONE))
    assert set(opened.views) == {"pay"}
    assert opened.policy_sha256 == built.store.project(ONE).policy_sha256


def test_rows_stand_in_the_pseudonyms_order(built: Enclave) -> None:
    for name in ("pay", "school"):
        order = built.view(OTHER, name)["person_id"].to_pylist()
        assert order == sorted(order)
        assert all(len(each) == 36 for each in order)


def test_one_person_has_one_pseudonym_throughout_a_project(built: Enclave) -> None:
    pay = set(built.view(OTHER, "pay")["person_id"].to_pylist())
    school = set(built.view(OTHER, "school")["person_id"].to_pylist())
    assert len(pay & school) > 0.9 * len(built.everyone)


def test_two_projects_cannot_be_joined(built: Enclave) -> None:
    """No pseudonym of one stands in the other, and neither's key opens the other's files.

    Checked by removing the boundary: with one key for all pseudonyms, the first line fails.
    """
    one = set(built.view(ONE, "pay")["person_id"].to_pylist())
    assert not one & set(built.view(OTHER, "pay")["person_id"].to_pylist())
    with pytest.raises(KeyMissing):
        open_extract(built.settings, OTHER, keys.load(built.settings, ONE))
    with pytest.raises(KeyMissing):
        crosswalk.read(
            built.settings, OTHER, keys.load(built.settings, ONE), policy_sha256="whatever"
        )


def test_a_build_makes_the_project_active_and_is_logged_with_its_columns(built: Enclave) -> None:
    row = built.store.project(ONE)
    assert (row.state, row.extract_epoch) == (ProjectState.ACTIVE, 1)
    told = reversed(built.service.facts())  # of several builds the first
    facts = {f["action"]: f for f in told if f["project"] == ONE}
    assert facts["project.built"]["columns"] == ["pay.year", "pay.wage"]
    assert facts["project.built"]["detail"]["epoch"] == 1
    assert facts["linkage.crosswalk-published"]["source"] == "linkage"


def test_building_again_is_a_new_version_and_the_project_stays_on_its_own(
    enclave: Enclave,
) -> None:
    before = enclave.view(ONE, "pay")
    receipt = enclave.build()
    assert (receipt.epoch, receipt.pinned) == (2, 1)
    assert extract.epochs(enclave.settings, ONE) == (1, 2)
    assert enclave.store.project(ONE).extract_epoch == 1
    first, second = enclave.store.versions(ONE)
    assert (first.epoch, second.epoch) == (1, 2)
    assert first.rows == second.rows == {"pay": before.num_rows}
    assert {first.policy_sha256, second.policy_sha256} == {enclave.store.project(ONE).policy_sha256}
    assert enclave.view(ONE, "pay")["person_id"].equals(before["person_id"])
    detail = enclave.service.facts()[-1]["detail"]
    assert (detail["epoch"], detail["pinned"]) == (2, 1)


def test_two_builds_of_one_project_do_not_run_together(enclave: Enclave) -> None:
    lock = enclave.settings.state_dir / "vault" / f"{ONE}.build.lock"
    with alone(lock, "held by the test"), pytest.raises(Conflict, match="under way"):
        enclave.build()
    assert extract.epochs(enclave.settings, ONE) == (1,)


def test_a_number_is_not_used_again_when_its_version_was_forgotten(enclave: Enclave) -> None:
    enclave.build()
    event = Event(Action.PROJECT_BUILT, "adam", project=ONE)
    with enclave.store.record(enclave.audit, event) as connection:
        versions.forget(connection, ONE, 2)
    extract.remove_epochs(enclave.settings, ONE, keep=[1])
    assert enclave.build().epoch == 3


def test_a_build_without_a_receipt_leaves_the_extract_before_in_force(enclave: Enclave) -> None:
    deaf = enclave.settings.model_copy(update={"run_dir": enclave.settings.state_dir / "none"})
    with AuditClient(deaf, "admin", timeout=0.3) as audit, pytest.raises(AuditUnavailable):
        enclave.build(audit=audit)
    assert enclave.store.project(ONE).extract_epoch == 1
    assert extract.epochs(enclave.settings, ONE) == (1,)


def test_a_delivery_that_is_not_linked_yet_stops_the_build(
    enclave: Enclave, tmp_path: Path
) -> None:
    newer = {"pay": rows(PAY, enclave.everyone[:-5])}
    take_in(enclave.settings, enclave.store, enclave.audit, tmp_path, newer)
    with pytest.raises(build.LinkageFailed, match="not linked yet"):
        enclave.build()
    assert enclave.store.project(ONE).extract_epoch == 1


def test_after_an_amendment_the_old_crosswalk_does_not_serve(enclave: Enclave) -> None:
    enclave.amend(policy(ONE, (view(PAY, "year"),)))
    key, mark = keys.load(enclave.settings, ONE), enclave.store.project(ONE).policy_sha256
    with pytest.raises(Invalid):
        crosswalk.read(enclave.settings, ONE, key, policy_sha256=mark)
    receipt = enclave.build()
    assert enclave.view(ONE, "pay").schema.names == ["person_id", "year"]
    assert (receipt.epoch, receipt.pinned) == (2, 2), "there was none in force: this one is"


def test_the_first_build_under_an_amended_agreement_destroys_what_the_old_one_granted(
    enclave: Enclave,
) -> None:
    """R31: a column that was taken away lies in no version that is kept."""
    enclave.build()
    enclave.amend(policy(ONE, (view(PAY, "year"),)))
    assert enclave.store.project(ONE).older == ()
    enclave.build()
    assert [each.epoch for each in enclave.store.versions(ONE)] == [3]
    assert extract.epochs(enclave.settings, ONE) == (3,)


def test_an_identifier_cannot_become_a_column_even_if_a_policy_says_so(
    built: Enclave,
) -> None:
    [row] = built.store.deliveries("pay")
    content = deliveries.read(built.settings, row, FieldKind.CONTENT)
    walk = crosswalk.read(
        built.settings,
        ONE,
        keys.load(built.settings, ONE),
        policy_sha256=built.store.project(ONE).policy_sha256,
    )["pay"]
    for names in (("ssn",), ("year", "last_name"), ("record_key",)):
        hostile = view(PAY, "year")
        columns = tuple(replace(hostile.columns[0], name=name) for name in names)
        with pytest.raises(Invalid):
            build.select(replace(hostile, columns=columns), PAY, content, walk)
    with pytest.raises(Conflict, match="delivered anew"):
        build.select(view(PAY, "year"), PAY, content, walk.slice(1))


def test_a_closed_or_unknown_project_is_not_built(enclave: Enclave) -> None:
    with pytest.raises(NotFound):
        enclave.build("nowhere")
    event = Event(Action.PROJECT_CLOSED, "adam", project=ONE)
    with enclave.store.record(enclave.audit, event) as connection:
        control.move(connection, ONE, ProjectState.CLOSED, epoch=None)
    with pytest.raises(Conflict, match="gone for good"):
        enclave.build()


def test_a_destroyed_key_ends_extract_and_crosswalk_and_no_build_brings_them_back(
    enclave: Enclave,
) -> None:
    """R15, R19, SATRE 3.1.10."""
    keys.destroy(enclave.settings, ONE)
    with pytest.raises(KeyMissing):
        keys.load(enclave.settings, ONE)
    with pytest.raises(KeyMissing):
        enclave.build()
    with pytest.raises(KeyMissing):
        enclave.view(ONE, "pay")
    assert enclave.view(OTHER, "pay").num_rows, "another project does not notice"


def test_no_identifier_or_content_of_a_delivery_stands_in_extracts_and_crosswalks(
    built: Enclave,
) -> None:
    """The canary: every SSN, name and record number, grepped as bytes in every file."""
    stored = b"".join(
        path.read_bytes()
        for zone in ("extracts", "crosswalks")
        for path in (built.settings.state_dir / zone).rglob("*")
        if path.is_file()
    )
    canaries = {person.ssn for person in built.everyone}
    canaries |= {person.ssn.replace("-", "") for person in built.everyone}
    canaries |= {person.first for person in built.everyone if len(person.first) > 4}
    canaries |= {f"pay-{person.number}" for person in built.everyone if person.number > 99}
    canaries |= {"Hartford", "Windham"}
    assert len(stored) > 10_000
    assert not [each for each in canaries if each.encode() in stored]
    for key in deliveries.read(
        built.settings, built.store.deliveries("pay")[0], FieldKind.IDENTIFIER
    )["record_key"].to_pylist():
        assert key not in stored
