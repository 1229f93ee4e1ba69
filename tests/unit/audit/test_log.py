"""The stored log: what one transaction keeps, what the triggers refuse, what tiles answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from audit import merkle
from audit.log import Log, LogReader, Sender


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = Log(tmp_path / "log.db")
    yield opened
    opened.close()


def fill(log: Log, count: int, *, batch: int = 100) -> None:
    while count > 0:
        with log.write() as into:
            for _ in range(min(batch, count)):
                into.add(b"event %d" % log.size, Sender("admin", "i", log.size))
        count -= batch


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
        raise RuntimeError
    assert (log.size, log.count(), log.root(3)) == (3, 3, root)
    fill(log, 1)
    assert log.count() == 4


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1000, 65_537])
def test_roots_and_proofs_come_out_of_the_tiles(log: Log, size: int) -> None:
    fill(log, size, batch=5000)
    frontier = merkle.Frontier()
    for entry in log.entries():
        frontier.append(entry.leaf)
    assert log.root(size) == frontier.root()
    for index in {0, size // 2, size - 1}:
        entry = log.entry(index)
        assert entry is not None
        proof = merkle.inclusion_proof(log.node, index, size)
        merkle.verify_inclusion(entry.leaf, index, size, proof=proof, root=log.root(size))


def test_a_reopened_log_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    for _ in range(4):
        with closing(Log(path)) as log:
            fill(log, 131)
    with closing(LogReader.open(path)) as reader:
        frontier = merkle.Frontier()
        for entry in reader.entries():
            frontier.append(merkle.leaf_hash(entry.body or b""))
        assert frontier.size == reader.count() == 524
        assert reader.root(524) == frontier.root()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entry WHERE idx = 1",
        "UPDATE entry SET idx = 99 WHERE idx = 2",
        "UPDATE entry SET leaf = zeroblob(32) WHERE idx = 1",
        "UPDATE entry SET body = x'00' WHERE idx = 1",
        "UPDATE entry SET seq = 99 WHERE idx = 1",
        "INSERT OR REPLACE INTO entry VALUES (1, zeroblob(32), x'00', 'a', 'b', 0)",
        "INSERT INTO entry VALUES (99, zeroblob(32), x'00', 'a', 'b', 0)",
        "DELETE FROM tile",
        "UPDATE tile SET hashes = zeroblob(64) WHERE level = 0",
        "DELETE FROM checkpoint",
        "UPDATE checkpoint SET note = 'x'",
        "DELETE FROM intent",
        "UPDATE intent SET ended = 9",
    ],
)
def test_the_file_itself_refuses_to_change_the_past(log: Log, statement: str) -> None:
    fill(log, 3)
    log.keep_checkpoint(3, "note")
    with log.write() as batch:
        batch.begin_intent("q", 0)
        batch.end_intent("q", 1)
    before = [entry for entry in log.entries()]
    with closing(sqlite3.connect(log_path(log))) as other, pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
    assert [entry for entry in log.entries()] == before


def log_path(log: Log) -> str:
    (_, _, path) = log._store._connection.execute("PRAGMA database_list").fetchone()
    return str(path)


def test_retention_removes_a_body_and_changes_neither_leaf_nor_root(log: Log) -> None:
    fill(log, 10)
    before = (log.root(10), [entry.leaf for entry in log.entries()])
    with closing(sqlite3.connect(log_path(log))) as other:
        other.execute("UPDATE entry SET body = NULL WHERE idx = 4")
        other.commit()
    assert (log.root(10), [entry.leaf for entry in log.entries()]) == before


def test_a_reader_cannot_write(log: Log) -> None:
    fill(log, 1)
    statement = "INSERT INTO checkpoint VALUES (1, 'x')"
    refused = pytest.raises(sqlite3.OperationalError, match="readonly")
    with closing(LogReader.open(Path(log_path(log)))) as reader, refused:
        reader._store._connection.execute(statement)


def test_a_missing_tile_is_noticed_rather_than_guessed(log: Log) -> None:
    fill(log, 3)
    with pytest.raises(LookupError, match="missing or too short"):
        log.node(0, 3)


def test_a_number_beyond_every_log_is_no_entry(log: Log) -> None:
    fill(log, 1)
    assert log.entry(1) is None
    assert log.entry(10**30) is None
