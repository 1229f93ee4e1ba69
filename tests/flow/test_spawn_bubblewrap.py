"""The same workspace without a Docker engine: spawn, find again, end. Real bubblewrap."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from enclave.errors import Unavailable
from enclave.sessions import make_directories
from enclave.settings import Settings
from hub_config import bubblewrap, build, configure, homes
from hub_config.workspace import HOME, Limits, Mount, mounts
from tests.support.caller import Caller
from tests.support.demo import until
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


def start(seen: tuple[Mount, ...], *command: str, output: int) -> int:
    sandbox = bubblewrap.Sandbox(seen, command, {"PATH": "/usr/bin"}, Limits())
    return bubblewrap.launch(sandbox, output=output)


def test_what_is_mounted_may_lie_where_the_researchers_user_may_not_pass(tmp_path: Path):
    """A state in root's home; and a session's directory, which the gateway closes to others."""
    closed = tmp_path / "closed"
    (closed / "home").mkdir(parents=True)
    (closed / "home" / "note").write_text("seen")
    closed.chmod(0o700)
    with (tmp_path / "output").open("w+") as output:
        mount = Mount(closed / "home", HOME)
        pid = start((mount,), "/usr/bin/cat", f"{HOME}/note", output=output.fileno())
        while bubblewrap.born(pid):
            time.sleep(0.02)
    assert (tmp_path / "output").read_text() == "seen"
    assert not list(bubblewrap.STAGE.iterdir())  # what was mounted there is not on the host


def test_stopping_ends_the_sandboxes_of_these_sessions_alone(tmp_path: Path):
    """Also where sessions lie on a file system of their own, as /run is on most hosts."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as run:
        settings = {
            name: Settings(run_dir=Path(run) / name, state_dir=tmp_path) for name in ("one", "two")
        }
        pids = {}
        for name, ours in settings.items():
            make_directories(ours, f"{name}s-session")
            home = tmp_path / f"{name}s-home"
            home.mkdir()
            said = tmp_path / name
            with said.open("w") as output:
                pids[name] = start(
                    mounts(ours, f"{name}s-session", home), "/usr/bin/python3", "-c",
                    "import time; print('up', flush=True); time.sleep(600)", MARKER.decode(),
                    output=output.fileno(),
                )  # fmt: skip
            until(lambda said=said: said.read_text() == "up\n", what=name)
        bubblewrap.stop_all(settings["one"])
        until(lambda: not bubblewrap.born(pids["one"]), what="the first to end")
        assert bubblewrap.born(pids["two"])
        bubblewrap.stop_all(settings["two"])
        until(lambda: not bubblewrap.born(pids["two"]), what="the second to end")


def test_the_hub_does_not_start_where_bubblewrap_cannot_isolate(monkeypatch):
    """Never an unisolated process: refused with a sentence."""
    monkeypatch.setattr(bubblewrap, "_program", lambda: "/usr/bin/false")
    with pytest.raises(Unavailable, match="Bubblewrap cannot isolate"):
        configure.spawner_class(Settings(isolation="bubblewrap"))
