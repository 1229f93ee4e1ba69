"""The image's inputs, the host's mirrors, and sentences where a machine lacks something."""

from __future__ import annotations

import asyncio
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jupyterhub.spawner import SpawnException

from enclave import syscalls
from enclave.errors import Unavailable
from enclave.settings import Settings
from hub_config import bubblewrap, build, cgroup, configure, engine, images
from hub_config.bubblewrap import BubblewrapSpawner
from hub_config.workspace import Hands, Workspace

DEB822 = """# a comment: with a colon
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
"""
ONE_LINE = """deb [signed-by=/k arch=amd64] http://old.example/debian bookworm main
# deb http://commented.example/debian bookworm main
deb-src http://sources.example/debian bookworm main
deb http://other.example/debian trixie main
"""


@pytest.fixture
def apt(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(build, "APT", (tmp_path / "sources.list", tmp_path / "d"))
    (tmp_path / "d").mkdir()
    return tmp_path


def test_mirrors_are_the_host_s_own_release_first(apt: Path):
    (apt / "d" / "debian.sources").write_text(DEB822)
    assert build.mirrors() == [
        ("http://mirror.example/debian", "bookworm"),
        ("http://security.example/debian-security", "bookworm-security"),
        ("http://mirror.example/debian", "bookworm-updates"),
    ]


def test_old_style_lists_are_read_too(apt: Path):
    (apt / "sources.list").write_text(ONE_LINE)
    assert build.mirrors() == [("http://old.example/debian", "bookworm")]


def test_a_machine_of_another_release_is_told_what_to_do(apt: Path):
    (apt / "sources.list").write_text("deb http://other.example/debian trixie main\n")
    with pytest.raises(Unavailable, match="no Debian bookworm mirror"):
        build.mirrors()


def test_an_image_s_name_changes_with_any_of_its_inputs(tmp_path: Path, monkeypatch):
    settings = Settings(instance="one")
    before = images.researcher_image(settings)
    copy = tmp_path / "images" / "researcher"
    shutil.copytree(images.RESEARCHER, copy)
    monkeypatch.setattr(images, "ROOT", tmp_path)
    monkeypatch.setattr(images, "RESEARCHER", copy)
    assert images.researcher_image(settings) == before
    with monkeypatch.context() as other:  # the filter's numbers lie in another room than its list
        other.setitem(syscalls.NUMBERS, "ptrace", (1101, 1117))
        assert images.researcher_image(settings) != before
    (copy / "start.py").write_text("changed")
    assert images.researcher_image(settings) != before
    assert images.base_image(settings).startswith("one-base:")


def test_a_full_disk_is_said_before_anything_is_begun(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(images, "WHEELHOUSE", tmp_path)
    monkeypatch.setattr(build, "FREE_BYTES", 10**18)
    with pytest.raises(Unavailable, match=r"GB are free at .*; building needs 4"):
        build._require_space()


def test_who_is_not_root_is_told_so(monkeypatch):
    monkeypatch.setattr(engine.os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="needs root") as refused:
        engine.require_root("Making the base image")
    assert refused.value.hint == "Run it as root or with sudo."


@pytest.mark.parametrize("isolation", ["none", "process", "", "simple"])
def test_there_is_no_isolation_but_the_two(isolation: str):
    with pytest.raises(Unavailable, match="ENCLAVE_ISOLATION"):
        configure.spawner_class(Settings(isolation=isolation))


def test_a_hub_without_an_engine_does_not_start(monkeypatch):
    monkeypatch.setattr(engine, "answers", lambda: False)
    with pytest.raises(Unavailable, match="No Docker engine"):
        configure.spawner_class(Settings(isolation="docker"))


def test_a_kernel_without_bounds_refuses_a_workspace_in_a_sentence(tmp_path: Path, monkeypatch):
    def without(*_: object, **__: object) -> None:
        raise Unavailable("This kernel does not let us bound a workspace's memory and processes.")

    hands = Hands(Settings(state_dir=tmp_path / "s", run_dir=tmp_path / "r"), None, None)
    monkeypatch.setattr(Workspace, "hands", hands, raising=False)
    monkeypatch.setattr(cgroup, "make", without)
    monkeypatch.setattr(bubblewrap.os, "geteuid", lambda: 0)
    for name in ("mounts", "own_mounts"):
        monkeypatch.setattr(bubblewrap, name, lambda *_: ())
    for name, value in (("get_args", []), ("get_env", {})):
        monkeypatch.setattr(BubblewrapSpawner, name, lambda _self, value=value: value)
    opening = BubblewrapSpawner()
    opening.session, opening.home = "s1", tmp_path
    with pytest.raises(SpawnException, match="does not let us bound"):
        asyncio.run(opening.start())


def test_an_engine_we_did_not_start_is_not_stopped(tmp_path: Path):
    settings = Settings(state_dir=tmp_path)
    assert engine.stop(settings) is False
    (tmp_path / "dockerd.pid").write_text("1")  # a pid that is someone else's by now
    assert engine.stop(settings) is False


def test_two_builds_in_one_place_take_turns(tmp_path: Path, monkeypatch, capsys) -> None:
    """Each clears what a killed one left half-made, so side by side they would undo each other."""
    monkeypatch.setattr(images, "WHEELHOUSE", tmp_path / "wheels")
    under_way = threading.Lock()
    together = []

    def build_once(_: int) -> None:
        with build.one_at_a_time():
            alone = under_way.acquire(blocking=False)
            together.append(not alone)
            threading.Event().wait(0.05)
            if alone:
                under_way.release()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(build_once, range(4)))
    assert together == [False] * 4
    assert "goes on after it" in capsys.readouterr().err
