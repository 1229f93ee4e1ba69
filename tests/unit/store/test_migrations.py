"""The schema: one history, the same on both databases, and equal to what the code believes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, make_url

from egress_review import store as egress
from egress_review.methods import privacy_budget
from enclave import database, migrations, tables
from enclave.errors import Unavailable
from enclave.model import Agency
from enclave.store import ControlStore, put
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


def _version(url: str) -> str | None:
    engine = database.engine(url)
    with engine.connect() as connection:
        at = migrations.current(connection)
    engine.dispose()
    return at


def test_who_only_looks_finds_an_empty_store_where_there_is_none(url: str) -> None:
    with closing(ControlStore(url, only_looks=True)) as store:
        assert store.projects() == ()
    if url.startswith("sqlite"):
        assert not Path(make_url(url).database or "").parent.exists()
    else:
        assert _version(url) is None


def test_who_only_looks_changes_no_store_of_an_earlier_version(
    store: ControlStore, url: str
) -> None:
    with store._writing.begin() as connection:
        command.downgrade(migrations.config(connection), "0003")
    if url.startswith("sqlite"):
        with closing(ControlStore(url, only_looks=True)) as looked:
            assert looked.projects() == ()
    else:
        with pytest.raises(Unavailable, match="earlier version"):
            ControlStore(url, only_looks=True)
    assert _version(url) == "0003"


def test_who_only_looks_sees_what_was_written_last_and_writes_nothing(store: ControlStore) -> None:
    with store._writing.begin() as connection:
        put(connection, "agency", "dol", Agency("dol", "Labor"))
    url = store.engine.url.render_as_string(hide_password=False)
    with closing(ControlStore(url, only_looks=True)) as looked:
        assert looked.agencies() == {"dol": Agency("dol", "Labor")}


def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match="cannot be read"):
        ControlStore(f"sqlite:///{path}", only_looks=True)


@pytest.mark.parametrize("wrong", ["mysql://host/db", "duckdb:///x.db"])
def test_other_databases_are_refused_in_a_sentence(wrong: str) -> None:
    with pytest.raises(Unavailable, match="SQLite or PostgreSQL"):
        ControlStore(wrong)
