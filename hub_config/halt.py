"""Ends every workspace of this enclave: containers, sandboxes, mounted homes. For `demo-stop`.

Touches only what carries this instance's label or lies in its directories.
"""

from __future__ import annotations

import docker
from docker.errors import APIError, DockerException

from enclave.errors import EnclaveError
from enclave.settings import Settings
from hub_config import bubblewrap, homes
from hub_config.spawner import left_over


def stop_all(settings: Settings) -> int:
    """End every workspace, unmount every home; return how many containers there were."""
    ended = 0
    try:
        containers = left_over(settings.instance)
        client = docker.from_env(timeout=30)
    except DockerException:
        containers, client = {}, None
    for container in containers.values():
        try:
            client.api.remove_container(container, force=True)
            ended += 1
        except APIError as error:
            if error.status_code not in (404, 409):
                raise
    bubblewrap.stop_all(settings)
    try:
        homes.close_all(settings)
    except EnclaveError as error:
        print(error.explain())
    return ended
