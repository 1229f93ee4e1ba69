"""Finds out what submitted files are, and protects them: lineage, recomputation, earlier releases.

Reads the journal, the extract and custody; changes nothing but an agreement's privacy budget. Each
query is recomputed on the version of the data it ran on. Whatever cannot be established is a
refusal with a sentence: nothing passes for want of evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import reduce

import duckdb

from egress_review import kinds
from egress_review.custody import Custody, Piece
from egress_review.earlier import partitions
from egress_review.earlier.against import Against, Conflict, Earlier
from egress_review.earlier.ledger import Entry, load
from egress_review.earlier.partitions import Partitions, People
from egress_review.errors import NotItsAnswer, OutputRefused
from egress_review.evidence import units
from egress_review.evidence.answers import Basis, matching
from egress_review.evidence.recompute import Evidence
from egress_review.files.model import Sheet
from egress_review.files.precheck import Outcome
from egress_review.methods.by_agreement import Methods, check_covers, public_labels
from egress_review.methods.case import Case, Perturbed, nothing_known
from egress_review.methods.privacy_budget import PrivacyBudget
from egress_review.methods.protect import Protected
from egress_review.model import FileKind, Note, OutputFile, Request, Standing
from egress_review.policy import LEDGER
from egress_review.refusals import gravest, none_of, not_yours
from egress_review.rules import check_table
from egress_review.rules.labels import check_labels
from egress_review.store import ReviewStore
from enclave.errors import NotFound
from enclave.gateway.engine_duckdb import open_engine
from enclave.gateway.journal import lineage
from enclave.model import DisclosureRules, Lineage, Method, Policy
from enclave.settings import Settings
from enclave.store import Appends, ControlStore
from enclave.vault import keys
from enclave.vault.extract import open_extract

MOST_QUERIES = 10
MADE_FROM_QUERIES = frozenset({FileKind.TABLE, FileKind.MODEL})


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A table that is its query's answer, protected; `kept` is who is in it, for later tables.

    `conflicts` names other requests, of any project: for reviewers only.
    """

    protected: Protected | Perturbed
    kept: Partitions
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """One file once it is checked: `content` as it would leave, and `full` to compare it with.

    `table` is the ground of a file that was recomputed, and of no other. A table of another format
    than CSV is reviewed as CSV and leaves as `leaving`, with the same cells.
    """

    content: bytes
    full: bytes
    standing: Standing
    persons: int = 0
    notes: tuple[Note, ...] = ()
    table: Recomputed | None = None
    leaving: bytes | None = None

    @property
    def leaves(self) -> bytes:
        """Return the bytes as they would be handed out."""
        return self.content if self.leaving is None else self.leaving


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of a request once all its files are protected, in their order.

    `rules` are the strictest of the agencies'; `columns` what the queries read.
    """

    files: tuple[Checked, ...]
    agencies: tuple[str, ...]
    views: tuple[str, ...]
    columns: tuple[str, ...]
    rules: DisclosureRules


@dataclass(frozen=True, slots=True)
class _Ground:
    """What every file of one request is checked on."""

    request: Request
    policy: Policy
    rules: DisclosureRules
    agencies: tuple[str, ...]
    lineages: Mapping[str, Lineage]


class Checker:
    """Checks requests of any project, one at a time; holds only people's numbers between two."""

    def __init__(
        self,
        settings: Settings,
        store: ControlStore,
        reviews: ReviewStore,
        custody: Custody,
        audit: Appends,
    ):
        self._settings, self._store = settings, store
        self._reviews, self._custody = reviews, custody
        self._people = People(custody)
        self._methods = Methods(custody, self._people, PrivacyBudget(store, audit, custody))

    def check(self, request: Request, done: dict[int, Checked] | None = None) -> Finding:
        """Return every file of a request, protected. Raises `OutputRefused` or another sentence.

        Tables come first, each checked against those before it; one refused file refuses all, and
        `done` then holds those that were not. What was not recomputed may hold anything that the
        project can see, so that every agency of its agreement decides, by all their rules.
        """
        done = {} if done is None else done
        lineages = self.lineages(request)
        policy = self._store.policy(request.project)
        touched = frozenset[str]().union(*(one.agencies for one in lineages))
        only_tables = all(one.kind is FileKind.TABLE for one in request.files)
        agencies = tuple(sorted(touched if only_tables else policy.agencies))
        self._all(request, policy, agencies, lineages, done)
        if any(one.standing is Standing.UNVERIFIED for one in done.values()):
            everyone = tuple(sorted(policy.agencies))
            if everyone != agencies:
                agencies = everyone
                self._all(request, policy, agencies, lineages, done)
        rules = strictest(policy, agencies, self._store)
        return Finding(
            files=tuple(done[number] for number in sorted(done)),
            agencies=agencies,
            views=tuple(sorted({view for one in lineages for view in one.views})),
            columns=tuple(sorted({column for one in lineages for column in one.columns})),
            rules=rules,
        )

    def _all(
        self,
        request: Request,
        policy: Policy,
        agencies: tuple[str, ...],
        lineages: Sequence[Lineage],
        done: dict[int, Checked],
    ) -> None:
        """Check each file by the rules of these agencies."""
        done.clear()
        rules = strictest(policy, agencies, self._store)
        ground = _Ground(request, policy, rules, agencies, {one.query: one for one in lineages})
        for number in _tables_first(request):
            file = request.files[number - 1]
            with _naming(request, number):
                kinds.kind(file)
                if file.kind is not FileKind.TABLE:
                    done[number] = self._other(ground, number, done)
                    continue
                try:
                    done[number] = self._table(ground, number, done)
                except NotItsAnswer as why:
                    done[number] = self._unverified(ground, number, done, why)

    def _other(self, ground: _Ground, number: int, done: Mapping[int, Checked]) -> Checked:
        """Return a file that is no table, written anew; only a person can say what it shows."""
        request, rules = ground.request, ground.rules
        file = request.files[number - 1]
        check_covers(ground.policy, file.kind, recomputed=False)
        content = self._custody.open(request.id, Piece.RAW, file=number)
        match file.kind:
            case FileKind.PLOT:
                hidden = _not_to_be_seen(request, file, done)
                looked = kinds.plot(file, content, hidden=hidden, rules=rules)
            case FileKind.MODEL:
                looked = kinds.model(request, file, content, rules)
            case _:
                looked = kinds.text(file, content, rules)
        return Checked(looked.content, looked.full, Standing.UNVERIFIED, notes=looked.notes)

    def _unverified(
        self, ground: _Ground, number: int, done: Mapping[int, Checked], why: NotItsAnswer
    ) -> Checked:
        """Return a table that is not its query's answer, as it is. Raises `OutputRefused`."""
        request, rules = ground.request, ground.rules
        name = request.files[number - 1].name
        check_covers(ground.policy, FileKind.TABLE, recomputed=False)
        sheet = kinds.table(name, self._custody.open(request.id, Piece.RAW, file=number))
        looked = kinds.unverified(name, sheet, rules, why)
        outcome = Outcome(recomputed=False, threshold=rules.safe_threshold, why=why.sentence)
        kinds.check_content(request, name, sheet, outcome)
        for one in done.values():
            if one.standing is Standing.UNVERIFIED:  # tables come first
                kinds.check_apart(sheet, kinds.reviewed(one.content), rules)
        return Checked(
            content=looked.content,
            full=looked.full,
            standing=Standing.UNVERIFIED,
            notes=looked.notes,
            leaving=_leaving(name, looked.content),
        )

    def _table(self, ground: _Ground, number: int, done: Mapping[int, Checked]) -> Checked:
        """Return a table, recomputed and protected beside all earlier ones and those `done`."""
        request, policy = ground.request, ground.policy
        name = request.files[number - 1].name
        siblings = [one.table for one in done.values() if one.table]
        sheet = kinds.table(name, self._custody.open(request.id, Piece.RAW, file=number))
        lineages = [ground.lineages[query] for query in request.files[number - 1].queries]
        datasets = self._store.datasets()
        basis = Basis(ground.rules, units.known(policy, datasets))
        evidence, epoch = self._recomputed(policy, lineages, sheet, basis)
        kinds.check_content(request, name, sheet, Outcome(recomputed=True))
        notes = (
            *check_table(evidence, ground.rules),
            *check_labels(evidence, policy, ground.rules),
            *units.uncounted(policy, datasets, evidence.views),
        )
        case = self._case(ground, evidence, epoch, siblings=siblings)
        protected = self._methods.protect(case)
        table = Recomputed(
            protected=protected,
            kept=partitions.as_released(case.against.new, protected.entry.table),
            conflicts=tuple(case.against.conflicts.values()),
        )
        return Checked(
            content=protected.content,
            full=protected.full,
            standing=Standing.RECOMPUTED,
            persons=len(evidence.population.persons),
            notes=(*notes, *(protected.notes if isinstance(protected, Perturbed) else ())),
            table=table,
            leaving=_leaving(name, protected.content),
        )

    def _case(
        self, ground: _Ground, evidence: Evidence, epoch: int, *, siblings: Sequence[Recomputed]
    ) -> Case:
        """Return all that the table's protection depends on, whatever the agreement's method."""
        request, policy = ground.request, ground.policy
        key = keys.load(self._settings, policy.project)
        private = policy.protection.method is Method.PRIVATE
        new = partitions.number(
            nothing_known(evidence) if private else evidence,
            self._people,
            key=key,
            project=policy.project,
            epoch=epoch,
            threshold=ground.rules.safe_threshold,
        )
        kept = [Earlier(request.id, one.kept) for one in siblings]
        return Case(
            request=request,
            policy=policy,
            rules=ground.rules,
            agencies=ground.agencies,
            evidence=evidence,
            earlier=[*self._earlier(request), *(one.protected.entry for one in siblings)],
            against=Against(new, [*self._everyones(request), *kept]),
            epoch=epoch,
            key=key,
            engine=lambda: closing(self._engine(policy, epoch)),
            labels=public_labels(policy, self._store.datasets()),
        )

    def lineages(self, request: Request) -> tuple[Lineage, ...]:
        """Return what the request's queries read. Raises unless all are its author's own."""
        for number, one in enumerate(request.files, start=1):
            if one.kind in MADE_FROM_QUERIES and not 1 <= len(one.queries) <= MOST_QUERIES:
                with _naming(request, number):
                    raise OutputRefused(
                        f"A {one.kind.value} needs 1 to {MOST_QUERIES} queries it was made from.",
                        hint='Pass queries=[table.attrs["enclave.query"]] to submit().',
                    )
        if not request.queries:
            return ()
        try:
            found = lineage(self._settings, request.project, request.queries)
        except NotFound:
            raise not_yours() from None
        if any((one.person, one.project) != (request.person, request.project) for one in found):
            raise not_yours()
        if not all(one.agencies for one in found):
            raise OutputRefused("One of the queries read no agency's data.")
        return found

    def _recomputed(
        self,
        policy: Policy,
        lineages: Sequence[Lineage],
        sheet: Sheet,
        basis: Basis,
    ) -> tuple[Evidence, int]:
        """Return the evidence of the one query whose answer the table is, and its version."""
        refusals: list[OutputRefused] = []
        ran_on: dict[int, list[Lineage]] = {}
        for one in lineages:
            ran_on.setdefault(one.epoch, []).append(one)
        for epoch, ones in ran_on.items():
            try:
                with closing(self._engine(policy, epoch)) as engine:
                    found = matching(engine, policy, ones, sheet, basis)
            except OutputRefused as refused:  # the version is gone
                found = refused
            if isinstance(found, Evidence):
                return found, epoch
            refusals.append(found)
        raise none_of(len(lineages), gravest(refusals))

    def _engine(self, policy: Policy, epoch: int) -> duckdb.DuckDBPyConnection:
        """Open the version a query ran on. Raises `OutputRefused` unless kept and in force."""
        row = self._store.project(policy.project)
        kept = {
            version.epoch
            for version in self._store.versions(policy.project)
            if version.policy_sha256 == row.policy_sha256
        }
        if epoch not in kept | {row.extract_epoch}:
            raise OutputRefused(
                f"The query ran on version {epoch} of the data, which is no longer kept.",
                hint="Run it again in the workspace and submit the new answer.",
            )
        key = keys.load(self._settings, policy.project)
        extract = open_extract(self._settings, policy.project, key, epoch=epoch)
        return open_engine(extract, policy=policy)

    def _earlier(self, request: Request) -> list[Entry]:
        """Return the ledger of the project: what is released or may be, except this request."""
        known = self._reviews.requests(project=request.project, states=LEDGER)
        return [
            load(self._custody.open(one.id, Piece.LEDGER, file=number))
            for one in known
            for number in one.tables()
            if one.id not in (request.id, request.replaces)
        ]

    def _everyones(self, request: Request) -> list[Earlier]:
        """Return who is in the tables of every project. Raises `Unavailable` if one is missing."""
        known = self._reviews.requests(states=LEDGER)
        return [
            Earlier(one.id, partitions.read(self._custody, self._people, one.id, file=number))
            for one in known
            for number in one.tables()
            if one.id not in (request.id, request.replaces)
        ]


def _tables_first(request: Request) -> list[int]:
    """Return the files' numbers, tables first: what else there is was made from them."""
    numbers = range(1, len(request.files) + 1)
    return sorted(numbers, key=lambda number: request.files[number - 1].kind is not FileKind.TABLE)


def _leaving(name: str, protected: bytes) -> bytes | None:
    """Return a protected table in its own format; None where that is CSV."""
    return None if name.lower().endswith(".csv") else kinds.leaving(name, protected)


def _not_to_be_seen(request: Request, plot: OutputFile, done: Mapping[int, Checked]) -> int:
    """Return how many rows of a plot's table do not leave as they are. Raises `OutputRefused`."""
    for number, one in enumerate(request.files, start=1):
        if one.name == plot.drawn_from and one.kind is FileKind.TABLE:
            table = done[number].table
            if table is None:
                return 0
            if isinstance(table.protected, Perturbed):  # every number is another there
                return max(1, len(table.protected.entry.table.cells))
            return len(table.protected.entry.table.hidden)
    raise OutputRefused(
        "The plot does not say which table of this request it was drawn from.",
        hint='Submit that table with it, and pass drawn_from="table.csv".',
    )


@contextmanager
def _naming(request: Request, number: int) -> Iterator[None]:
    """Have a refusal say which of several files it is about."""
    try:
        yield
    except OutputRefused as refused:
        if len(request.files) == 1:
            raise
        name = request.files[number - 1].name
        sentence = refused.sentence.removeprefix(f"{name}: ")
        raise OutputRefused(f"{name}: {sentence}", hint=refused.hint) from refused


def strictest(policy: Policy, agencies: Sequence[str], store: ControlStore) -> DisclosureRules:
    """Return the rules that satisfy every agency whose data is used (R22)."""
    known = store.agencies()
    rules = [policy.rules[a] if a in policy.rules else known[a].rules for a in agencies]
    return reduce(DisclosureRules.strictest, rules)
