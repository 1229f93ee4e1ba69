"""Which source may tell the log what: a room speaks of its own work and of no other's.

The socket says who speaks (`service`); this table says of what. Without it, whoever takes over one
room could log another's deeds: a new signing key, a removal of texts, a release, the end of
another's query. Events of the log on itself come from no socket at all.
"""

from __future__ import annotations

from collections.abc import Mapping

from enclave.events import Action

_SITE = {Action.LOGIN, Action.LOGOUT, Action.ACCESS_DENIED}
_SERVICE = {Action.SERVICE_STARTED, Action.SERVICE_STOPPED}

OWN: frozenset[Action] = frozenset(
    {
        Action.AUDIT_PURGED,
        Action.AUDIT_KEY_ROTATED,
        Action.AUDIT_CLOSED,
        Action.AUDIT_ROTATED,
        Action.INTERRUPTED,
    }
)
"""What the log says of itself; the verifier believes it of nobody else (`verifier.keeping`)."""

SAYS: Mapping[str, frozenset[Action]] = {
    # The administrator's commands; they open and close sessions where a token or a project ends.
    "admin": frozenset(
        {
            Action.AGREEMENT_APPLIED,
            Action.PROJECT_PROVISIONED,
            Action.PROJECT_AMENDED,
            Action.PROJECT_BUILT,
            Action.PROJECT_MOVED,
            Action.PROJECT_FORGOT,
            Action.PROJECT_CLOSED,
            Action.STORE_ACCEPTED,
            Action.ACCESS_GRANTED,
            Action.ACCESS_REVOKED,
            Action.ACCESS_DENIED,
            Action.SESSION_OPENED,
            Action.SESSION_CLOSED,
            Action.TOKEN_ISSUED,
            Action.COMMAND_FAILED,
        }
    ),
    "vault": frozenset({Action.DELIVERY_STORED, Action.DELIVERY_REFUSED}),
    "linkage": frozenset(
        {
            Action.LINKAGE_RUN,
            Action.LINKAGE_MEASURED,
            Action.CROSSWALK_PUBLISHED,
            Action.COMMAND_FAILED,
        }
    ),
    "gateway": frozenset(
        {
            Action.QUERY_INTENT,
            Action.QUERY_OUTCOME,
            Action.QUERY_DENIED,
            Action.QUERY_EXPLAINED,
            Action.CATALOGUE_READ,
            Action.SESSION_CLOSED,  # one whose ground has ended
            Action.ACCESS_DENIED,
        }
        | _SERVICE
    ),
    "hub": frozenset({Action.SESSION_OPENED, Action.SESSION_CLOSED} | _SITE | _SERVICE),
    "egress": frozenset(
        {action for action in Action if action.value.startswith("output.")} | _SITE | _SERVICE
    ),
    "audit-web": frozenset(
        {
            Action.AUDIT_SEARCHED,
            Action.AUDIT_VERIFIED,
            Action.AUDIT_RULE_CHANGED,
            Action.AUDIT_ALERTED,
        }
        | _SITE
        | _SERVICE
    ),
}


def objection(source: str, action: Action) -> str | None:
    """Return why an event of this kind is not taken from this source's socket, or None."""
    if action in SAYS[source]:
        return None
    return f"{source} has no business logging {action.value}."
