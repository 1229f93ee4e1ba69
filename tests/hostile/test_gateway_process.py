"""Attacks from inside the process that holds rows: what its walls refuse, and which wall does.

Every probe runs in a process confined as a worker is. It must be refused with all controls on, and
work with all of them off: else the probe proves nothing. Each control also stands alone once, which
gives the table; run this file to print it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import pytest

from enclave.gateway import identity, landlock
from enclave.gateway.process_space import own_process_space
from tests.support.confined import PROBES, STEPS

ROOT = Path(__file__).parents[2]
SPACE = "space"  # the process space, which the supervisor starts a worker in
CONTROLS = (SPACE, *STEPS)
UID, NOBODY = identity.FIRST, 65534

# Which control refuses a probe all by itself. Several do for most: one may fail.
ALONE: Mapping[str, set[str]] = {
    "host_tcp": {"root", "landlock", "calls"},
    "host_udp": {"root", "calls"},
    "raw_packets": {"user", "calls"},
    "host_abstract_socket": {"root", "landlock"},
    "supervisor_s_socket": {"root", "user"},
    "another_session_s_socket": {"user"},
    "name_the_sessions": {"landlock"},
    "start_a_program": {"landlock", "calls"},
    "fork": {"calls"},
    "many_threads": {"user"},
    "read_shadow": {"root", "user", "landlock"},
    "read_another_extract": {"root", "user", "landlock"},
    "read_the_keys": {"root", "user", "landlock"},
    "read_the_supervisor_s_environment": {"user"},
    "trace_another_process": {"space", "user", "landlock", "calls"},
    "signal_another_process": {"space", "user", "landlock"},
    "write_outside": {"root", "user", "landlock"},
    "change_the_program": {"root", "user", "landlock"},
    "mount": {"user", "landlock", "calls"},
    "device": {"user", "landlock", "calls"},
    "much_memory": {"memory"},
    "a_core_file": {"dump"},
    "keyring": {"calls"},
    "bpf": {"user", "calls"},
    "userfaultfd": {"calls"},
    "io_uring": {"calls"},
    "perf_events": {"calls"},
    "kernel_module": {"user", "calls"},
    "kernel_log": {"user", "calls"},
    "become_root": {"user", "calls"},
    "user_namespace": {"calls"},
}

# What this kernel would not do for anybody: refusing it proves nothing here.
NOT_SHOWN = set() if Path("/proc/modules").exists() else {"kernel_module"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a worker's own user needs root")


class Host:
    """What stands around a confined process: listeners, secrets, another process."""

    def __init__(self, stack: ExitStack):
        self.place = Path(tempfile.mkdtemp(prefix="enc-"))
        stack.callback(shutil.rmtree, self.place, ignore_errors=True)
        self.place.chmod(0o755)
        self.state, self.run = self.place / "s", self.place / "r"
        for name in ("gateway/mine", "extracts/mine/1", "extracts/other/1", "keys"):
            (self.state / name).mkdir(parents=True, mode=0o755)
        for name in ("gateway", "sessions/theirs/gateway", "audit/gateway"):
            (self.run / name).mkdir(parents=True, mode=0o755)
        for name in ("extracts/other/1/wages.parquet", "keys/mine.key"):
            (self.state / name).write_text("secret")
            (self.state / name).chmod(0o600)
        self.tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.udp.bind(("127.0.0.1", 0))
        threading.Thread(target=self._echo, daemon=True).start()
        self.abstract = f"enclave-probe-{os.getpid()}"
        self._listen(stack, "\0" + self.abstract)
        self._listen(stack, str(self.run / "gateway/control.sock"), 0o600)
        self._listen(stack, str(self.run / "sessions/theirs/gateway/gateway.sock"), 0o666)
        os.chown(self.state / "gateway/mine", UID, UID)
        (self.run / "sessions/theirs").chmod(0o700)
        self.victim = subprocess.Popen(["sleep", "600"], env={"TOKEN": "SECRET"})
        stack.callback(self._end)

    def _end(self) -> None:
        self.victim.kill()
        self.victim.wait()

    def _listen(self, stack: ExitStack, name: str, mode: int = 0) -> None:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(name)
        listener.listen(64)
        if mode:
            os.chmod(name, mode)

    def _echo(self) -> None:
        while True:
            try:
                _, sender = self.udp.recvfrom(16)
                self.udp.sendto(b"seen", sender)
            except OSError:
                return

    def ask(self, without: set[str], *, become: int = 0) -> dict[str, Any]:
        """Run every probe with these controls left out; as another user from the start."""
        given = {
            "without": sorted(without - {SPACE}),
            "state": str(self.state),
            "run": str(self.run),
            "tcp": self.tcp.getsockname()[1],
            "udp": self.udp.getsockname()[1],
            "abstract": self.abstract,
            "victim": self.victim.pid,
            "uid": UID,
            "parent": os.getpid(),
            "become": become,
        }
        argv = [sys.executable, "-m", "tests.support.confined", json.dumps(given)]
        with nullcontext() if SPACE in without else own_process_space():
            child = subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT)
        said, _ = child.communicate(timeout=120)
        answer: dict[str, Any] = json.loads(said)
        return answer


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with ExitStack() as stack:
        yield Host(stack)


def test_every_probe_is_refused_with_every_control_on(host: Host) -> None:
    assert [name for name, worked in host.ask(set()).items() if worked] == []


def test_every_probe_works_with_every_control_off(host: Host) -> None:
    found = host.ask(set(CONTROLS))
    assert {name for name, worked in found.items() if not worked} <= NOT_SHOWN
    assert set(found) == set(ALONE) == {probe.__name__ for probe in PROBES}


@pytest.mark.skipif(landlock.version() < 6, reason="this kernel's Landlock is older than the table")
@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_refuses_alone_what_the_table_says(host: Host, control: str) -> None:
    found = host.ask(set(CONTROLS) - {control})
    refused = {name for name, worked in found.items() if not worked}
    assert {name for name, alone in ALONE.items() if control in alone} - refused == set()


@pytest.mark.skipif(landlock.version() < 6, reason="this kernel's Landlock is too old")
def test_without_root_landlock_and_the_filter_still_refuse_most(host: Host) -> None:
    found = host.ask({SPACE}, become=NOBODY)
    assert {name for name, worked in found.items() if worked} <= {"many_threads"}


OPEN = """
import os, sys
from pathlib import Path
from enclave.gateway import confine
cell = confine.Cell("mine", Path(sys.argv[1]), Path(sys.argv[2]), memory=2 << 30, spill=1)
confine.confine(cell, parent=os.getppid())
import pyarrow as pa
from enclave.gateway.engine_duckdb import Table, open_tables
one = open_tables({"t": Table(pa.table({"a": [7]}).to_reader)}).connection
print(one.execute("SELECT a FROM t").fetchall(), flush=True)
os._exit(0)
"""


def test_a_confined_worker_that_is_not_root_opens_its_engine(host: Host) -> None:
    """DuckDB looks for its control group and ends the process where it may not (2.0.0)."""
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    argv = [*become, sys.executable, "-c"]
    if subprocess.run([*argv, "import pyarrow, enclave"], cwd=ROOT, check=False).returncode:
        pytest.skip("this project lies where nobody else may read")
    argv += [OPEN, str(host.state), str(host.run)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "[(7,)]" in done.stdout, done.stderr


def test_a_worker_without_walls_is_not_started() -> None:
    """In a child: what `confine` gives up it does not get back."""
    code = (
        "from pathlib import Path; from enclave.gateway import confine, landlock;"
        "landlock.version = lambda: 0; confine.enter_own_root = lambda cell: False;"
        "cell = confine.Cell('p', Path('/nowhere'), Path('/nowhere'), memory=1 << 30, spill=1);"
        "import os; confine.confine(cell, parent=os.getppid())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "cannot confine the process that holds rows" in done.stderr


def table() -> str:
    """Return which control refuses which probe alone, as Markdown."""
    with ExitStack() as stack:
        host = Host(stack)
        found = {control: host.ask(set(CONTROLS) - {control}) for control in CONTROLS}
        everything, nothing = host.ask(set()), host.ask(set(CONTROLS))
    head = ["probe", *CONTROLS, "all on", "all off"]
    lines = [head, ["---"] * len(head)]
    for probe in (probe.__name__ for probe in PROBES):
        cells = ["refused" if not found[control][probe] else "" for control in CONTROLS]
        both = ["works" if each[probe] else "refused" for each in (everything, nothing)]
        lines.append([probe.replace("_", " "), *cells, *both])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    print(table())
