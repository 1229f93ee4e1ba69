"""What the key files promise."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from enclave.errors import Invalid, KeyMissing
from enclave.settings import Settings
from enclave.vault import keys


@pytest.fixture
def vault(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


def test_a_key_is_made_once_and_stays(vault: Settings) -> None:
    first = keys.create(vault, "pay")
    assert keys.create(vault, "pay") == first == keys.fingerprint(keys.load(vault, "pay"))
    assert keys.create(vault, "start") != first


def test_no_unwrapped_project_key_is_on_disk_and_files_are_private(vault: Settings) -> None:
    keys.create(vault, "pay")
    key = keys.load(vault, "pay")
    files = [path for path in vault.state_dir.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"root.key", "pay.key"}
    for path in files:
        assert key not in path.read_bytes()
        assert key.hex() not in path.read_text(errors="replace")
        assert base64.b64encode(key) not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


def test_a_project_without_a_key_says_so(vault: Settings) -> None:
    with pytest.raises(KeyMissing, match="has no key"):
        keys.load(vault, "pay")


@pytest.mark.parametrize("project", ["root", "../pay", "Pay", "", "a.b"])
def test_a_project_id_names_no_other_file(vault: Settings, project: str) -> None:
    with pytest.raises(Invalid):
        keys.create(vault, project)


def test_one_projects_key_file_cannot_stand_in_for_anothers(vault: Settings) -> None:
    keys.create(vault, "pay")
    folder = vault.state_dir / "keys"
    (folder / "start.key").write_bytes((folder / "pay.key").read_bytes())
    with pytest.raises(KeyMissing, match="does not open"):
        keys.load(vault, "start")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"wrapped": "!"}', b'{"wrapped": "AAAA"}'])
def test_a_damaged_key_file_opens_nothing_and_can_be_destroyed(
    vault: Settings, body: bytes
) -> None:
    keys.create(vault, "pay")
    (vault.state_dir / "keys" / "pay.key").write_bytes(body)
    with pytest.raises(KeyMissing):
        keys.load(vault, "pay")
    assert keys.destroy(vault, "pay") == "damaged"


def test_a_project_that_never_had_a_key_can_be_closed_and_gets_none(vault: Settings) -> None:
    assert keys.destroy(vault, "pay") == "none"
    with pytest.raises(KeyMissing):
        keys.create(vault, "pay")


def test_a_crash_in_the_middle_of_destruction_is_finished_by_the_next_call(
    vault: Settings,
) -> None:
    mark = keys.create(vault, "pay")
    folder = vault.state_dir / "keys"
    (folder / "pay.destroyed").write_text(json.dumps({"project": "pay", "fingerprint": mark}))
    with pytest.raises(KeyMissing, match="destroyed"):
        keys.load(vault, "pay")
    assert keys.destroy(vault, "pay") == mark
    assert not (folder / "pay.key").exists()


def test_a_damaged_root_key_opens_nothing(vault: Settings) -> None:
    keys.create(vault, "pay")
    (vault.state_dir / "keys" / "root.key").write_bytes(b"short")
    with pytest.raises(KeyMissing, match="root key"):
        keys.load(vault, "pay")


def test_a_root_key_that_is_gone_is_not_made_anew_beside_what_it_wrapped(vault: Settings) -> None:
    keys.create(vault, "pay")
    root = vault.state_dir / "keys" / "root.key"
    kept = root.read_bytes()
    root.unlink()
    for ask in (keys.load, keys.create):
        for project in ("pay", "start"):
            with pytest.raises(KeyMissing):
                ask(vault, project)
    assert not root.exists()
    root.write_bytes(kept)
    assert keys.load(vault, "pay")


def test_a_project_key_that_is_gone_is_not_made_anew_beside_what_it_opens(vault: Settings) -> None:
    keys.create(vault, "pay")
    (vault.state_dir / "keys" / "pay.key").unlink()
    with pytest.raises(KeyMissing, match="is gone"):
        keys.create(vault, "pay", used=True)
    assert not (vault.state_dir / "keys" / "pay.key").exists()


def test_what_is_sealed_opens_only_with_its_key_and_context() -> None:
    key = keys.derive(b"k" * 32, "one")
    sealed = keys.seal(key, b"secret", context=b"here")
    assert keys.unseal(key, sealed, context=b"here") == b"secret"
    assert keys.derive(b"k" * 32, "two") != key
    for wrong in (sealed[:5], sealed[:-1], sealed[:-1] + b"\0"):
        with pytest.raises(InvalidTag):
            keys.unseal(key, wrong, context=b"here")
    with pytest.raises(InvalidTag):
        keys.unseal(key, sealed, context=b"there")
