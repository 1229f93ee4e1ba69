"""`enclave`: the administrator's command line. Each group lives with the room it commands.

Subcommands are imported only when called, so `enclave --help` stays quick.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click
from typing_extensions import override

from enclave.presence import failures_told
from enclave.terminal import as_written, sentences

COMMANDS: Mapping[str, str] = {
    "plan": "enclave.governance.cli:plan",
    "apply": "enclave.governance.cli:apply",
    "agreement": "enclave.governance.cli:agreement",
    "project": "enclave.governance.project_cli:project",
    "accept-restored": "enclave.governance.restoring:accept_restored",
    "holdings": "enclave.governance.holdings:holdings",
    "register": "enclave.governance.register:register",
    "deliver": "enclave.vault.cli:deliver",
    "gateway": "enclave.gateway.cli:gateway",
    "demo": "enclave.demo.cli:demo",
    "doctor": "enclave.doctor:doctor",
}


class LazyGroup(click.Group):
    """A click group that imports a command's module when the command is asked for."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return failures_told(as_written(command), f"enclave {cmd_name}")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="enclave")
def enclave() -> None:
    r"""Run a secure data enclave: agreements, deliveries, projects, services.

    \b
    Examples:
      enclave plan examples/demo-network      what would change, and why it matters
      enclave apply examples/demo-network     change it
      enclave deliver dol wages wages.csv     take in one delivery
      enclave project build credential-pay    make one project's extract
      enclave doctor                          what works and what does not
    """


as_written(enclave)


def main() -> None:
    """Run the command; an `EnclaveError` becomes one sentence."""
    with sentences():
        enclave()
