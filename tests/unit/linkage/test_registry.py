"""The person registry over several runs: quality, lasting ids, receipts (R5)."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from enclave.audit_client import AuditClient
from enclave.errors import AuditUnavailable, Conflict
from enclave.events import Action, Event
from enclave.settings import Settings
from enclave.store import ControlStore
from linkage import model
from linkage.quality import measure
from linkage.run import link
from linkage.zone import zone
from tests.support.audit import AuditProcess
from tests.support.population import PAY, SCHOOL, SPINE, Person, found, people, rows, take_in

COUNT = 250
Members = dict[tuple[str, str], str]


@dataclass(frozen=True)
class Registry:
    """An enclave that has linked three datasets once."""

    settings: Settings
    service: AuditProcess
    audit: AuditClient
    store: ControlStore
    everyone: list[Person]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    place = Path(tempfile.mkdtemp(prefix="enc-"))
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    service = AuditProcess(settings).start()
    try:
        with service.client() as audit:
            store, everyone = found(settings, audit), people(COUNT)
            deliveries = {each.id: rows(each, everyone) for each in (SPINE, PAY, SCHOOL)}
            take_in(settings, store, audit, tmp_path_factory.mktemp("files"), deliveries)
            report = link(settings, store, audit, actor="adam")
            assert report is not None and report.changes == {"create": report.persons}
            yield Registry(settings, service, audit, store, everyone)
    finally:
        service.stop()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def registry(first: Registry, tmp_path: Path) -> Iterator[Registry]:
    """The first run's state, a copy for each test, accepted as restored: the log is shared."""
    kept = Path(tempfile.mkdtemp(prefix="enc-"))
    shutil.copytree(first.settings.state_dir, kept, dirs_exist_ok=True)
    settings = first.settings.model_copy(update={"state_dir": kept})
    store = ControlStore(settings.database_url)
    with store.record(first.audit, Event(Action.STORE_ACCEPTED, actor="adam")):
        pass
    yield replace(first, settings=settings, store=store)
    store.close()
    shutil.rmtree(kept, ignore_errors=True)


def members(settings: Settings) -> Members:
    """Return (dataset, source key) to person id."""
    with zone(settings) as connection:
        return {
            (dataset, key): str(pid)
            for dataset, key, pid in connection.execute(
                "SELECT dataset, source_key, pid FROM registry.membership WHERE to_run IS NULL"
            ).fetchall()
        }


def again(registry: Registry, place: Path, **deliveries: list[dict[str, str]]) -> dict[str, int]:
    """Deliver anew, link again; return the changes of ids."""
    take_in(registry.settings, registry.store, registry.audit, place, deliveries)
    report = link(registry.settings, registry.store, registry.audit, actor="adam")
    assert report is not None
    return report.changes


def test_the_made_up_people_are_found_again(registry: Registry, tmp_path: Path) -> None:
    lines = ["dataset,record_id,simulant_id"]
    for dataset in (SPINE, PAY, SCHOOL):
        lines += [f"{dataset.id},{dataset.id}-{p.number},{p.number}" for p in registry.everyone]
    truth = tmp_path / "truth.csv"
    truth.write_text("\n".join(lines) + "\n")
    for quality in measure(registry.settings, truth):
        assert quality.precision > 0.97, quality
        assert quality.recall > 0.9, quality
        assert quality.f1 == pytest.approx(
            2 * quality.precision * quality.recall / (quality.precision + quality.recall)
        )


def test_every_record_has_one_person_and_spine_rows_have_one_each(registry: Registry) -> None:
    found = members(registry.settings)
    assert len(found) == 3 * COUNT
    assert len({pid for (dataset, _), pid in found.items() if dataset == "spine"}) == COUNT


def test_linking_the_same_deliveries_again_does_nothing(registry: Registry) -> None:
    before = len(registry.service.events())
    assert link(registry.settings, registry.store, registry.audit, actor="adam") is None
    assert len(registry.service.events()) == before


def test_a_run_is_logged_with_counts_and_no_identifier(registry: Registry) -> None:
    fact = next(f for f in registry.service.facts() if f["action"] == "linkage.run")
    assert fact["detail"]["records"] == 3 * COUNT and fact["datasets"] == ["pay", "school", "spine"]
    bodies = b"".join(registry.service.bodies())
    assert not any(person.ssn.encode() in bodies for person in registry.everyone)


def test_a_redelivery_with_new_people_leaves_everyone_elses_id_alone(
    registry: Registry, tmp_path: Path
) -> None:
    """Naming a cluster by its least record, as is usual, changes most ids in this test."""
    before = members(registry.settings)
    new = people(COUNT + 20)[COUNT:]
    changes = again(registry, tmp_path, pay=rows(PAY, [*registry.everyone, *new]))
    after = members(registry.settings)
    moved = [key for key, pid in before.items() if after[key] != pid]
    assert len(moved) <= 0.01 * len(before)
    assert set(changes) <= {"create", "merge", "split"} and changes["create"] >= 15


def test_an_agency_that_renumbers_its_records_does_not_hand_ids_to_strangers(
    registry: Registry, tmp_path: Path
) -> None:
    before = members(registry.settings)
    records = [dict(row) for row in rows(SCHOOL, registry.everyone)]
    numbers = [row["record_id"] for row in records]
    for row, number in zip(records, [*numbers[1:], numbers[0]], strict=True):
        row["record_id"] = number
    assert again(registry, tmp_path, school=records) == {}
    after = members(registry.settings)
    assert set(after.values()) == set(before.values())
    spine = [key for key in before if key[0] == "spine"]
    assert all(after[key] == before[key] for key in spine)
    turned = sum(after[key] != before[key] for key in before if key[0] == "school")
    assert turned > 0.9 * COUNT, "the numbers moved, the persons did not"


def test_a_corrected_name_keeps_its_id_by_the_agencys_own_number(
    registry: Registry, tmp_path: Path
) -> None:
    records = [dict(row) for row in rows(SPINE, registry.everyone)]
    alone = people(COUNT + 1)[COUNT:]
    again(registry, tmp_path, spine=[*records, *map(dict, rows(SPINE, alone))])
    before = members(registry.settings)
    fixed = dict(rows(SPINE, alone)[0]) | {"last_name": "Renamed", "ssn": "123-45-6780"}
    assert again(registry, tmp_path, spine=[*records, fixed]) == {}
    assert members(registry.settings) == before


def test_people_who_leave_retire_and_come_back_as_themselves(
    registry: Registry, tmp_path: Path
) -> None:
    before = members(registry.settings)
    stay = registry.everyone[:-10]
    part = {each.id: rows(each, stay) for each in (SPINE, PAY, SCHOOL)}
    changes = again(registry, tmp_path, **part)  # type: ignore[arg-type]
    assert changes["retire"] >= 9 and "create" not in changes
    whole = {each.id: rows(each, registry.everyone) for each in (SPINE, PAY, SCHOOL)}
    changes = again(registry, tmp_path, **whole)  # type: ignore[arg-type]
    assert changes["restore"] >= 9 and "create" not in changes
    after = members(registry.settings)
    assert sum(after[key] != pid for key, pid in before.items()) <= 0.01 * len(before)


def test_without_audit_the_registry_does_not_move(registry: Registry, tmp_path: Path) -> None:
    take_in(
        registry.settings,
        registry.store,
        registry.audit,
        tmp_path,
        {"pay": rows(PAY, registry.everyone[:-3])},
    )
    before, path = members(registry.settings), registry.settings.state_dir / "linkage/model.json"
    path.unlink()
    deaf = registry.settings.model_copy(update={"run_dir": tmp_path / "nobody"})
    with AuditClient(deaf, "linkage", timeout=0.3) as audit, pytest.raises(AuditUnavailable):
        link(registry.settings, registry.store, audit, actor="adam")
    assert members(registry.settings) == before
    assert not path.exists(), "a run that did not happen leaves no weights to go on with"


def test_nothing_delivered_is_nothing_to_link_and_two_runs_do_not_meet(
    settings: Settings, audit_service: AuditProcess
) -> None:
    with audit_service.client() as audit:
        store = found(settings, audit)
        with pytest.raises(Conflict, match="nothing to link"):
            link(settings, store, audit, actor="adam")
        with zone(settings), pytest.raises(Conflict, match="at work"):
            link(settings, store, audit, actor="adam")


def test_nothing_is_left_beside_the_registry(registry: Registry) -> None:
    left = {path.name for path in (registry.settings.state_dir / "linkage").iterdir()}
    assert left == {"lock", "model.json", "registry.db"}


def test_a_model_is_kept_for_the_comparisons_and_rules_it_was_trained_for(
    registry: Registry,
) -> None:
    path = registry.settings.state_dir / "linkage" / "model.json"
    assert model.load(path, ["spine"]) is not None
    assert model.load(path, []) is None
    kept = json.loads(path.read_text())
    kept["comparisons"][0]["comparison_levels"][1]["sql_condition"] += " AND true"
    path.write_text(json.dumps(kept))
    assert model.load(path, ["spine"]) is None
