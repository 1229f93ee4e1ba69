"""What our command lines have in common: who acts, how help reads, how an error ends.

Knows no command of any room.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from enclave.errors import AuditUnavailable, EnclaveError

_AUDIT_IS_AWAY = "Nothing was done. `enclave doctor` says what is down."


def actor() -> str:
    """Return who acts: the account on this host, since a command line has no log-in."""
    return f"host:{getpass.getuser()}"


def as_written(command: click.Command) -> click.Command:
    r"""Keep the lines of a help text's examples: docstrings are raw, click wants a real `\b`."""
    command.help = (command.help or "").replace("\\b\n", "\b\n")
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        as_written(each)
    return command


@contextmanager
def sentences() -> Iterator[None]:
    """Have an `EnclaveError` end the program with its sentence on stderr and exit code 1.

    So does a file or a process that this account may not touch: whoever forgot sudo reads so.
    """
    try:
        yield
    except AuditUnavailable as error:
        # Its hint sends people to the administrator, who is the one that types here.
        click.echo(f"{error.sentence} [{error.code}] {_AUDIT_IS_AWAY}", err=True)
        sys.exit(1)
    except EnclaveError as error:
        click.echo(error.explain(), err=True)
        sys.exit(1)
    except PermissionError as error:
        what = f"open {error.filename}" if error.filename else "do this"
        click.echo(
            f"This account may not {what}. Run it with sudo or as the services do.", err=True
        )
        sys.exit(1)
