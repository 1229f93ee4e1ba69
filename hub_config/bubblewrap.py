"""Workspaces without Docker: bubblewrap's namespaces, the same sockets, the same limits.

For machines where no Docker engine can run. Refuses where bubblewrap cannot either; a process
without isolation is never started. Needs the environment `hub_config.build bubblewrap` makes.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyterhub.spawner import SpawnException
from traitlets import Integer
from typing_extensions import override

from enclave.durable import make_directory
from enclave.errors import Unavailable
from enclave.settings import Settings
from hub_config import cgroup, images, seccomp
from hub_config.places import RESEARCHER_UID, private
from hub_config.workspace import HOME, INSIDE, PORT, Limits, Mount, Workspace, mounts

PREFIX = Path("/opt/enclave")
ADDRESS_SPACE = 16 * 1024**3  # a coarse second bound; the cgroup's is the real one

# Bubblewrap walks to what it mounts as the researcher's user, who may not pass through the state's
# directories, a session's, or root's home. What a sandbox sees is mounted here first, in a mount
# namespace of its own, which ends with the sandbox; on the host the directory stays empty.
STAGE = Path("/run/enclave-sandbox")

# As root: joins the control groups, mounts $1 directories, and goes on as what follows them.
_DESCEND = """
set -e
for group in $ENCLAVE_GROUPS; do echo $$ > "$group"; done
all=$1; shift
/usr/bin/mount -t tmpfs -o mode=711,size=64k enclave "$ENCLAVE_STAGE"
for number in $(/usr/bin/seq 0 $((all - 1))); do
  /usr/bin/mkdir "$ENCLAVE_STAGE/$number"
  /usr/bin/mount --bind -- "$1" "$ENCLAVE_STAGE/$number"; shift
done
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox to start: what it sees, what it runs, with which limits and environment."""

    seen: tuple[Mount, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    limits: Limits
    groups: tuple[Path, ...] = ()


def arguments(sandbox: Sandbox, *, rules: int, info: int) -> list[str]:
    """Return bubblewrap's arguments: what is seen, and that nothing else is.

    `rules` holds the syscall filter, `info` receives the sandbox's process id.
    """
    argv = [_program(), "--unshare-all", "--unshare-user", "--disable-userns", "--new-session"]
    argv += ["--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "workspace"]
    argv += ["--add-seccomp-fd", str(rules), "--info-fd", str(info)]
    argv += ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for name in ("bin", "lib", "lib64", "sbin"):
        argv += ["--symlink", f"usr/{name}", f"/{name}"]
    argv += ["--perms", "1777", "--size", str(sandbox.limits.scratch), "--tmpfs", "/tmp"]  # noqa: S108 - inside the sandbox, its own
    for number, mount in enumerate(sandbox.seen):
        how = "--bind" if mount.writable else "--ro-bind"
        argv += [how, str(_source(number, mount)), str(mount.target)]
    return [*argv, "--remount-ro", "/", "--chdir", str(HOME), "--", *sandbox.command]


def own_mounts() -> tuple[Mount, ...]:
    """Return what stands in for the image: its Python environment and Jupyter's settings."""
    environment = images.bubblewrap_environment()
    jupyter = environment / "share" / "enclave" / "jupyter"
    return (Mount(environment, PREFIX), Mount(jupyter, Path("/etc/jupyter")))


def launch(sandbox: Sandbox, *, output: int) -> int:
    """Start a sandbox and return the host's id of its first process.

    Raises `Unavailable`; what bubblewrap itself said is in `output`. The sandbox outlives this
    process.
    """
    with ExitStack() as stack:
        rules = _in_memory(stack, seccomp.program())
        told, info = os.pipe()
        reader, writer = stack.enter_context(os.fdopen(told)), os.fdopen(info, "w")
        with writer:  # closed here, so that the reader's end comes with the sandbox's
            argv = arguments(sandbox, rules=rules, info=info)
            process = subprocess.Popen(
                _descend(sandbox, argv),
                env=_environment(sandbox),
                pass_fds=(rules, info),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_bound(sandbox.limits),  # noqa: PLW1509  -- only setrlimit, no Python locks
            )
        said = reader.read()
    # The outer process is ours to reap, whenever it ends; the sandbox does not depend on it.
    threading.Thread(target=process.wait, daemon=True).start()
    if not said:
        raise Unavailable(
            "Bubblewrap could not make a sandbox.",
            hint="Tell the administrator: the session's own log has what it said.",
        )
    return int(json.loads(said)["child-pid"])


def require() -> str:
    """Make and leave one empty sandbox; raises `Unavailable` where bubblewrap cannot work."""
    sandbox = Sandbox((), ("/usr/bin/true",), {"PATH": "/usr/bin"}, Limits())
    with ExitStack() as stack:
        rules = _in_memory(stack, seccomp.program())
        argv = arguments(sandbox, rules=rules, info=2)
        argv[argv.index("--chdir") + 1] = "/"
        done = subprocess.run(
            _descend(sandbox, argv), env=_environment(sandbox), pass_fds=(rules,),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unavailable(
            f"Bubblewrap cannot isolate a workspace here: {said}",
            hint="Allow user namespaces (kernel.unprivileged_userns_clone=1) or use Docker.",
        )
    return "isolates"


class BubblewrapSpawner(Workspace):
    """Starts the researcher's sandbox for one project."""

    pid = Integer(0)
    born = Integer(0)

    @override
    async def start(self) -> str:
        settings, limits = self.hands.settings, self.hands.limits
        self.port = PORT
        seen = (*mounts(settings, self.session, self.home), *own_mounts())
        command = (f"{PREFIX}/bin/python", f"{PREFIX}/share/enclave/start.py", *self.get_args())
        environment = {**self.get_env(), **ENVIRONMENT}
        log = private(settings) / f"{self.session}.log"
        try:
            sandbox = Sandbox(seen, command, environment, limits, self._groups())
            with log.open("ab") as output:
                self.pid = await self._aside(lambda: launch(sandbox, output=output.fileno()))
        except Unavailable as error:
            raise SpawnException(error.explain(), reason=error.code, status_code=503) from error
        self.born = born(self.pid)
        return await self.until_ready(self._ended)

    def _groups(self) -> tuple[Path, ...]:
        if os.geteuid() != 0:
            return ()
        limits = self.hands.limits
        return cgroup.make(
            self.session,
            memory=limits.memory,
            processes=limits.processes,
            processors=limits.processors,
        )

    async def _ended(self) -> object:
        return None if self.pid and born(self.pid) == self.born else "it is gone"

    @override
    async def poll(self) -> int | None:
        """Return None while the sandbox lives; one that may not go on is ended first."""
        return 0 if await self._ended() or await self.end_if_due() else None

    @override
    async def stop(self, now: bool = False) -> None:
        """End the sandbox: its first process takes every other with it, by the kernel's hand."""
        if self.pid and born(self.pid) == self.born:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            while born(self.pid) == self.born:
                await asyncio.sleep(0.02)
        cgroup.remove(self.session)
        self.pid = 0

    @override
    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "pid": self.pid, "born": self.born}

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.pid, self.born = state.get("pid", 0), state.get("born", 0)


ENVIRONMENT = {
    "PATH": f"{PREFIX}/bin:/usr/bin",
    "HOME": str(HOME),
    "USER": "researcher",
    "JUPYTER_RUNTIME_DIR": "/tmp/runtime",  # noqa: S108 - inside the sandbox, its own
    "JUPYTER_CONFIG_PATH": "/etc/jupyter",
    "MPLCONFIGDIR": "/tmp/matplotlib",  # noqa: S108 - inside the sandbox, its own
    "PYTHONNOUSERSITE": "1",
    "LANG": "C.UTF-8",
    "ENCLAVE_FILTERED": "1",
}


def stop_all(settings: Settings) -> None:
    """End every sandbox whose hub is gone: those that see a directory of our sessions."""
    marker = f"--ServerApp.sock={INSIDE}/server/server.sock".encode()
    sessions = settings.run_dir / "sessions"
    ours = [f"/{path.name}/server ".encode() for path in sessions.glob("*")]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            # a mount is told by its place in its own file system, which /run may be
            seen = (process / "mountinfo").read_bytes()
            if marker in words and any(place in seen for place in ours):
                os.kill(int(process.name), signal.SIGKILL)


def _program() -> str:
    found = shutil.which("bwrap")
    if found is None:
        raise Unavailable("Bubblewrap is missing.", hint="apt-get install bubblewrap")
    return found


def _descend(sandbox: Sandbox, argv: Sequence[str]) -> list[str]:
    if os.geteuid() != 0:
        return list(argv)
    make_directory(STAGE, 0o755)
    sources = [str(mount.source) for mount in sandbox.seen]
    alone = ["/usr/bin/unshare", "--mount", "--", "/bin/sh", "-c", _DESCEND, "sh"]
    identity = [f"--reuid={RESEARCHER_UID}", f"--regid={RESEARCHER_UID}", "--clear-groups"]
    become = ["/usr/bin/setpriv", *identity, "--no-new-privs", "--inh-caps=-all", "--"]
    return [*alone, str(len(sources)), *sources, *become, *argv]


def _source(number: int, mount: Mount) -> Path:
    """Return where bubblewrap finds what is seen."""
    return STAGE / str(number) if os.geteuid() == 0 else mount.source


def _environment(sandbox: Sandbox) -> dict[str, str]:
    groups = " ".join(map(str, sandbox.groups))
    return {**sandbox.environment, "ENCLAVE_GROUPS": groups, "ENCLAVE_STAGE": str(STAGE)}


def _in_memory(stack: ExitStack, content: bytes) -> int:
    handle = os.memfd_create("filter", os.MFD_CLOEXEC)
    stack.callback(os.close, handle)
    os.write(handle, content)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _bound(limits: Limits) -> Any:
    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits.files, limits.files))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        if os.geteuid() != 0:
            resource.setrlimit(resource.RLIMIT_NPROC, (limits.processes * 2,) * 2)

    return bound


def born(pid: int) -> int:
    """Return when a process started (clock ticks since boot), 0 where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])
