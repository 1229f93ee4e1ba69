"""The same workspace without a Docker engine: spawn, find again, end. Real bubblewrap."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from enclave.errors import Unavailable
from enclave.settings import Settings
from hub_config import bubblewrap, build, configure, homes
from tests.support.caller import Caller
from tests.support.hub import RunningHub, get, running_hub

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the demo does"),
]
MARKER = b"--ServerApp.sock=/run/enclave/server/server.sock"


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    build.build_bubblewrap(Settings())
    with running_hub(isolation="bubblewrap", instance="test-bwrap") as running:
        yield running


def answers(hub: RunningHub) -> bool:
    host = f"rosa.{urlsplit(hub.settings.hub_url).netloc}"
    return get(hub.settings.hub_url, "/user/rosa/credential-pay/api", host)[0] == 200


def servers(hub: RunningHub) -> list[Path]:
    """Notebook servers whose mounts come from this hub's directories."""
    return [p for p in Path("/proc").glob("[0-9]*") if is_server(p, str(hub.settings.run_dir))]


def is_server(process: Path, place: str) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        sees = (process / "mountinfo").read_text()
    except OSError:
        return False
    return MARKER in words and words[0].endswith(b"/python") and place in sees


def test_a_sandbox_opens_survives_the_hub_and_ends(hub: RunningHub):
    caller = Caller(hub)
    caller.log_in("rosa")
    caller.spawn("rosa", "credential-pay")
    hub.until(lambda: answers(hub), what="the sandbox")
    (session,) = hub.store.sessions()
    assert servers(hub)
    for process in servers(hub):
        status = (process / "status").read_text()
        assert "Uid:\t1000" in status and "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
        assert (process / "ns/net").readlink() != Path("/proc/self/ns/net").readlink()

    hub.kill("hub")
    assert answers(hub)  # the workspace needs no hub to go on
    hub.start("hub")
    assert answers(hub) and hub.store.sessions() == (session,)

    home = homes.mount_point(hub.settings, person="rosa", project="credential-pay")
    assert (home / "welcome.ipynb").exists()
    caller.log_in("rosa")
    caller.call("DELETE", "/hub/api/users/rosa/servers/credential-pay")
    hub.until(lambda: not hub.store.sessions(), what="the session's end")
    assert not servers(hub) and not os.path.ismount(home)


def test_the_hub_does_not_start_where_bubblewrap_cannot_isolate(monkeypatch):
    """Never an unisolated process: refused with a sentence."""
    monkeypatch.setattr(bubblewrap, "_program", lambda: "/usr/bin/false")
    with pytest.raises(Unavailable, match="Bubblewrap cannot isolate"):
        configure.spawner_class(Settings(isolation="bubblewrap"))
