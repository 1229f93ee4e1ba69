"""What isolates workspaces on this machine: found, made ready, stopped. Never less than a sandbox.

The work is done by the workspace room's own program: the ground floor imports no room.
"""

from __future__ import annotations

import os
import subprocess
import sys

from enclave.errors import Unavailable
from enclave.programs import of_host
from enclave.settings import Settings

BUILD = (sys.executable, "-m", "hub_config.build")


def prepare(settings: Settings) -> Settings:
    """Make images ready and return the settings with the isolation that works here.

    Docker where it runs, else bubblewrap, else `Unavailable`: never an unisolated process.
    `ENCLAVE_ISOLATION` asks for one of the two and no other. Its progress goes to the terminal.
    """
    wanted = os.environ.get("ENCLAVE_ISOLATION", "auto")
    done = subprocess.run(
        (*BUILD, wanted),
        env=settings.environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Unavailable(
            "This machine can isolate workspaces neither with Docker nor with bubblewrap.",
            hint="An unisolated workspace is never started; the lines above say what is missing.",
        )
    return settings.model_copy(update={"isolation": done.stdout.split()[-1]})


def stop(settings: Settings) -> None:
    """Stop the workspaces, and the engine if it was started from here."""
    subprocess.run((*BUILD, "stop"), env=settings.environment(), check=False)


def available() -> tuple[str, ...]:
    """Return the isolations whose program is installed here."""
    programs = {"Docker": "dockerd", "bubblewrap": "bwrap"}
    return tuple(name for name, program in programs.items() if of_host(program))
