"""Writes anew, at the start, who is in a protected table where the record lacks it.

Tables that were protected before the record held every project's (or in an older form) stop every
later check. What they hold is recomputed from their query, on the version of the extract that it
ran on; it counts only if every cell has the very rows that the ledger says. Where the version or
the query is gone the record stays incomplete, and checks go on being refused.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from egress_review.custody import Custody, Piece
from egress_review.earlier import partitions
from egress_review.earlier.ledger import Entry, load
from egress_review.earlier.partitions import People
from egress_review.errors import FAULTS, OutputRefused
from egress_review.evidence import units
from egress_review.evidence.answers import columns
from egress_review.evidence.recompute import Evidence, recompute
from egress_review.methods.case import nothing_known
from egress_review.model import Request
from egress_review.policy import LEDGER
from egress_review.store import ReviewStore
from enclave.errors import EnclaveError, Unavailable
from enclave.gateway.engine_duckdb import open_engine
from enclave.gateway.journal import lineage
from enclave.model import Lineage, Method, Policy
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import keys
from enclave.vault.extract import open_extract

log = logging.getLogger("egress_review")


@dataclass(frozen=True, slots=True)
class Restoring:
    """What is needed to complete the record."""

    settings: Settings
    store: ControlStore
    reviews: ReviewStore
    custody: Custody

    def run(self) -> tuple[str, ...]:
        """Complete the record; return the requests of which that is not possible."""
        lost = []
        for request in self.reviews.requests(states=LEDGER):
            for number in request.tables():
                if self.custody.holds(request.id, Piece.PARTITIONS, file=number):
                    continue
                try:
                    self._restore(request, number)
                except EnclaveError as error:
                    lost.append(request.id)
                    log.error("no check is possible beside request %s: %s", request.id, error)
                except FAULTS as fault:
                    lost.append(request.id)
                    kind = type(fault).__name__  # and no more: a trace may hold values
                    log.error("no check is possible beside request %s: %s", request.id, kind)
        return tuple(lost)

    def _restore(self, request: Request, number: int) -> None:
        entry = load(self.custody.open(request.id, Piece.LEDGER, file=number))
        policy = self.store.policy(request.project)
        evidence, epoch = self._evidence(request, number, policy, entry)
        private = policy.protection.method is Method.PRIVATE
        new = partitions.number(
            nothing_known(evidence) if private else evidence,
            People(self.custody),
            key=keys.load(self.settings, policy.project),
            project=policy.project,
            epoch=epoch,
            threshold=self._threshold(policy),
        )
        kept = partitions.as_released(new, entry.table)
        self.custody.keep(request.id, Piece.ROWS, partitions.dump_rows(kept), file=number)
        self.custody.keep(request.id, Piece.PARTITIONS, partitions.dump(kept), file=number)
        log.warning("who is in request %s was recomputed for the record", request.id)

    def _threshold(self, policy: Policy) -> int:
        rules = [one.rules for one in self.store.agencies().values()] + list(policy.rules.values())
        return max((one.safe_threshold for one in rules), default=1)

    def _evidence(
        self, request: Request, number: int, policy: Policy, entry: Entry
    ) -> tuple[Evidence, int]:
        """Return the evidence whose cells are the ledger's. Raises an `EnclaveError`."""
        for one in lineage(self.settings, request.project, request.files[number - 1].queries):
            for evidence in self._answers(one, policy):
                if _same(evidence, entry):
                    return evidence, one.epoch
        raise Unavailable("Its table cannot be recomputed from the data that is still kept.")

    def _answers(self, one: Lineage, policy: Policy) -> Iterator[Evidence]:
        known = units.known(policy, self.store.datasets())
        extract = open_extract(
            self.settings,
            policy.project,
            keys.load(self.settings, policy.project),
            epoch=one.epoch,
        )
        rules = next(iter(self.store.agencies().values())).rules
        with closing(open_engine(extract, policy=policy)) as engine:
            views = columns(engine, [view.name for view in policy.views])
            for text in dict.fromkeys((one.sql, one.asked or one.sql)):
                try:
                    yield recompute(engine, text, views, rules, units=known)
                except OutputRefused:
                    continue


def _same(evidence: Evidence, entry: Entry) -> bool:
    """Say whether every row describes the same source rows as the ledger's, in the same order."""
    ours, theirs = evidence.table.cells, entry.table.cells
    return [(c.mark, c.level, c.key) for c in ours] == [(c.mark, c.level, c.key) for c in theirs]
