"""A door that stays shut and says why: what stands in for a project's gateway that cannot open.

Holds no key, no row and no policy. Every question gets the same sentence; nothing is logged, since
nothing is decided and what is away may be audit itself.
"""

from __future__ import annotations

from typing import NoReturn, cast

from typing_extensions import override

from enclave.errors import Unavailable
from enclave.gateway.refusals import GatewayUnavailable
from enclave.gateway.service import Gateway
from enclave.model import Session


class _Closed:
    """Sessions come and go; all else raises."""

    def __init__(self, reason: Unavailable):
        self._reason = reason

    def open_session(self, session: Session) -> None:
        """Let a session's socket be made: it is where the reason is told."""

    def close_session(self, session: Session) -> None:
        """Nothing runs that would have to be stopped."""

    def __getattr__(self, name: str) -> NoReturn:
        raise self._reason


class _Told(GatewayUnavailable):
    """What was reported where it happened, with its own code."""

    @override
    def explain(self) -> str:
        return f"{self.sentence} {self.hint}"


def closed(said: str) -> Gateway:
    """Return a gateway that answers everything with what was said, an explained error."""
    return cast(Gateway, _Closed(_Told(said, hint="It opens by itself once this is mended.")))
