"""Sends an alert by mail, through the one server the operator has set (`enclave.mailing`).

Never to an address that is not in the directory of people: an alert cannot be pointed at a
stranger.
"""

from __future__ import annotations

from audit.webhook import NotDelivered
from enclave import mailing
from enclave.mailing import Letter
from enclave.settings import Settings

__all__ = ["Letter", "send"]


def send(settings: Settings, letter: Letter) -> None:
    """Send a letter; raises NotDelivered unless the server has taken it."""
    try:
        mailing.send(settings, letter)
    except mailing.NotSent as error:
        raise NotDelivered(error.sentence, hint=error.hint) from error
