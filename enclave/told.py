"""What every command, page and service leaves in the audit log, or why nothing needs to be left.

The table behind docs/reference/audited.md; a command that is not in it fails a test. SATRE 2.5.03:
log-ins, privileged commands (failed ones too), changes of access, access to data, and egress.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from enclave.events import Action

READS = "reads names and states of the control store, no data; nothing changes"

COMMANDS: Mapping[str, tuple[Action, ...] | str] = {
    "enclave plan": "compares files with the control store; nothing changes",
    "enclave apply": (
        Action.AGREEMENT_APPLIED,
        Action.PROJECT_PROVISIONED,
        Action.PROJECT_AMENDED,
        Action.ACCESS_GRANTED,
        Action.ACCESS_REVOKED,
        Action.SESSION_CLOSED,
    ),
    "enclave agreement show": "prints a file; nothing changes",
    "enclave agreement sign": "writes into a file of the network's; it counts once applied",
    "enclave project list": READS,
    "enclave project show": READS,
    "enclave project build": (Action.PROJECT_BUILT, Action.CROSSWALK_PUBLISHED),
    "enclave project versions": READS,
    "enclave project move": (Action.PROJECT_MOVED,),
    "enclave project forget": (Action.PROJECT_FORGOT,),
    "enclave project close": (
        Action.PROJECT_CLOSED,
        Action.SESSION_CLOSED,
        Action.ACCESS_REVOKED,
    ),
    "enclave deliver": (Action.DELIVERY_STORED, Action.DELIVERY_REFUSED),
    "enclave gateway serve": (Action.SERVICE_STARTED, Action.SERVICE_STOPPED),
    "enclave gateway worker": "the supervisor's own; each query it serves is logged",
    "enclave gateway front": "the supervisor's own; each token it refuses is logged",
    "enclave gateway token": (
        Action.TOKEN_ISSUED,
        Action.SESSION_OPENED,
        Action.ACCESS_DENIED,
    ),
    "enclave gateway revoke": (Action.SESSION_CLOSED,),
    "enclave demo up": "applies, delivers, links and builds by the commands above, each logged",
    "enclave demo down": "stops the services; each logs its own stop",
    "enclave demo status": "asks which services answer; nothing changes",
    "enclave doctor": "asks what works here; nothing changes",
    "linkage run": (Action.LINKAGE_RUN,),
    "linkage publish": (Action.CROSSWALK_PUBLISHED,),
    "linkage quality": (Action.LINKAGE_MEASURED,),
    "egress-review serve": (Action.SERVICE_STARTED, Action.SERVICE_STOPPED),
    "audit serve": (Action.SERVICE_STARTED, Action.SERVICE_STOPPED, Action.INTERRUPTED),
    "audit web": (Action.SERVICE_STARTED, Action.SERVICE_STOPPED),
    "audit verify": "works offline on a copy, for somebody who trusts nobody here",
    "audit verify-proof": "works offline, for whoever holds a receipt",
    "audit verifier": "writes the verifier to a file; nothing changes",
}


@dataclass(frozen=True, slots=True)
class Told:
    """Something people or services do that is no command, its events, and the tests."""

    what: str
    actions: tuple[Action, ...]
    tests: tuple[str, ...]
