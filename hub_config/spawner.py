"""Workspaces in Docker containers that have no network at all, only sockets of their own session.

Every limit and prohibition is written here once, as the container's configuration; nothing about
it is left to Docker's defaults. Later, the notebook server and the kernel get a container each;
both will be made from `configuration`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import docker
from docker.errors import APIError
from docker.types import LogConfig, Ulimit
from dockerspawner import DockerSpawner
from traitlets import Bool
from typing_extensions import override

from hub_config import images
from hub_config.workspace import HOME, PORT, Limits, Mount, Workspace, mounts


def configuration(limits: Limits) -> dict[str, Any]:
    """Return what `docker create` is told about isolation and limits."""
    return {
        "network_mode": "none",
        "read_only": True,
        "tmpfs": {
            "/tmp": f"rw,nosuid,nodev,noexec,size={limits.scratch},mode=1777",  # noqa: S108 - inside the sandbox, its own
            "/run/lock": "ro,size=4k",
        },
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "privileged": False,
        "init": True,
        "pids_limit": limits.processes,
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "mem_swappiness": 0,
        "cpu_period": 100_000,
        "cpu_quota": int(limits.processors * 100_000),
        "ipc_mode": "private",
        "cgroupns": "private",
        "shm_size": "64m",
        "oom_score_adj": 500,
        "ulimits": [
            Ulimit(name="nofile", soft=limits.files, hard=limits.files),
            Ulimit(name="nproc", soft=limits.processes * 2, hard=limits.processes * 2),
            Ulimit(name="core", soft=0, hard=0),
        ],
        "log_config": LogConfig(type="json-file", config={"max-size": "1m", "max-file": "1"}),
    }


def volumes(seen: Iterable[Mount]) -> dict[str, dict[str, str]]:
    """Return mounts as Docker's bind volumes."""
    return {
        str(mount.source): {"bind": str(mount.target), "mode": "rw" if mount.writable else "ro"}
        for mount in seen
    }


class EnclaveSpawner(Workspace, DockerSpawner):
    """Starts the researcher's container for one project."""

    remove = Bool(True)  # also for a hub that found it running and never started it

    @override
    async def start(self) -> str:
        settings, limits = self.hands.settings, self.hands.limits
        self.image = images.researcher_image(settings)
        self.prefix = settings.instance
        self.name_template = "{prefix}-workspace-{username}--{servername}"
        self.object_name = self._object_name_default()
        self.port, self.use_internal_ip = PORT, True
        self.pull_policy = "never"
        self.mem_limit, self.cpu_limit = limits.memory, limits.processors
        self.volumes = volumes(mounts(settings, self.session, self.home))
        self.extra_host_config = configuration(limits)
        self.extra_create_kwargs = {
            "user": "1000:1000",
            "hostname": "workspace",
            "working_dir": str(HOME),
            "labels": {"enclave.instance": settings.instance, "enclave.session": self.session},
        }
        await super().start()
        return await self.until_ready(self._ended)

    async def _ended(self) -> object:
        return await DockerSpawner.poll(self)

    @override
    async def get_ip_and_port(self) -> tuple[str, int]:
        """Answer the base class, which asks; there is no address, the socket is all there is."""
        return ("127.0.0.1", PORT)

    @override
    async def poll(self) -> int | str | None:
        """Return None while the container runs; one that may not go on is ended first."""
        status: int | str | None = await super().poll()
        return 0 if status is None and await self.end_if_due() else status

    @override
    async def stop(self, now: bool = False) -> None:
        """End the container; `now` leaves its processes no time to object."""
        if now:
            with suppress(APIError):  # it is gone, or the gentle way says what is wrong
                await self.docker("kill", self.container_id)
        await super().stop(now)


def left_over(instance: str) -> dict[str, str]:
    """Return `{session: container id}` of this instance's containers, running or not."""
    client = docker.from_env(timeout=30)
    try:
        label = f"enclave.instance={instance}"
        found = client.api.containers(all=True, filters={"label": label})
        return {one["Labels"].get("enclave.session", ""): one["Id"] for one in found}
    finally:
        client.close()
