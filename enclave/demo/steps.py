"""What `enclave demo up` does before the services run, one step a function, each idempotent.

Data steps run the same commands an administrator would type. Never writes to a store directly.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from enclave.demo import witness
from enclave.demo.services import AUDIT
from enclave.demo.supervisor import serves, supervisor_pid
from enclave.durable import make_directory
from enclave.errors import Conflict, Unavailable
from enclave.programs import ours
from enclave.settings import Settings

NETWORK = Path("examples/demo-network")
PROJECTS = ("credential-pay", "early-start")
FREE_BYTES = 6 * 1024**3  # for images and data; once they are there, for the log and journals
FREE_LATER_BYTES = 1024**3
DELIVERIES: tuple[tuple[str, str], ...] = (
    ("dss", "social-security"),
    ("dol", "wages"),
    ("csde", "enrolment"),
    ("cscu", "credentials"),
    ("oec", "wic"),
    ("dss", "benefits"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the progress display."""

    title: str
    run: Callable[[Settings], str]


def check_machine(settings: Settings) -> str:
    """Check privilege, disk and ports; say in a sentence what to do about what is missing."""
    if os.geteuid() != 0:
        raise Unavailable(
            "Starting isolated workspaces needs root.", hint="Run `make demo` as root or with sudo."
        )
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.state_dir).free
    needed = FREE_LATER_BYTES if _done(settings, "load") else FREE_BYTES
    if free < needed:
        raise Unavailable(
            f"Only {free / 1e9:.1f} GB are free; the demo needs {needed / 1e9:.1f}.",
            hint="Free some space, or point ENCLAVE_STATE_DIR at another disk.",
        )
    hub = serves(settings).get("hub", settings.hub_url)
    if hub != settings.hub_url:
        raise Conflict(f"The demo runs already, at {hub}.", hint="Stop it: `make demo-stop`.")
    if supervisor_pid(settings) is None:
        for url in (
            settings.hub_url,
            settings.review_url,
            settings.audit_url,
            settings.oidc_issuer,
            f"http://127.0.0.1:{witness.port(settings)}",
            f"http://{settings.audit_metrics_address}",
        ):
            _require_free_port(url)
    return f"{free / 1e9:.0f} GB free"


def _require_free_port(url: str) -> None:
    port = urlsplit(url).port or 80
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Conflict(
                f"Port {port} is taken by another program.",
                hint=f"Stop it (`ss -ltnp 'sport = :{port}'` names it) or use --base-port.",
            ) from error


def simulate(settings: Settings) -> str:
    """Make the agencies' deliveries from the simulated population, in its own environment."""
    target = settings.state_dir / "demo" / "deliveries"
    python = Path(".demo-data-venv/bin/python")
    if _done(settings, "simulate"):
        return "kept"
    call(settings, [str(python), str(NETWORK / "generate.py"), str(target)])
    _mark(settings, "simulate")
    return f"{sum(f.stat().st_size for f in target.iterdir()) / 1e6:.0f} MB"


def load(settings: Settings) -> str:
    """Apply the agreements, take the deliveries in, link them, build both projects' extracts."""
    if _done(settings, "load"):
        return "kept"
    deliveries = settings.state_dir / "demo" / "deliveries"
    with running_audit(settings):
        call(settings, [ours("enclave"), "apply", str(NETWORK)])
        for agency, dataset in DELIVERIES:
            file = next(deliveries.glob(f"{dataset}.*"))
            call(settings, [ours("enclave"), "deliver", agency, dataset, str(file)])
        call(settings, [ours("linkage"), "run"])
        for project in PROJECTS:
            call(settings, [ours("enclave"), "project", "build", project, "--move"])
    _mark(settings, "load")
    return f"{len(DELIVERIES)} deliveries, {len(PROJECTS)} extracts"


def call(settings: Settings, argv: Sequence[str]) -> None:
    """Run a command with these settings; its last words become the sentence if it fails."""
    log = settings.state_dir / "logs" / "demo-up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        argv, env=settings.environment(), capture_output=True, text=True, check=False
    )
    with log.open("a") as output:
        output.write(f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}\n")
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise Unavailable(
            f"`{Path(argv[0]).name} {' '.join(argv[1:3])}` failed: {words[0]}",
            hint=f"The whole output is in {log}.",
        )


@contextmanager
def running_audit(settings: Settings) -> Iterator[None]:
    """Have the audit writer answer: the supervisor's if it runs, else one of our own."""
    if AUDIT.ready(settings):
        yield
        return
    make_directory(settings.run_dir, 0o711)
    with (settings.state_dir / "logs" / "audit.log").open("ab") as log:
        writer = subprocess.Popen(AUDIT.argv, env=settings.environment(), stdout=log, stderr=log)
    try:
        _until_ready(settings, writer)
        yield
    finally:
        writer.terminate()
        writer.wait(10)


def _until_ready(settings: Settings, writer: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not AUDIT.ready(settings):
        if writer.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(
                "The audit writer did not start.",
                hint=f"Read {settings.state_dir / 'logs' / 'audit.log'}.",
            )
        time.sleep(0.05)


def _inputs() -> str:
    digest = hashlib.sha256()
    for path in sorted(NETWORK.rglob("*")):
        if path.is_file() and path.suffix in (".py", ".yml"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _marks(settings: Settings) -> Path:
    return settings.state_dir / "demo" / "done.json"


def _done(settings: Settings, step: str) -> bool:
    try:
        return bool(json.loads(_marks(settings).read_text()).get(step) == _inputs())
    except (OSError, ValueError):
        return False


def _mark(settings: Settings, step: str) -> None:
    path = _marks(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    marks = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(marks | {step: _inputs()}))
