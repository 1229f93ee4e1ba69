"""The offline verifier's commands under `audit`, and the one that makes `verify.pyz`.

The words, options and answers are those of `verify.pyz`: one parser reads both. It is loaded by
the command that needs it: every service starts by way of this module.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import click
from typing_extensions import override


class _Offline(click.Command):
    """A command whose arguments are the verifier's own."""

    def __init__(self, name: str, verifies: str, help: str):
        super().__init__(name, help=help, add_help_option=False)
        self._verifies = verifies

    @override
    def get_help(self, ctx: click.Context) -> str:
        from audit.verifier.main import command

        return command(self._verifies, f"audit {self.name}").format_help().rstrip("\n")

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.args = args
        return args

    @override
    def invoke(self, ctx: click.Context) -> Any:
        from audit.verifier.main import run_command

        sys.exit(run_command(self._verifies, f"audit {self.name}", ctx.args))


verify = _Offline("verify", "log", "Verify a log offline against what you kept yourself.")
verify_proof = _Offline("verify-proof", "proof", "Verify one entry's proof, or a certificate.")


@click.command("verifier")
@click.option(
    "-o", "output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to."
)
def verifier(output: Path) -> None:
    """Write verify.pyz: the offline verifier in one file, for a computer without this system.

    The same version gives the same bytes everywhere: compare the hash with one built elsewhere.
    """
    from audit.pyz import build

    content = build()
    output.write_bytes(content)
    click.echo(f"{hashlib.sha256(content).hexdigest()}  {output}")
