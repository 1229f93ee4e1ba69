"""What an operator with root, the signing key and time can do to the log, as one table.

Each attack takes a directory that holds an honest log and leaves a forged one, complete with tree
and signature where the attacker would bother. `python -m tests.support.rewrites` prints what
`verify.pyz` says of each, from a checkpoint kept elsewhere and from the forged log's own.
"""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.custody import AuditFiles, load_signer, show_public, sign_checkpoint, write_durably
from audit.log import Sender, open_reader, open_writer
from audit.note import Checkpoint, Signer, Verifier
from audit.signers import Signers
from enclave.settings import Settings
from tests.support.audit_story import DAY, tell
from tests.support.verifier import verify_log

Body = tuple[bytes, Sender]
HOUR = 3_600_000


def contents(files: AuditFiles) -> list[Body]:
    """Return every entry's text and sender."""
    with closing(open_reader(files.place)) as log:
        return [(entry.body or b"", entry.sender) for entry in log.entries()]


def rewrite(settings: Settings, bodies: list[Body], signer: Signers | None = None) -> None:
    """Make a new log out of texts, complete with tree and a genuine signature."""
    files = AuditFiles(settings.audit_dir)
    signer = signer or load_signer(files, settings.origin)
    for suffix in ("", "-wal", "-shm"):
        files.log.with_name(files.log.name + suffix).unlink(missing_ok=True)
    numbers: dict[tuple[str, str], int] = {}
    with closing(open_writer(files.place)) as log:
        with log.write() as batch:
            for body, sender in bodies:
                key = (sender.source, sender.instance)
                seq = numbers.get(key, 0)
                numbers[key] = seq + 1
                batch.add(renumbered(body, seq), Sender(*key, seq))
        sign_checkpoint(log, files, signer)


def renumbered(body: bytes, seq: int) -> bytes:
    """A careful forger leaves no gap in anybody's numbering."""
    event = json.loads(body)
    event["metadata"]["sequence"] = event["unmapped"]["enclave"]["seq"] = seq
    return packed(event)


def packed(event: dict[str, Any]) -> bytes:
    """Write an event as the service writes it."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def edit(bodies: list[Body]) -> list[Body]:
    """A refusal becomes a permission."""
    place = denial(bodies)
    body, sender = bodies[place]
    forged = body.replace(b'"verdict":"denied"', b'"verdict":"allowed"')
    return [*bodies[:place], (forged, sender), *bodies[place + 1 :]]


def remove(bodies: list[Body]) -> list[Body]:
    """A refusal was never there."""
    place = denial(bodies)
    return [*bodies[:place], *bodies[place + 1 :]]


def swap(bodies: list[Body]) -> list[Body]:
    """Two entries change places."""
    place = denial(bodies)
    return [*bodies[: place - 1], bodies[place], bodies[place - 1], *bodies[place + 1 :]]


def truncate(bodies: list[Body]) -> list[Body]:
    """The last entries are gone."""
    return bodies[:-3]


def last_hour(bodies: list[Body]) -> list[Body]:
    """Everything of the last hour is gone."""
    limit = time_of(bodies[-1][0]) - HOUR
    return [each for each in bodies if time_of(each[0]) < limit]


def fork(bodies: list[Body]) -> list[Body]:
    """Another end is told."""
    return [*bodies[:-3], *bodies[:3]]


def insert(bodies: list[Body]) -> list[Body]:
    """An entry is added in the past."""
    return [bodies[0], *bodies]


def allow(bodies: list[Body]) -> list[Body]:
    """A refused query becomes an intent and an outcome, as if it had been allowed."""
    place = denial(bodies)
    body, sender = bodies[place]
    asked, answered = json.loads(body), json.loads(body)
    for event, action in ((asked, "query.intent"), (answered, "query.outcome")):
        event["unmapped"]["enclave"] |= {"action": action, "verdict": "allowed", "detail": {}}
    answered["unmapped"]["enclave"]["detail"] = {"rows": 7}
    forged = [(packed(asked), sender), (packed(answered), sender)]
    return [*bodies[:place], *forged, *bodies[place + 1 :]]


def ballot(bodies: list[Body]) -> list[Body]:
    """A vote is given to another person."""
    place = next(i for i, (body, _) in enumerate(bodies) if b"output.voted" in body)
    body, sender = bodies[place]
    forged = body.replace(b'"uid":"dora"', b'"uid":"adam"')
    return [*bodies[:place], (forged, sender), *bodies[place + 1 :]]


def clock(bodies: list[Body]) -> list[Body]:
    """All of it happened a day earlier."""
    moved = []
    for body, sender in bodies:
        event = json.loads(body)
        event["time"] -= DAY
        moved.append((packed(event), sender))
    return moved


def reattribute(bodies: list[Body]) -> list[Body]:
    """Somebody else did it."""
    return [(body.replace(b'"uid":"rosa"', b'"uid":"ravi"'), sender) for body, sender in bodies]


def everything(bodies: list[Body]) -> list[Body]:
    """Another history altogether."""
    return [each for each in bodies if b"rosa" not in each[0]]


def time_of(body: bytes) -> int:
    """Return when an entry says it was written, in ms."""
    return int(json.loads(body)["time"])


def denial(bodies: list[Body]) -> int:
    """Return the place of a refused query."""
    return next(i for i, (body, _) in enumerate(bodies) if b"query.denied" in body)


def tamper(files: AuditFiles, *statements: str) -> None:
    """Change the stored file as root would: triggers dropped first."""
    with closing(sqlite3.connect(files.log)) as log:
        triggers = log.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            log.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            log.execute(statement)
        log.commit()


def _signed(change: Callable[[list[Body]], list[Body]]) -> Callable[[Settings], None]:
    def attack(settings: Settings) -> None:
        rewrite(settings, change(contents(AuditFiles(settings.audit_dir))))

    return attack


def _unsigned(settings: Settings) -> None:
    """Edit, then mend leaves and tiles, and leave the checkpoint: no key is at hand."""
    files = AuditFiles(settings.audit_dir)
    checkpoint = files.checkpoint.read_text()
    rewrite(settings, edit(contents(files)))
    write_durably(files.checkpoint, checkpoint)


def _in_place(settings: Settings) -> None:
    """Change one text and nothing else."""
    tamper(
        AuditFiles(settings.audit_dir),
        "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'rosa', 'nina') AS BLOB)"
        " WHERE idx = 10",
    )


def _tiles_only(settings: Settings) -> None:
    """Spoil the stored tree: proofs would fail for everybody."""
    tamper(
        AuditFiles(settings.audit_dir),
        "UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND n = 0",
    )


def _hole(settings: Settings) -> None:
    """Delete one row."""
    tamper(AuditFiles(settings.audit_dir), "DELETE FROM entry WHERE idx = 12")


def _forgotten(settings: Settings) -> None:
    """Use retention's own means without its event: the leaf stays, the root too."""
    tamper(AuditFiles(settings.audit_dir), "UPDATE entry SET body = NULL WHERE idx = 12")


def _sender(settings: Settings) -> None:
    """Say another sent it, in the columns beside the text."""
    tamper(AuditFiles(settings.audit_dir), "UPDATE entry SET source = 'hub' WHERE idx = 12")


def _other_key(settings: Settings) -> None:
    """Sign the same entries with a new key, and show that one as the log's."""
    files = AuditFiles(settings.audit_dir)
    stranger = Signers.of(Signer.generate(settings.origin))
    rewrite(settings, contents(files), stranger)
    files.public_key.unlink()
    files.public_keys.unlink(missing_ok=True)
    show_public(files, stranger)


def _other_origin(settings: Settings) -> None:
    """Sign a history without its refusal as another log, and pass that off."""
    files = AuditFiles(settings.audit_dir)
    stranger = Signers.of(Signer.generate("enclave.demo/other"))
    rewrite(settings, remove(contents(files)), stranger)
    files.public_key.unlink()
    files.public_keys.unlink(missing_ok=True)
    show_public(files, stranger)


def _without_key(settings: Settings) -> None:
    """Add an entry without having the key: its number stands before a signature of another's."""
    files = AuditFiles(settings.audit_dir)
    bodies, real = contents(files), Verifier.parse(files.public_key.read_text())
    stranger = Signers.of(Signer.generate(settings.origin))
    body, sender = bodies[0]
    rewrite(settings, [*bodies, (body, sender)], stranger)
    text, _, line = files.checkpoint.read_text().rpartition(" ")
    forged = base64.b64encode(real.key_id + base64.b64decode(line)[4:]).decode()
    files.checkpoint.write_text(f"{text} {forged}\n")


def _empty(settings: Settings) -> None:
    """Begin again with nothing."""
    rewrite(settings, [])


def _checkpoint_ahead(settings: Settings) -> None:
    """Show a signed checkpoint over entries that are not there."""
    files = AuditFiles(settings.audit_dir)
    signer = load_signer(files, settings.origin)
    files.checkpoint.write_text(signer.sign(Checkpoint(settings.origin, 10_000, bytes(32)).text()))


COVERED, FITS, OWN = "your checkpoint covers", "fit its leaf", "its own present checkpoint"
REMOVED, KEY = "removed text covered", "its own present checkpoint signed"


@dataclass(frozen=True, slots=True)
class Attack:
    """One rewrite; `caught` is part of the question it is caught by.

    `careful` says that the forged log passes every check of its own.
    """

    run: Callable[[Settings], None]
    caught: str = COVERED
    careful: bool = True


ATTACKS = {
    "edit": Attack(_signed(edit)),
    "remove": Attack(_signed(remove)),
    "swap": Attack(_signed(swap)),
    "insert": Attack(_signed(insert)),
    "truncate": Attack(_signed(truncate)),
    "drop the last hour": Attack(_signed(last_hour)),
    "fork": Attack(_signed(fork)),
    "another history": Attack(_signed(everything), careful=False),
    "a refusal made an answer": Attack(_signed(allow)),
    "a vote by another person": Attack(_signed(ballot)),
    "done by another person": Attack(_signed(reattribute)),
    "the clock put back": Attack(_signed(clock)),
    "begin again with nothing": Attack(_empty),
    "another key": Attack(_other_key, KEY),
    "another origin": Attack(_other_origin, KEY),
    "another's signature": Attack(_without_key, KEY, careful=False),
    "edit and mend the tree, unsigned": Attack(_unsigned, careful=False),
    "edit one text in place": Attack(_in_place, FITS, careful=False),
    "spoil the tiles": Attack(_tiles_only, "stored tiles", careful=False),
    "delete a row": Attack(_hole, "without a gap", careful=False),
    "another sender in the columns": Attack(_sender, "numbering gapless", careful=False),
    "remove a text without an event": Attack(_forgotten, REMOVED, careful=False),
    "a checkpoint over nothing": Attack(_checkpoint_ahead, OWN, careful=False),
}


def wrong(report: str) -> list[str]:
    """Return the questions a printed report answers with WRONG."""
    return [line for line in report.splitlines() if line.startswith("WRONG")]


def main() -> int:
    """Print the table."""
    print("| attack | caught from a checkpoint kept elsewhere by | its own checks |\n|---|---|---|")
    missed = 0
    for name, attack in ATTACKS.items():
        with tempfile.TemporaryDirectory() as place:
            settings = Settings(state_dir=Path(place) / "s", run_dir=Path(place) / "r")
            tell(settings, days=6)
            files, kept = AuditFiles(settings.audit_dir), Path(place) / "kept"
            kept.mkdir()
            for path in (files.checkpoint, files.public_key):
                shutil.copy(path, kept)
            attack.run(settings)
            ours = verify_log(files.directory, kept / "checkpoint", kept / "public.key")
            own = verify_log(files.directory, files.checkpoint, files.public_key)
            missed += ours.returncode != 1
            first = (
                wrong(ours.stdout)[0][6:].partition("?")[0] if ours.returncode == 1 else "MISSED"
            )
            print(f"| {name} | {first}? | {'all pass' if own.returncode == 0 else 'fail too'} |")
    return missed


if __name__ == "__main__":
    sys.exit(main())
