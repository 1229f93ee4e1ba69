"""The control store: who and what the agreements in force allow, and which sessions are open.

Everything is read as the nouns of `model`; everything is changed inside `record`, which commits
only after audit has given a receipt. Holds no row of an agency's data, no key and no password.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from enclave import database, documents, migrations, succession, tables
from enclave.errors import Conflict, NotFound, Unavailable
from enclave.events import Event, Receipt
from enclave.model import (
    PROJECT_MOVES,
    Agency,
    Dataset,
    Person,
    Policy,
    ProjectState,
    Session,
)

T = TypeVar("T")

# Each takes as much of the engine's memory as the pinned one: many would keep it from starting.
MOST_OLDER = 3


class Appends(Protocol):
    """Whoever gives a receipt for an event or raises `AuditUnavailable`: the audit client."""

    def append(self, event: Event) -> Receipt:
        """Return proof that the event is durable."""
        ...


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """Where a project stands. `extract_epoch` is None until an extract fits the policy.

    `extract_epoch` is the version of the extract the project is pinned to, `older` the last few
    before it that are kept and were built under the same policy, oldest first.
    """

    id: str
    state: ProjectState
    policy_sha256: str
    extract_epoch: int | None
    older: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """One kept version of a project's extract. `rows` is by view; `built_at` ISO 8601, UTC.

    None and no rows for one that was built before versions were written down.
    """

    project: str
    epoch: int
    policy_sha256: str
    rows: Mapping[str, int]
    built_at: str | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One registered version of a dataset and the Delta versions that hold it."""

    dataset: str
    version: int
    agency: str
    rows: int
    sha256: str
    identifiers_version: int | None
    content_version: int | None
    stored_at: str


class ControlStore:
    """The store at a SQLAlchemy URL (SQLite or PostgreSQL), brought to the newest schema.

    Whoever `only_looks` writes nothing: it has a copy of an SQLite store, empty where there is
    none. Raises `Unavailable` when the database cannot be opened or is newer than this program, or
    older on a server and only looked at.
    """

    def __init__(self, url: str, *, only_looks: bool = False):
        self.engine = database.engine(url, only_looks=only_looks)
        try:
            known, at = migrations.head(), self._version()
            if only_looks and at is None and self.engine.dialect.name != "sqlite":
                self.close()
                self.engine = database.engine("sqlite://", only_looks=True)
            self._writing = self.engine.execution_options(**{database.WRITING: True})
            if at != known:
                self._bring_up_to_date(only_looks=only_looks)
        except BaseException:
            self.close()
            raise

    def _version(self) -> str | None:
        with self.engine.connect() as connection:
            at = migrations.current(connection)
        if at is not None and not migrations.knows(at):
            raise Unavailable(
                "The control store is newer than this program.",
                hint="Bring the program up to date; data is never migrated backwards.",
            )
        return at

    def _bring_up_to_date(self, *, only_looks: bool) -> None:
        if only_looks and self.engine.dialect.name != "sqlite":
            raise Unavailable(
                "The control store is of an earlier version, and looking at it changes nothing.",
                hint="`enclave apply`, or a service that starts, brings it up to date.",
            )
        with self._writing.begin() as connection:
            migrations.upgrade(connection)

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    @contextmanager
    def record(self, audit: Appends, event: Event) -> Iterator[Connection]:
        """Open a transaction that commits only once `audit` has a durable receipt for `event`.

        Raises `AuditUnavailable`, `StoreOlder` where audit knows of later changes than this store
        (or whatever the block raised) with everything rolled back.
        """
        while True:
            with self._writing.begin() as connection:
                succession.begin(connection)  # durable before audit hears of it
            with self._writing.begin() as connection:
                at = succession.read(connection)
                if at.next is None:  # another writer, whose turn was earlier, has gone there
                    continue
                yield connection
                audit.append(at.change(event))
                succession.finish(connection)
                return

    def standing(self, event: Event) -> Event:
        """Return an event with the state this store is in, which audit refuses of an older one."""
        with self.engine.connect() as connection:
            return succession.read(connection).standing(event)

    # Reading -----------------------------------------------------------------------------------

    def people(self) -> Mapping[str, Person]:
        """Return everyone with a role here, by id."""
        return self._all("person", Person)

    def person(self, id: str) -> Person:
        """Return one person; raises `NotFound`."""
        return self._one("person", id, Person)

    def agencies(self) -> Mapping[str, Agency]:
        """Return the Participating Agencies, by id."""
        return self._all("agency", Agency)

    def datasets(self) -> Mapping[str, Dataset]:
        """Return every described dataset, by id."""
        return self._all("dataset", Dataset)

    def dataset(self, id: str) -> Dataset:
        """Return one dataset's dictionary; raises `NotFound`."""
        return self._one("dataset", id, Dataset)

    def hashes(self, kind: str) -> Mapping[str, str]:
        """Return the SHA-256 of every document of a kind, by id."""
        table = tables.documents
        with self.engine.connect() as connection:
            rows = connection.execute(select(table.c.id, table.c.sha256).where(_is(kind)))
            return {row.id: row.sha256 for row in rows}

    def body(self, kind: str, id: str) -> str | None:
        """Return a document's stored JSON, or None."""
        table = tables.documents
        with self.engine.connect() as connection:
            found = select(table.c.body).where(_is(kind), table.c.id == id)
            return connection.execute(found).scalar_one_or_none()

    def projects(self) -> tuple[ProjectRow, ...]:
        """Return every project ever provisioned, closed ones too, by id."""
        with self.engine.connect() as connection:
            return _projects(connection)

    def project(self, id: str) -> ProjectRow:
        """Return where one project stands; raises `NotFound`."""
        with self.engine.connect() as connection:
            return find_project(connection, id)

    def policy(self, project: str) -> Policy:
        """Return what the project's agreement allows; raises `NotFound`."""
        with self.engine.connect() as connection:
            found = select(tables.projects.c.policy).where(tables.projects.c.id == project)
            body = connection.execute(found).scalar_one_or_none()
        if body is None:
            raise _no_project(project)
        return documents.read(Policy, body)

    def sessions(self, project: str | None = None) -> tuple[Session, ...]:
        """Return the open sessions, of one project or of all, by id."""
        table = tables.sessions
        found = select(table.c.id, table.c.person, table.c.project).where(
            table.c.closed_at.is_(None)
        )
        if project is not None:
            found = found.where(table.c.project == project)
        with self.engine.connect() as connection:
            rows = connection.execute(found.order_by(table.c.id))
            return tuple(Session(row.id, row.person, row.project) for row in rows)

    def versions(self, project: str) -> tuple[Version, ...]:
        """Return the versions of a project's extract that are kept, oldest first."""
        kept = select(tables.versions).where(kept_versions(project)).order_by("epoch")
        with self.engine.connect() as connection:
            return tuple(version_of(row) for row in connection.execute(kept))

    def last_version(self, project: str) -> int:
        """Return the highest number a project's versions ever had, forgotten ones too; or 0."""
        table = tables.versions
        newest = select(func.max(table.c.epoch)).where(table.c.project == project)
        with self.engine.connect() as connection:
            return connection.execute(newest).scalar_one() or 0

    def deliveries(self, dataset: str | None = None) -> tuple[DeliveryRow, ...]:
        """Return registered deliveries, of one dataset or of all, oldest version first."""
        table = tables.deliveries
        found = select(table).order_by(table.c.dataset, table.c.version)
        if dataset is not None:
            found = found.where(table.c.dataset == dataset)
        with self.engine.connect() as connection:
            return tuple(DeliveryRow(**row._asdict()) for row in connection.execute(found))

    def _all(self, kind: str, noun: type[T]) -> dict[str, T]:
        table = tables.documents
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(table.c.id, table.c.body).where(_is(kind)).order_by(table.c.id)
            )
            return {row.id: documents.read(noun, row.body) for row in rows}

    def _one(self, kind: str, id: str, noun: type[T]) -> T:
        body = self.body(kind, id)
        if body is None:
            raise NotFound(f"There is no {kind} “{id}”.")
        return documents.read(noun, body)


# Changing: only on the connection that `ControlStore.record` gives -----------------------------


def put(connection: Connection, kind: str, id: str, noun: object) -> str:
    """Store a document in place of the one with that id; return its SHA-256."""
    body = documents.canonical(noun).decode()
    drop(connection, kind, id)
    row = {"kind": kind, "id": id, "body": body, "sha256": documents.sha256(body)}
    connection.execute(insert(tables.documents).values(row))
    return row["sha256"]


def drop(connection: Connection, kind: str, id: str) -> None:
    """Forget a document."""
    connection.execute(delete(tables.documents).where(_is(kind), tables.documents.c.id == id))


def provision(connection: Connection, policy: Policy) -> None:
    """Add a project under its policy; raises `Conflict` when the id was ever used."""
    used = select(tables.projects.c.id).where(tables.projects.c.id == policy.project)
    if connection.execute(used).first():
        raise Conflict(
            f"The project id “{policy.project}” has been used before.",
            hint="Ids are never used twice, since outputs and log entries carry them.",
        )
    row = {"id": policy.project, "state": ProjectState.PROVISIONED.value, **_policy(policy)}
    connection.execute(insert(tables.projects).values(row))


def amend(connection: Connection, policy: Policy) -> None:
    """Put a new policy in place; the extract made under the old one no longer counts."""
    if find_project(connection, policy.project).state is ProjectState.CLOSED:
        raise Conflict(f"The project “{policy.project}” is closed and cannot be amended.")
    set_project(connection, policy.project, extract_epoch=None, **_policy(policy))


def move(connection: Connection, project: str, to: ProjectState, *, epoch: int | None) -> None:
    """Move a project to a state and note its extract's epoch; a closed one keeps no version.

    Raises `Conflict` where `model.PROJECT_MOVES` does not lead there.
    """
    at = find_project(connection, project).state
    if to not in PROJECT_MOVES[at]:
        raise Conflict(f"The project “{project}” is {at.value} and cannot become {to.value}.")
    set_project(connection, project, state=to.value, extract_epoch=epoch)
    if to is ProjectState.CLOSED:
        forget_versions(connection, kept_versions(project))


def find_project(connection: Connection, id: str) -> ProjectRow:
    """Return where a project stands as this transaction sees it; raises `NotFound`."""
    found = _projects(connection, id)
    if not found:
        raise _no_project(id)
    return found[0]


def set_project(connection: Connection, id: str, **values: Any) -> None:
    """Change columns of a project's row, which is there."""
    table = tables.projects
    connection.execute(update(table).where(table.c.id == id).values(**values))


def _policy(policy: Policy) -> dict[str, str]:
    body = documents.canonical(policy).decode()
    return {"policy": body, "policy_sha256": documents.sha256(body)}


def _projects(connection: Connection, id: str | None = None) -> tuple[ProjectRow, ...]:
    table, versions = tables.projects, tables.versions
    older = (
        select(versions.c.project, versions.c.epoch)
        .join(table, table.c.id == versions.c.project)
        .where(
            versions.c.forgotten_at.is_(None),
            versions.c.policy_sha256 == table.c.policy_sha256,
            versions.c.epoch < table.c.extract_epoch,
        )
    )
    found = select(
        table.c.id, table.c.state, table.c.policy_sha256, table.c.extract_epoch
    ).order_by(table.c.id)
    if id is not None:
        older, found = older.where(table.c.id == id), found.where(table.c.id == id)
    before: dict[str, tuple[int, ...]] = {}
    for row in connection.execute(older.order_by(versions.c.epoch)):
        before[row.project] = (*before.get(row.project, ()), row.epoch)
    return tuple(
        ProjectRow(
            row.id,
            ProjectState(row.state),
            row.policy_sha256,
            row.extract_epoch,
            before.get(row.id, ())[-MOST_OLDER:],
        )
        for row in connection.execute(found)
    )


def version_of(row: Any) -> Version:
    """Return a row of `tables.versions` as a version."""
    rows = json.loads(row.rows)
    return Version(row.project, row.epoch, row.policy_sha256, rows, row.built_at)


def _no_project(id: str) -> NotFound:
    return NotFound(f"There is no project “{id}”.", hint="`enclave project list` names them all.")


def _is(kind: str) -> Any:
    return tables.documents.c.kind == kind


def kept_versions(project: str) -> ColumnElement[bool]:
    """Return the condition on `tables.versions` for the versions a project keeps."""
    table = tables.versions
    return (table.c.project == project) & table.c.forgotten_at.is_(None)


def forget_versions(connection: Connection, chosen: ColumnElement[bool]) -> None:
    """Keep the chosen versions no longer; that they were there stays known."""
    connection.execute(update(tables.versions).where(chosen).values(forgotten_at=now()))


def now() -> str:
    """Return the time as versions carry it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
