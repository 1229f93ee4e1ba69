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

from enclave.errors import Unavailable
from enclave.settings import Settings
from hub_config import cgroup, images, seccomp
from hub_config.places import RESEARCHER_UID, private
from hub_config.workspace import HOME, INSIDE, PORT, Limits, Mount, Workspace, mounts

PREFIX = Path("/opt/enclave")
ADDRESS_SPACE = 16 * 1024**3  # a coarse second bound; the cgroup's is the real one

# Joins its control groups while still root, then becomes the researcher's user for good.
_DESCEND = 'for group in $ENCLAVE_GROUPS; do echo $$ > "$group" || exit 1; done; exec "$@"'


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox to start: what it sees, what it runs, with which limits and environment."""

    seen: tuple[Mount, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    limits: Limits
    groups: tuple[Path, ...] = ()


def arguments(sandbox: Sandbox, handles: Mapping[Path, int], *, rules: int, info: int) -> list[str]:
    """Return bubblewrap's arguments: what is seen, and that nothing else is.

    `handles` are open descriptors of the mounts' sources: the researcher's user could not walk to
    them. `rules` holds the syscall filter, `info` receives the sandbox's process id.
    """
    argv = [_program(), "--unshare-all", "--unshare-user", "--disable-userns", "--new-session"]
    argv += ["--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "workspace"]
    argv += ["--add-seccomp-fd", str(rules), "--info-fd", str(info)]
    argv += ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for name in ("bin", "lib", "lib64", "sbin"):
        argv += ["--symlink", f"usr/{name}", f"/{name}"]
    argv += ["--perms", "1777", "--size", str(sandbox.limits.scratch), "--tmpfs", "/tmp"]  # noqa: S108 - inside the sandbox, its own
    for mount in sandbox.seen:
        how = "--bind-fd" if mount.writable else "--ro-bind-fd"
        argv += [how, str(handles[mount.source]), str(mount.target)]
    return [*argv, "--remount-ro", "/", "--chdir", str(HOME), "--", *sandbox.command]


def own_mounts() -> tuple[Mount, ...]:
    """Return what stands in for the image: its Python environment and Jupyter's settings."""
    environment = images.bubblewrap_environment()
    jupyter = environment / "share" / "enclave" / "jupyter"
    return (Mount(environment, PREFIX), Mount(jupyter, Path("/etc/jupyter")))


def launch(sandbox: Sandbox, *, output: int) -> int:
    """Start a sandbox and return the host's id of its first process.

    Raises `Unavailable` with bubblewrap's own words. The sandbox outlives this process.
    """
    with ExitStack() as stack:
        handles = {m.source: _open(stack, m.source) for m in sandbox.seen}
        rules = _in_memory(stack, seccomp.program())
        told, info = os.pipe()
        reader, writer = stack.enter_context(os.fdopen(told)), os.fdopen(info, "w")
        with writer:  # closed here, so that the reader's end comes with the sandbox's
            argv = arguments(sandbox, handles, rules=rules, info=info)
            process = subprocess.Popen(
                _descend(argv),
                env={**sandbox.environment, "ENCLAVE_GROUPS": " ".join(map(str, sandbox.groups))},
                pass_fds=(*handles.values(), rules, info),
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
        raise Unavailable("Bubblewrap could not make a sandbox.", hint="See the hub's log.")
    return int(json.loads(said)["child-pid"])


def require() -> str:
    """Make and leave one empty sandbox; raises `Unavailable` where bubblewrap cannot work."""
    sandbox = Sandbox((), ("/usr/bin/true",), {"PATH": "/usr/bin"}, Limits())
    with ExitStack() as stack:
        rules = _in_memory(stack, seccomp.program())
        argv = arguments(sandbox, {}, rules=rules, info=2)
        argv[argv.index("--chdir") + 1] = "/"
        done = subprocess.run(
            _descend(argv), env={"ENCLAVE_GROUPS": ""}, pass_fds=(rules,), capture_output=True,
            text=True, check=False,
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
    """End every sandbox whose hub is gone: those that listen in this enclave's directories."""
    marker = f"--ServerApp.sock={INSIDE}/server/server.sock"
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            lines = (process / "cmdline").read_bytes().split(b"\0")
            ours = str(settings.run_dir.resolve()).encode() in (process / "mountinfo").read_bytes()
            if marker.encode() in lines and ours:
                os.kill(int(process.name), signal.SIGKILL)


def _program() -> str:
    found = shutil.which("bwrap")
    if found is None:
        raise Unavailable("Bubblewrap is missing.", hint="apt-get install bubblewrap")
    return found


def _descend(argv: Sequence[str]) -> list[str]:
    if os.geteuid() != 0:
        return list(argv)
    identity = [f"--reuid={RESEARCHER_UID}", f"--regid={RESEARCHER_UID}", "--clear-groups"]
    become = ["/usr/bin/setpriv", *identity, "--no-new-privs", "--inh-caps=-all", "--"]
    return ["/bin/sh", "-c", _DESCEND, "sh", *become, *argv]


def _open(stack: ExitStack, path: Path) -> int:
    handle = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, handle)
    return handle


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
