"""Removes the texts of old entries and keeps their leaves: root and every proof stay as they were.

The intention is in the log, with range, number and legal ground, before anything is removed; a
removal that was cut short is completed by the next run. Never removes anything unless the setting
`audit_retention_days` says from which age on, and never what the log's own evidence rests on:
open intents, the way of an output to its release, keys, rotations, earlier removals.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from audit.admit import ENDS, facts
from audit.closed import closed_logs, reopened
from audit.custody import AuditFiles, LogRefused, write_durably
from audit.keeper import Keeper
from audit.log import Entry, Log, LogReader, open_reader
from audit.sentences import read
from enclave.errors import Invalid
from enclave.events import Action, Scalar
from enclave.settings import Settings

KEPT = frozenset(
    {
        Action.OUTPUT_SUBMITTED,  # who the author was, so that no author is found to have voted
        Action.OUTPUT_BUDGET_SPENT,  # what an agreement has spent never lapses
        Action.OUTPUT_VOTED,
        Action.OUTPUT_REJECTED,
        Action.OUTPUT_WITHDRAWN,
        Action.OUTPUT_RELEASED,
        Action.AUDIT_PURGED,
        Action.AUDIT_KEY_ROTATED,
        Action.AUDIT_CLOSED,
        Action.AUDIT_ROTATED,
    }
)
STEP = 5000  # entries emptied in one transaction
MOST_GROUND = 300  # characters

Progress = Callable[[int, int], None]
_EVENT = Action.AUDIT_PURGED.value.encode()


@dataclass(frozen=True, slots=True)
class Removal:
    """What is to be removed from one log: the entries, and all that will have been removed then.

    `digest` is the SHA-256 over the indices of all entries without a text once this is done, each
    as eight bytes, the highest first: whoever reads the log can check that exactly these are gone.
    """

    origin: str
    before: date
    indices: tuple[int, ...]
    removed: int
    digest: str
    kept: int = 0

    def detail(self, ground: str) -> dict[str, Scalar]:
        """Return the event's detail. `first` and `last` are included in the range."""
        return {
            "log": self.origin,
            "first": self.indices[0],
            "last": self.indices[-1],
            "entries": len(self.indices),
            "before": self.before.isoformat(),
            "ground": ground,
            "removed": self.removed,
            "digest": self.digest,
        }


def check(before: date, ground: str, *, days: int | None, today: date) -> None:
    """Raise Invalid unless texts of before that day may be removed on this ground."""
    if days is None:
        raise Invalid(
            "No retention is set, so no text is ever removed.",
            hint="Set `audit_retention_days` to what the agreements ask for.",
        )
    if before > today - timedelta(days=days):
        latest = (today - timedelta(days=days)).isoformat()
        raise Invalid(f"Texts are kept for {days} days: the latest day to name is {latest}.")
    if not ground.strip() or len(ground) > MOST_GROUND:
        raise Invalid(f"A removal names its legal ground, in 1 to {MOST_GROUND} characters.")


def choose(log: LogReader, origin: str, before: date, *, end: int | None = None) -> Removal:
    """Return what may be removed of the entries before `end` that are older than that day (UTC)."""
    choosing = _Choosing(_milliseconds(before))
    for entry in log.entries(0, end):
        choosing.take(entry)
    indices = sorted(choosing.finish(log))
    gone = sorted([*choosing.gone, *indices])
    return Removal(origin, before, tuple(indices), len(gone), _digest(gone), choosing.kept)


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _digest(indices: Iterable[int]) -> str:
    return hashlib.sha256(b"".join(index.to_bytes(8, "big") for index in indices)).hexdigest()


@dataclass(slots=True)
class _Choosing:
    """One pass over a log. A query's entries go together or stay together."""

    before: int
    gone: list[int] = field(default_factory=list)
    kept: int = 0
    _alone: list[int] = field(default_factory=list)
    _queries: dict[str, list[int]] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)
    _whole: set[str] = field(default_factory=set)

    def take(self, entry: Entry) -> None:
        if entry.body is None:
            self.gone.append(entry.index)
            return
        fact = read(entry.index, entry.body)
        if fact.time >= self.before:
            return
        if fact.action in KEPT:
            self.kept += 1
        elif fact.intent is None:
            self._alone.append(entry.index)
        else:
            self._queries.setdefault(fact.intent, []).append(entry.index)
            if fact.action is Action.QUERY_INTENT:
                self._begun.add(fact.intent)
            elif fact.action in ENDS and fact.intent in self._begun:
                self._whole.add(fact.intent)

    def finish(self, log: LogReader) -> Iterator[int]:
        yield from self._alone
        gone = frozenset(self.gone)
        for name, indices in self._queries.items():
            if name in self._whole or self._over(log.intent(name), gone | frozenset(indices)):
                yield from indices
            else:
                self.kept += len(indices)

    @staticmethod
    def _over(intent: tuple[int | None, int | None] | None, going: frozenset[int]) -> bool:
        """Whether a query has ended, and neither its beginning nor its end stays behind."""
        if intent is None:
            return True  # an attempt that was refused: no query by that id was ever begun
        begun, ended = intent
        return ended in going and (begun is None or begun in going)


def purge(
    keeper: Keeper, before: date, ground: str, *, progress: Progress = lambda done, total: None
) -> list[Removal]:
    """Remove the texts of before that day from this log and those it followed; say what was.

    First completes what an earlier run was cut off from. Raises Invalid, LogRefused or StoreError;
    what was recorded by then is completed by the next run.
    """
    check(
        before,
        ground,
        days=keeper.settings.audit_retention_days,
        today=datetime.now(UTC).date(),
    )
    complete(keeper, progress=progress)
    done = []
    for files in _all(keeper.files):
        with _opened(keeper, files) as log:
            removal = choose(log, origin_of(files), before)
        if removal.indices:
            keeper.record(Action.AUDIT_PURGED, removal.detail(ground))
            complete(keeper, progress=progress)
            done.append(removal)
    return done


def preview(settings: Settings, before: date, ground: str) -> list[Removal]:
    """Return what `purge` would remove, without the lock and without changing anything."""
    check(before, ground, days=settings.audit_retention_days, today=datetime.now(UTC).date())
    found = []
    for files in _all(AuditFiles.of(settings)):
        with closing(open_reader(files.place)) as log:
            found.append(choose(log, origin_of(files), before))
    return [removal for removal in found if removal.indices]


def spoken(removal: Removal) -> str:
    """Return a removal in a sentence."""
    first, last = removal.indices[0], removal.indices[-1]
    return (
        f"{removal.origin}: {len(removal.indices):,} texts of entries {first:,} to {last:,}, older "
        f"than {removal.before}; {removal.kept:,} as old are kept, since the log's evidence rests "
        "on them."
    )


def complete(keeper: Keeper, *, progress: Progress = lambda done, total: None) -> int:
    """Carry out every removal that is in the log and not yet done; return how many those were."""
    pending = list(_recorded(keeper.log, _done(keeper.files)))
    for index, detail in pending:
        _carry_out(keeper, detail, progress)
        write_durably(keeper.files.purged, f"{index}\n")
    return len(pending)


def _done(files: AuditFiles) -> int:
    """Return the index of the last removal that was carried out; doing one again does nothing."""
    return int(files.purged.read_text()) if files.purged.exists() else -1


def _recorded(log: LogReader, after: int) -> Iterator[tuple[int, dict[str, Any]]]:
    for entry in log.entries(after + 1):
        if entry.body is not None and _EVENT in entry.body:
            ours = facts(entry.body)
            if ours["action"] == Action.AUDIT_PURGED:
                yield entry.index, ours["detail"]


def _carry_out(keeper: Keeper, detail: dict[str, Any], progress: Progress) -> None:
    files = _files_of(keeper.files, str(detail["log"]))
    before = date.fromisoformat(detail["before"])
    with _opened(keeper, files) as log:
        removal = choose(log, detail["log"], before, end=detail["last"] + 1)
        if (removal.removed, removal.digest) != (detail["removed"], detail["digest"]):
            raise LogRefused("The log's texts are not those that its removal was recorded for.")
        remove(log, removal.indices, progress)
        for suffix in ("", "-wal", "-shm"):  # the index holds copies; it is built again
            files.index.with_name(files.index.name + suffix).unlink(missing_ok=True)
        log.scrub()


def origin_of(files: AuditFiles) -> str:
    """Return the origin of the log in a directory."""
    return files.checkpoint.read_text().partition("\n")[0]


def _all(files: AuditFiles) -> list[AuditFiles]:
    """Return this log and those it followed, the oldest first."""
    return [*(each.files for each in closed_logs(files)), files]


def _files_of(files: AuditFiles, origin: str) -> AuditFiles:
    for each in _all(files):
        if origin_of(each) == origin:
            return each
    raise LogRefused(f"The log {origin}, from which texts are to be removed, is not here.")


@contextmanager
def _opened(keeper: Keeper, files: AuditFiles) -> Iterator[Log]:
    """Open a closed log for as long as it takes; the current one is open already."""
    if files.directory == keeper.files.directory:
        yield keeper.log
        return
    with reopened(files) as log:
        yield log


def remove(log: Log, indices: Sequence[int], progress: Progress = lambda done, total: None) -> None:
    """Empty these entries, some thousand a transaction."""
    for at in range(0, len(indices), STEP):
        with log.write() as batch:
            for begin, end in _runs(indices[at : at + STEP]):
                batch.forget(begin, end)
        progress(min(at + STEP, len(indices)), len(indices))


def _runs(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield [begin, end) of each unbroken run."""
    begin = end = indices[0]
    for index in indices:
        if index != end:
            yield begin, end
            begin = index
        end = index + 1
    yield begin, end
