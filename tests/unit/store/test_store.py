"""The control store: nothing changes without a receipt, states only move where they may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from enclave import documents
from enclave import store as changing
from enclave.audit_client import AuditClient
from enclave.errors import AuditUnavailable, Conflict, NotFound
from enclave.events import Action, Event, Receipt
from enclave.model import (
    PROJECT_MOVES,
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
    View,
)
from enclave.store import ControlStore
from tests.support.audit import AuditProcess

POLICY = Policy(
    project="one",
    title="One",
    purpose="A purpose",
    agreement="dsa-one",
    agreement_sha256="0" * 64,
    researchers=frozenset({"rosa", "ravi"}),
    views=(
        View(
            name="wages",
            dataset="wages",
            agency="dol",
            label="Wages",
            columns=(Column("wage", FieldType.DECIMAL, "Wage", ColumnRole.PROJECTABLE, "c"),),
            clause="dsa-one, view wages",
            rows="year >= 2019",
        ),
    ),
    rules={"dol": DisclosureRules(safe_threshold=11)},
    mode=QueryMode.ROW_LEVEL,
    starts=date(2025, 1, 1),
    ends=date(2026, 1, 1),
    destroy_by=date(2026, 6, 1),
)
EVENT = Event(Action.PROJECT_PROVISIONED, "os:test", project="one")
ROSA = Person("rosa", "Rosa", "rosa@x.example", frozenset({Role.RESEARCHER, Role.REVIEWER}), "dol")


def _provisioned(store: ControlStore, audit: AuditClient) -> None:
    with store.record(audit, EVENT) as connection:
        changing.provision(connection, POLICY)


def test_nouns_come_back_as_they_went_in(store: ControlStore, audit: AuditClient) -> None:
    with store.record(audit, EVENT) as connection:
        changing.put(connection, "person", "rosa", ROSA)
        changing.put(connection, "agency", "dol", Agency("dol", "Labor"))
        changing.provision(connection, POLICY)
    assert store.people() == {"rosa": ROSA}
    assert store.person("rosa") == ROSA
    assert store.agencies() == {"dol": Agency("dol", "Labor")}
    assert store.policy("one") == POLICY
    row = store.project("one")
    assert (row.state, row.extract_epoch) == (ProjectState.PROVISIONED, None)
    assert row.policy_sha256 == documents.sha256(documents.canonical(POLICY))
    assert store.projects() == (row,)


def test_what_is_not_there_is_not_found(store: ControlStore) -> None:
    for ask in (store.person, store.dataset, store.policy, store.project):
        with pytest.raises(NotFound):
            ask("nobody")
    assert store.datasets() == {}
    assert store.deliveries() == store.deliveries("wages") == store.sessions("one") == ()


def test_a_document_put_again_takes_the_first_ones_place(
    store: ControlStore, audit: AuditClient
) -> None:
    for name in ("Labor", "Department of Labor"):
        with store.record(audit, EVENT) as connection:
            mark = changing.put(connection, "agency", "dol", Agency("dol", name))
    assert store.agencies()["dol"].name == "Department of Labor"
    assert store.hashes("agency") == {"dol": mark}
    with store.record(audit, EVENT) as connection:
        changing.drop(connection, "agency", "dol")
    assert store.agencies() == {}


class Watching:
    """Passes events to the real audit service and looks at the store as others see it then."""

    def __init__(self, audit: AuditClient, store: ControlStore):
        self.audit, self.store = audit, store
        self.seen_before: list[int] = []

    def append(self, event: Event) -> Receipt:
        receipt = self.audit.append(event)
        self.seen_before.append(len(self.store.projects()))
        return receipt


def test_a_change_is_seen_only_after_its_receipt(
    store: ControlStore, audit: AuditClient, audit_service: AuditProcess
) -> None:
    watching = Watching(audit, store)
    with store.record(watching, EVENT) as connection:
        changing.provision(connection, POLICY)
    assert watching.seen_before == [0]
    assert len(store.projects()) == 1
    assert audit_service.facts()[-1]["action"] == "project.provisioned"


def test_without_audit_nothing_changes(store: ControlStore, audit_service: AuditProcess) -> None:
    audit_service.kill()
    with (
        audit_service.client(timeout=0.3) as audit,
        pytest.raises(AuditUnavailable),
        store.record(audit, EVENT) as connection,
    ):
        changing.provision(connection, POLICY)
    assert store.projects() == ()


def test_a_change_that_fails_is_not_logged(
    store: ControlStore, audit: AuditClient, audit_service: AuditProcess
) -> None:
    before = len(audit_service.facts())
    with pytest.raises(ZeroDivisionError), store.record(audit, EVENT) as connection:
        changing.provision(connection, POLICY)
        raise ZeroDivisionError
    assert store.projects() == ()
    assert len(audit_service.facts()) == before


def test_a_project_moves_only_where_the_table_of_moves_leads(
    store: ControlStore, audit: AuditClient
) -> None:
    for at, to in product(ProjectState, ProjectState):
        id = f"{at}-{to}"
        with store.record(audit, EVENT) as connection:
            changing.provision(connection, replace(POLICY, project=id))
            if at is not ProjectState.PROVISIONED:
                changing.move(connection, id, at, epoch=None)
        allowed = to in PROJECT_MOVES[at]
        expected = nullcontext() if allowed else pytest.raises(Conflict)
        with expected, store.record(audit, EVENT) as connection:
            changing.move(connection, id, to, epoch=7)
        row = store.project(id)
        assert (row.state, row.extract_epoch) == ((to, 7) if allowed else (at, None))


def test_a_project_id_is_never_used_twice(store: ControlStore, audit: AuditClient) -> None:
    _provisioned(store, audit)
    with pytest.raises(Conflict, match="used before"), store.record(audit, EVENT) as connection:
        changing.provision(connection, POLICY)


def test_an_amended_project_has_no_extract_until_it_is_built_again(
    store: ControlStore, audit: AuditClient
) -> None:
    _provisioned(store, audit)
    with store.record(audit, EVENT) as connection:
        changing.move(connection, "one", ProjectState.ACTIVE, epoch=1)
    amended = replace(POLICY, researchers=frozenset({"rosa"}))
    with store.record(audit, EVENT) as connection:
        changing.amend(connection, amended)
    assert store.policy("one") == amended
    row = store.project("one")
    assert (row.state, row.extract_epoch) == (ProjectState.ACTIVE, None)


def test_a_closed_project_is_not_amended(store: ControlStore, audit: AuditClient) -> None:
    _provisioned(store, audit)
    with store.record(audit, EVENT) as connection:
        changing.move(connection, "one", ProjectState.CLOSED, epoch=None)
    with pytest.raises(Conflict, match="closed"), store.record(audit, EVENT) as connection:
        changing.amend(connection, POLICY)


def test_the_database_itself_refuses_a_state_nobody_knows(
    store: ControlStore, audit: AuditClient
) -> None:
    _provisioned(store, audit)
    with pytest.raises(IntegrityError), store.record(audit, EVENT) as connection:
        connection.execute(text("UPDATE projects SET state = 'open'"))


def test_the_database_itself_refuses_a_session_on_no_project(
    store: ControlStore, audit: AuditClient
) -> None:
    with pytest.raises(IntegrityError), store.record(audit, EVENT) as connection:
        insert = "INSERT INTO sessions (id, person, project, opened_at) VALUES ('s','p','x','t')"
        connection.execute(text(insert))


def test_writers_at_the_same_time_wait_for_each_other(
    store: ControlStore, audit: AuditClient
) -> None:
    def add(number: int) -> None:
        with store.record(audit, EVENT) as connection:
            changing.provision(connection, replace(POLICY, project=f"p{number}"))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(12)))
    assert len(store.projects()) == 12


texts = st.text(max_size=8)
policies = st.builds(
    lambda title, people, threshold, rows: replace(
        POLICY,
        title=title,
        researchers=frozenset(people),
        views=(replace(POLICY.views[0], rows=rows),),
        rules={"dol": DisclosureRules(safe_threshold=threshold)},
    ),
    texts,
    st.lists(texts, max_size=4),
    st.integers(min_value=1, max_value=1000),
    st.none() | texts,
)


@given(policies)
def test_a_policys_bytes_say_all_of_it(policy: Policy) -> None:
    body = documents.canonical(policy)
    assert documents.read(Policy, body) == policy
    assert documents.canonical(documents.read(Policy, body)) == body


@given(policies, policies)
def test_two_policies_have_one_hash_only_if_they_are_equal(one: Policy, other: Policy) -> None:
    hashes = {documents.sha256(documents.canonical(each)) for each in (one, other)}
    assert (len(hashes) == 1) == (one == other)
