"""Requests, votes and comments in the control store: reading, and writing inside a transaction.

Every writing function takes the connection of a `ControlStore.record` block, so nothing changes
without its audit event. No rule is decided here; `service` asks `policy` and `permissions` first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from egress_review.model import (
    Comment,
    FileKind,
    Note,
    Opinion,
    OutputFile,
    Request,
    Standing,
    State,
    Vote,
)
from enclave import documents, tables
from enclave.errors import Conflict, NotFound
from enclave.events import Action, Receipt
from enclave.model import Policy

metadata = MetaData()

requests = Table(
    "egress_request",
    metadata,
    Column("id", Text, primary_key=True),
    *(
        Column(name, Text, nullable=False)
        for name in (
            "project",
            "person",
            "session",
            "title",
            "context",
            "state",
            "submitted_at",
            "changed_at",
            "agencies",
            "views",
            "shown",
            "sentence",
            "summary",
            "replaces",
            "checkers",
            "opened_at",
            "due_at",
            "destroyed_at",
        )
    ),
    Column("persons", Integer, nullable=False),
    Column("checkers_needed", Integer, nullable=False),
)
files = Table(
    "egress_file",
    metadata,
    Column("request", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    *(
        Column(name, Text, nullable=False)
        for name in ("name", "kind", "queries", "drawn_from", "standing", "notes", "summary")
    ),
    Column("persons", Integer, nullable=False),
)
votes = Table(
    "egress_vote",
    metadata,
    Column("request", Text, primary_key=True),
    Column("agency", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("approve", Boolean, nullable=False),
    Column("comment", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("voted_at", Text, nullable=False),
    Column("ticked", Boolean, nullable=False),
)
opinions = Table(
    "egress_opinion",
    metadata,
    Column("request", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("fit", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("found_at", Text, nullable=False),
)
comments = Table(
    "egress_comment",
    metadata,
    Column("request", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("person", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("said_at", Text, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("asks_for_changes", Boolean, nullable=False),
)
receipts = Table(
    "egress_receipt",
    metadata,
    Column("request", Text, primary_key=True),
    Column("entry", BigInteger, primary_key=True),
    Column("leaf", Text, nullable=False),
    Column("action", Text, nullable=False),
)


notices = Table(
    "egress_notice",
    metadata,
    Column("id", Text, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("person", "request", "kind", "written_at")),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Text, nullable=False),
    Column("sent_at", Text, nullable=False),
)
preferences = Table(
    "egress_preference",
    metadata,
    Column("person", Text, primary_key=True),
    Column("notices", Text, nullable=False),
)


class ReviewStore:
    """Reads what the review room keeps."""

    def __init__(self, engine: Engine):
        self._engine = engine

    def request(self, id: str) -> Request:
        """Return one request. Raises `NotFound`."""
        with self._engine.connect() as connection:
            return read_request(connection, id)

    def requests(
        self,
        *,
        person: str | None = None,
        project: str | None = None,
        states: Collection[State] | None = None,
    ) -> tuple[Request, ...]:
        """Return requests, oldest first, of one person, one project, in some states."""
        query = select(requests).order_by(requests.c.submitted_at, requests.c.id)
        if person is not None:
            query = query.where(requests.c.person == person)
        if project is not None:
            query = query.where(requests.c.project == project)
        if states is not None:
            query = query.where(requests.c.state.in_([state.value for state in states]))
        with self._engine.connect() as connection:
            return _requests(connection, connection.execute(query).all())

    def replacing(self, id: str) -> tuple[Request, ...]:
        """Return the requests submitted in place of one, oldest first."""
        query = select(requests.c.id).where(requests.c.replaces == id)
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(requests.c.submitted_at)).scalars().all()
            return tuple(read_request(connection, one) for one in found)

    def votes(self, request: str) -> tuple[Vote, ...]:
        """Return a request's votes, oldest first."""
        with self._engine.connect() as connection:
            return read_votes(connection, request)

    def votes_on(self, requests: Collection[str]) -> Mapping[str, tuple[Vote, ...]]:
        """Return the votes on several requests, oldest first, in one question to the store."""
        found: dict[str, list[Vote]] = {id: [] for id in requests}
        query = select(votes).where(votes.c.request.in_(found)).order_by(votes.c.voted_at)
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                found[row.request].append(_vote(row))
        return {id: tuple(several) for id, several in found.items()}

    def voted(self, person: str) -> frozenset[str]:
        """Return the ids of the requests a person has voted on."""
        query = select(votes.c.request).where(votes.c.person == person)
        with self._engine.connect() as connection:
            return frozenset(connection.execute(query).scalars())

    def comments(self, request: str) -> tuple[Comment, ...]:
        """Return a request's comments, oldest first, private ones too: see `thread`."""
        with self._engine.connect() as connection:
            return read_comments(connection, request)

    def opinions(self, request: str) -> tuple[Opinion, ...]:
        """Return the output checkers' opinions, oldest first, hidden ones too: see `thread`."""
        with self._engine.connect() as connection:
            return read_opinions(connection, request)

    def receipts(self, request: str) -> tuple[tuple[str, Receipt], ...]:
        """Return (action, receipt) of each step that had one, oldest first."""
        query = select(receipts).where(receipts.c.request == request).order_by(receipts.c.entry)
        with self._engine.connect() as connection:
            rows = connection.execute(query)
            return tuple((row.action, Receipt(row.entry, row.leaf)) for row in rows)


# Inside a transaction --------------------------------------------------------------------------


def read_request(connection: Connection, id: str) -> Request:
    """Return one request as the transaction sees it. Raises `NotFound`."""
    row = connection.execute(select(requests).where(requests.c.id == id)).first()
    if row is None:
        raise NotFound("There is no such request.", hint="Your list shows what you may open.")
    return _requests(connection, [row])[0]


def _requests(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[Request, ...]:
    held = _read_files(connection, [row.id for row in rows])
    named = _read_researchers(connection, {row.project for row in rows})
    return tuple(_request(row, held[row.id], named[row.project]) for row in rows)


def _read_researchers(
    connection: Connection, projects: Collection[str]
) -> Mapping[str, frozenset[str]]:
    """Return whom each project's agreement names as a researcher as the transaction sees it."""
    agreed = tables.projects.c
    query = select(agreed.id, agreed.policy).where(agreed.id.in_(projects))
    rows = connection.execute(query)
    return {row.id: documents.read(Policy, row.policy).researchers for row in rows}


def _read_files(
    connection: Connection, requests: Collection[str]
) -> Mapping[str, tuple[OutputFile, ...]]:
    found: dict[str, list[OutputFile]] = {id: [] for id in requests}
    query = select(files).where(files.c.request.in_(found)).order_by(files.c.number)
    for row in connection.execute(query):
        found[row.request].append(_file(row))
    return {id: tuple(several) for id, several in found.items()}


def read_votes(connection: Connection, request: str) -> tuple[Vote, ...]:
    """Return a request's votes as the transaction sees them."""
    query = select(votes).where(votes.c.request == request).order_by(votes.c.voted_at)
    return tuple(_vote(row) for row in connection.execute(query))


def _vote(r: Row[Any]) -> Vote:
    at = _time(r.voted_at)
    return Vote(r.request, r.agency, r.person, r.approve, r.comment, r.shown, at, r.ticked)


def read_comments(connection: Connection, request: str) -> tuple[Comment, ...]:
    """Return a request's comments as the transaction sees them."""
    query = select(comments).where(comments.c.request == request).order_by(comments.c.number)
    return tuple(
        Comment(r.request, r.person, r.body, _time(r.said_at), r.private, r.asks_for_changes)
        for r in connection.execute(query)
    )


def read_opinions(connection: Connection, request: str) -> tuple[Opinion, ...]:
    """Return the output checkers' opinions as the transaction sees them."""
    query = select(opinions).where(opinions.c.request == request).order_by(opinions.c.found_at)
    return tuple(
        Opinion(r.request, r.person, r.fit, r.body, r.shown, _time(r.found_at))
        for r in connection.execute(query)
    )


def add_request(connection: Connection, request: Request) -> None:
    """Insert a new request with its files."""
    connection.execute(insert(requests).values(_row(request) | {"destroyed_at": ""}))
    connection.execute(insert(files), list(_file_rows(request)))


def undestroyed(engine: Engine, states: Collection[State], before: datetime) -> tuple[str, ...]:
    """Return the ids of requests in some states since before a time whose originals still lie."""
    query = select(requests.c.id).where(
        requests.c.state.in_([state.value for state in states]),
        requests.c.changed_at < before.isoformat(),
        requests.c.destroyed_at == "",
    )
    with engine.connect() as connection:
        return tuple(connection.execute(query.order_by(requests.c.id)).scalars())


def note_destroyed(connection: Connection, id: str, at: datetime) -> None:
    """Write down that a request's originals are destroyed."""
    mine = update(requests).where(requests.c.id == id)
    connection.execute(mine.values(destroyed_at=at.isoformat()))


def hold(connection: Connection, id: str) -> Request:
    """Lock a request until the transaction ends, then return it: two deciders take turns."""
    touched = update(requests).where(requests.c.id == id).values(id=requests.c.id)
    connection.execute(touched)
    return read_request(connection, id)


def change(connection: Connection, request: Request) -> None:
    """Write back a request that `hold` returned, and what was found of its files."""
    connection.execute(update(requests).where(requests.c.id == request.id).values(_row(request)))
    for row in _file_rows(request):
        mine = (files.c.request == row["request"]) & (files.c.number == row["number"])
        connection.execute(update(files).where(mine).values(row))


def add_vote(connection: Connection, vote: Vote) -> None:
    """Insert a vote. Raises `Conflict` if the agency has voted."""
    row = {
        "request": vote.request,
        "agency": vote.agency,
        "person": vote.person,
        "approve": vote.approve,
        "comment": vote.comment,
        "shown": vote.shown,
        "voted_at": vote.at.isoformat(),
        "ticked": vote.ticked,
    }
    try:
        connection.execute(insert(votes).values(row))
    except IntegrityError:
        raise Conflict(
            "Your agency has already decided on this request.",
            hint="One decision an agency; open the request again to see it.",
        ) from None


def add_opinion(connection: Connection, opinion: Opinion) -> None:
    """Insert a opinion. Raises `Conflict` if this checker has given theirs."""
    row = {
        "request": opinion.request,
        "person": opinion.person,
        "fit": opinion.fit,
        "body": opinion.text,
        "shown": opinion.shown,
        "found_at": opinion.at.isoformat(),
    }
    try:
        connection.execute(insert(opinions).values(row))
    except IntegrityError:
        raise Conflict("You have already given your finding on this request.") from None


def add_receipt(connection: Connection, request: str, action: Action, receipt: Receipt) -> None:
    """Note audit's receipt for a step, inside the transaction that the step is."""
    row = {"request": request, "entry": receipt.index, "leaf": receipt.leaf}
    connection.execute(insert(receipts).values(**row, action=action.value))


def add_comment(connection: Connection, comment: Comment) -> None:
    """Insert a comment as the next one of its request, which must be held."""
    mine = comments.c.request == comment.request
    number = connection.execute(select(func.count()).where(mine)).scalar_one()
    row = {"request": comment.request, "number": number + 1, "person": comment.person}
    row |= {"body": comment.text, "said_at": comment.at.isoformat()}
    row |= {"private": comment.private, "asks_for_changes": comment.asks_for_changes}
    connection.execute(insert(comments).values(row))


def _row(request: Request) -> dict[str, Any]:
    return {
        "id": request.id,
        "project": request.project,
        "person": request.person,
        "session": request.session,
        "title": request.title,
        "context": request.context,
        "state": request.state.value,
        "submitted_at": request.submitted_at.isoformat(),
        "changed_at": request.changed_at.isoformat(),
        "agencies": json.dumps(request.agencies),
        "views": json.dumps(request.views),
        "persons": request.persons,
        "shown": request.shown,
        "sentence": request.sentence,
        "summary": json.dumps(dict(request.summary)),
        "replaces": request.replaces,
        "checkers": json.dumps(request.checkers),
        "checkers_needed": request.checkers_needed,
        "opened_at": _text(request.opened_at),
        "due_at": _text(request.due_at),
        "destroyed_at": _text(request.destroyed_at),
    }


def _file_rows(request: Request) -> Iterable[dict[str, Any]]:
    for number, one in enumerate(request.files, start=1):
        yield {
            "request": request.id,
            "number": number,
            "name": one.name,
            "kind": one.kind.value,
            "queries": json.dumps(one.queries),
            "drawn_from": one.drawn_from,
            "standing": one.standing.value,
            "persons": one.persons,
            "notes": json.dumps([[note.code, note.sentence] for note in one.notes]),
            "summary": json.dumps(dict(one.summary)),
        }


def _file(row: Row[Any]) -> OutputFile:
    return OutputFile(
        name=row.name,
        kind=FileKind(row.kind),
        queries=tuple(json.loads(row.queries)),
        drawn_from=row.drawn_from,
        standing=Standing(row.standing),
        persons=row.persons,
        notes=tuple(Note(code, sentence) for code, sentence in json.loads(row.notes)),
        summary=json.loads(row.summary),
    )


def _request(row: Row[Any], held: tuple[OutputFile, ...], researchers: frozenset[str]) -> Request:
    plain = dict(row._mapping) | {"files": held, "researchers": researchers}
    for name in ("agencies", "views", "checkers"):
        plain[name] = tuple(json.loads(plain[name]))
    plain["summary"] = json.loads(plain["summary"])
    plain["state"] = State(plain["state"])
    plain["submitted_at"] = _time(plain["submitted_at"])
    plain["changed_at"] = _time(plain["changed_at"])
    for name in ("opened_at", "due_at", "destroyed_at"):
        plain[name] = _time(plain[name]) if plain[name] else None
    return Request(**plain)


def _text(time: datetime | None) -> str:
    return time.isoformat() if time else ""


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
