"""Checks receipts offline: a proof that one entry is in the log, a released file's certificate.

Never believes a checkpoint no key or policy of the auditor's accepts. Says what a certificate's
proofs show and what they do not: they prove entries by their hashes, and what those entries say is
read from the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audit.merkle import ProofError, leaf_hash
from audit.note import ED25519, ML_DSA_44, NoteError
from audit.policy import NONE, Judgement, LogKey, Policy
from audit.proof import HEADER, Proof
from audit.verifier.chain import closed_beside
from audit.verifier.checks import Check, Findings, Unreadable, counted, plain
from audit.verifier.engine import open_source
from audit.verifier.facts import Facts, NotAnEvent, read, strict_json
from audit.verifier.report import sha256
from audit.verifier.trust import Trust, spoken_time

ONE_FILE = "enclave/release/1"
FILES = "enclave/release/2"


def as_policy(trust: Trust) -> Policy:
    """Return what the auditor believes as one policy; keys alone ask for no witness."""
    base = trust.policy or Policy((), (), (), NONE)
    known = {log.verifier for log in base.logs}
    more = (
        LogKey(key) for key in trust.keys if key not in known and key.kind in (ED25519, ML_DSA_44)
    )
    return replace(base, logs=(*base.logs, *more))


def check_proof(text: str, leaf: bytes, policy: Policy) -> tuple[Check, Judgement | None]:
    """Check one proof; a wrong one is a finding."""
    question = "Is the entry in the log that your key or policy believes?"
    try:
        proof = Proof.parse(text)
        judged = proof.check_leaf(leaf, policy)
    except (NoteError, ProofError, UnicodeError) as error:
        return Check(question, "no", (plain(str(error)),)), None
    checkpoint = judged.checkpoint
    answer = f"yes, entry {proof.index:,} of {plain(checkpoint.origin)}"
    notes = [f"its checkpoint covers {counted(checkpoint.size, 'entry')}"]
    if policy.needs_witnesses:
        who = ", ".join(map(plain, judged.cosigned))
        when = "" if judged.since is None else f", since {spoken_time(judged.since)}"
        notes.append(f"cosigned by {who}{when}")
    notes += [f"{plain(name)}'s cosignature was not checked here" for name in judged.unchecked]
    return Check(question, answer, (), tuple(notes)), judged


@dataclass(frozen=True, slots=True)
class _Step:
    """One entry a certificate rests on: what it is said to be, and its proof."""

    action: str
    index: int
    leaf: bytes
    proof: str


def check_certificate(
    content: bytes, policy: Policy, *, released: Path | None = None, log: Path | None = None
) -> list[Check]:
    """Check a certificate; `released` is a released file or the folder of all of them.

    `log` is a verified copy. Raises Unreadable when it is no certificate at all.
    """
    try:
        body = strict_json(content)
        named, logged = _files(body)
        agencies = list(body["lineage"]["agencies"])
        votes = [(str(each["agency"]), each["approve"] is True) for each in body["votes"]]
        steps, _ = list(_steps(body)), body["request"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"This is no certificate of a release: {plain(str(error))}.") from error
    checks = [_file(named, released), _agreed(agencies, votes), _proofs(steps, agencies, policy)]
    if log is not None:
        checks.append(_entries(steps, body, logged, log))
    return checks


def _files(body: dict[str, Any]) -> tuple[dict[str, str], str]:
    """Return each released file's SHA-256 by name, and what the release's entry must say of all."""
    if body["certificate"] == ONE_FILE:
        named = str(body["file"]["sha256"])
        return {str(body["file"]["name"]): named}, named
    if body["certificate"] != FILES:
        raise ValueError("another format")
    files = {str(one["name"]): str(one["sha256"]) for one in body["files"]}
    if len(files) < len(body["files"]):
        raise ValueError("two files of one name")
    lines = "".join(f"{found}  {name}\n" for name, found in files.items())
    return files, hashlib.sha256(lines.encode()).hexdigest()


def _steps(body: dict[str, Any]) -> Iterator[_Step]:
    for each in body["proofs"]:
        if type(each["entry"]) is not int:
            raise ValueError("an entry is a number")
        leaf = bytes.fromhex(each["leaf"])
        yield _Step(str(each["action"]), each["entry"], leaf, str(each["proof"]))


def _file(named: dict[str, str], released: Path | None) -> Check:
    """Compare what was released: of a folder every file, of a file also its name."""
    question = "Is this certificate the released files'?"
    if released is None:
        return Check(question, "not asked: give the file with --released", checked=False)
    if released.is_dir():
        return _folder(question, named, released)
    found = sha256(released)
    if found not in named.values():
        names = plain(", ".join(named.values()))
        return Check(question, "no", (f"it names {names}, the file has {found}",))
    is_called = [plain(name) for name, hashed in named.items() if hashed == found]
    if named.get(released.name, found) != found:
        return Check(
            question, "no", (f"under the name {plain(released.name)} lies {is_called[0]}",)
        )
    note = f"{len(named) - 1:,} more files were released; give their folder to check all"
    return Check(question, f"yes, it is {is_called[0]}", (), (note,) if len(named) > 1 else ())


def _folder(question: str, named: dict[str, str], folder: Path) -> Check:
    found = Findings()
    for name, hashed in named.items():
        path = folder / Path(name).name  # never out of the folder, whatever it is called
        if not path.is_file():
            found.add(f"{plain(name)} is missing")
        elif sha256(path) != hashed:
            found.add(f"{plain(name)} is another file than was released")
    return found.answer(question, f"yes, all {len(named):,}")


def _agreed(agencies: list[Any], votes: list[tuple[str, bool]]) -> Check:
    found = Findings()
    for agency in agencies:
        if (agency, True) not in votes or (agency, False) in votes:
            found.add(f"{agency} did not approve")
    if not agencies:
        found.add("it names no agency")
    return found.answer("Does it name every agency's approval?", f"yes, {len(agencies):,}")


def _proofs(steps: list[_Step], agencies: list[Any], policy: Policy) -> Check:
    found = Findings()
    for step in steps:
        check, _ = check_proof(step.proof, step.leaf, policy)
        for place in check.wrong:
            found.add(f"{step.action}, entry {step.index:,}: {place}")
        with suppress(NoteError, UnicodeError):
            if Proof.parse(step.proof).index != step.index:
                found.add(f"{step.action}: its proof is of another entry than {step.index:,}")
    actions = [step.action for step in steps]
    if "output.released" not in actions:
        found.add("it has no proof of the release")
    if actions.count("output.voted") < len(set(map(str, agencies))):
        found.add("it has fewer proofs of votes than agencies")
    if len({step.leaf for step in steps}) != len(steps):
        found.add("one entry is proved twice")
    note = (
        "these prove that entries with these hashes are in the log; give a verified copy with "
        "--log to see that they say what the certificate says"
    )
    return found.answer(
        "Are its votes and its release in the log?", f"yes, {counted(len(steps), 'entry')}", (note,)
    )


def _entries(steps: list[_Step], body: dict[str, Any], logged: str, log: Path) -> Check:
    """Compare the entries themselves with what the certificate says of them."""
    found, voted = Findings(), set[str]()
    logs = [log, *closed_beside(log)]  # it may have been on its way when one was closed
    for step in steps:
        place = f"entry {step.index:,}"
        texts = (_text(each, step.index) for each in logs)
        text = next((one for one in texts if one and leaf_hash(one) == step.leaf), None)
        if text is None:
            found.add(
                f"{place}: the log holds another text, or none; earlier logs belong in its closed/"
            )
            continue
        said = _said(text)
        if said is None or said[0] != step.action or said[1].get("request") != body["request"]:
            found.add(f"{place}: is not {step.action} of this request")
        elif step.action == "output.voted" and said[1].get("decision") == "approve":
            voted.add(str(said[1].get("agency")))
        elif step.action == "output.released":
            if said[1].get("sha256") != logged:
                found.add(f"{place}: released another file")
            if said[2] != sorted(set(map(str, body["lineage"]["agencies"]))):
                found.add(f"{place}: is on the data of {', '.join(said[2])}")
    for agency in sorted(set(map(str, body["lineage"]["agencies"])) - voted):
        found.add(f"no vote of {agency} is among them")
    return found.answer("Do those entries say what the certificate says?", "yes")


def _text(log: Path, index: int) -> bytes | None:
    """Return an entry's text as a copy of a log has it, if it does."""
    with closing(open_source(log)) as source:
        if not 0 <= index < source.count():
            return None
        rows = [row for rows in source.rows(index, index + 1) for row in rows]
        return next((row[2] for row in rows if row[0] == index and type(row[2]) is bytes), None)


def _said(text: bytes) -> tuple[str, dict[str, Any], list[str]] | None:
    """Return an entry's action, detail and agencies; None when it is no event."""
    try:
        facts: Facts = read(text)
        return facts[2].decode(), strict_json(facts[9]), sorted(set(strict_json(facts[4])))
    except (NotAnEvent, ValueError):
        return None


def check_receipt(
    content: bytes,
    trust: Trust,
    *,
    leaf: bytes | None = None,
    released: Path | None = None,
    log: Path | None = None,
) -> list[Check]:
    """Check a tlog-proof of the entry with this leaf, or a certificate; raises Unreadable."""
    policy = as_policy(trust)
    if not content.startswith(HEADER.encode()):
        return check_certificate(content, policy, released=released, log=log)
    if leaf is None:
        raise Unreadable("A proof is of an entry: give its bytes with --entry, or its --leaf.")
    try:
        return [check_proof(content.decode(), leaf, policy)[0]]
    except UnicodeDecodeError as error:
        raise Unreadable("This is not a text.") from error
