"""What becomes of a delivery (R12, R14; SATRE 3.1.04): by one door, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from enclave.alone import alone
from enclave.audit_client import AuditClient
from enclave.errors import AuditUnavailable, Conflict, Invalid, NotFound
from enclave.model import FieldKind
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import deliveries
from enclave.vault.deliveries import DeliveryReceipt, deliver, read
from enclave.vault.dictionary import Refused
from tests.support.audit import AuditProcess
from tests.support.datasets import ROWS, csv, know, small_dataset


@pytest.fixture
def vault_audit(audit_service: AuditProcess) -> Iterator[AuditClient]:
    with audit_service.client() as client:
        yield client


@pytest.fixture
def store(settings: Settings, vault_audit: AuditClient) -> ControlStore:
    store = ControlStore(settings.database_url)
    know(store, vault_audit, small_dataset(), small_dataset("spine", content=False))
    return store


def hand_in(
    settings: Settings,
    store: ControlStore,
    audit: AuditClient,
    path: Path,
    *,
    agency: str = "dol",
    dataset: str = "jobs",
) -> DeliveryReceipt:
    return deliver(settings, store, audit, agency=agency, dataset=dataset, path=path, actor="adam")


def files(settings: Settings) -> list[Path]:
    return sorted((settings.state_dir / "vault").rglob("*.parquet"))


def test_identifiers_and_content_are_stored_apart_and_joined_by_a_random_key_only(
    settings: Settings, store: ControlStore, vault_audit: AuditClient, tmp_path: Path
) -> None:
    """Split-file practice: no one store holds who and what."""
    receipt = hand_in(settings, store, vault_audit, csv(tmp_path / "f.csv"))
    [row] = store.deliveries("jobs")
    identifiers = read(settings, row, FieldKind.IDENTIFIER)
    content = read(settings, row, FieldKind.CONTENT)
    assert identifiers.schema.names == ["record_key", "record_id", "ssn", "last_name"]
    assert content.schema.names == [
        "record_key", "year", "wage", "started", "covered", "industry",
    ]  # fmt: skip
    by_key = {each["record_key"]: each for each in content.to_pylist()}
    joined = {
        who["record_id"]: by_key[who["record_key"]]["year"] for who in identifiers.to_pylist()
    }
    assert joined == {"D-1": 2020, "D-2": 2021, "D-3": 2021}
    assert sorted(by_key) == list(by_key), "in the key's order, not the agency's"
    assert receipt.rows == 3
    assert receipt.sha256 == deliveries.fingerprint(tmp_path / "f.csv") == row.sha256


def test_a_receipt_names_the_log_entry_and_the_entry_names_the_file(
    settings: Settings,
    store: ControlStore,
    vault_audit: AuditClient,
    audit_service: AuditProcess,
    tmp_path: Path,
) -> None:
    receipt = hand_in(settings, store, vault_audit, csv(tmp_path / "f.csv"))
    assert receipt.index is not None
    fact = audit_service.facts()[receipt.index]
    assert (fact["action"], fact["actor"]) == ("delivery.stored", "adam")
    told = {key: fact["detail"][key] for key in ("sha256", "rows", "version")}
    assert told == {"sha256": receipt.sha256, "rows": 3, "version": 1}
    assert (fact["agencies"], fact["datasets"]) == (["dol"], ["jobs"])


def test_the_same_file_again_is_not_stored_again(
    settings: Settings, store: ControlStore, vault_audit: AuditClient, tmp_path: Path
) -> None:
    first = hand_in(settings, store, vault_audit, csv(tmp_path / "f.csv"))
    before = files(settings)
    again = hand_in(settings, store, vault_audit, csv(tmp_path / "g.csv"))
    assert again == replace(first, index=None)
    assert files(settings) == before


def test_a_later_delivery_is_a_new_version_and_the_earlier_one_stays_readable(
    settings: Settings, store: ControlStore, vault_audit: AuditClient, tmp_path: Path
) -> None:
    hand_in(settings, store, vault_audit, csv(tmp_path / "f.csv"))
    old_keys = read(settings, store.deliveries("jobs")[0], FieldKind.CONTENT)["record_key"]
    hand_in(settings, store, vault_audit, csv(tmp_path / "f.csv", *ROWS[:2]))
    first, second = store.deliveries("jobs")
    assert (first.version, second.version) == (1, 2)
    assert read(settings, first, FieldKind.CONTENT).num_rows == 3
    newer = read(settings, second, FieldKind.CONTENT)
    assert newer.num_rows == 2
    assert not set(newer["record_key"].to_pylist()) & set(old_keys.to_pylist())
    assert deliveries.current(store)["jobs"] == second


def test_a_dataset_of_identifiers_alone_stores_no_content(
    settings: Settings, store: ControlStore, vault_audit: AuditClient, tmp_path: Path
) -> None:
    path = csv(tmp_path / "s.csv", "S-1,1,Curtis", header="record_id,ssn,last_name")
    hand_in(settings, store, vault_audit, path, dataset="spine")
    [row] = store.deliveries("spine")
    assert row.content_version is None
    assert not deliveries.place(settings, "spine", FieldKind.CONTENT).exists()
    with pytest.raises(NotFound):
        read(settings, row, FieldKind.CONTENT)


def test_a_refused_file_leaves_nothing_and_its_refusal_is_logged_without_a_value(
    settings: Settings,
    store: ControlStore,
    vault_audit: AuditClient,
    audit_service: AuditProcess,
    tmp_path: Path,
) -> None:
    path = csv(tmp_path / "f.csv", ROWS[0], ROWS[1].replace("2021", "316-39-0889"))
    with pytest.raises(Refused) as refused:
        hand_in(settings, store, vault_audit, path)
    assert "316-39" not in refused.value.explain()
    assert files(settings) == [] and store.deliveries() == ()
    fact = audit_service.facts()[-1]
    assert (fact["action"], fact["verdict"]) == ("delivery.refused", "denied")
    assert fact["detail"]["rules"] == "type"
    assert b"316-39" not in b"".join(audit_service.bodies())


def test_a_file_that_lost_its_header_is_refused_without_repeating_it(
    settings: Settings, store: ControlStore, vault_audit: AuditClient, tmp_path: Path
) -> None:
    path = csv(tmp_path / "f.csv", *ROWS[1:], header=ROWS[0])
    with pytest.raises(Refused) as refused:
        hand_in(settings, store, vault_audit, path)
    assert "Curtis" not in refused.value.explain() and "316" not in refused.value.explain()


def test_without_audit_nothing_is_stored(
    settings: Settings,
    store: ControlStore,
    vault_audit: AuditClient,
    audit_service: AuditProcess,
    tmp_path: Path,
) -> None:
    """R4, R14: no receipt, no data."""
    audit_service.kill()
    with pytest.raises(AuditUnavailable):
        hand_in(settings, store, vault_audit, csv(tmp_path / "f.csv"))
    assert store.deliveries() == ()
    assert files(settings) == [], "what was written is swept away again"


def test_only_the_datasets_own_agency_delivers_it(
    settings: Settings, store: ControlStore, vault_audit: AuditClient, tmp_path: Path
) -> None:
    path = csv(tmp_path / "f.csv")
    with pytest.raises(Invalid):
        hand_in(settings, store, vault_audit, path, agency="oec")
    with pytest.raises(NotFound):
        hand_in(settings, store, vault_audit, path, dataset="nothing")
    with pytest.raises(NotFound):
        hand_in(settings, store, vault_audit, tmp_path / "nowhere.csv")


def test_a_file_that_changes_while_it_is_read_is_not_stored(
    settings: Settings,
    store: ControlStore,
    vault_audit: AuditClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, checked = csv(tmp_path / "f.csv"), deliveries.check

    def check_and_change(where: Path, dataset: object) -> object:
        table = checked(where, dataset)  # type: ignore[arg-type]
        csv(where, *ROWS[:1])
        return table

    monkeypatch.setattr(deliveries, "check", check_and_change)
    with pytest.raises(Conflict, match="changed"):
        hand_in(settings, store, vault_audit, path)
    assert files(settings) == []


def test_two_deliveries_of_one_dataset_do_not_run_together(
    settings: Settings, store: ControlStore, vault_audit: AuditClient, tmp_path: Path
) -> None:
    lock = settings.state_dir / "vault" / "jobs.lock"
    with alone(lock, "held by the test"), pytest.raises(Conflict, match="under way"):
        hand_in(settings, store, vault_audit, csv(tmp_path / "f.csv"))
