"""Writes an alert's message and hands it over, by mail or by webhook.

The text names entries, actions, projects and addresses of pages on our own site; what those pages
show is for whoever logs in there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from audit.mailing import Letter, send
from audit.outbox import Message
from audit.saved import Channel, Rule, Search, Trigger
from audit.scope import sight_of
from audit.webhook import NotDelivered, post
from enclave.errors import Invalid, NotFound
from enclave.model import Person
from enclave.settings import Settings

TRIGGERS: Mapping[Trigger, str] = {
    Trigger.SEARCH: "Entries of a search",
    Trigger.ANOMALY: "An anomaly was found",
    Trigger.UNVERIFIED: "The log's state of verification has changed",
}


def title(rule: Rule, search: Search | None) -> str:
    """Return what a rule is called: its search's name, or what it watches."""
    return search.name if search is not None else TRIGGERS[rule.trigger]


def whereto(rule: Rule) -> str:
    """Return where a rule's messages go, as the log may say it: a person's id or a host."""
    if rule.channel is Channel.MAIL:
        return rule.owner
    return urlsplit(rule.url).netloc


def deliver(
    settings: Settings, message: Message, rule: Rule, name: str, owner: Person | None
) -> None:
    """Hand a message over. Raises NotDelivered, also when its owner may see nothing any more."""
    try:
        sight_of(owner)
        assert owner is not None
        if rule.channel is Channel.MAIL:
            send(settings, letter(settings, message, name, owner.email))
        else:
            post(settings, rule.url, payload(settings, message, name), id=message.id)
    except NotFound as error:
        raise NotDelivered("Whoever made this rule may not see the log any more.") from error
    except Invalid as error:
        raise NotDelivered(error.sentence) from error


def letter(settings: Settings, message: Message, name: str, to: str) -> Letter:
    """Return the mail."""
    counted = f" ({message.total:,})" if message.total > 1 else ""
    text = "\n\n".join(
        [
            f"{name}{counted}",
            *(f"{line}\n{_link(settings, path)}" for line, path in message.lines),
            *([f"and {more:,} more."] if (more := message.total - len(message.lines)) else []),
            f"This rule: {_link(settings, f'/alerts/{message.rule}')}",
            "Log in to see what happened; this mail holds none of it on purpose.",
        ]
    )
    return Letter(message.id, to, f"Enclave audit: {name}{counted}", text + "\n")


def payload(settings: Settings, message: Message, name: str) -> bytes:
    """Return the webhook's body: the same as the mail, as JSON."""
    body = {
        "id": message.id,
        "rule": {"name": name, "link": _link(settings, f"/alerts/{message.rule}")},
        "made": message.made,
        "total": message.total,
        "entries": [{"what": line, "link": _link(settings, path)} for line, path in message.lines],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _link(settings: Settings, path: str) -> str:
    return settings.audit_url.rstrip("/") + path
