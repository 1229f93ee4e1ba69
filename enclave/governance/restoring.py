"""`enclave accept-restored`: go on from a control store that is older than the audit log.

Only the administrator's word does this, and it stays in the log. Never brings a change back.
"""

from __future__ import annotations

import click

from enclave.events import Action, Event
from enclave.governance.cli import control


@click.command("accept-restored")
@click.option("--yes", is_flag=True, help="Do not ask.")
def accept_restored(yes: bool) -> None:
    r"""Accept the control store as it was restored from a backup, without what was changed since.

    Until then no service starts over it and no command changes it [store.older]. First look whether
    there is a newer copy. `audit store` lists what this one lacks: do again what ended something,
    before you start the services.

    \b
    Examples:
      audit store && echo nothing is missing
      enclave accept-restored
      enclave accept-restored --yes                      in a script
    """
    with control() as hand:
        if not yes:
            click.confirm("Go on without the changes that `audit store` lists?", abort=True)
        with hand.store.record(hand.audit, Event(Action.STORE_ACCEPTED, hand.actor)):
            pass
    click.echo("Accepted. Do again what `audit store` listed, then start the services.")
