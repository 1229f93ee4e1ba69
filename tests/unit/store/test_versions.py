"""Versions: a project stands on one, keeps others, and never meets one of another policy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from alembic import command

from enclave import migrations, versions
from enclave import store as changing
from enclave.audit_client import AuditClient
from enclave.errors import Conflict, NotFound
from enclave.events import Action, Event
from enclave.model import ProjectState
from enclave.store import ControlStore, Version, now
from tests.unit.store.test_sessions import POLICY

EVENT = Event(Action.PROJECT_BUILT, "os:test", project="one")


class Kept:
    """A store with one project, and the words to build, move and forget."""

    def __init__(self, store: ControlStore, audit: AuditClient):
        self.store, self.audit = store, audit
        with store.record(audit, EVENT) as connection:
            changing.provision(connection, POLICY)

    def build(self, epoch: int) -> tuple[int, ...]:
        mark = self.store.project("one").policy_sha256
        version = Version("one", epoch, mark, {"pay": epoch * 10}, now())
        with self.store.record(self.audit, EVENT) as connection:
            gone = versions.register(connection, version)
            if changing.find_project(connection, "one").extract_epoch is None:
                changing.move(connection, "one", ProjectState.ACTIVE, epoch=epoch)
        return gone

    def pin(self, epoch: int) -> None:
        with self.store.record(self.audit, EVENT) as connection:
            versions.pin(connection, "one", epoch)

    def forget(self, epoch: int) -> None:
        with self.store.record(self.audit, EVENT) as connection:
            versions.forget(connection, "one", epoch)

    def amend(self, title: str) -> None:
        with self.store.record(self.audit, EVENT) as connection:
            changing.amend(connection, replace(POLICY, title=title))

    @property
    def epochs(self) -> list[int]:
        return [each.epoch for each in self.store.versions("one")]


@pytest.fixture
def kept(store: ControlStore, audit: AuditClient) -> Kept:
    return Kept(store, audit)


def test_a_project_stands_on_one_version_and_only_earlier_ones_stand_beside_it(kept: Kept) -> None:
    for epoch in (1, 2, 3):
        assert kept.build(epoch) == ()
    assert kept.store.versions("one")[2].rows == {"pay": 30}
    assert (kept.store.project("one").extract_epoch, kept.store.project("one").older) == (1, ())
    kept.pin(3)
    row = kept.store.project("one")
    assert (row.extract_epoch, row.older) == (3, (1, 2))
    assert kept.store.projects() == (row,)
    kept.forget(1)
    assert kept.store.project("one").older == (2,)
    kept.pin(2)
    assert kept.store.project("one").older == ()
    assert (kept.epochs, kept.store.last_version("one")) == ([2, 3], 3)


def test_only_the_last_few_earlier_versions_stand_beside_it(kept: Kept) -> None:
    for epoch in range(1, 7):
        kept.build(epoch)
    kept.pin(6)
    assert kept.store.project("one").older == (3, 4, 5)
    assert kept.epochs == [1, 2, 3, 4, 5, 6]


def test_the_version_in_use_and_one_that_is_gone_are_neither_forgotten_nor_moved_to(
    kept: Kept,
) -> None:
    kept.build(1)
    kept.build(2)
    with pytest.raises(Conflict, match="stands on version 1"):
        kept.forget(1)
    kept.forget(2)
    for act in (kept.forget, kept.pin):
        with pytest.raises(NotFound, match="keeps no version 2"):
            act(2)
    assert kept.store.last_version("one") == 2


def test_a_version_under_another_policy_is_never_moved_to_and_the_next_build_forgets_it(
    kept: Kept,
) -> None:
    kept.build(1)
    kept.build(2)
    kept.amend("Two")
    row = kept.store.project("one")
    assert (row.extract_epoch, row.older) == (None, ())
    for epoch in (1, 2):
        with pytest.raises(Conflict, match="another text of its agreement"):
            kept.pin(epoch)
    assert kept.build(3) == (1, 2)
    assert (kept.epochs, kept.store.project("one").extract_epoch) == ([3], 3)


def test_even_one_that_was_kept_does_not_stand_beside_versions_of_another_policy(
    kept: Kept,
) -> None:
    """Checked by removing the boundary: without the comparison of policies it does."""
    kept.build(1)
    kept.amend("Two")
    kept.build(2)
    with kept.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE versions SET forgotten_at = NULL")
    assert kept.epochs == [1, 2]
    assert kept.store.project("one").older == ()


def test_a_project_without_an_extract_in_force_is_built_not_moved(kept: Kept) -> None:
    kept.build(1)
    kept.amend("Two")
    kept.amend("One")  # back to the very text of before
    with pytest.raises(Conflict, match="no extract in force"):
        kept.pin(1)


def test_a_closed_project_keeps_no_version(kept: Kept) -> None:
    kept.build(1)
    kept.build(2)
    with kept.store.record(kept.audit, EVENT) as connection:
        changing.move(connection, "one", ProjectState.CLOSED, epoch=None)
    assert kept.epochs == []
    with pytest.raises(NotFound):
        kept.pin(2)


def test_an_extract_of_before_is_the_version_its_project_stands_on(store: ControlStore) -> None:
    with store._writing.begin() as connection:
        for name, epoch in (("one", 4), ("two", None)):
            changing.provision(connection, replace(POLICY, project=name))
            if epoch:
                changing.move(connection, name, ProjectState.ACTIVE, epoch=epoch)
        command.downgrade(migrations.config(connection), "0003")
        migrations.upgrade(connection)
    mark = store.project("one").policy_sha256
    assert store.versions("one") == (Version("one", 4, mark, {}, None),)
    assert store.versions("two") == ()
