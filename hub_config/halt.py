"""Ends every workspace of this enclave: containers, sandboxes, mounted homes. For `demo-stop`.

Touches only what carries this instance's label or lies in its directories.
"""

from __future__ import annotations

from contextlib import closing

import docker
from docker.errors import APIError, DockerException

from enclave.errors import EnclaveError
from enclave.settings import Settings
from hub_config import bubblewrap, homes
from hub_config.spawner import left_over


def stop_all(settings: Settings) -> None:
    """End every workspace, unmount every home."""
    _remove_containers(settings.instance)
    bubblewrap.stop_all(settings)
    try:
        homes.close_all(settings)
    except EnclaveError as error:
        print(error.explain())


def _remove_containers(instance: str) -> None:
    try:
        containers = left_over(instance)
        client = docker.from_env(timeout=30)
    except DockerException:
        return  # no engine, so nothing of it runs
    with closing(client):
        for container in containers.values():
            try:
                client.api.remove_container(container, force=True)
            except APIError as error:
                if error.status_code not in (404, 409):  # it is gone, or is going
                    raise
