"""The pages of entries: overview, list, and one entry with the proof that it is in the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from audit import merkle
from audit.log import Entry
from audit.note import Checkpoint
from audit.retention import origin_of
from audit.search import Browser, Wanted
from audit.sentences import MOST_LISTED, TITLES, Fact, is_person, sentence, told
from audit.web import asking, charting
from audit.web.memory import ONE
from audit.web.room import Room
from enclave.events import Action, Verdict
from enclave.web import tables, words
from enclave.web.tables import Cell, Column

TONES: Mapping[Verdict, Any] = {
    Verdict.ALLOWED: "good",
    Verdict.DENIED: "bad",
    Verdict.REWRITTEN: "info",
    Verdict.FAILED: "warn",
}
RECENT = 8
MOST_REMOVALS = 100
MOST_SHOWN = 20_000  # bytes of a text that is no event
QUERIES = frozenset({Action.QUERY_INTENT, Action.QUERY_OUTCOME, Action.QUERY_EXPLAINED})


def columns(names: Mapping[str, str]) -> list[Column[Fact]]:
    """Return the columns of a list of entries."""
    return [
        Column("index", "Entry", lambda f: Cell(f"{f.index:,}", f"/events/{f.index}"), sort=None),
        Column("time", "Time", lambda f: words.when_ms(f.time), sortable=False),
        Column("what", "What happened", lambda f: _what(f, names), sortable=False),
        Column("data", "Data of", _data, sortable=False),
        Column("verdict", "Verdict", verdict, sortable=False),
    ]


def _what(fact: Fact, names: Mapping[str, str]) -> Cell:
    """Return the sentence; under a query or a refusal the clause that decided it."""
    return Cell(sentence(fact, names), note=under(fact))


def under(fact: Fact) -> str | None:
    """Return by which clause a query was allowed, or anything refused."""
    if not fact.clause:
        return None
    if fact.verdict is Verdict.DENIED:
        return f"Refused under {fact.clause}"
    return f"Allowed under {fact.clause}" if fact.action in QUERIES else None


def _data(fact: Fact) -> Cell | None:
    if not fact.agencies and not fact.datasets:
        return None
    agencies = _some(tuple(agency.upper() for agency in fact.agencies))
    return Cell(agencies or "unnamed", note=_some(fact.datasets) or None)


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MOST_LISTED:,} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def verdict(fact: Fact) -> Cell:
    """Return the verdict as a tag."""
    return Cell(asking.VERDICTS[fact.verdict], tone=TONES[fact.verdict])


def overview(room: Room, request: Request) -> Response:
    """Show how much happened when, and what was refused lately."""
    room.look(request, "overview")
    with room.browse(request) as browser:
        everything, denied = Wanted(), Wanted(verdict=Verdict.DENIED)
        context = {
            "total": browser.count(everything),
            "denied": browser.count(denied),
            "people": len(browser.choices("actor")),
            "projects": len(browser.choices("project")),
            "charts": [charting.by_day(browser, everything), charting.by_hour(browser, everything)],
            "refusals": browser.find(denied, limit=RECENT),
            "recent": browser.find(everything, limit=RECENT),
        }
    return room.show(request, "overview.html", names=room.names(), **words_of(), **context)


def listing(room: Room, request: Request) -> Response:
    """Show the entries that fit the filters, newest first, with their charts."""
    asked, names = asking.wanted(request), room.names()
    at = tables.state(request, columns(names), sort="-index")
    with room.browse(request) as browser:
        total = browser.count(asked)
        at = replace(at, page=min(at.page, max(1, -(-total // at.size))))
        kept = {"number": at.page, "found": total, **asking.logged(asked)}
        room.look(request, "events", kept)
        found = browser.find(asked, offset=at.offset, limit=at.size, newest_first=at.descending)
        table = tables.page_of(
            found,
            columns(names),
            at,
            total=total,
            caption="Entries",
            empty="Nothing has been logged yet.",
            filters=asking.filters(browser, names),
        )
        drawn = charting.whole(browser, asked)
        hidden = 0 if asked.lookups or asked.action else _lookups(browser, asked)
    context = {
        "charts": drawn if total else (),
        "hidden": hidden,
        "show_all": at.link(lookups="yes", page=None),
        "download": replace(at, path="/events.jsonl").link(page=None, size=None, sort=None),
    }
    return room.show(request, "events.html", table=table, **context)


def _lookups(browser: Browser, asked: Wanted) -> int:
    """Return how many entries that looking into this log has made are left out of a list."""
    return browser.count(replace(asked, action=Action.AUDIT_SEARCHED.value))


def entry(room: Room, request: Request) -> Response:
    """Show one entry: the sentence, the facts, the exact text that is hashed."""
    found = room.entry(request, request.path_params["index"])
    room.look(request, "entry", {"entry": found.index})
    names, fact = room.names(), told(found.index, found.body)
    return room.show(
        request,
        "entry.html",
        entry=found,
        fact=fact,
        text=_text(found, fact),
        related=_related(room, request, fact),
        removals=_removals(room, request, found),
        names=names,
        **words_of(),
    )


def _text(entry: Entry, fact: Fact | None) -> str:
    """Return an entry's text as it is read best; what is no event, as it stands."""
    if fact is None:
        return (entry.body or b"")[:MOST_SHOWN].decode(errors="backslashreplace")
    return json.dumps(json.loads(entry.body or b""), indent=2, ensure_ascii=False)


def _removals(room: Room, request: Request, entry: Entry) -> list[Fact]:
    """Return the removals that an entry without a text may have been part of, mostly one."""
    if entry.body is not None:
        return []
    origin, asked = origin_of(room.files), Wanted(action=Action.AUDIT_PURGED.value)
    with room.browse(request) as browser:
        found = browser.find(asked, limit=MOST_REMOVALS, newest_first=False)
    return [fact for fact in found if _removed(fact.detail, origin, entry.index)]


def _removed(detail: Mapping[str, Any], origin: str, index: int) -> bool:
    """Say whether a removal's event, unless somebody has rewritten it, tells of this entry."""
    first, last = detail.get("first"), detail.get("last")
    if type(first) is not int or type(last) is not int or not {"before", "ground"} <= detail.keys():
        return False
    return detail.get("log") == origin and first <= index <= last


def _related(room: Room, request: Request, fact: Fact | None) -> list[Fact]:
    """Return the other entries of the same query."""
    if fact is None or fact.intent is None:
        return []
    with room.browse(request) as browser:
        found = browser.find(Wanted(intent=fact.intent, lookups=True), newest_first=False)
    return [other for other in found if other.index != fact.index]


@dataclass(frozen=True, slots=True)
class Proof:
    """An inclusion proof worked out in front of the auditor; `problem` says why it failed."""

    checkpoint: Checkpoint
    leaf: bytes
    steps: tuple[merkle.Step, ...] = ()
    problem: str | None = None


def proof(room: Room, request: Request) -> Response:
    """Work out the path from the entry's text to the signed root, and show every step."""
    standing = room.watch.look()
    found, checkpoint = room.entry(request, request.path_params["index"]), standing.checkpoint
    if checkpoint is None or checkpoint.size <= found.index:
        worked = None
    else:
        with closing(room.log()) as log:
            path = merkle.inclusion_proof(log.node, found.index, checkpoint.size)
            worked = _work(found, checkpoint, path)
    wrong = worked is not None and worked.problem is not None
    kept = {"entry": found.index, "passed": worked is not None and not wrong}
    room.verified(request, ONE, kept, wrong=wrong)
    note = room.files.checkpoint.read_text()
    fact = told(found.index, found.body)
    return room.show(
        request,
        "proof.html",
        entry=found,
        fact=fact,
        proof=worked,
        note=note,
        names=room.names(),
        interval=room.settings.audit_checkpoint_seconds,
        **words_of(),
    )


def _work(found: Entry, checkpoint: Checkpoint, path: list[bytes]) -> Proof:
    leaf = found.leaf if found.body is None else merkle.leaf_hash(found.body)
    try:
        steps = tuple(merkle.climb(leaf, found.index, checkpoint.size, path))
    except merkle.ProofError as error:
        return Proof(checkpoint, leaf, problem=f"{error}".capitalize() + ".")
    end = steps[-1].result if steps else leaf
    if end != checkpoint.root:
        return Proof(checkpoint, leaf, steps, "The path leads to another root than the signed one.")
    return Proof(checkpoint, leaf, steps)


def words_of() -> dict[str, Any]:
    """Return what templates need to put facts into words."""
    return {
        "sentence": sentence,
        "is_person": is_person,
        "titles": TITLES,
        "verdicts": asking.VERDICTS,
        "tones": TONES,
    }
