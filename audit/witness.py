"""The program another party runs: it cosigns a log's checkpoints and remembers the last one.

C2SP tlog-witness, `add-checkpoint` over HTTP. Never cosigns two roots for one size, nor a smaller
log after a larger one: what it cosigned is on its disk (fsync) before the answer leaves. Believes
nothing of the log but its signature and its proofs, and imports nothing of the audit service.
"""

from __future__ import annotations

import base64
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from typing_extensions import override

from audit.keys import COSIGNATURE, ML_DSA_44, NoteError, Signer, Verifier, decode, whole_number
from audit.merkle import EMPTY_ROOT, ProofError, verify_consistency
from audit.note import Checkpoint, lines_of, read_note, split_note
from audit.witness_store import FORKED, Refusal, Seen, Store, WitnessStopped

MAX_BODY = 256 * 1024  # bytes: 63 hashes and a note with 16 signatures of 5 kB fit
MAX_PROOF = 63  # lines of a consistency proof (tlog-witness)
_AT_ONCE = 128  # connections; the next one is closed unheard
_SLOW_CLIENT = 15.0  # seconds
SIZE_TYPE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Submission:
    """One `add-checkpoint` request, read."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """Read a request's body; raises NoteError."""
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise NoteError("not UTF-8") from error
        head, blank, note = text.partition("\n\n")
        first, *lines = head.split("\n")
        if not blank or not first.startswith("old ") or len(lines) > MAX_PROOF:
            raise NoteError("a request is an old size, a proof, an empty line and a checkpoint")
        proof = tuple(map(decode, lines))
        if any(len(each) != 32 for each in proof):
            raise NoteError("a hash has 32 bytes")
        return cls(whole_number(first[4:]), proof, note)

    def text(self) -> bytes:
        """Return the body of the request."""
        proof = "".join(base64.b64encode(each).decode() + "\n" for each in self.proof)
        return f"old {self.old_size}\n{proof}\n{self.note}".encode()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: HTTP status, body, type of the body."""

    status: int
    body: str = ""
    kind: str = "text/plain; charset=utf-8"


def _size_reply(size: int) -> Reply:
    return Reply(409, f"{size}\n", SIZE_TYPE)


@dataclass(slots=True)
class Witness:
    """Decides about submissions. `logs` are the keys it believes; a log's name is its origin."""

    store: Store
    signers: tuple[Signer, ...]
    logs: tuple[Verifier, ...]
    clock: Callable[[], float] = time.time
    _locks: dict[str, threading.Lock] = field(init=False)

    def __post_init__(self) -> None:
        self._locks = {log.name: threading.Lock() for log in self.logs}

    def add_checkpoint(self, body: bytes) -> Reply:
        """Answer one request as tlog-witness says; only a 200 has cosigned anything."""
        try:
            submission = Submission.parse(body)
            opened = read_note(submission.note, ())
            checkpoint = Checkpoint.parse(opened.text)
        except NoteError as error:
            return Reply(400, f"{error}\n")
        origin = checkpoint.origin
        if origin not in self._locks:
            return Reply(404, "this witness does not know the log\n")
        try:
            keys = [log for log in self.logs if log.name == origin]
            signed = bool(read_note(submission.note, keys).signed)
        except NoteError:
            signed = False
        if not signed:
            return Reply(403, "no key this witness knows for the log has signed this\n")
        if submission.old_size > checkpoint.size:
            return Reply(400, "the old size is larger than the checkpoint's\n")
        with self._locks[origin]:
            return self._decide(submission, checkpoint)

    def _decide(self, submission: Submission, checkpoint: Checkpoint) -> Reply:
        """Compare with what was cosigned last; cosign if it only grew. Under the origin's lock."""
        seen = self.store.latest(checkpoint.origin)
        size, root = (seen.size, seen.root) if seen else (0, EMPTY_ROOT)
        if submission.old_size != size:
            return _size_reply(size)
        if checkpoint.size == size and checkpoint.root != root:
            self._keep_evidence(submission.note, checkpoint, FORKED)
            return _size_reply(size)
        try:
            verify_consistency(
                size,
                checkpoint.size,
                old_root=root,
                new_root=checkpoint.root,
                proof=submission.proof,
            )
        except ProofError as error:
            self._keep_evidence(submission.note, checkpoint, str(error))
            return Reply(422, f"{error}\n")
        return self._cosign(submission, checkpoint)

    def _cosign(self, submission: Submission, checkpoint: Checkpoint) -> Reply:
        """Persist, then sign, then answer: a crash in between loses an answer, never a memory."""
        at = int(self.clock())
        new = Seen(checkpoint.origin, checkpoint.size, checkpoint.root, submission.note, at)
        if not self.store.advance(new, old_size=submission.old_size):
            latest = self.store.latest(checkpoint.origin)
            return _size_reply(latest.size if latest else 0)
        text = read_note(submission.note, ()).text
        return Reply(200, "".join(signer.line(text, at) for signer in self.signers))

    def _keep_evidence(self, note: str, checkpoint: Checkpoint, reason: str) -> None:
        at, signed = int(self.clock()), self._signed_alone(note, checkpoint.origin)
        self.store.refuse(Refusal(at, checkpoint.origin, checkpoint.size, reason, signed))

    def _signed_alone(self, note: str, origin: str) -> str:
        """Return the note with the log's own signatures alone: anybody can add lines of others.

        Else one checkpoint, each time with another line, would fill the memory for refusals.
        """
        keys = [log for log in self.logs if log.name == origin]
        text, block = split_note(note)
        return f"{text}\n" + "".join(
            line for line in lines_of(block) if read_note(f"{text}\n{line}", keys).signed
        )


class _Server(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], witness: Witness):
        self.witness = witness
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__(address, _Handler)

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    @override
    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


class _Handler(BaseHTTPRequestHandler):
    """HTTP around `Witness.add_checkpoint`; connections are kept alive."""

    protocol_version = "HTTP/1.1"
    server_version = "witness"
    sys_version = ""
    timeout = _SLOW_CLIENT
    server: _Server

    def do_GET(self) -> None:
        """Say who this is, for whoever sets a log up or looks whether it answers."""
        if self.path == "/":
            signers = self.server.witness.signers
            keys = "".join(f"{signer.verifier.export()}\n" for signer in signers)
            self._answer(Reply(200, f"A witness of transparency logs (C2SP tlog-witness).\n{keys}"))
        else:
            self._answer(Reply(404, "no such page\n"), close=True)

    def do_POST(self) -> None:
        """Take a submission."""
        # Two lengths, or a length beside chunks, are read differently by a proxy in between.
        lengths = self.headers.get_all("Content-Length", [])
        sure = len(lengths) == 1 and "Transfer-Encoding" not in self.headers
        length = lengths[0] if sure else ""
        if not self.path.endswith("/add-checkpoint"):
            self._answer(Reply(404, "no such call\n"), close=True)
        elif not re.fullmatch("[0-9]{1,9}", length) or int(length) > MAX_BODY:
            self._answer(Reply(400, "a body of a length that may be read is needed\n"), close=True)
        else:
            body = self.rfile.read(int(length))
            try:
                reply = self.server.witness.add_checkpoint(body)
            except sqlite3.Error:
                reply = Reply(500, "the witness cannot use its store\n")
            self._answer(reply)

    def _answer(self, reply: Reply, *, close: bool = False) -> None:
        body = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the store says what was cosigned and what refused."""


def read_keys(paths: Iterable[Path]) -> tuple[Verifier, ...]:
    """Return the logs' public keys, one a line; raises WitnessStopped without any."""
    try:
        lines = [line for path in paths for line in path.read_text().splitlines() if line.strip()]
        keys = tuple(map(Verifier.parse, lines))
    except (OSError, NoteError) as error:
        raise WitnessStopped(f"A log's public key cannot be read: {error}.") from error
    if not keys:
        raise WitnessStopped("A witness needs the public key of a log.")
    return keys


def own_key(path: Path) -> Signer:
    """Return a witness's private key; raises WitnessStopped for a log's, NoteError for none."""
    signer = Signer.parse(path.read_text())
    if signer.kind not in (COSIGNATURE, ML_DSA_44):
        raise WitnessStopped(f"{path} is a log's key, not a witness's.")
    return signer


def make_server(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """Return the HTTP server, listening; `serve_forever` runs it."""
    return _Server((host, port), witness)
