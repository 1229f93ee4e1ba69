"""Destroys, by schedule, the originals of requests that have ended.

What is destroyed: the file as submitted, the same unprotected, and what the review was told of it.
What a released table is held against later ones with is kept, sealed. The files are gone before the
event is logged; a crash between the two leaves the event to the next run.
"""

from __future__ import annotations

from datetime import timedelta

from egress_review import store
from egress_review.custody import KEPT_OF_A_RELEASE
from egress_review.model import State
from egress_review.policy import FINAL
from egress_review.transactions import Transactions, now
from enclave.errors import Conflict
from enclave.events import Action


class Destroying(Transactions):
    """The end of what must not be kept."""

    def destroy(self) -> int:
        """Destroy the originals whose time is over; return of how many requests."""
        before = now() - timedelta(days=self.settings.review_keep_days)
        due = store.undestroyed(self.control.engine, FINAL, before)
        for id in due:
            self._destroy(id)
        return len(due)

    def _destroy(self, id: str) -> None:
        request = self.reviews.request(id)
        event = self._event(Action.OUTPUT_DESTROYED, request, "egress", files=len(request.files))
        with self._record(event, id) as connection:
            held = store.hold(connection, id)
            if held.state not in FINAL:
                raise Conflict("This request has not ended.")
            released = held.state is State.RELEASED
            self.custody.destroy(id, keep=KEPT_OF_A_RELEASE if released else frozenset())
            store.note_destroyed(connection, id, now())
