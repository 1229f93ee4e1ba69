"""What an extract on disk promises (R17, SATRE 2.8.01: encryption at rest; R15: destruction)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from enclave.errors import KeyMissing, NotFound, Unavailable
from enclave.settings import Settings
from enclave.vault import extract, keys
from enclave.vault.extract import open_extract, write_extract

COUNTY = "Windham-marker-in-the-clear"
TABLE = pa.table({"person_id": ["a", "b", "c"], "county": [COUNTY] * 3, "year": [1, 2, 3]})


@pytest.fixture
def vault(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


def write(vault: Settings, project: str = "pay", epoch: int = 1) -> bytes:
    keys.create(vault, project)
    key = keys.load(vault, project)
    write_extract(vault, project, key, epoch=epoch, policy_sha256="f00d", views={"wages": TABLE})
    return key


def test_what_was_written_is_read_back_in_the_same_order(vault: Settings) -> None:
    opened = open_extract(vault, "pay", write(vault))
    assert opened.views["wages"]().read_all().equals(TABLE)
    assert opened.views["wages"]().read_all().equals(TABLE), "a view can be read twice"
    assert (opened.policy_sha256, opened.epoch, opened.rows) == ("f00d", 1, {"wages": 3})


def test_no_value_and_no_column_name_stands_in_the_files(vault: Settings) -> None:
    write(vault)
    for path in (vault.state_dir / "extracts").rglob("*"):
        if path.is_file():
            assert COUNTY.encode() not in path.read_bytes()
            assert b"county" not in path.read_bytes()
            assert path.stat().st_mode & 0o077 == 0


def test_the_newest_finished_epoch_is_opened_unless_one_is_named(vault: Settings) -> None:
    key = write(vault, epoch=1)
    write(vault, epoch=2)
    (vault.state_dir / "extracts" / "pay" / "3").mkdir()
    assert open_extract(vault, "pay", key).epoch == 2
    assert open_extract(vault, "pay", key, epoch=1).epoch == 1
    extract.remove_epochs(vault, "pay", keep=[2])
    assert extract.epochs(vault, "pay") == (2,)
    with pytest.raises(NotFound):
        open_extract(vault, "pay", key, epoch=1)


def test_a_project_without_extract_is_not_found(vault: Settings) -> None:
    keys.create(vault, "pay")
    with pytest.raises(NotFound):
        open_extract(vault, "pay", keys.load(vault, "pay"))


def test_another_projects_key_opens_nothing(vault: Settings) -> None:
    write(vault, "pay")
    keys.create(vault, "start")
    with pytest.raises(KeyMissing):
        open_extract(vault, "pay", keys.load(vault, "start"))


@pytest.mark.parametrize("field", ["policy_sha256", "epoch", "project", "files"])
def test_a_manifest_changed_in_any_field_does_not_open(vault: Settings, field: str) -> None:
    key = write(vault)
    path = vault.state_dir / "extracts/pay/1/manifest.json"
    manifest = json.loads(path.read_text())
    changed = {"policy_sha256": "beef", "epoch": 2, "project": "x", "files": []}
    path.write_text(json.dumps(manifest | {field: changed[field]}))
    with pytest.raises((KeyMissing, Unavailable)):
        open_extract(vault, "pay", key)


def test_a_manifest_that_is_no_manifest_does_not_open(vault: Settings) -> None:
    key = write(vault)
    (vault.state_dir / "extracts/pay/1/manifest.json").write_text("{}")
    with pytest.raises(Unavailable):
        open_extract(vault, "pay", key)


def test_an_old_epoch_cannot_stand_in_for_a_new_one(vault: Settings) -> None:
    key = write(vault)
    root = vault.state_dir / "extracts" / "pay"
    shutil.copytree(root / "1", root / "2")
    with pytest.raises(Unavailable):
        open_extract(vault, "pay", key)


def test_one_views_file_cannot_stand_in_for_anothers(vault: Settings) -> None:
    keys.create(vault, "pay")
    key = keys.load(vault, "pay")
    views = {"wages": TABLE, "credentials": TABLE}
    place = write_extract(vault, "pay", key, epoch=1, policy_sha256="f", views=views)
    shutil.copy(place / "wages.parquet", place / "credentials.parquet")
    with pytest.raises(Unavailable):
        open_extract(vault, "pay", key).views["credentials"]()


def test_a_changed_byte_in_a_page_is_noticed(vault: Settings) -> None:
    key = write(vault)
    path = vault.state_dir / "extracts/pay/1/wages.parquet"
    body = bytearray(path.read_bytes())
    body[40] ^= 1
    path.write_bytes(bytes(body))
    with pytest.raises((OSError, Unavailable)):
        open_extract(vault, "pay", key).views["wages"]().read_all()


def test_destroying_the_key_makes_the_extract_unreadable_for_good(vault: Settings) -> None:
    """R15, SATRE 3.1.10: crypto-shredding."""
    mark = keys.create(vault, "pay")
    write(vault)
    assert keys.destroy(vault, "pay") == mark
    with pytest.raises(KeyMissing):
        keys.load(vault, "pay")
    with pytest.raises(KeyMissing):
        keys.create(vault, "pay")
    assert keys.destroy(vault, "pay") == mark, "a second call finishes or repeats the first"
    assert not (vault.state_dir / "keys" / "pay.key").exists()
