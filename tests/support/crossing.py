"""Two more projects over the same persons, each under its own pseudonyms, for egress review."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from egress_review.custody import Custody
from egress_review.earlier.against import Against, Earlier
from egress_review.earlier.partitions import Partitions, People, as_released, number
from egress_review.errors import OutputRefused
from egress_review.evidence.recompute import Evidence, Population
from egress_review.methods.protect import Protected, protect
from egress_review.sdc.tables import Table
from enclave.events import Action, Event
from enclave.model import PERSON_ID, DisclosureRules, ProjectState
from enclave.store import move, provision
from enclave.vault import extract, keys
from enclave.vault.pseudonym import pseudonym_key, pseudonymise
from tests.support import review
from tests.support.disclosure import Record, tabulate
from tests.support.review import World

ROWS = DisclosureRules(safe_threshold=10)


def persons(count: int) -> list[bytes]:
    """Return registry ids, the same ones every time."""
    return [uuid.uuid5(uuid.NAMESPACE_URL, str(number)).bytes for number in range(count)]


def add_project(world: World, project: str, *, leave_out: int = 0, count: int = 400) -> None:
    """Add a project with the standing data of `count` persons less the first `leave_out`."""
    keys.create(world.settings, project)
    key = keys.load(world.settings, project)
    blocks = pseudonymise(b"".join(persons(count)), pseudonym_key(key))
    names = [str(uuid.UUID(bytes=blocks[16 * n : 16 * n + 16])) for n in range(count)]
    renamed = dict(zip(review.pseudonyms(count), names, strict=True))
    gone = set(names[:leave_out])
    views = {}
    for name, plain in review.data(count).items():
        ids = [renamed[old] for old in plain[PERSON_ID].to_pylist()]
        table = plain.set_column(0, PERSON_ID, pa.array(ids)).sort_by(PERSON_ID)
        views[name] = table.filter(pa.array([i not in gone for i in table[PERSON_ID].to_pylist()]))
    policy = replace(review.policy(project), project=project)
    extract.write_extract(
        world.settings, project, key, epoch=1, policy_sha256=policy.agreement_sha256, views=views
    )
    with world.store.record(world.audit, Event(Action.PROJECT_BUILT, actor="adam")) as connection:
        provision(connection, policy)
        move(connection, project, ProjectState.ACTIVE, epoch=1)


@dataclass(frozen=True)
class Ask:
    """A table somebody asks for: of which project, about whom, by which of the labels."""

    project: str
    about: frozenset[int]
    by: tuple[int, ...]
    margins: bool = True


class Rooms:
    """The check without queries: real custody, numbers, partitions and protection; made-up tables.

    Each project has a key of its own, so the same person has another pseudonym in each.
    """

    def __init__(self, custody: Custody, labels: list[tuple[str, ...]]):
        self.people = People(custody)
        self.labels, self.ids = labels, persons(len(labels))
        self.released: list[tuple[Ask, Table, Partitions, Protected]] = []
        self._keys: dict[str, bytes] = {}

    def key(self, project: str) -> bytes:
        """Return a project's key."""
        return self._keys.setdefault(project, random.Random(project).randbytes(32))

    def rekey(self, project: str) -> None:
        """Give a project new pseudonyms, as a snapshot that is linked again may."""
        self._keys[project] = random.Random(self.key(project)).randbytes(32)

    def evidence(self, ask: Ask) -> Evidence:
        """Return what recomputing the table would have found."""
        everyone = sorted(ask.about)
        records = [Record(n, self.labels[n]) for n in everyone]
        levels = None if ask.margins else [tuple(range(len(ask.by)))]
        table = tabulate(records, ask.by, levels=levels)
        key = pseudonym_key(self.key(ask.project))
        members = []
        for cell in table.cells:
            inside = [
                place
                for place, n in enumerate(everyone)
                if all(
                    self.labels[n][dimension] == part
                    for at, (dimension, part) in enumerate(zip(ask.by, cell.key, strict=True))
                    if at in cell.level
                )
            ]
            members.append(np.array(inside, dtype=np.int64))
        ids = pseudonymise(b"".join(self.ids[n] for n in everyone), key)
        numbers = np.array(everyone, dtype=np.uint64)
        rows = tuple((numbers[m] * np.uint64(7)).astype(np.uint16) for m in members)
        population = Population(numbers, ids, tuple(members), rows)
        width = len(ask.by)
        lines = tuple((*cell.key, cell.values["rows"]) for cell in table.cells)
        columns = tuple(f"c{n}" for n in range(width + 1))
        return Evidence(
            columns=columns,
            numbers=(*([False] * width), True),
            labels=tuple(range(width)),
            lines=lines,
            table=table,
            population=population,
            views=("people",),
        )

    def submit(self, ask: Ask) -> Protected | OutputRefused:
        """Check and protect the table; what passes counts as released."""
        evidence = self.evidence(ask)
        new = number(
            evidence,
            self.people,
            key=self.key(ask.project),
            project=ask.project,
            epoch=1,
            threshold=ROWS.safe_threshold,
        )
        earlier = [Earlier(str(n), kept) for n, (_, _, kept, _) in enumerate(self.released)]
        before = [p.entry for one, _, _, p in self.released if one.project == ask.project]
        try:
            done = protect(evidence, before, ROWS, against=Against(new, earlier))
        except OutputRefused as refused:
            return refused
        table = done.entry.table
        self.released.append((ask, table, as_released(new, table), done))
        return done

    def forget(self) -> None:
        """Release nothing any more; people keep their numbers."""
        self.released.clear()
