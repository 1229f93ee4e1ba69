"""The stored log: what one transaction keeps, what the triggers refuse, what tiles answer.

All of it in SQLite and in PostgreSQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from audit import merkle
from audit.log import Log, LogReader, Sender, exists, open_reader, open_writer
from audit.store import StoreError, StoreRefused
from tests.support.postgres import DATABASES, Postgres


@pytest.fixture(params=DATABASES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a log may be begun."""
    if request.param == "sqlite":
        return tmp_path / "log.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def log(place: Path | str) -> Iterator[Log]:
    opened = open_writer(place)
    yield opened
    opened.close()


def fill(log: Log, count: int, *, batch: int = 100) -> None:
    while count > 0:
        with log.write() as into:
            for _ in range(min(batch, count)):
                into.add(b"event %d" % log.size, Sender("admin", "i", log.size))
        count -= batch


def execute(place: Path | str, statement: str) -> None:
    """Do what somebody with other tools could do; raises as their tool would."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(place, isolation_level=None)) as other:
            other.execute(statement)
    else:
        address = place.replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement.encode())


def test_what_a_reader_kept_of_a_growing_tile_does_not_hide_what_it_grew_by(
    place: Path | str, log: Log
) -> None:
    fill(log, 5)
    with closing(open_reader(place)) as reader:
        for size in (5, 6, 255, 256, 300):
            fill(log, size - log.size)
            assert reader.root(size) == log._frontier.root()
        with pytest.raises(LookupError):
            reader.node(0, 300)


def test_a_batch_is_stored_whole_with_its_receipts(log: Log) -> None:
    with log.write() as batch:
        receipts = [batch.add(b"%d" % n, Sender("admin", "i", n)) for n in range(3)]
    assert [receipt.index for receipt in receipts] == [0, 1, 2]
    assert [entry.body for entry in log.entries()] == [b"0", b"1", b"2"]
    assert receipts[1].leaf == merkle.leaf_hash(b"1").hex()


def test_a_failed_batch_leaves_no_trace(log: Log) -> None:
    fill(log, 3)
    root = log.root(3)
    with pytest.raises(RuntimeError), log.write() as batch:
        batch.add(b"lost", Sender("admin", "i", 3))
        batch.begin_intent("q", 3)
        raise RuntimeError
    assert (log.size, log.count(), log.root(3), log.intent("q")) == (3, 3, root, None)
    assert log.next_seq("admin", "i") == 3
    fill(log, 1)
    assert log.count() == 4


def test_a_batch_sees_what_it_has_itself_changed(log: Log) -> None:
    with log.write() as batch:
        batch.add(b"first", Sender("admin", "i", 0))
        batch.begin_intent("q", 0)
        assert batch.next_seq("admin", "i") == 1
        found = batch.find(Sender("admin", "i", 0))
        assert found is not None
        assert found.body == b"first"
        assert batch.intent("q") == (0, None)
        batch.end_intent("q", 1)
        batch.end_intent("refused", 2)
        assert (batch.intent("q"), batch.intent("refused")) == ((0, 1), (None, 2))
    assert (log.intent("q"), log.intent("refused")) == ((0, 1), (None, 2))


def test_an_intent_begins_once_and_ends_once(log: Log) -> None:
    with log.write() as batch:
        batch.begin_intent("q", 0)
    with log.write() as batch:
        batch.end_intent("q", 1)
        with pytest.raises(StoreRefused):
            batch.end_intent("q", 2)
        with pytest.raises(StoreRefused):
            batch.begin_intent("q", 2)
    assert log.intent("q") == (0, 1)


def test_open_intents_are_those_of_the_sender_that_is_asked_for(log: Log) -> None:
    fill(log, 1)
    with log.write() as batch:
        batch.add(b"other", Sender("gateway", "j", 0))
        batch.begin_intent("a", 0)
        batch.begin_intent("b", 1)
    assert [entry.index for entry in log.open_intents()] == [0, 1]
    assert [entry.index for entry in log.open_intents("gateway", "j")] == [1]
    with log.write() as batch:
        batch.end_intent("a", 2)
    assert [entry.index for entry in log.open_intents()] == [1]


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1000, 65_537])
def test_roots_and_proofs_come_out_of_the_tiles(log: Log, size: int) -> None:
    fill(log, size, batch=5000)
    frontier = merkle.Frontier()
    for entry in log.entries():
        frontier.append(entry.leaf)
    assert frontier.size == size
    assert log.root(size) == frontier.root()
    for index in {0, size // 2, size - 1}:
        entry = log.entry(index)
        assert entry is not None
        proof = merkle.inclusion_proof(log.node, index, size)
        merkle.verify_inclusion(entry.leaf, index, size, proof=proof, root=log.root(size))


def test_a_reopened_log_goes_on_where_it_stopped(place: Path | str) -> None:
    assert not exists(place)
    for _ in range(4):
        with closing(open_writer(place)) as log:
            assert log.next_seq("admin", "i") == log.size
            fill(log, 131)
    assert exists(place)
    with closing(open_reader(place)) as reader:
        frontier = merkle.Frontier()
        for entry in reader.entries():
            frontier.append(merkle.leaf_hash(entry.body or b""))
        assert frontier.size == reader.count() == 524
        assert reader.root(524) == frontier.root()


CHANGES = [
    "DELETE FROM entry WHERE idx = 1",
    "UPDATE entry SET idx = 99 WHERE idx = 2",
    "UPDATE entry SET leaf = {zeros} WHERE idx = 1",
    "UPDATE entry SET body = {byte} WHERE idx = 1",
    "UPDATE entry SET seq = 99 WHERE idx = 1",
    "INSERT INTO entry VALUES (1, {zeros}, {byte}, 'a', 'b', 0)",
    "INSERT INTO entry VALUES (99, {zeros}, {byte}, 'a', 'b', 0)",
    "DELETE FROM tile",
    "UPDATE tile SET hashes = {zeros} WHERE level = 0",
    "DELETE FROM checkpoint",
    "UPDATE checkpoint SET note = 'x'",
    "DELETE FROM intent",
    "UPDATE intent SET ended = 9",
]
ONLY_SQLITE = ["INSERT OR REPLACE INTO entry VALUES (1, {zeros}, {byte}, 'a', 'b', 0)"]
ONLY_POSTGRES = [
    *(f"TRUNCATE {table}" for table in ("entry", "tile", "checkpoint", "intent", "head")),
    "UPDATE head SET size = 1",
    "DELETE FROM head",
    "INSERT INTO entry VALUES (3, {zeros}, {byte}, 'a', 'b', 0), (5, {zeros}, {byte}, 'a', 'b', 1)",
]


def test_the_database_itself_refuses_to_change_the_past(log: Log, place: Path | str) -> None:
    fill(log, 3)
    log.keep_checkpoint(3, "note")
    with log.write() as batch:
        batch.begin_intent("q", 0)
        batch.end_intent("q", 1)
    before = (list(log.entries()), log.root(3), log.intent("q"))
    on_sqlite = isinstance(place, Path)
    zeros = "zeroblob(32)" if on_sqlite else r"decode(repeat('00', 32), 'hex')"
    byte = "x'00'" if on_sqlite else r"'\x00'::bytea"
    refused = sqlite3.IntegrityError if on_sqlite else (
        psycopg.errors.RaiseException, psycopg.errors.UniqueViolation
    )  # fmt: skip
    for change in [*CHANGES, *(ONLY_SQLITE if on_sqlite else ONLY_POSTGRES)]:
        with pytest.raises(refused):
            execute(place, change.format(zeros=zeros, byte=byte))
    assert (list(log.entries()), log.root(3), log.intent("q")) == before


def test_retention_removes_a_body_and_changes_neither_leaf_nor_root(log: Log) -> None:
    fill(log, 10)
    before = (log.root(10), [entry.leaf for entry in log.entries()])
    with log.write() as batch:
        assert batch.forget(3, 5) == 2
        assert batch.forget(3, 5) == 0
    assert [entry.index for entry in log.entries() if entry.body is None] == [3, 4]
    assert (log.root(10), [entry.leaf for entry in log.entries()]) == before


def test_a_reader_cannot_write(log: Log, place: Path | str) -> None:
    fill(log, 1)
    statement = "INSERT INTO checkpoint VALUES (1, 'x')"
    with closing(open_reader(place)) as reader, pytest.raises(StoreError, match=r"read-?only"):
        reader._store.run(statement)


def test_where_no_log_is_nothing_can_be_read(place: Path | str) -> None:
    with pytest.raises(StoreError):
        open_reader(place)
    assert not exists(place)


def test_a_checkpoint_of_a_size_is_kept_once(log: Log) -> None:
    for size, note in ((1, "one"), (2, "two"), (2, "other")):
        log.keep_checkpoint(size, note)
    assert log.last_checkpoint() == "two"


def test_what_somebody_else_has_written_is_taken_up(log: Log, place: Path | str) -> None:
    fill(log, 3)
    body = merkle.leaf_hash(b"theirs").hex()
    leaf = f"x'{body}'" if isinstance(place, Path) else rf"'\x{body}'::bytea"
    values = f"(3, {leaf}, NULL, 'admin', 'i', 3)"
    execute(place, f"INSERT INTO entry (idx, leaf, body, source, instance, seq) VALUES {values}")
    with pytest.raises(LookupError), log.write() as batch:
        batch.add(b"ours", Sender("admin", "i", 4))
    assert log.count() == 4


def test_a_missing_tile_is_noticed_rather_than_guessed(log: Log) -> None:
    fill(log, 3)
    with pytest.raises(LookupError, match="missing or too short"):
        log.node(0, 3)


def test_a_number_beyond_every_log_is_no_entry(log: Log) -> None:
    fill(log, 1)
    assert log.entry(1) is None
    assert log.entry(10**30) is None


def test_entries_are_read_in_order_over_many_readings(log: Log) -> None:
    fill(log, 2500, batch=2500)
    reader: LogReader = log
    assert [entry.index for entry in reader.entries(10, 2400)] == list(range(10, 2400))
    assert sum(1 for _ in reader.entries()) == 2500
