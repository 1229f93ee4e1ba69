"""The schema: one history, the same on both databases, and equal to what the code believes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from egress_review import store as egress
from egress_review.methods import privacy_budget
from enclave import migrations, tables
from enclave.errors import Unavailable
from enclave.store import ControlStore
from enclave.web import sessions as web

# Rooms keep their tables beside the code that uses them; the history of all is one.
EVERY_ROOM = [tables.metadata, web.METADATA, egress.metadata, privacy_budget.metadata]


def _differences(store: ControlStore) -> list[str]:
    """Name every table and column that only one of code and database has, and ours that differ."""
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, EVERY_ROOM)  # type: ignore[arg-type]
    words = [str(each) for each in found]
    ours = [mark for name in tables.metadata.tables for mark in (repr(name), f"<{name}>")]
    structure = ("add_table", "remove_table", "add_column", "remove_column")
    return [
        each
        for each in words
        if any(word in each for word in structure) or any(name in each for name in ours)
    ]


def test_the_newest_schema_is_the_one_the_code_describes(store: ControlStore) -> None:
    assert _differences(store) == []


def test_a_column_the_code_does_not_know_is_found(store: ControlStore) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE projects ADD COLUMN surprise TEXT")
    assert _differences(store) != []


def test_every_step_can_be_taken_back_and_again(store: ControlStore) -> None:
    with store._writing.begin() as connection:
        command.downgrade(migrations.config(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
        migrations.upgrade(connection)
    assert _differences(store) == []


def test_programs_that_start_together_on_an_empty_database_all_find_it_ready(url: str) -> None:
    def start(_number: int) -> tuple[object, ...]:
        store = ControlStore(url)
        try:
            return store.projects()
        finally:
            store.close()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, range(8))) == [()] * 8


def test_a_second_program_finds_nothing_to_do(
    store: ControlStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_arguments: object) -> None:
        raise AssertionError("migrated again")

    monkeypatch.setattr(migrations, "upgrade", never)
    ControlStore(url).close()


def test_a_database_newer_than_the_program_is_refused(store: ControlStore, url: str) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="newer"):
        ControlStore(url)


@pytest.mark.parametrize("wrong", ["mysql://host/db", "duckdb:///x.db"])
def test_other_databases_are_refused_in_a_sentence(wrong: str) -> None:
    with pytest.raises(Unavailable, match="SQLite or PostgreSQL"):
        ControlStore(wrong)
