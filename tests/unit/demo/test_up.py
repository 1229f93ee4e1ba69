"""What `enclave demo up` refuses before it starts anything."""

from __future__ import annotations

import json
from collections import namedtuple

import pytest
from click.testing import CliRunner

from enclave.alone import alone
from enclave.demo import steps, supervisor
from enclave.demo.cli import demo
from enclave.demo.supervisor import pid_file, serves
from enclave.errors import Conflict, Unavailable
from enclave.settings import Settings

Disk = namedtuple("Disk", "free")


def test_two_at_once_would_start_everything_twice_so_one_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(steps, "check_machine", lambda _: pytest.fail("it began"))
    with alone(settings.state_dir / "demo.lock", "held by the test"):
        result = CliRunner().invoke(demo, ["up"], env=settings.environment())
    assert isinstance(result.exception, Conflict)
    assert "at work" in result.exception.sentence


def test_a_demo_that_has_its_data_starts_again_on_a_disk_too_small_for_a_first_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(steps.os, "geteuid", lambda: 0)
    monkeypatch.setattr(steps.shutil, "disk_usage", lambda _: Disk(3 * 1024**3))
    monkeypatch.setattr(steps, "supervisor_pid", lambda _: 1)
    with pytest.raises(Unavailable, match=r"3\.2 GB are free"):
        steps.check_machine(settings)
    steps._mark(settings, "load")
    assert "3 GB free" in steps.check_machine(settings)


def test_a_demo_that_runs_on_other_ports_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    pid_file(settings).parent.mkdir(parents=True, exist_ok=True)
    running = {"supervisor": 1, "hub": "http://hub.localhost:9000", "services": {}}
    pid_file(settings).write_text(json.dumps(running))
    assert serves(settings) == {}  # that process is no supervisor
    monkeypatch.setattr(steps.os, "geteuid", lambda: 0)
    monkeypatch.setattr(supervisor, "supervisor_pid", lambda _: 1)
    with pytest.raises(Conflict, match=r"runs already, at http://hub\.localhost:9000"):
        steps.check_machine(settings)
