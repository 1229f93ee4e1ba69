"""The pages of alert rules: what one wants to be told of, how, and how the messages fare.

Everybody sees their own rules only. A rule is switched on by the person it tells; where it may
post to is the operator's list, and mail goes to the person's own address in the directory.
"""

from __future__ import annotations

from contextlib import closing
from urllib.parse import parse_qsl, urlsplit

from markupsafe import Markup
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from audit.alerts import Alerts, Sources
from audit.outbox import Message, Outbox
from audit.saved import Channel, Rule, Search, Trigger, new_id, now_ms
from audit.sending import TRIGGERS, title
from audit.web import asking, saved
from audit.web.room import Room
from audit.webhook import target
from enclave.errors import Invalid, NotFound
from enclave.events import Action, Event
from enclave.web import tables, words
from enclave.web.app import flash, signed_in
from enclave.web.tables import Cell, Column

CHANNELS = {Channel.MAIL: "by mail", Channel.WEBHOOK: "to a webhook"}


class NewRule(BaseModel):
    """The form that makes a rule: `what` is a built-in trigger or a search's id."""

    model_config = ConfigDict(extra="forbid")
    what: str
    channel: Channel
    url: str = ""


class Switch(BaseModel):
    """The button that switches a rule on or off."""

    model_config = ConfigDict(extra="forbid")
    on: str = ""


def alerts_of(room: Room) -> Alerts:
    """Return the loop that tells people what their rules have found."""
    sources = Sources(
        files=room.files,
        open_log=room.log,
        index=room.index,
        findings=room.findings,
        thresholds=room.thresholds,
        standing=room.standing,
        read=lambda search: asking.read(dict(parse_qsl(search.asked))),
    )
    return Alerts(room.settings, room.store, room.audit, room.saved, on=sources)


def listing(room: Room, request: Request) -> Response:
    """List one's own rules: whether each is on, what it told last, what went wrong."""
    me, searches = signed_in(request).id, _searches(room, request)
    room.look(request, "alerts")
    outbox = Outbox(room.saved)
    latest, waiting = outbox.latest(), outbox.waiting()
    columns: list[Column[Rule]] = [
        Column("name", "Tells of", lambda r: Cell(_title(r, searches), f"/alerts/{r.id}")),
        Column("state", "State", lambda r: _state(r, latest.get(r.id))),
        Column("how", "How", _how),
        Column("waiting", "Waiting", lambda r: waiting.get(r.id, 0), numeric=True),
        Column("last", "Last message", lambda r: _last(latest.get(r.id)), sortable=False),
    ]
    at = tables.state(request, columns, sort="name")
    table = tables.of(
        [rule for rule in room.saved.rules() if rule.owner == me],
        columns,
        at,
        caption="Alert rules",
        empty="You have no alert rules yet.",
        next_step=("Make one", "/alerts/new"),
    )
    return room.show(request, "alerts.html", table=table)


def new(room: Room, request: Request) -> Response:
    """Show the form that makes a rule."""
    room.look(request, "alert-new")
    what = [(trigger.value, TRIGGERS[trigger]) for trigger in (Trigger.ANOMALY, Trigger.UNVERIFIED)]
    mine = [(s.id, f"Search: {s.name}") for s in _searches(room, request).values()]
    person = signed_in(request)
    return room.show(
        request,
        "alert_new.html",
        choices=(*mine, *what),
        asked=request.query_params.get("what", ""),
        channels=(("mail", f"By mail to {person.email}"), ("webhook", "To a webhook")),
        can_mail=room.settings.smtp_host is not None,
        hosts=room.settings.alert_webhook_hosts,
        crumbs=(("Alerts", "/alerts"), ("New alert", "")),
    )


def create(room: Room, request: Request, form: NewRule) -> Response:
    """Make a rule; it tells of what happens from now on."""
    me, searches = signed_in(request).id, _searches(room, request)
    built_in = form.what in (Trigger.ANOMALY, Trigger.UNVERIFIED)
    if not built_in and form.what not in searches:
        raise NotFound("There is no such search.", hint="Save one first.")
    url = form.url.strip() if form.channel is Channel.WEBHOOK else ""
    if form.channel is Channel.WEBHOOK:
        target(room.settings, url)
    elif room.settings.smtp_host is None:
        raise Invalid("No mail server is set, so no mail can be sent.")
    rule = Rule(
        id=new_id(),
        owner=me,
        trigger=Trigger(form.what) if built_in else Trigger.SEARCH,
        search=None if built_in else form.what,
        channel=form.channel,
        url=url,
        is_on=True,
        next=_size(room),
        made=now_ms(),
    )
    room.saved.save_rule(room.audit, _event(rule, "made"), rule)
    flash(request, "The alert is on. It tells of what happens from now on.")
    return RedirectResponse(f"/alerts/{rule.id}", 303)


def one(room: Room, request: Request) -> Response:
    """Show one rule with its newest messages."""
    rule, searches = _mine(room, request), _searches(room, request)
    room.look(request, "alert", {"rule": rule.id})
    outbox = Outbox(room.saved)
    columns: list[Column[Message]] = [
        Column("made", "Message", lambda m: words.when_ms(m.made), sortable=False),
        Column("total", "Tells of", lambda m: m.total, numeric=True, sortable=False),
        Column("state", "State", _fares, sortable=False),
        Column("attempts", "Attempts", lambda m: m.attempts, numeric=True, sortable=False),
    ]
    messages = outbox.messages(rule.id)
    table = tables.page_of(
        messages,
        columns,
        tables.state(request, columns, sort="-made"),
        total=len(messages),
        caption="Newest messages",
        empty="This rule has not had anything to tell yet.",
    )
    name = _title(rule, searches)
    return room.show(
        request,
        "alert.html",
        rule=rule,
        state=_state(rule, messages[0] if messages else None).text,
        name=name,
        how=_how(rule),
        search=searches.get(rule.search or ""),
        waiting=outbox.waiting().get(rule.id, 0),
        table=table,
        crumbs=(("Alerts", "/alerts"), (name, "")),
    )


def switch(room: Room, request: Request, form: Switch) -> Response:
    """Switch a rule on, from now on, or off."""
    rule, on = _mine(room, request), bool(form.on)
    changed = _event(rule, "switched-on" if on else "switched-off")
    room.saved.switch_rule(room.audit, changed, rule.id, at=_size(room) if on else None)
    flash(request, "The alert is on." if on else "The alert is off; what waited is dropped.")
    return RedirectResponse(f"/alerts/{rule.id}", 303)


def delete(room: Room, request: Request, _form: saved.Nothing) -> Response:
    """Delete a rule with its messages."""
    rule = _mine(room, request)
    room.saved.delete_rule(room.audit, _event(rule, "deleted"), rule.id)
    flash(request, "The alert is deleted.")
    return RedirectResponse("/alerts", 303)


def _mine(room: Room, request: Request) -> Rule:
    """Return the rule in the address; raises NotFound for anybody else's."""
    me, id = signed_in(request).id, request.path_params["id"]
    for rule in room.saved.rules():
        if (rule.id, rule.owner) == (id, me):
            return rule
    raise NotFound("There is no such alert.", hint="The list shows yours.")


def _searches(room: Room, request: Request) -> dict[str, Search]:
    return {search.id: search for search in saved.visible(room, signed_in(request).id)}


def _title(rule: Rule, searches: dict[str, Search]) -> str:
    if rule.search is not None and rule.search not in searches:
        return "A search that is no longer shared"
    return title(rule, searches.get(rule.search or ""))


def _how(rule: Rule) -> str:
    host = f" at {urlsplit(rule.url).netloc}" if rule.channel is Channel.WEBHOOK else ""
    return CHANNELS[rule.channel] + host


def _state(rule: Rule, last: Message | None) -> Cell:
    if not rule.is_on:
        return Cell("off", tone="neutral")
    if last is not None and last.trouble:
        return Cell("failing", tone="bad", note=last.trouble)
    return Cell("on", tone="good")


def _fares(message: Message) -> Cell:
    if message.sent is not None:
        return Cell("taken", tone="good")
    if message.trouble:
        return Cell("not taken", tone="bad", note=f"{message.trouble} It is tried again.")
    return Cell("waiting", tone="neutral")


def _last(message: Message | None) -> Markup | None:
    return words.when_ms(message.made) if message else None


def _size(room: Room) -> int:
    with closing(room.log()) as log:
        return log.count()


def _event(rule: Rule, change: str) -> Event:
    host = urlsplit(rule.url).netloc if rule.channel is Channel.WEBHOOK else None
    return Event(
        Action.AUDIT_RULE_CHANGED,
        rule.owner,
        detail={
            "what": "rule", "change": change, "rule": rule.id, "trigger": rule.trigger.value,
            "search": rule.search, "channel": rule.channel.value, "host": host,
        },
    )  # fmt: skip
