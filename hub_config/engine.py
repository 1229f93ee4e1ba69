"""Finds a Docker engine, starts one where none runs, and stops only the one it started.

Never touches an engine that someone else started, and gives ours no network: workspaces have none.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import docker
from docker.errors import DockerException

from enclave.errors import Unavailable
from enclave.programs import of_host
from enclave.settings import Settings

START_SECONDS = 40
STOP_SECONDS = 30


def answers() -> bool:
    """Say whether a Docker engine answers."""
    try:
        client = docker.from_env(timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except DockerException:
        return False


def ensure(settings: Settings) -> str:
    """Have an engine answer and say how; raises `Unavailable` with a sentence where none can."""
    if answers():
        return "already running"
    require_root("Starting a Docker engine")
    install_missing({"dockerd": "docker.io", "mkfs.ext4": "e2fsprogs"})
    if Path("/run/systemd/system").is_dir():
        _run_systemd()
        return "started by systemd"
    _start(settings)
    return "started by us"


def stop(settings: Settings) -> bool:
    """Stop the engine if we started it; False where we did not."""
    record = _pid_file(settings)
    pid = _ours(record)
    if pid is None:
        record.unlink(missing_ok=True)
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _ours(record) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    record.unlink(missing_ok=True)
    return True


def command() -> str:
    """Return the docker command: Debian's own before any other, which may lack a builder."""
    found = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else shutil.which("docker")
    if found is None:
        raise Unavailable("There is no docker command.", hint="apt-get install docker.io")
    return found


def require_root(what: str) -> None:
    """Raise `Unavailable` unless we are root."""
    if os.geteuid() != 0:
        raise Unavailable(f"{what} needs root.", hint="Run it as root or with sudo.")


def install_missing(programs: dict[str, str]) -> None:
    """Install the Debian packages of the programs that are missing; raises `Unavailable`."""
    missing = sorted({package for name, package in programs.items() if not of_host(name)})
    if not missing:
        return
    words = " ".join(missing)
    require_root(f"Installing {words}")
    if shutil.which("apt-get") is None:
        raise Unavailable(
            f"This machine lacks {words} and has no apt-get.", hint="Install them yourself."
        )
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for argv in (
        ["apt-get", "-q", "update"],
        ["apt-get", "-qy", "install", "--no-install-recommends", *missing],
    ):
        done = subprocess.run(argv, env=quiet, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unavailable(
            f"apt-get could not install {words}: {last}",
            hint="Check the network, the disk and apt's sources, or install them yourself.",
        )


def _run_systemd() -> None:
    done = subprocess.run(
        ["systemctl", "start", "docker"], capture_output=True, text=True, check=False
    )
    if done.returncode or not _wait():
        raise Unavailable("systemd could not start Docker.", hint="`systemctl status docker`.")


def _start(settings: Settings) -> None:
    """Start dockerd by hand, as on a machine without an init system."""
    log = settings.state_dir / "logs" / "dockerd.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [of_host("dockerd") or "dockerd", "--bridge=none", "--iptables=false"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _pid_file(settings).write_text(str(process.pid))
    if not _wait(process):
        stop(settings)
        last = (log.read_text(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise Unavailable(f"A Docker engine cannot run here: {last[:200]}", hint=f"See {log}.")


def _wait(process: subprocess.Popen[bytes] | None = None) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if answers():
            return True
        if process is not None and process.poll() is not None:
            return False
        time.sleep(0.1)
    return False


def _pid_file(settings: Settings) -> Path:
    return settings.state_dir / "dockerd.pid"


def _ours(record: Path) -> int | None:
    """Return the pid in the record if it is still the dockerd we started."""
    try:
        pid = int(record.read_text())
        os.waitpid(pid, os.WNOHANG)
    except (OSError, ValueError) as error:
        if not isinstance(error, ChildProcessError):
            return None
    try:
        return pid if b"dockerd" in Path(f"/proc/{pid}/cmdline").read_bytes() else None
    except OSError:
        return None
