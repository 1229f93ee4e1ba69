"""The pages of saved searches: a name for the filters in an address, kept, shared, run again.

A search is its filters and nothing else: whoever runs a shared one sees what they may see. Shared
searches are seen by people of the same sight only: auditors', or stewards' of the same agency.
"""

from __future__ import annotations

from dataclasses import fields
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from audit.saved import Search, checked_name, may_use, new_id, now_ms
from audit.search import Wanted
from audit.sentences import TITLES
from audit.web import asking
from audit.web.room import Room
from enclave.errors import Invalid, NotFound
from enclave.events import Action, Event, Scalar
from enclave.web import tables, words
from enclave.web.app import flash, signed_in
from enclave.web.tables import Cell, Column

FILTERS = tuple(field.name for field in fields(Wanted) if field.name != "folded")
LABELS = {"since": "From day", "until": "To day", "words": "Words", "action": "What happened"}
MOST_LETTERS = 2000


class NewSearch(BaseModel):
    """The form that saves a search."""

    model_config = ConfigDict(extra="forbid")
    asked: str
    name: str
    shared: str = ""


class Sharing(BaseModel):
    """The button that shows a search to others, or no more."""

    model_config = ConfigDict(extra="forbid")
    shared: str = ""


class Nothing(BaseModel):
    """A form that is one button."""

    model_config = ConfigDict(extra="forbid")


def listing(room: Room, request: Request) -> Response:
    """List one's own searches and those that others share."""
    me, names = signed_in(request).id, room.names()
    room.look(request, "saved")
    columns: list[Column[Search]] = [
        Column("name", "Search", lambda s: Cell(s.name, f"/events?{s.asked}", note=described(s))),
        Column("open", "More", lambda s: Cell("Details", f"/saved/{s.id}"), sortable=False),
        Column("owner", "Saved by", lambda s: names.get(s.owner, s.owner)),
        Column("shared", "Shared", lambda s: "yes" if s.shared else "no"),
        Column("made", "Saved", lambda s: words.when_ms(s.made), sort=lambda s: s.made),
    ]
    at = tables.state(request, columns, sort="name")
    table = tables.of(
        visible(room, me),
        columns,
        at,
        caption="Saved searches",
        empty="No search has been saved yet. Set filters on the page of events and save them.",
        next_step=("Events", "/events"),
    )
    return room.show(request, "saved.html", table=table)


def new(room: Room, request: Request) -> Response:
    """Show the form that saves the filters in the address."""
    asked = canonical(request.url.query)
    room.look(request, "save")
    search = Search("", "", "", asked, False, 0)
    crumbs = (("Saved searches", "/saved"), ("Save a search", ""))
    return room.show(
        request, "saved_new.html", asked=asked, described=described(search), crumbs=crumbs
    )


def create(room: Room, request: Request, form: NewSearch) -> Response:
    """Save a search."""
    asked, name = canonical(form.asked), checked_name(form.name)
    wanted = asking.read(dict(parse_qsl(asked)))  # what does not parse is not kept
    me = signed_in(request).id
    search = Search(new_id(), me, name, asked, bool(form.shared), now_ms())
    room.saved.save_search(
        room.audit, event(me, "saved", search.id, shared=search.shared, **asking.logged(wanted)),
        search,
    )  # fmt: skip
    flash(request, "The search is saved.")
    return RedirectResponse(f"/saved/{search.id}", 303)


def one(room: Room, request: Request) -> Response:
    """Show one search: its filters, and what can be done with it."""
    me, found = signed_in(request).id, find(room, request)
    room.look(request, "saved", {"search": found.id})
    owner = room.names().get(found.owner, found.owner)
    crumbs = (("Saved searches", "/saved"), (found.name, ""))
    return room.show(
        request,
        "saved_one.html",
        search=found,
        filters=labelled(found),
        owner=owner,
        is_mine=found.owner == me,
        crumbs=crumbs,
    )


def share(room: Room, request: Request, form: Sharing) -> Response:
    """Show one's search to others, or no more."""
    found = mine(room, request)
    shared = bool(form.shared)
    changed = event(found.owner, "shared" if shared else "unshared", found.id)
    room.saved.share_search(room.audit, changed, found.id, shared=shared)
    flash(request, "Others see this search now." if shared else "Only you see this search now.")
    return RedirectResponse(f"/saved/{found.id}", 303)


def delete(room: Room, request: Request, _form: Nothing) -> Response:
    """Delete one's search, with every alert rule on it."""
    found = mine(room, request)
    room.saved.delete_search(room.audit, event(found.owner, "deleted", found.id), found.id)
    flash(request, "The search is deleted, and so are the alerts on it.")
    return RedirectResponse("/saved", 303)


def visible(room: Room, me: str) -> list[Search]:
    """Return the searches somebody may see."""
    people = room.store.people()
    return [search for search in room.saved.searches() if may_use(search, me, people)]


def find(room: Room, request: Request) -> Search:
    """Return the search in the address; raises NotFound for another's that is not shared."""
    id = request.path_params["id"]
    for search in visible(room, signed_in(request).id):
        if search.id == id:
            return search
    raise NotFound("There is no such search.", hint="The list shows those there are.")


def mine(room: Room, request: Request) -> Search:
    """Return one's own search; raises NotFound for anybody else's."""
    found = find(room, request)
    if found.owner != signed_in(request).id:
        raise NotFound("Only whoever saved a search can change it.")
    return found


def canonical(query: str) -> str:
    """Return the filters of an address in one order, and nothing else of it."""
    if len(query) > MOST_LETTERS:
        raise Invalid("These filters are too long to be saved.")
    given = {name: value for name, value in parse_qsl(query) if value}
    return urlencode({name: given[name] for name in FILTERS if name in given})


def labelled(search: Search) -> list[tuple[str, str]]:
    """Return the filters as (label, value)."""
    return [
        (LABELS.get(name, name.capitalize()), _value(name, value))
        for name, value in parse_qsl(search.asked)
    ]


def described(search: Search) -> str:
    """Return the filters as one line."""
    return "; ".join(f"{label}: {value}" for label, value in labelled(search)) or "every entry"


def _value(name: str, value: str) -> str:
    if name == "action" and value in list(Action):
        return TITLES[Action(value)]
    return value


def event(person: str, change: str, search: str, **detail: Scalar) -> Event:
    """Return what the log keeps of a change: never the name, which may be anybody's."""
    what = {"what": "search", "change": change, "search": search}
    return Event(Action.AUDIT_RULE_CHANGED, person, detail={**what, **detail})
