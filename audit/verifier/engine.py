"""The verification itself: one pass over the entries, then every question in order.

Never prints and never exits; returns a `Report`. Reads in several processes only when asked to.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from audit.verifier.checks import Check, Findings, Unreadable, counted, plain
from audit.verifier.keeping import Keeping, Told, candidates, check_removed, hand_over
from audit.verifier.known import KNOWN
from audit.verifier.outputs import Outputs
from audit.verifier.queries import Queries
from audit.verifier.reading import STRETCH, Stretch, read_stretch
from audit.verifier.sources import Source, SqliteCopy, read_text
from audit.verifier.tiles import Tiles
from audit.verifier.tree import Whole
from audit.verifier.trust import Mark, Trust, judge, judge_cosigned, size_of

OPEN_SECONDS = 3600.0  # an intent this much younger than the last entry may still be running

Progress = Callable[[int, int], None]
"""`progress(done, total)`, called every so often while entries are hashed."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to verify and against what. `kept` maps names to the auditor's own checkpoints.

    Entries are read `stretch` at a time (whole tiles), by `jobs` processes.
    """

    directory: Path
    trust: Trust
    kept: dict[str, str]
    open_seconds: float = OPEN_SECONDS
    jobs: int = 1
    stretch: int = STRETCH


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked, in order, over how many entries.

    `covered` is how many of them a believed checkpoint covers that is not the log's own word.
    """

    origin: str
    entries: int
    root: str
    covered: int
    checks: tuple[Check, ...]
    directory: Path = field(default=Path())

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def exposed(self) -> int:
        """How many entries are newer than every believed checkpoint."""
        return max(0, self.entries - self.covered)


@dataclass(slots=True)
class Read:
    """Everything one pass over a log has shown."""

    whole: Whole = field(default_factory=Whole)
    queries: Queries = field(default_factory=Queries)
    outputs: Outputs = field(default_factory=Outputs)
    keeping: Keeping = field(default_factory=Keeping)
    unknown: Findings = field(default_factory=Findings)  # actions this version says nothing on

    def add(self, stretch: Stretch, source: Source) -> None:
        """Learn from the next stretch."""
        self.whole.add(stretch, source.tile)
        if self.whole.removed:
            self.queries.removed = self.outputs.removed = True
        self.queries.add(stretch.queries)
        for index, facts in stretch.told:
            if facts[2] not in KNOWN:
                self.unknown.add(f"entry {index:,}: {facts[2].decode(errors='replace')}")
            elif facts[2].startswith((b"output.", b"access.")):
                self.outputs.take(index, facts)
            else:
                self.keeping.take(index, facts)
                self.outputs.waits |= index == 0 and bool(self.keeping.begun)


def open_source(directory: Path) -> Source:
    """Return the log in a directory; raises Unreadable when there is none."""
    if (directory / "log.db").exists():
        return SqliteCopy(directory)
    if (directory / "checkpoint").exists() and (directory / "tile").is_dir():
        return Tiles(directory)
    raise Unreadable("There is no log in this directory: neither log.db nor an export's tiles.")


@dataclass(slots=True)
class Log:
    """One log as one pass has shown it, and the notes it is to be compared with."""

    directory: Path
    kept: dict[str, str]
    shown: str | None
    cosigned: list[str]
    series: list[str]
    read: Read

    @property
    def origin(self) -> str:
        """The origin its own checkpoint names; believed only once that is."""
        return (self.shown or "").partition("\n")[0]


def read_log(
    question: Question,
    progress: Progress = lambda done, total: None,
    source: Source | None = None,
) -> Log:
    """Read one log, whole: the source given, or what lies in the question's directory."""
    # First what it says it has, then the entries: a log that still grows has them by then.
    shown, cosigned = _shown(question.directory), _cosigned(question.directory)
    with closing(source or open_source(question.directory)) as opened:
        notes = [*question.kept.values(), *([shown] if shown else []), *cosigned]
        series = candidates([*opened.notes(), *notes])
        sizes = {size for note in [*notes, *series] if (size := size_of(note)) is not None}
        read = _read(question, opened, sizes, progress)
    return Log(question.directory, question.kept, shown, cosigned, series, read)


def _shown(directory: Path) -> str | None:
    """Return the checkpoint the log shows today."""
    path = directory / "checkpoint"
    try:
        return read_text(path)
    except Unreadable:
        return None


def _cosigned(directory: Path) -> list[str]:
    """Return what of the log's own files may bear cosignatures."""
    paths = [directory / name for name in ("checkpoint.cosigned", "checkpoint")]
    found = []
    for path in paths:
        if path.is_file():
            try:
                found.append(read_text(path))
            except Unreadable:
                continue
    return found


def _read(question: Question, source: Source, sizes: set[int], progress: Progress) -> Read:
    read, total = Read(), source.count()
    read.whole.roots[0] = read.whole.root()
    progress(0, total)
    for stretch in _stretches(question, source, total, tuple(sorted(sizes))):
        read.add(stretch, source)
        progress(stretch.end, total)
        if stretch.end < min(stretch.begin + question.stretch, total):
            break  # what follows a hole has no place in the tree
    read.whole.finish(source.tile)
    return read


def _stretches(
    question: Question, source: Source, total: int, marks: tuple[int, ...]
) -> Iterator[Stretch]:
    """Yield every stretch in order, read here or by several processes."""
    step = question.stretch
    spans = [(begin, min(begin + step, total)) for begin in range(0, total, step)]
    several = question.jobs > 1 and len(spans) > 2
    if not several or "fork" not in multiprocessing.get_all_start_methods():
        for begin, end in spans:
            yield read_stretch(source, begin, end, marks)
        return
    context = multiprocessing.get_context("fork")
    tasks = [(question.directory, begin, end, marks) for begin, end in spans]
    with ProcessPoolExecutor(question.jobs, context) as pool:
        yield from pool.map(_work, tasks)


def _work(task: tuple[Path, int, int, tuple[int, ...]]) -> Stretch:
    """Read a stretch in a process of its own."""
    directory, begin, end, marks = task
    with closing(open_source(directory)) as source:
        return read_stretch(source, begin, end, marks)


@dataclass(frozen=True, slots=True)
class Belief:
    """What the auditor's trust makes of a log's checkpoints, before anything else is asked."""

    trust: Trust
    checks: tuple[Check, ...]
    handed: Check
    marks: tuple[Mark, ...]
    held: tuple[Check, ...]

    @property
    def covered(self) -> int:
        """How many entries checkpoints cover that are not the operator's word."""
        pairs = zip(self.marks, self.held, strict=True)
        return max((m.checkpoint.size for m, check in pairs if m.kept and check.passed), default=0)

    @property
    def newest(self) -> int:
        """How many entries any believed checkpoint covers, the operator's included."""
        return max((mark.checkpoint.size for mark in self.marks), default=0)


def believe(log: Log, trust: Trust, more: tuple[Mark, ...] = ()) -> Belief:
    """Judge a log's checkpoints; `more` are marks that another log of its chain gives."""
    roots = log.read.whole.roots
    trust, handed = hand_over(trust, log.read.keeping.rotated, log.series, roots.get)
    judged = [judge(trust, note, name=name, kept=True) for name, note in log.kept.items()]
    if trust.policy is not None and trust.policy.needs_witnesses:
        judged.append(judge_cosigned(trust, list(log.kept.values()), log.cosigned))
    judged.append(judge(trust, log.shown or "", name="its own present checkpoint", kept=False))
    marks = (*(mark for found, _ in judged for mark in found), *more)
    checks = tuple(check for _, check in judged)
    return Belief(trust, checks, handed, marks, tuple(_held(log, m) for m in marks))


def judge_log(
    log: Log,
    belief: Belief,
    open_seconds: float,
    *,
    purged: Sequence[Told] = (),
    further: Sequence[Check] = (),
) -> Report:
    """Put every question to a log that was read, in the order of the report.

    `purged` are later logs' events on texts removed, `further` the checks of a chain.
    """
    read, whole = log.read, log.read.whole
    limit = int(open_seconds * 1000)

    def is_open(index: int) -> bool:
        return index >= belief.newest or whole.age_within(index) <= limit

    events = [*read.keeping.purged, *purged]
    checks = (
        *belief.checks,
        *_text_checks(whole, read.unknown),
        *belief.held,
        whole.numbering(),
        *read.queries.checks(is_open),
        *read.outputs.checks(),
        check_removed(log.origin, whole.removed, events, read.keeping.broken),
        belief.handed,
        *further,
        whole.clock(),
    )
    root = whole.root().hex()
    return Report(log.origin, whole.size, root, belief.covered, checks, log.directory)


def _text_checks(whole: Whole, unknown: Findings) -> tuple[Check, ...]:
    kept = f"all {counted(whole.size, 'entry')} re-hashed"
    if whole.removed:
        kept += f", {len(whole.removed):,} of them by their leaf alone: their text is removed"
    strange = tuple(f"an action unknown here, and passed over: {one}" for one in unknown.named)
    last = f"yes, 0 to {whole.size - 1:,}" if whole.size else "there are none"
    return (
        whole.hashes.answer("Does every entry's text fit its leaf?", kept),
        whole.strange.answer("Is every text an event?", "yes", strange),
        whole.order.answer("Are the entries numbered without a gap?", last),
        whole.tiles.answer("Do the stored tiles hold the same hashes?", "yes"),
    )


def _held(log: Log, mark: Mark) -> Check:
    question = f"Does the log still contain what {mark.name} covers, unchanged?"
    checkpoint, whole = mark.checkpoint, log.read.whole
    root = whole.roots.get(checkpoint.size)
    if root != checkpoint.root and checkpoint.origin != log.origin:
        other = f"it is of {plain(checkpoint.origin)}: give that log too, with --older"
        return Check(question, "no", (other,))
    if root is None:
        held = (
            f"the log has {counted(whole.size, 'entry')}, the checkpoint covers {checkpoint.size:,}"
        )
        return Check(question, "no", (held,))
    if root != checkpoint.root:
        return Check(
            question, "no", (f"another root over the first {counted(checkpoint.size, 'entry')}",)
        )
    later = whole.size - checkpoint.size
    newer = f"; newer and not covered: {later:,}" if later else ""
    return Check(question, f"yes, {counted(checkpoint.size, 'entry')}{newer}")
