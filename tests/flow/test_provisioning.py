"""Ansible provisions, amends and closes a project: the real program over the real control store.

Journey, step 9. R3, R15, R19, R24; SATRE 3.1.10.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from enclave.errors import KeyMissing
from enclave.gateway import journal
from enclave.model import ProjectState
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import keys
from enclave.vault.extract import open_extract, write_extract
from tests.support.audit import AuditProcess
from tests.support.governance import NetworkFiles

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
DSA = "agreements/dsa-credential-pay"
PROJECT = "credential-pay"


@dataclass
class Played:
    """What a run of ansible-playbook said."""

    code: int
    text: str

    @property
    def changed(self) -> int:
        found = re.search(r"changed=(\d+)", self.text)
        assert found, self.text
        return int(found[1])

    @property
    def difference(self) -> str:
        """The diff Ansible printed, without the lines around it."""
        lines = [line for line in self.text.splitlines() if re.match(r"[-+@ ]", line)]
        return "\n".join(lines)


class Ansible:
    """Runs the project's playbook against one enclave and one network's files."""

    def __init__(self, settings: Settings, files: NetworkFiles, place: Path):
        self.files = files
        self.environment = {
            **settings.environment(),
            "ANSIBLE_HOME": str(place / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            "LC_ALL": "C.UTF-8",
        }

    def play(self, *options: str, playbook: str = "project.yml") -> Played:
        program = Path(sys.executable).parent / "ansible-playbook"
        file = self.files.path(DSA)
        done = subprocess.run(
            [
                program,
                ROOT / "ansible" / playbook,
                "--diff",
                "-e",
                f"project_file={file}",
                *options,
            ],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.files.place,
        )
        return Played(done.returncode, done.stdout + done.stderr)

    def agree(self, *options: str, untouched: Callable[[], bool] = lambda: True) -> Played:
        """Check first, then run: the check must have told the truth and changed nothing."""
        said = self.play("--check", *options)
        assert untouched()
        done = self.play(*options)
        assert (said.code, done.code) == (0, 0), said.text + done.text
        assert said.changed == done.changed
        assert said.difference == done.difference
        return done


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    return NetworkFiles(tmp_path)


@pytest.fixture
def ansible(settings: Settings, files: NetworkFiles, tmp_path: Path) -> Ansible:
    return Ansible(settings, files, tmp_path)


def _write_extract(settings: Settings, store: ControlStore) -> bytes:
    """Give the project a key and an extract, as `enclave project build` leaves them."""
    keys.create(settings, PROJECT)
    key = keys.load(settings, PROJECT)
    mark = store.project(PROJECT).policy_sha256
    views = {"wages": pa.table({"person_id": ["p"], "wage": [1]})}
    write_extract(settings, PROJECT, key, epoch=1, policy_sha256=mark, views=views)
    crosswalks = settings.state_dir / "crosswalks" / PROJECT
    crosswalks.mkdir(parents=True)
    (crosswalks / "wages.parquet").write_bytes(b"pairs")
    for place in (journal.path(settings, PROJECT), _home(settings)):
        place.parent.mkdir(parents=True)
        place.write_bytes(b"derived rows")
    return key


def _home(settings: Settings) -> Path:
    return settings.state_dir / "homes" / PROJECT / "rosa.img"


def test_a_project_is_checked_provisioned_amended_and_closed_by_ansible(
    settings: Settings, audit_service: AuditProcess, ansible: Ansible, files: NetworkFiles
) -> None:
    store = ControlStore(settings.database_url)

    provisioned = ansible.agree(untouched=lambda: store.projects() == ())
    assert provisioned.changed == 1
    assert '+ "state": "provisioned"' in provisioned.difference
    assert store.project(PROJECT).state is ProjectState.PROVISIONED
    assert ansible.play().changed == 0

    # an amended text nobody signed is refused, and the old one stays in force
    files.replace(DSA, "researchers: [rosa, ravi]", "researchers: [rosa]")
    refused = ansible.play()
    assert refused.code != 0
    assert "signature of dol was given to an earlier text" in refused.text
    assert store.policy(PROJECT).researchers == {"rosa", "ravi"}
    files.sign(DSA)
    amended = ansible.agree()
    assert amended.changed == 1
    assert re.search(r'-\s+"ravi"', amended.difference)
    assert store.policy(PROJECT).researchers == {"rosa"}

    # closed: the key is gone, and with it all that was written under it
    key = _write_extract(settings, store)
    assert open_extract(settings, PROJECT, keys.load(settings, PROJECT)).rows == {"wages": 1}
    saved = {p: p.read_bytes() for p in (settings.state_dir / "extracts").rglob("*") if p.is_file()}
    closed = ansible.agree("-e", "project_state=closed")
    assert closed.changed == 1
    assert store.project(PROJECT).state is ProjectState.CLOSED
    with pytest.raises(KeyMissing):
        open_extract(settings, PROJECT, keys.load(settings, PROJECT))
    assert not (settings.state_dir / "extracts" / PROJECT).exists()
    assert not (settings.state_dir / "crosswalks" / PROJECT).exists()
    assert not journal.path(settings, PROJECT).exists() and not _home(settings).exists()
    assert ansible.play("-e", "project_state=closed").changed == 0
    for path, body in saved.items():  # a copy put back from a backup stays shut
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    with pytest.raises(KeyMissing):
        open_extract(settings, PROJECT, keys.load(settings, PROJECT))
    with pytest.raises(KeyMissing):
        keys.create(settings, PROJECT)

    told = [fact for fact in audit_service.facts() if fact["action"].startswith("project.")]
    assert [fact["action"] for fact in told] == [
        "project.provisioned",
        "project.amended",
        "project.closed",
    ]
    assert told[-1]["detail"]["key_fingerprint"] == keys.fingerprint(key)
    assert told[-1]["detail"]["destroyed_home"] == 1
    assert all(fact["actor"].startswith("ansible:") for fact in told)
    store.close()


def test_without_audit_ansible_changes_nothing(settings: Settings, ansible: Ansible) -> None:
    played = ansible.play()
    assert played.code != 0
    assert "audit.unavailable" in played.text
    store = ControlStore(settings.database_url)
    assert store.projects() == ()
    store.close()


def test_a_wrong_file_fails_with_its_line(ansible: Ansible, files: NetworkFiles) -> None:
    files.replace(DSA, "mode: row-level", "mode: everything")
    played = ansible.play("--check")
    assert played.code != 0
    line = files.line(DSA, "mode: everything")
    assert f"dsa-credential-pay.yml:{line}: “mode” must be one of" in played.text


def test_the_host_playbook_tells_the_truth_too(
    settings: Settings, audit_service: AuditProcess, ansible: Ansible
) -> None:
    options = (
        "-e", "enclave_hosts=localhost",
        "-e", f"enclave_network={ansible.files.place}",
        "-e", f"enclave_state_dir={settings.state_dir}",
        "-e", f"enclave_run_dir={settings.run_dir}",
    )  # fmt: skip
    assert ansible.play(*options, "--check", playbook="site.yml").changed >= 1
    assert ansible.play(*options, playbook="site.yml").changed >= 1
    assert ansible.play(*options, playbook="site.yml").changed == 0
    store = ControlStore(settings.database_url)
    assert {row.id for row in store.projects()} == {"credential-pay", "early-start"}
    store.close()
