"""Turns an event into one sentence a person can read, and its parts into words.

Never shows more than the event holds, and never guesses: an unknown detail is left to the JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from enclave.events import Action, Verdict

MOST_LISTED = 20  # names of data in one sentence
LAST_DAY = 253_402_214_400_000  # ms since 1970: of year 9999, in any zone; no calendar goes beyond


@dataclass(frozen=True, slots=True)
class Fact:
    """One logged event as pages and the index read it; `time` in ms since 1970, UTC."""

    index: int
    time: int
    actor: str
    action: Action
    verdict: Verdict
    project: str | None
    agencies: tuple[str, ...]
    datasets: tuple[str, ...]
    columns: tuple[str, ...]
    clause: str | None
    intent: str | None
    session: str | None
    source: str
    detail: Mapping[str, Any]


def told(index: int, body: bytes | None) -> Fact | None:
    """Return what an entry tells, or None where its text is gone or is no event any more.

    A text that somebody has rewritten must not take away the pages that show this.
    """
    try:
        fact = read(index, body or b"")
        sentence(fact)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None
    return fact if _is_whole(fact) else None


def _is_whole(fact: Fact) -> bool:
    """Whether everything that pages set out has the kind it should have."""
    named = (fact.project, fact.clause, fact.intent, fact.session)
    listed = (*fact.agencies, *fact.datasets, *fact.columns)
    texts = [fact.actor, fact.source, *listed, *(name for name in named if name is not None)]
    return (
        all(type(text) is str for text in texts)
        and type(fact.time) is int
        and 0 <= fact.time < LAST_DAY
        and type(fact.detail) is dict
    )


def read(index: int, body: bytes) -> Fact:
    """Read a stored event's bytes; what is none raises ValueError, KeyError or TypeError."""
    event = json.loads(body)
    ours = event["unmapped"]["enclave"]
    policies = [entry["policy"]["desc"] for entry in event["authorizations"]]
    return Fact(
        index=index,
        time=event["time"],
        actor=event["actor"]["user"]["uid"],
        action=Action(ours["action"]),
        verdict=Verdict(ours["verdict"]),
        project=ours["project"],
        agencies=tuple(ours["agencies"]),
        datasets=tuple(ours["datasets"]),
        columns=tuple(ours["columns"]),
        clause=policies[0] if policies else None,
        intent=ours["intent"],
        session=ours["session"],
        source=ours["source"],
        detail=ours["detail"],
    )


TITLES: Mapping[Action, str] = {
    Action.AGREEMENT_APPLIED: "Agreements applied",
    Action.DELIVERY_STORED: "Delivery stored",
    Action.DELIVERY_REFUSED: "Delivery refused",
    Action.LINKAGE_RUN: "Linkage run",
    Action.LINKAGE_MEASURED: "Linkage measured",
    Action.CROSSWALK_PUBLISHED: "Crosswalk published",
    Action.PROJECT_PROVISIONED: "Project provisioned",
    Action.PROJECT_AMENDED: "Project amended",
    Action.PROJECT_BUILT: "Project extract built",
    Action.PROJECT_MOVED: "Project moved to another version",
    Action.PROJECT_FORGOT: "A version of a project removed",
    Action.PROJECT_CLOSED: "Project closed",
    Action.STORE_ACCEPTED: "Restored control store accepted",
    Action.LOGIN: "Log-in",
    Action.LOGOUT: "Log-out",
    Action.SESSION_OPENED: "Workspace opened",
    Action.SESSION_CLOSED: "Workspace closed",
    Action.TOKEN_ISSUED: "Token issued",
    Action.QUERY_INTENT: "Query begun",
    Action.QUERY_OUTCOME: "Query answered",
    Action.QUERY_DENIED: "Query denied",
    Action.QUERY_EXPLAINED: "Policy explained",
    Action.CATALOGUE_READ: "Catalogue read",
    Action.OUTPUT_SUBMITTED: "Output submitted",
    Action.OUTPUT_REFUSED: "Output refused",
    Action.OUTPUT_PROTECTED: "Output protected",
    Action.OUTPUT_BUDGET_SPENT: "Privacy budget spent",
    Action.OUTPUT_VIEWED: "Output viewed",
    Action.OUTPUT_COMMENTED: "Output commented",
    Action.OUTPUT_RETURNED: "Output sent back",
    Action.OUTPUT_CHECKED: "Output checked by a person",
    Action.OUTPUT_VOTED: "Vote on an output",
    Action.OUTPUT_RELEASED: "Output released",
    Action.OUTPUT_REJECTED: "Output rejected",
    Action.OUTPUT_WITHDRAWN: "Output withdrawn",
    Action.OUTPUT_DOWNLOADED: "Output downloaded",
    Action.OUTPUT_DESTROYED: "Originals of an output destroyed",
    Action.OUTPUT_NOTICES_CHOSEN: "Notices chosen",
    Action.AUDIT_SEARCHED: "Audit log searched",
    Action.AUDIT_VERIFIED: "Audit log verified",
    Action.AUDIT_RULE_CHANGED: "Search or alert rule changed",
    Action.AUDIT_ALERTED: "Alert raised",
    Action.AUDIT_PURGED: "Texts of entries removed",
    Action.AUDIT_KEY_ROTATED: "Signing key replaced",
    Action.AUDIT_CLOSED: "Audit log closed",
    Action.AUDIT_ROTATED: "Audit log begun after another",
    Action.ACCESS_DENIED: "Access denied",
    Action.ACCESS_GRANTED: "Access given",
    Action.ACCESS_REVOKED: "Access taken away",
    Action.COMMAND_FAILED: "Command failed",
    Action.SERVICE_STARTED: "Service started",
    Action.SERVICE_STOPPED: "Service stopped",
    Action.INTERRUPTED: "Query interrupted",
}

# What the person did; `{data}` are the datasets or, failing them, the agencies. Where `{project}`
# stands in the phrase it is not added at the end.
_PHRASES: Mapping[Action, str] = {
    Action.AGREEMENT_APPLIED: "applied the agreements",
    Action.DELIVERY_STORED: "delivered {data}",
    Action.DELIVERY_REFUSED: "tried to deliver {data}, and the delivery was refused",
    Action.LINKAGE_RUN: "ran the linkage of {data}",
    Action.LINKAGE_MEASURED: "compared the linkage with a known truth",
    Action.CROSSWALK_PUBLISHED: "published the crosswalk of {project}",
    Action.PROJECT_PROVISIONED: "provisioned {project}",
    Action.PROJECT_AMENDED: "amended {project}",
    Action.PROJECT_BUILT: "built the extract of {project} from {data}",
    Action.PROJECT_MOVED: "moved {project} to another version of its data",
    Action.PROJECT_FORGOT: "removed a version of {project}'s data",
    Action.PROJECT_CLOSED: "closed {project}",
    Action.STORE_ACCEPTED: "accepted a control store that was restored from a backup",
    Action.LOGIN: "logged in",
    Action.LOGOUT: "logged out",
    Action.SESSION_OPENED: "opened a workspace",
    Action.SESSION_CLOSED: "closed a workspace",
    Action.TOKEN_ISSUED: "was given a token for a client outside the workspace",
    Action.QUERY_INTENT: "began a query on {data}",
    Action.QUERY_OUTCOME: "queried {data}",
    Action.QUERY_DENIED: "was refused a query",
    Action.QUERY_EXPLAINED: "asked what the policy says of a query",
    Action.CATALOGUE_READ: "read the catalogue of {project}",
    Action.OUTPUT_SUBMITTED: "submitted an output for release",
    Action.OUTPUT_REFUSED: "submitted an output, and it was refused",
    Action.OUTPUT_PROTECTED: "had an output protected against disclosure",
    Action.OUTPUT_BUDGET_SPENT: "spent from an agreement's privacy budget",
    Action.OUTPUT_VIEWED: "looked at an output under review",
    Action.OUTPUT_COMMENTED: "commented on an output under review",
    Action.OUTPUT_RETURNED: "asked for changes to an output under review",
    Action.OUTPUT_CHECKED: "gave an output checker's opinion",
    Action.OUTPUT_VOTED: "voted on an output",
    Action.OUTPUT_RELEASED: "released an output that every agency had approved",
    Action.OUTPUT_REJECTED: "rejected an output",
    Action.OUTPUT_WITHDRAWN: "withdrew an output",
    Action.OUTPUT_DOWNLOADED: "downloaded a released output",
    Action.OUTPUT_DESTROYED: "destroyed the originals of an output that has ended",
    Action.OUTPUT_NOTICES_CHOSEN: "chose which notices of outputs to get by mail",
    Action.AUDIT_SEARCHED: "looked into the audit log",
    Action.AUDIT_VERIFIED: "verified the audit log",
    Action.AUDIT_RULE_CHANGED: "changed a saved search or an alert rule",
    Action.AUDIT_ALERTED: "raised an alert",
    Action.AUDIT_PURGED: "removed the texts of old entries",
    Action.AUDIT_KEY_ROTATED: "replaced the key that signs the log",
    Action.AUDIT_CLOSED: "closed this log",
    Action.AUDIT_ROTATED: "began this log where another ended",
    Action.COMMAND_FAILED: "called “{command}”, and it failed",
    Action.INTERRUPTED: "lost a query that was interrupted before it was answered",
    Action.SERVICE_STARTED: "started",
    Action.SERVICE_STOPPED: "stopped",
}


# Actors that are no people.
_SERVICES = {
    "system": "The audit service",
    "egress": "The egress service",
    "gateway": "The gateway",
    "linkage": "The linkage service",
    "hub": "The hub",
    "audit-web": "The auditor's site",
    "alerts": "The alerting service",
}


def visible(value: Any, *, kept: str = "\n\t\N{NO-BREAK SPACE}") -> Any:
    """Return a text with every letter that one cannot see written out, but for those in `kept`.

    What is no text, or is markup already, comes back as it is.

    A sender chooses its names: one that turns the reading order round, breaks a line or hides
    between two letters would make a page, or a mail, say what the log does not.
    """
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(
        c if c in kept or c.isprintable() else c.encode("unicode_escape").decode() for c in value
    )


def is_person(actor: str) -> bool:
    """Whether an actor is a person rather than one of our services."""
    return actor not in _SERVICES


def sentence(fact: Fact, names: Mapping[str, str] | None = None, *, place: bool = True) -> str:
    """Return what happened in one sentence.

    `names` turns ids of people into their names; `place` says in which project, for lists of
    more than one.
    """
    who = (names or {}).get(fact.actor) or _SERVICES.get(fact.actor, fact.actor)
    named = place and fact.project and "{project}" not in _PHRASES.get(fact.action, "")
    where = f" in {fact.project}" if named else ""
    return f"{who} {_phrase(fact)}{where}{_rows(fact)}."


def _phrase(fact: Fact) -> str:
    data = _listed(fact.datasets or tuple(a.upper() for a in fact.agencies)) or "data"
    match fact.action:
        case Action.LOGIN | Action.LOGOUT:
            return _login(fact)
        case Action.OUTPUT_VOTED | Action.OUTPUT_REJECTED if "decision" in fact.detail:
            agency = fact.detail.get("agency")
            decision = f"voted to {fact.detail['decision']} an output"
            return decision + (f" for {str(agency).upper()}" if agency else "")
        case Action.ACCESS_DENIED | Action.ACCESS_GRANTED | Action.ACCESS_REVOKED:
            return _access(fact)
        case Action.QUERY_OUTCOME if fact.verdict is Verdict.FAILED:
            return f"queried {data}, and the query failed"
        case Action.AUDIT_VERIFIED if fact.verdict is Verdict.FAILED:
            return "verified the audit log, and something was wrong"
        case action:
            project, command = fact.project or "a project", fact.detail.get("command", "a command")
            return _PHRASES[action].format(data=data, project=project, command=command)


def _access(fact: Fact) -> str:
    """Return who was refused, got or lost which role, or a place in the project that is named."""
    if fact.action is Action.ACCESS_DENIED:
        tried = fact.detail.get("attempted")
        return f"was refused access{f' ({tried})' if tried else ''}"
    person, role = fact.detail.get("person", "somebody"), fact.detail.get("role")
    agency = fact.agencies[0].upper() if fact.agencies and role else ""
    what = f"the role {role}{f' for {agency}' if agency else ''}" if role else "access"
    if fact.action is Action.ACCESS_GRANTED:
        return f"gave {person} {what}"
    return f"took {what} from {person}"


def _login(fact: Fact) -> str:
    site = f" at the {fact.detail['site']} site" if fact.detail.get("site") else ""
    if fact.verdict is not Verdict.ALLOWED:
        return f"tried to log in{site} and was refused"
    return _PHRASES[fact.action] + site


def _rows(fact: Fact) -> str:
    rows = fact.detail.get("rows")
    told = fact.action in (Action.QUERY_OUTCOME, Action.DELIVERY_STORED)
    if not told or type(rows) is not int:  # a sender may put anything there
        return ""
    got = "and received " if fact.action is Action.QUERY_OUTCOME else ""
    return f" {got}{'(' if not got else ''}{rows:,} row{'s' * (rows != 1)}{')' if not got else ''}"


def _listed(words: tuple[str, ...]) -> str:
    if len(words) < 2:
        return "".join(words)
    if len(words) > MOST_LISTED:
        return f"{', '.join(words[:MOST_LISTED])} and {len(words) - MOST_LISTED:,} more"
    return f"{', '.join(words[:-1])} and {words[-1]}"
