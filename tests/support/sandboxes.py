"""What a workspace might attack, set up around it: a fake internet, a host with open doors.

The fake internet is a network namespace whose loopback carries public addresses; nothing here
touches the machine's own network.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from enclave.gateway import identity
from enclave.sessions import directory, make_directories
from enclave.settings import Settings
from hub_config import bubblewrap, cgroup, homes, images, places
from hub_config.spawner import configuration, volumes
from hub_config.workspace import Limits, Mount, mounts
from tests.hostile import probes

PROBES = Path(probes.__file__)
START = """
import runpy, sys
start = runpy.run_path(sys.argv.pop(1))
if sys.argv.pop(1) == "filtered":
    start["put_filter_on"]((start["HERE"] / "filter.bpf").read_bytes())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
INTERNET = r"""
import socket, threading
def tcp(listener):
    while True:
        listener.accept()[0].close()
def udp(listener, answer):
    while True:
        data, peer = listener.recvfrom(512)
        listener.sendto(answer(data), peer)
def dns(asked):
    end = asked.index(b"\0", 12) + 5
    six = asked[end - 4:end - 2] == b"\0\x1c"
    head = asked[:2] + b"\x81\x80\0\1" + (b"\0\0" if six else b"\0\1") + b"\0" * 4 + asked[12:end]
    return head if six else head + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + bytes([93, 184, 215, 14])
work = []
for family, port in ((2, 443), (2, 80), (2, 8888), (10, 443)):
    listener = socket.socket(family)
    if family == 10:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(("", port))
    listener.listen()
    work.append((tcp, (listener,)))
for port, answer in ((4433, bytes), (53, dns)):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("", port))
    work.append((udp, (listener, answer)))
for target, args in work:
    threading.Thread(target=target, args=args).start()
print("ready", flush=True)
"""
LIMITS = Limits(memory=384 * 1024**2, processes=96, scratch=32 * 1024**2)
HOME_BYTES = 48 * 1024**2


@dataclass(frozen=True)
class Removal:
    """How to run a workspace with one control taken away."""

    said: str
    host: Mapping[str, Any] | None = None
    user: str = "1000:1000"
    filtered: bool = True
    extra: tuple[Mount, ...] = ()
    unbounded_home: bool = False


class Surroundings:
    """A session's directories and home, the fake internet, the host's open doors."""

    def __init__(self, settings: Settings, stack: ExitStack):
        self.settings = settings
        self.client = docker.from_env(timeout=120)
        stack.callback(self.client.close)
        self.place = Path(tempfile.mkdtemp(prefix="enc-probe-"))
        self.place.chmod(0o755)
        stack.callback(shutil.rmtree, self.place, ignore_errors=True)
        for session in ("mine", "theirs"):
            make_directories(settings, session)
            identity.open_door(settings, session, identity.FIRST)
        self._open_gateway(stack)
        self._make_homes(stack)
        self._open_host(stack)
        (settings.state_dir / "keys").mkdir(parents=True, exist_ok=True)
        (settings.state_dir / "keys" / "root.key").write_text("key")
        shutil.copy("/usr/bin/id", self.place / "id")
        (self.place / "id").chmod(0o4755)
        self.internet: Any = None

    def _open_gateway(self, stack: ExitStack) -> None:
        path = directory(self.settings, "mine") / "gateway" / "gateway.sock"
        _serve(stack, socket.AF_UNIX, str(path), b"ok")
        path.chmod(0o666)
        server = directory(self.settings, "mine") / "server"
        os.chown(server, 1000, 1000)
        places.workspace_api(self.settings)

    def _make_homes(self, stack: ExitStack) -> None:
        stack.callback(homes.close_all, self.settings)
        for person in ("rosa", "ravi"):
            homes.open_home(self.settings, person=person, project="demo", size=HOME_BYTES)
        self.home = homes.mount_point(self.settings, person="rosa", project="demo")
        theirs = homes.mount_point(self.settings, person="ravi", project="demo")
        (theirs / "ravis-notes.txt").write_text("x")
        self.plain_home = self.place / "home"
        self.plain_home.mkdir()
        for home in (self.home, self.plain_home):
            shutil.copy(PROBES, home / "probes.py")
            os.chown(home, 1000, 1000)

    def _open_host(self, stack: ExitStack) -> None:
        """Listen on every address of the host, on an abstract socket, in shared memory."""
        self.abstract = f"enclave-{self.settings.instance}"
        _serve(stack, socket.AF_UNIX, "\0" + self.abstract, b"ok")
        self.port = _serve(stack, socket.AF_INET, ("0.0.0.0", 0), b"ok")
        decoy = subprocess.Popen(
            [sys.executable, "-c", "import signal; signal.pause()", f"decoy-{self.abstract}"]
        )
        stack.callback(decoy.wait)
        stack.callback(decoy.kill)
        self.memory_key = 0x0E0C0000 | os.getpid() & 0xFFFF
        libc = ctypes.CDLL(None)
        segment = libc.shmget(self.memory_key, 4096, 0o1666)
        stack.callback(libc.shmctl, segment, 0, None)

    def given(self, names: Sequence[str]) -> dict[str, Any]:
        """What the probes are told."""
        found = {socket.gethostbyname(socket.gethostname()), "172.17.0.1"}
        return {
            "probes": list(names),
            "addresses": sorted(found),
            "port": self.port,
            "abstract": self.abstract,
            "processes": LIMITS.processes + 60,
            "memory": LIMITS.memory + 64 * 1024**2,
            "disk": HOME_BYTES + 8 * 1024**2,
            "scratch": LIMITS.scratch + 8 * 1024**2,
            "other_session": "theirs",
            "state": str(self.settings.state_dir / "keys" / "root.key"),
            "shared_memory": self.memory_key,
        }

    def mounts(self, removal: Removal | None) -> tuple[Mount, ...]:
        home = self.plain_home if removal and removal.unbounded_home else self.home
        extra = removal.extra if removal else ()
        planted = Mount(self.place, Path("/mnt/planted"))
        return (*mounts(self.settings, "mine", home), planted, *extra)

    def in_docker(self, names: Sequence[str], removal: Removal | None = None) -> dict[str, Any]:
        """Run probes in a container as the spawner makes it, or with one control removed."""
        told = configuration(LIMITS) | dict(removal.host or {} if removal else {})
        share = "/opt/enclave/share/enclave"
        filtered = "filtered" if removal is None or removal.filtered else "open"
        command = ["python", "-c", START, f"{share}/start.py", filtered]
        command += ["/home/researcher/probes.py", json.dumps(self.given(names))]
        api = self.client.api
        unmasked = told.pop("unmasked", False)
        host = api.create_host_config(binds=volumes(self.mounts(removal)), **told)
        if unmasked:
            host |= {"MaskedPaths": [], "ReadonlyPaths": []}
        container = api.create_container(
            images.researcher_image(self.settings),
            command,
            user=removal.user if removal else "1000:1000",
            labels={"enclave.instance": self.settings.instance},
            host_config=host,
        )
        try:
            api.start(container)
            api.wait(container, timeout=300)
            return read(api.logs(container).decode(errors="replace"))
        finally:
            api.remove_container(container, force=True)

    def in_bubblewrap(self, names: Sequence[str]) -> dict[str, Any]:
        """Run probes in a sandbox as the bubblewrap spawner makes it."""
        share = "/opt/enclave/share/enclave"
        command = ("/opt/enclave/bin/python", "-c", START, f"{share}/start.py", "open")
        command += ("/home/researcher/probes.py", json.dumps(self.given(names)))
        groups = cgroup.make(
            self.settings.instance,
            memory=LIMITS.memory,
            processes=LIMITS.processes,
            processors=LIMITS.processors,
        )
        seen = (*self.mounts(None), *bubblewrap.own_mounts())
        sandbox = bubblewrap.Sandbox(seen, command, bubblewrap.ENVIRONMENT, LIMITS, groups)
        with tempfile.TemporaryFile() as output:
            pid = bubblewrap.launch(sandbox, output=output.fileno())
            while bubblewrap.born(pid):
                time.sleep(0.05)
            cgroup.remove(self.settings.instance)
            output.seek(0)
            return read(output.read().decode(errors="replace"))

    def fake_internet(self, stack: ExitStack) -> str:
        """Start the fake internet once and return Docker's name for joining its network."""
        if self.internet is None:
            self.internet = self.client.containers.run(
                images.researcher_image(self.settings),
                ["python", "-uc", INTERNET],
                user="0:0",
                detach=True,
                network_mode="none",
                dns=[probes.RESOLVER],
                sysctls={"net.ipv6.conf.lo.disable_ipv6": "0"},
                labels={"enclave.instance": self.settings.instance},
            )
            stack.callback(self.internet.remove, force=True)
            self.internet.reload()
            enter = ["nsenter", "-n", "-t", str(self.internet.attrs["State"]["Pid"])]
            for address in (probes.INTERNET, probes.METADATA, probes.RESOLVER, probes.PEER):
                subprocess.run(
                    [*enter, "ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True
                )
            subprocess.run(
                [*enter, "ip", "-6", "addr", "add", "2001:db8::1/128", "dev", "lo", "nodad"],
                check=True,
            )
            while b"ready" not in self.internet.logs():
                time.sleep(0.05)
        return f"container:{self.internet.id}"


def read(output: str) -> dict[str, Any]:
    """Return the probes' own report."""
    for line in output.splitlines():
        if line.startswith("PROBES "):
            found: dict[str, Any] = json.loads(line.removeprefix("PROBES "))
            return found
    raise AssertionError(f"the probes did not run: {output[-2000:]}")


def _serve(stack: ExitStack, family: int, address: Any, answer: bytes) -> int:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen()
    stack.callback(listener.close)

    def serve() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            with connection, suppress(OSError):
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    stack.callback(listener.shutdown, socket.SHUT_RDWR)
    return int(listener.getsockname()[1]) if family == socket.AF_INET else 0


@contextmanager
def surroundings(instance: str) -> Iterator[tuple[Surroundings, ExitStack]]:
    """Set everything up on short paths of its own; take all of it away again."""
    place = Path(tempfile.mkdtemp(prefix="enc-pr-"))
    place.chmod(0o711)
    settings = Settings(state_dir=place / "s", run_dir=place / "r", instance=instance)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        yield Surroundings(settings, stack), stack
