"""A small enclave up to the door: real store, audit, extract, journal, egress service.

Two agencies, two views, four hundred people with a fixed seed, and the cast that reviews.
"""

from __future__ import annotations

import atexit
import io
import random
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from egress_review.intake import describe
from egress_review.model import FileKind, OutputFile, Request, State
from egress_review.reviewing import Ballot
from egress_review.service import ReviewService
from egress_review.submission import Handed, Submission
from enclave.audit_client import AuditClient
from enclave.events import Action, Event, Verdict
from enclave.gateway.engine_duckdb import open_engine
from enclave.gateway.journal import Entry, Journal, Outcome
from enclave.model import (
    PERSON_ID,
    Agency,
    Column,
    ColumnRole,
    DisclosureRules,
    FieldType,
    Person,
    Policy,
    ProjectState,
    QueryMode,
    Role,
    Session,
    Unverified,
    View,
)
from enclave.sessions import open_session
from enclave.settings import Settings
from enclave.store import ControlStore, amend, move, provision, put
from enclave.vault import keys
from enclave.vault.extract import open_extract
from tests.support.extracts import make_extract, pseudonyms

# Short names of columns are no fault of what most tests submit: here they are explained.
CONTEXT = (
    "For the annual report; a, c, g, h, k, p, t, w, x are groups, f, m, r, s numbers of theirs."
)
R, V = Role.RESEARCHER, Role.REVIEWER
PEOPLE = {
    person.id: person
    for person in (
        Person("rosa", "Rosa Rivera", "rosa@example.org", frozenset({R})),
        Person("ravi", "Ravi Rao", "ravi@example.org", frozenset({R})),
        Person("dora", "Dora Diaz", "dora@example.org", frozenset({V}), "dol"),
        Person("dirk", "Dirk Daly", "dirk@example.org", frozenset({V}), "dol"),
        Person("carl", "Carl Chen", "carl@example.org", frozenset({V}), "cscu"),
        Person("otto", "Otto Olsen", "otto@example.org", frozenset({V}), "oec"),
        Person("both", "Bo Both", "both@example.org", frozenset({R, V}), "dol"),
        Person("adam", "Adam Ames", "adam@example.org", frozenset({Role.ADMINISTRATOR})),
        Person("alma", "Alma Auer", "alma@example.org", frozenset({Role.AUDITOR})),
        Person("gone", "Gil Gone", "gone@example.org", frozenset(), "dol"),
    )
}


def _rules(threshold: int) -> DisclosureRules:
    """Rules of an agency that takes no table that was not recomputed."""
    return DisclosureRules(safe_threshold=threshold, unverified=Unverified.REFUSE)


AGENCIES = {
    "dol": Agency(
        "dol",
        "Department of Labor",
        _rules(11),
    ),
    "cscu": Agency(
        "cscu",
        "State Colleges and Universities",
        _rules(10),
    ),
    "oec": Agency(
        "oec",
        "Office of Early Childhood",
        _rules(10),
    ),
}
COUNTIES = ("Fairfield", "Hartford", "Litchfield", "New Haven", "Tolland", "Windham")
INDUSTRIES = ("Health", "Retail", "Finance", "Farming")
PROJECT = "credential-pay"
OTHER = "early-start"

PAY = "SELECT county, industry, count(*) AS n FROM wages GROUP BY CUBE (county, industry)"
SUMS = "SELECT county, count(*) AS n, sum(wage) AS pay FROM wages GROUP BY ROLLUP (county)"
BOTH = (
    "SELECT institution, count(DISTINCT wages.person_id) AS people FROM wages "
    "JOIN credentials USING (person_id) GROUP BY ROLLUP (institution)"
)


def policy(project: str = PROJECT) -> Policy:
    """Return a policy over both views, in force today."""
    today = date.today()
    return Policy(
        project=project,
        title="Do credentials pay?",
        purpose="Evaluation",
        agreement=f"dsa-{project}",
        agreement_sha256="0" * 64,
        researchers=frozenset({"rosa", "ravi", "both"}),
        views=(
            _view(
                "wages", "dol", county="string", industry="string", year="integer", wage="decimal"
            ),
            _view("credentials", "cscu", institution="string", credential="string"),
        ),
        rules={"dol": AGENCIES["dol"].rules, "cscu": AGENCIES["cscu"].rules},
        mode=QueryMode.AGGREGATE_ONLY,
        starts=today - timedelta(days=30),
        ends=today + timedelta(days=300),
        destroy_by=today + timedelta(days=400),
    )


def _view(name: str, agency: str, **columns: str) -> View:
    made = tuple(
        Column(c, FieldType(t), c, ColumnRole.PROJECTABLE, f"view {name}")
        for c, t in columns.items()
    )
    return View(name, name, agency, name, made, f"view {name}")


def data(count: int = 400) -> Mapping[str, pa.Table]:
    """Return both views: some people have several wage rows, most have a credential."""
    dice = random.Random(7)
    rows: list[tuple[object, ...]] = []
    schools: list[tuple[object, ...]] = []
    for person in pseudonyms(count):
        county = dice.choices(COUNTIES, weights=(90, 80, 25, 70, 20, 15))[0]
        for _ in range(dice.choice((1, 1, 2))):
            industry = dice.choices(INDUSTRIES, weights=(50, 40, 20, 6))[0]
            wage = round(dice.lognormvariate(9, 0.4), 2)
            rows.append((person, county, industry, 2024, wage))
        if dice.random() < 0.8:
            school = dice.choice(("Capital", "Gateway", "Housatonic"))
            schools.append((person, school, dice.choice(("Certificate", "Associate"))))
    names = (PERSON_ID, "county", "industry", "year", "wage")
    wages = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    money = pa.array([f"{w:.2f}" for w in wages["wage"].to_pylist()]).cast(pa.decimal128(18, 2))
    wages = wages.set_column(4, "wage", money)
    school_names = (PERSON_ID, "institution", "credential")
    columns = map(list, zip(*schools, strict=True))
    return {"wages": wages, "credentials": pa.table(dict(zip(school_names, columns, strict=True)))}


def table(content: bytes, *queries: str, name: str = "pay.csv") -> Handed:
    """Return a table as a researcher hands it in."""
    return Handed(OutputFile(name, FileKind.TABLE, queries), content)


@dataclass
class World:
    """The enclave, and shorthands for what its people do."""

    settings: Settings
    store: ControlStore
    audit: AuditClient
    service: ReviewService
    sessions: dict[tuple[str, str], Session]

    def session(self, person: str = "rosa", project: str = PROJECT) -> Session:
        key = (person, project)
        if key not in self.sessions:
            self.sessions[key] = open_session(
                self.store, self.audit, self.settings, person=person, project=project
            )
        return self.sessions[key]

    def ask(
        self,
        sql: str,
        *,
        person: str = "rosa",
        project: str = PROJECT,
        agencies: Sequence[str] = ("dol",),
        epoch: int = 1,
        asked: str | None = None,
    ) -> tuple[str, bytes]:
        """Run a query as the gateway would: return its id and its answer as CSV."""
        query = secrets.token_hex(8)
        journal = Journal(self.settings, project)
        views = {"dol": "wages", "cscu": "credentials"}
        entry = Entry(
            query=query,
            session=self.session(person, project).id,
            person=person,
            sql=sql,
            views=tuple(views[agency] for agency in agencies),
            columns=tuple(f"{views[agency]}.person_id" for agency in agencies),
            agencies=tuple(agencies),
            epoch=epoch,
            receipt=0,
            asked=asked,
        )
        journal.begin(entry)
        journal.end(query, Outcome(Verdict.ALLOWED))
        journal.close()
        return query, self.answer(sql, project=project, epoch=epoch)

    def answer(self, sql: str, *, project: str = PROJECT, epoch: int = 1) -> bytes:
        """Return a query's answer as pandas would write it."""
        key = keys.load(self.settings, project)
        extract = open_extract(self.settings, project, key, epoch=epoch)
        with closing(open_engine(extract, policy=self.store.policy(project))) as engine:
            frame = engine.execute(sql).fetch_df()
        out = io.StringIO()
        frame.to_csv(out, index=False)
        return out.getvalue().encode()

    def submit(
        self,
        sql: str = PAY,
        *,
        person: str = "rosa",
        project: str = PROJECT,
        agencies: Sequence[str] = ("dol",),
        content: bytes | None = None,
        **more: str,
    ) -> Request:
        """Run a query and submit its answer (or other bytes in its name)."""
        query, answer = self.ask(sql, person=person, project=project, agencies=agencies)
        handed = table(
            answer if content is None else content, query, name=more.get("filename", "pay.csv")
        )
        return self.hand_in(handed, person=person, project=project, **more)

    def hand_in(
        self, *files: Handed, person: str = "rosa", project: str = PROJECT, **more: str
    ) -> Request:
        """Submit files as they are."""
        submission = Submission(
            title=more.get("title", "Pay by county"),
            context=more.get("context", CONTEXT),
            files=files,
            replaces=more.get("replaces", ""),
        )
        return self.service.submit(self.session(person, project), submission)

    def vote(self, person: str, request: Request, *, approve: bool = True, **more: str) -> Request:
        """Vote as a reviewer on the version the request has now."""
        ballot = Ballot(
            approve=approve,
            shown=more.get("shown", request.shown),
            comment=more.get("comment", "" if approve else "No."),
            ticked="ticked" in more,
        )
        return self.service.vote(PEOPLE[person], request.id, ballot)

    def in_review(self) -> Request:
        """Return a request that waits for both agencies."""
        request = self.submit(BOTH, agencies=("dol", "cscu"))
        assert request.state is State.PROTECTED, request.sentence
        return request

    def agree(self, project: str = PROJECT, **terms: Any) -> None:
        """Amend the project's agreement; the extract stays as it is."""
        with self.store.record(self.audit, Event(Action.PROJECT_AMENDED, "adam")) as connection:
            amend(connection, replace(policy(project), **terms))
            move(connection, project, ProjectState.ACTIVE, epoch=1)

    def told(self, request: Request) -> dict[str, object]:
        """Return what the researcher is told."""
        return describe(self.service, request)


@cache
def _made_once() -> Path:
    """Make both projects' keys and extracts once a test run; each test gets a copy."""
    place = Path(tempfile.mkdtemp(prefix="enc-extracts-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    for project in (PROJECT, OTHER):
        make_extract(settings, project, data(), policy(project))
    return settings.state_dir


def _place_extracts(settings: Settings) -> None:
    shutil.copytree(_made_once(), settings.state_dir, dirs_exist_ok=True)


@contextmanager
def review_world(settings: Settings, audit: AuditClient) -> Iterator[World]:
    """Build the enclave up to its door."""
    store = ControlStore(settings.database_url)
    event = Event(Action.AGREEMENT_APPLIED, actor="adam")
    with store.record(audit, event) as connection:
        for person in PEOPLE.values():
            put(connection, "person", person.id, person)
        for agency in AGENCIES.values():
            put(connection, "agency", agency.id, agency)
        for project in (PROJECT, OTHER):
            provision(connection, policy(project))
    _place_extracts(settings)
    for project in (PROJECT, OTHER):
        with store.record(audit, Event(Action.PROJECT_BUILT, actor="adam")) as connection:
            move(connection, project, ProjectState.ACTIVE, epoch=1)
    yield World(settings, store, audit, ReviewService(settings, store, audit), {})
    store.close()
