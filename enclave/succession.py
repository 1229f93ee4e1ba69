"""Names the control store's states, so that the audit log can tell an older copy from the store.

Every change leaves a state for the next one, and its event carries the names of both. The log,
whose own past others hold, lets a state be left once (`audit.succession`): a store that was
restored from a backup would leave again what was left since, and is refused. The next state's name
is durable before audit hears of it, so a crash between receipt and commit leaves a store that is
still known. Names are random: nobody comes upon the next one by trying.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select, update

from enclave import tables
from enclave.events import Event

# In an event's detail: of a change, and of what changes nothing.
LEFT, REACHED = "store_from", "store_to"
AT, NEXT = "store_at", "store_next"


@dataclass(frozen=True, slots=True)
class Succession:
    """The name of the state the store is in, and of the next where a change has begun."""

    state: str
    next: str | None

    def change(self, event: Event) -> Event:
        """Return the event of a change with both names."""
        return replace(event, detail={**event.detail, LEFT: self.state, REACHED: self.next})

    def standing(self, event: Event) -> Event:
        """Return the event of what only stands on this state."""
        return replace(event, detail={**event.detail, AT: self.state, NEXT: self.next})


def read(connection: Connection) -> Succession:
    """Return how it stands, as this transaction sees it."""
    table = tables.succession
    row = connection.execute(select(table.c.state, table.c.next)).one()
    return Succession(row.state, row.next)


def begin(connection: Connection) -> None:
    """Name the next state, unless a change that began and did not end has named it."""
    table = tables.succession
    named = update(table).where(table.c.next.is_(None)).values(next=secrets.token_hex(8))
    connection.execute(named)


def finish(connection: Connection) -> None:
    """Be in the next state."""
    table = tables.succession
    connection.execute(update(table).values(state=table.c.next, next=None))
