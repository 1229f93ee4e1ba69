"""The witness answers as C2SP tlog-witness says, remembers first, and never goes back."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from audit.keys import COSIGNATURE, ML_DSA_44, NoteError, Signer
from audit.merkle import EMPTY_ROOT, ProofError, consistency_proof, verify_consistency
from audit.note import Checkpoint, read_note
from audit.witness import SIZE_TYPE, Reply, Submission, Witness, make_server, read_keys
from audit.witness_store import FORKED, Seen, Store, WitnessStopped
from tests.support.ml_dsa import needs_ml_dsa
from tests.unit.audit.trees import Leaves

ORIGIN = "enclave.test/audit"
LOG = Signer.generate(ORIGIN)
KEY = Signer.generate("auditors-office.test/w", COSIGNATURE)
TREE = Leaves([b"%d" % n for n in range(20)])
FORK = Leaves([b"%d" % n for n in range(9)] + [b"other %d" % n for n in range(20)])


def note(size: int, tree: Leaves = TREE, *, by: Signer = LOG, root: bytes | None = None) -> str:
    return by.sign(Checkpoint(ORIGIN, size, root or tree.root(size)).text())


def body(old: int, size: int, tree: Leaves = TREE, *, text: str | None = None) -> bytes:
    proof = tuple(consistency_proof(tree.node, old, size)) if old <= size else ()
    return Submission(old, proof, text or note(size, tree)).text()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(Store(tmp_path / "w.db", first_time=True), (KEY,), (LOG.verifier,), lambda: 777)


def test_a_log_that_grows_is_cosigned_each_time(witness: Witness) -> None:
    for old, size in ((0, 3), (3, 9), (9, 9), (9, 20)):
        reply = witness.add_checkpoint(body(old, size))
        assert reply.status == 200
        (signed,) = read_note(f"{note(size)}{reply.body}", [KEY.verifier]).signed
        assert signed.at == 777


@pytest.mark.parametrize(
    ("request_body", "status"),
    [
        (b"", 400),
        (b"\xff", 400),
        (b"old 0\n", 400),
        (b"new 0\n\n" + note(3).encode(), 400),
        (b"old 00\n\n" + note(3).encode(), 400),
        (b"old -1\n\n" + note(3).encode(), 400),
        (b"old 0\nAAAA\n\n" + note(3).encode(), 400),
        (b"old 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + note(3).encode(), 400),
        (b"old 0\n\nno checkpoint\n", 400),
        (b"old 4\n\n" + note(3).encode(), 400),
        (Submission(0, (), LOG.sign(Checkpoint("unknown/log", 3, bytes(32)).text())).text(), 404),
        (Submission(0, (), note(3, by=Signer.generate(ORIGIN))).text(), 403),
        (Submission(0, (), note(3).replace("\n3\n", "\n4\n")).text(), 403),
        (Submission(1, (), note(3)).text(), 409),
        (Submission(0, (bytes(32),), note(3)).text(), 422),
        (Submission(0, (), note(0, root=bytes(32))).text(), 409),
    ],
)  # fmt: skip
def test_each_wrong_request_has_the_specifications_status(
    witness: Witness, request_body: bytes, status: int
) -> None:
    assert witness.add_checkpoint(request_body).status == status
    assert witness.store.latest(ORIGIN) is None


def test_a_conflict_says_the_size_that_was_cosigned(witness: Witness) -> None:
    witness.add_checkpoint(body(0, 9))
    for old in (0, 8):
        assert witness.add_checkpoint(body(old, 20)) == Reply(409, "9\n", SIZE_TYPE)


def test_no_rollback_and_no_fork_is_cosigned_and_both_are_kept_as_evidence(
    witness: Witness,
) -> None:
    witness.add_checkpoint(body(0, 12))
    assert witness.add_checkpoint(body(9, 9)).status == 409  # back to what it had before
    assert witness.add_checkpoint(body(12, 12, FORK)).status == 409
    assert witness.add_checkpoint(body(12, 20, FORK)).status == 422
    seen, refused = witness.store.all()
    assert [(each.size, each.root) for each in seen] == [(12, TREE.root(12))]
    assert [each.size for each in refused] == [12, 20]
    for refusal in refused:  # with the log's own signature on it
        assert Checkpoint.open(refusal.note, LOG.verifier).root == FORK.root(refusal.size)


def test_wrong_proofs_by_anybody_neither_accuse_the_log_nor_push_evidence_out(
    witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reaches the port and has seen an honest checkpoint can send it with a wrong proof."""
    monkeypatch.setattr("audit.witness_store._KEPT_REFUSALS", 3)
    witness.add_checkpoint(body(0, 9))
    stranger = Signer.generate("stranger")
    for number in range(5):  # the same checkpoint, each time with another line that is nobody's
        text = note(12).partition("\n\n")[0] + "\n"
        decorated = note(12) + stranger.line(text, at=number).replace("stranger", f"s{number}", 1)
        assert witness.add_checkpoint(Submission(9, (bytes(32),), decorated).text()).status == 422
    assert [each.note for each in witness.store.all()[1]] == [note(12)]
    for size in (13, 14, 15, 16):
        witness.add_checkpoint(Submission(9, (bytes(32),), note(size)).text())
    assert witness.add_checkpoint(body(9, 9, FORK, text=note(9, root=bytes(32)))).status == 409
    refused = [(each.size, each.reason == FORKED) for each in witness.store.all()[1]]
    assert sorted(refused) == [(9, True), (12, False), (13, False), (14, False)]
    assert witness.add_checkpoint(body(9, 12)).status == 200  # and now it follows
    assert sorted(each.size for each in witness.store.all()[1]) == [9, 13, 14]


@pytest.mark.parametrize("name", ["x\N{LINE SEPARATOR}y", "x\x85", "x\N{IDEOGRAPHIC SPACE}y"])
def test_a_fork_with_a_line_that_looks_like_two_is_kept_as_evidence(
    witness: Witness, name: str
) -> None:
    """Whoever forks a log adds the line, so that the evidence cannot be written down."""
    assert witness.add_checkpoint(body(0, 12)).status == 200
    forked = f"{note(12, FORK)}\N{EM DASH} {name} AAAAAAAA\n"
    assert witness.add_checkpoint(body(12, 12, FORK, text=forked)).status == 409
    _, (refusal,) = witness.store.all()
    assert (refusal.reason, refusal.note) == (FORKED, note(12, FORK))


def test_a_size_that_no_store_can_hold_is_no_size(witness: Witness) -> None:
    huge = LOG.sign(f"{ORIGIN}\n{2**63}\n{note(1).split(chr(10))[2]}\n")
    assert witness.add_checkpoint(body(0, 1, text=huge)).status == 400
    assert witness.add_checkpoint(body(0, 1)).status == 200


def test_exposed_a_witness_from_an_old_copy_of_its_store_believes_an_old_log(
    tmp_path: Path,
) -> None:
    """Why its owner must not do that: docs/how-to/witness.md."""
    witness = Witness(Store(tmp_path / "w.db", first_time=True), (KEY,), (LOG.verifier,))
    assert witness.add_checkpoint(body(0, 9)).status == 200
    shutil.copy(tmp_path / "w.db", tmp_path / "old.db")
    assert witness.add_checkpoint(body(9, 12)).status == 200
    restored = Witness(Store(tmp_path / "old.db"), (KEY,), (LOG.verifier,))
    assert restored.add_checkpoint(body(9, 15, FORK)).status == 200
    # but what it cosigned before and after contradict each other for whoever kept both
    proof = consistency_proof(FORK.node, 12, 15)
    with pytest.raises(ProofError):
        verify_consistency(12, 15, old_root=TREE.root(12), new_root=FORK.root(15), proof=proof)


def test_a_lie_about_the_old_size_does_not_help(witness: Witness) -> None:
    witness.add_checkpoint(body(0, 12))
    assert witness.add_checkpoint(Submission(0, (), note(20, FORK)).text()).status == 409
    proof = tuple(consistency_proof(FORK.node, 9, 20))  # of the part they have in common
    assert witness.add_checkpoint(Submission(12, proof, note(20, FORK)).text()).status == 422


@needs_ml_dsa
def test_a_second_key_of_the_log_and_of_the_witness_is_used(tmp_path: Path) -> None:
    new, second = Signer.generate(ORIGIN, ML_DSA_44), Signer.generate("w", ML_DSA_44)
    keys = (LOG.verifier, new.verifier)
    witness = Witness(Store(tmp_path / "w.db", first_time=True), (KEY, second), keys)
    reply = witness.add_checkpoint(body(0, 3, text=note(3, by=new)))
    assert reply.status == 200
    opened = read_note(f"{note(3)}{reply.body}", [KEY.verifier, second.verifier])
    assert len(opened.signed) == 2


def test_a_store_that_is_gone_stops_the_witness(tmp_path: Path) -> None:
    with pytest.raises(WitnessStopped, match="lost its memory"):
        Store(tmp_path / "w.db")
    Store(tmp_path / "w.db", first_time=True)
    Store(tmp_path / "w.db")


def test_the_store_itself_refuses_to_go_back_or_to_forget(tmp_path: Path) -> None:
    store = Store(tmp_path / "w.db", first_time=True)
    store.advance(Seen(ORIGIN, 9, TREE.root(9), "", 1), old_size=0)
    assert not store.advance(Seen(ORIGIN, 12, TREE.root(12), "", 1), old_size=0)
    for seen in (Seen(ORIGIN, 8, TREE.root(8), "", 1), Seen(ORIGIN, 9, bytes(32), "", 1)):
        with pytest.raises(sqlite3.IntegrityError, match="never goes back"):
            store.advance(seen, old_size=9)
    forgotten = pytest.raises(sqlite3.IntegrityError, match="never forgets")
    with closing(sqlite3.connect(tmp_path / "w.db")) as other, forgotten:
        other.execute("DELETE FROM latest")


def test_a_failing_disk_means_no_signature(
    witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> bool:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Store, "advance", broken)
    with pytest.raises(sqlite3.OperationalError):
        witness.add_checkpoint(body(0, 3))


def test_one_of_many_at_once_wins_each_size(witness: Witness) -> None:
    """Both branches are pushed at the same moment: at most one root a size is ever cosigned."""
    witness.add_checkpoint(body(0, 9))
    requests = [body(9, size, tree) for size in range(10, 20) for tree in (TREE, FORK)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(witness.add_checkpoint, requests))
    won = [r for r, reply in zip(requests, replies, strict=True) if reply.status == 200]
    assert len(won) == 1  # they all began at 9


@pytest.fixture
def port(witness: Witness) -> Iterator[int]:
    server = make_server(witness, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


def ask(port: int, method: str, path: str, content: bytes | None = None) -> tuple[int, str, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, content)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


def test_over_http_the_same_with_the_types_of_the_specification(port: int) -> None:
    status, _, text = ask(port, "POST", "/prefix/add-checkpoint", body(0, 9))
    assert (status, text[0]) == (200, "\N{EM DASH}")
    assert ask(port, "POST", "/add-checkpoint", body(0, 9)) == (409, "text/x.tlog.size", "9\n")
    assert ask(port, "POST", "/elsewhere", b"")[0] == 404
    assert ask(port, "GET", "/add-checkpoint")[0] == 404
    assert KEY.verifier.export() in ask(port, "GET", "/")[2]
    assert ask(port, "POST", "/add-checkpoint", b"x" * 300_000)[0] == 400


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: \u0665\r\n",
        f"Content-Length: {'9' * 5000}\r\n",
        "",
    ],
)
def test_a_length_that_two_could_read_differently_is_refused(port: int, head: str) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
        request = f"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n{head}\r\n"
        connection.sendall(request.encode() + b"0\r\n\r\nGET / HTTP/1.1\r\nHost: w\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1  # what followed was not taken for a request


def test_so_many_connections_are_taken_and_the_next_are_closed(port: int) -> None:
    """Those that say nothing hold a place each, and no more than there are."""
    silent = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(128)]
    try:
        closed = socket.create_connection(("127.0.0.1", port), timeout=60)
        silent.append(closed)
        assert closed.recv(1) == b""
    finally:
        for each in silent:
            each.close()


def test_a_store_that_fails_is_a_500_and_no_signature(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Store, "latest", broken)
    status, _, text = ask(port, "POST", "/add-checkpoint", body(0, 9))
    assert (status, "\N{EM DASH}" in text) == (500, False)


def test_keys_are_read_from_files_and_there_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{LOG.verifier.export()}\n\n")
    assert read_keys([tmp_path / "keys"]) == (LOG.verifier,)
    for text in ("", "nonsense"):
        (tmp_path / "keys").write_text(text)
        with pytest.raises(WitnessStopped):
            read_keys([tmp_path / "keys"])
    with pytest.raises(WitnessStopped):
        read_keys([tmp_path / "none"])


def test_a_submission_is_read_as_it_was_written() -> None:
    sent = Submission(9, (bytes(32), b"x" * 32), note(20))
    assert Submission.parse(sent.text()) == sent
    with pytest.raises(NoteError):
        Submission.parse(b"old 1\n")
    assert Leaves([]).root(0) == EMPTY_ROOT


KILLS = int(os.environ.get("ENCLAVE_WITNESS_KILLS", "6"))


def test_kill_9_at_any_moment_never_makes_it_cosign_two_roots_for_one_size(tmp_path: Path) -> None:
    """The same sizes of two branches are pushed while it is killed and started again."""
    key, log_key, store = tmp_path / "key", tmp_path / "log.key", tmp_path / "w.db"
    key.write_text(KEY.export())
    log_key.write_text(LOG.verifier.export())
    cosigned: dict[int, set[bytes]] = {}
    size = 0
    for round in range(KILLS):
        first = ("--first-time",) if round == 0 else ()
        process, port = _start(store, key, log_key, *first)
        timer = threading.Timer(0.02 + 0.03 * round, process.send_signal, [signal.SIGKILL])
        timer.start()
        while process.poll() is None and size < 5000:
            for tree in (FORK, TREE) if round % 2 else (TREE, FORK):
                size = _push(port, tree, cosigned, size)
        timer.join()
        process.wait()
    process, port = _start(store, key, log_key)
    for tree in (TREE, FORK) * 3:  # on a slow disk each was killed before its first answer
        size = _push(port, tree, cosigned, size)
    process.kill()
    process.wait()
    assert cosigned
    assert all(len(roots) == 1 for roots in cosigned.values())
    latest = Store(store).latest(ORIGIN)
    assert latest is not None
    assert latest.size >= max(cosigned)  # what it answered, it remembers
    assert latest.size not in cosigned or cosigned[latest.size] == {latest.root}


def _start(store: Path, key: Path, log_key: Path, *more: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, store, key, log_key, *more],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as out:
        return process, int(out.readline())


_PROGRAM = """
import sys
from pathlib import Path
from audit.keys import Signer
from audit.witness import Witness, make_server, read_keys
from audit.witness_store import Store
store, key, log_key, *first = map(Path, sys.argv[1:])
signer = Signer.parse(key.read_text())
witness = Witness(Store(store, first_time=bool(first)), (signer,), read_keys([log_key]))
server = make_server(witness, "127.0.0.1", 0)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def _push(port: int, tree: Leaves, cosigned: dict[int, set[bytes]], size: int) -> int:
    """Push a branch's next size; note what was cosigned; return the size to go on from."""
    new = min(size + 1, len(tree.leaves))
    proof = tuple(consistency_proof(tree.node, size, new)) if 0 < size <= new else ()
    try:
        status, kind, text = ask(port, "POST", "/add-checkpoint",
                                 Submission(size, proof, note(new, tree)).text())  # fmt: skip
    except (OSError, http.client.HTTPException):
        time.sleep(0.005)
        return size
    if status == 200:
        cosigned.setdefault(new, set()).add(tree.root(new))
        return new
    return int(text) if kind == SIZE_TYPE and int(text) <= len(tree.leaves) else size
