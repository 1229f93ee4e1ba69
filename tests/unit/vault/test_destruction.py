"""At a project's end nothing of its data stays on a disk. R24; SATRE 3.1.10."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from enclave.errors import KeyMissing, Unavailable
from enclave.gateway import journal
from enclave.settings import Settings
from enclave.vault import destruction, keys
from hub_config import homes

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root, as the demo does")
MARK = b"a derived row in the clear"
MEGABYTES = 8 * 1024**2


def fill(settings: Settings, project: str) -> None:
    """Lay out what a project leaves; the homes as plain directories, as where nobody is root."""
    keys.create(settings, project)
    for place in (
        settings.state_dir / "extracts" / project / "wages.parquet",
        settings.state_dir / "crosswalks" / project / "wages.parquet",
        journal.path(settings, project),
        settings.state_dir / "homes" / project / "rosa" / "notes.csv",
        settings.state_dir / "homes" / project / "ravi" / "notes.csv",
    ):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(MARK)


@pytest.fixture
def home(settings: Settings) -> Iterator[Path]:
    """A researcher's home, mounted, with a derived row in it."""
    found = homes.open_home(settings, person="rosa", project="pay", size=MEGABYTES)
    (found / "rows.csv").write_bytes(MARK)
    os.sync()
    yield found
    homes.close_all(settings)


def image(settings: Settings) -> Path:
    return homes.image(settings, person="rosa", project="pay")


def test_everything_of_the_project_is_destroyed_and_nothing_of_its_neighbours(
    settings: Settings,
) -> None:
    for project in ("pay", "pay-2"):
        fill(settings, project)
    found = destruction.inventory(settings, "pay")
    counts = {kind: len(places) for kind, places in found.items()}
    assert counts == {"key": 1, "extract": 1, "crosswalk": 1, "journal": 1, "home": 2}
    assert destruction.destroy(settings, "pay")
    assert destruction.remains(settings, "pay") == ()
    left = [path for path in settings.state_dir.rglob("pay*") if path.name != "pay.destroyed"]
    assert {path.name.split(".")[0] for path in left} == {"pay-2"}
    assert len(destruction.remains(settings, "pay-2")) == 6
    with pytest.raises(KeyMissing):
        keys.create(settings, "pay")
    assert not destruction.destroy(settings, "pay")


def test_what_lies_in_the_clear_is_overwritten_before_its_name_goes(settings: Settings) -> None:
    """Somebody who still has the file open finds nothing in it."""
    fill(settings, "pay")
    with journal.path(settings, "pay").open("rb") as held:
        destruction.destroy(settings, "pay")
        assert held.read() == b""


def test_a_link_in_a_home_leads_destruction_nowhere(settings: Settings, tmp_path: Path) -> None:
    fill(settings, "pay")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "root.key").write_bytes(MARK)
    mine = settings.state_dir / "homes" / "pay" / "rosa"
    (mine / "directory").symlink_to(elsewhere)
    (mine / "file").symlink_to(elsewhere / "root.key")
    destruction.destroy(settings, "pay")
    assert (elsewhere / "root.key").read_bytes() == MARK
    assert destruction.remains(settings, "pay") == ()


@as_root
def test_a_mounted_home_is_unmounted_and_its_image_destroyed(
    settings: Settings, home: Path
) -> None:
    assert MARK in image(settings).read_bytes()
    with image(settings).open("rb") as held:
        assert destruction.destroy(settings, "pay")
        assert MARK not in held.read()
    assert not os.path.ismount(home) and not home.parent.exists()
    assert not image(settings).exists()
    assert destruction.remains(settings, "pay") == ()


@as_root
def test_a_workspace_that_still_holds_the_home_keeps_no_image(
    settings: Settings, home: Path
) -> None:
    """A container has a mount of its own, which outlives the host's; its hub may be down."""
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo in; read _"]
    with (
        subprocess.Popen(argv, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as inside,
        image(settings).open("rb") as held,
    ):
        assert inside.stdout and inside.stdout.readline() == b"in\n"
        assert destruction.destroy(settings, "pay")
        assert not os.path.ismount(home) and not image(settings).exists()
        assert MARK not in held.read()
        inside.communicate(b"\n")


@as_root
def test_a_home_that_cannot_be_unmounted_is_said_and_finished_by_the_next_call(
    settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(destruction, "of_host", lambda _name: "/bin/false")
        with pytest.raises(Unavailable, match="could not be unmounted"):
            destruction.destroy(settings, "pay")
    assert destruction.remains(settings, "pay") == (settings.state_dir / "homes/pay/rosa.img",)
    with pytest.raises(KeyMissing):
        keys.load(settings, "pay")
    assert destruction.destroy(settings, "pay")
    assert not os.path.ismount(home) and destruction.remains(settings, "pay") == ()


def test_an_account_that_may_not_look_cannot_call_it_destroyed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(settings, "pay")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", refuse)
        with pytest.raises(Unavailable, match="may not look"):
            destruction.destroy(settings, "pay")
    assert keys.load(settings, "pay")


def test_what_cannot_be_removed_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(settings, "pay")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(destruction.shutil, "rmtree", refuse)
    with pytest.raises(Unavailable, match=r"could be removed: Permission denied \(.*pay\)"):
        destruction.destroy(settings, "pay")
