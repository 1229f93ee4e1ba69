"""Who is in which cell of every released table, as numbers that are the same in every project.

For checking a new table against all earlier ones of all projects. A project's pseudonyms are led
back to the registry's person ids in memory, as its key allows, and at once hashed under a key of
this room; that hash gets a number. On disk, sealed: the hashes in the order of their numbers, and
per table one label per number. A person keeps the number through new versions of an extract, and
after a project and its key are gone. Never holds a person id, a pseudonym, or anything shown.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from scipy.sparse import csr_matrix

from egress_review.custody import Custody, Piece
from egress_review.evidence.recompute import Evidence, Population
from egress_review.sdc.membership import Membership, Rows, labelled
from egress_review.sdc.tables import Kind, Mark, Table
from enclave.durable import write_durably
from enclave.errors import EnclaveError, Unavailable
from enclave.vault import keys
from enclave.vault.pseudonym import pseudonym_key, reidentify

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Partitions:
    """A table's membership as kept: bound to the project's extract and to the people numbered.

    `size` and `chain` say which state of the people's numbers the labels were written under.
    `owners` says, of a new table, which of its rows each cell stands in; it is not kept.
    """

    membership: Membership
    project: str
    epoch: int
    size: int
    chain: str
    owners: tuple[int, ...] = ()

    @property
    def has_parts(self) -> bool:
        """Say whether some cells are parts of others: no equation of the table speaks of them."""
        return bool((self.membership.levels < 0).any())


class People:
    """The numbers of persons: append-only segments of keyed hashes, each bound to those before.

    Used by one thread at a time (the service's turn).
    """

    def __init__(self, custody: Custody):
        self._place, self._key = custody.drawer("people")
        self._hash_key = keys.derive(self._key, "person-hash")
        self._sorted: Hashes = np.zeros(0, dtype=np.uint64)
        self._numbers: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._chains: dict[int, str] = {0: hashlib.sha256(b"enclave people").hexdigest()}
        self._segments = 0

    @property
    def size(self) -> int:
        """Return how many persons have a number."""
        return len(self._sorted)

    @property
    def chain(self) -> str:
        """Return the hash that stands for every number given so far."""
        return self._chains[self.size]

    def knows(self, size: int, chain: str) -> bool:
        """Say whether the first `size` numbers are those that the hash stands for."""
        return self._chains.get(size) == chain

    def hashes(self, pseudonyms: bytes, project_key: bytes) -> Hashes:
        """Return the keyed hash of each person behind a project's pseudonyms."""
        ids = reidentify(pseudonyms, pseudonym_key(project_key))
        # a block cipher over random ids, cut to half a block: nothing leads back without the key
        context = Cipher(algorithms.AES256(self._hash_key), modes.ECB()).encryptor()  # noqa: S305
        blocks = context.update(ids) + context.finalize()
        return np.frombuffer(blocks, dtype="<u8")[::2].copy()

    def numbers(self, hashes: Hashes) -> npt.NDArray[np.int64]:
        """Return each person's number, giving new ones durably where there is none yet.

        Raises `Unavailable` if a segment cannot be read.
        """
        self._read()
        fresh = np.setdiff1d(hashes, self._sorted)
        if len(fresh):
            np.random.default_rng().shuffle(fresh)  # a number says nothing of its hash
            self._write(fresh)
        return self._numbers[np.searchsorted(self._sorted, hashes)]

    def load(self) -> None:
        """Read the segments that are on disk. Raises `Unavailable`."""
        self._read()

    def _read(self) -> None:
        while (path := self._path(self._segments)).exists():
            try:
                plain = keys.unseal(self._key, path.read_bytes(), context=self._context())
            except (OSError, InvalidTag):
                raise Unavailable("The numbers of persons were changed on disk.") from None
            self._add(np.frombuffer(plain, dtype="<u8"))

    def _write(self, fresh: Hashes) -> None:
        sealed = keys.seal(self._key, fresh.astype("<u8").tobytes(), context=self._context())
        write_durably(self._path(self._segments), sealed)
        self._add(fresh)

    def _add(self, hashes: Hashes) -> None:
        before, start = self.chain, self.size
        together = np.concatenate([self._sorted, hashes])
        numbers = np.concatenate([self._numbers, start + np.arange(len(hashes))])
        order = np.argsort(together, kind="stable")
        self._sorted, self._numbers = together[order], numbers[order]
        step = before.encode() + hashes.astype("<u8").tobytes()
        self._chains[self.size] = hashlib.sha256(step).hexdigest()
        self._segments += 1

    def _path(self, segment: int) -> Path:
        return self._place / f"{segment:08d}"

    def _context(self) -> bytes:
        return f"enclave/egress/people/1/{self._segments}/{self.chain}".encode()


def number(
    evidence: Evidence, people: People, *, key: bytes, project: str, epoch: int, threshold: int
) -> Partitions:
    """Return who is in each cell of a recomputed table, under the numbers of all projects."""
    population = evidence.population
    numbers = people.numbers(people.hashes(population.pseudonyms, key))
    cells = (*population.cells, *(part.persons for part in population.parts))
    atoms, incidence = atomise(cells, len(numbers))
    labels = np.zeros(people.size, dtype=np.int64)
    labels[numbers] = atoms
    small, counts = labelled(labels, incidence.shape[0])
    rows = _in_order(population, numbers)
    table = evidence.table
    levels = {level: place for place, level in enumerate(sorted(table.levels(), key=sorted))}
    none = np.zeros(len(cells), dtype=np.bool_)
    numbered = [*(levels[cell.level] for cell in table.cells), *(p.level for p in population.parts)]
    every = [*(cell.mark for cell in table.cells), *(part.mark for part in population.parts)]
    marks = [short(mark) for mark in every]
    membership = Membership(
        labels=small,
        counts=counts,
        incidence=incidence,
        levels=np.array(numbered, dtype=np.int32),
        hidden=none,
        primary=none,
        marks=np.array(marks, dtype=np.uint64).reshape(-1, 2),
        rows=lambda: rows,
        origin=f"{project}: {' '.join(evidence.views)}",
        threshold=threshold,
        by_person=any(one.kind is Kind.PERSONS for one in table.measures),
        by_row=any(one.kind is not Kind.PERSONS for one in table.measures),
    )
    owners = (*range(len(table.cells)), *(part.owner for part in population.parts))
    return Partitions(membership, project, epoch, people.size, people.chain, owners)


def short(mark: Mark) -> tuple[int, int]:
    """Return a mark as a membership keeps it."""
    return mark[0], mark[1] % 2**64


def _in_order(population: Population, numbers: npt.NDArray[np.int64]) -> Rows:
    """Return the rows' hash of each person in each cell, by number and then by cell."""
    none = np.zeros(0, dtype=np.int64)
    cells = (*population.cells, *(part.persons for part in population.parts))
    hashes = (*population.rows, *(part.rows for part in population.parts))
    persons = np.concatenate([none, *(numbers[members] for members in cells)])
    rows = np.concatenate([np.zeros(0, dtype=np.uint16), *hashes])
    return rows[np.argsort(persons, kind="stable")]  # the cells are in order already


def atomise(
    cells: Sequence[npt.NDArray[np.int64]], persons: int
) -> tuple[npt.NDArray[np.int32], csr_matrix]:
    """Return each person's atom (0: in no cell) and which cells each atom is in."""
    names = np.random.default_rng().integers(1, 2**63, size=len(cells), dtype=np.uint64)
    sums = np.zeros(persons, dtype=np.uint64)
    for name, members in zip(names, cells, strict=True):
        sums[members] += name  # wraps; two sets of cells have one sum once in 2^64
    found, first, which = np.unique(sums, return_index=True, return_inverse=True)
    offset = 0 if len(found) and found[0] == 0 else 1
    place = np.zeros(len(found) + offset, dtype=np.int64) - 1
    place[offset:] = first
    if not offset:
        place[0] = -1
    speaker = np.full(persons, -1, dtype=np.int64)
    speaker[place[place >= 0]] = np.flatnonzero(place >= 0)
    atoms, columns = [], []
    for column, members in enumerate(cells):
        mine = speaker[members]
        atoms.append(mine[mine >= 0])
        columns.append(np.full(len(atoms[-1]), column))
    none = np.zeros(0, dtype=np.int64)
    rows, where = np.concatenate([none, *atoms]), np.concatenate([none, *columns])
    shape = (len(place) if len(place) else 1, len(cells))
    incidence = csr_matrix((np.ones(len(rows), dtype=np.int64), (rows, where)), shape=shape)
    incidence.sort_indices()
    return (which + offset).astype(np.int32), incidence


def as_released(kept: Partitions, table: Table) -> Partitions:
    """Return the partitions with the table's hidden and primary cells."""
    marks = [np.isin(kept.owners, list(chosen)) for chosen in (table.hidden, table.primary)]
    membership = replace(kept.membership, hidden=marks[0], primary=marks[1])
    return replace(kept, membership=membership)


def dump(kept: Partitions) -> bytes:
    """Return partitions as bytes, compressed, to be sealed; without the rows (`dump_rows`)."""
    one = kept.membership
    about = {
        "project": kept.project,
        "epoch": kept.epoch,
        "size": kept.size,
        "chain": kept.chain,
        "origin": one.origin,
        "threshold": one.threshold,
        "by_person": one.by_person,
        "by_row": one.by_row,
        "shape": [int(n) for n in one.incidence.shape],
    }
    return _pack(
        about=np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
        labels=one.labels,
        counts=one.counts,
        levels=one.levels,
        hidden=np.stack([one.hidden, one.primary]),
        marks=one.marks,
        indices=one.incidence.indices,
        indptr=one.incidence.indptr,
    )


def dump_rows(kept: Partitions) -> bytes:
    """Return what stands for each person's rows in each cell, as bytes to be sealed."""
    return _pack(rows=kept.membership.rows())


def load(content: bytes, rows: Callable[[], bytes]) -> Partitions:
    """Return the partitions that `dump` wrote; `rows` returns what `dump_rows` wrote, if needed."""
    held = _unpack(content)
    about = json.loads(held["about"].tobytes())
    ones = np.ones(len(held["indices"]), dtype=np.int64)
    hidden, primary = held["hidden"]
    membership = Membership(
        labels=held["labels"],
        counts=held["counts"],
        incidence=csr_matrix((ones, held["indices"], held["indptr"]), shape=tuple(about["shape"])),
        levels=held["levels"],
        hidden=hidden,
        primary=primary,
        marks=held["marks"],
        rows=lambda: _unpack(rows())["rows"],
        origin=about["origin"],
        threshold=about["threshold"],
        by_person=about.get("by_person", True),
        by_row=about.get("by_row", True),
    )
    return Partitions(membership, about["project"], about["epoch"], about["size"], about["chain"])


def _pack(**arrays: npt.NDArray[Any]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]  # numpy's stub takes a flag by keyword too
    plain = out.getvalue()
    return len(plain).to_bytes(8, "big") + bytes(pa.compress(plain, codec="zstd", asbytes=True))


def _unpack(content: bytes) -> dict[str, npt.NDArray[Any]]:
    plain = pa.decompress(content[8:], int.from_bytes(content[:8], "big"), "zstd", asbytes=True)
    with np.load(io.BytesIO(plain), allow_pickle=False) as held:
        return dict(held)


def read(custody: Custody, people: People, request: str, *, file: int = 1) -> Partitions:
    """Return an earlier table's partitions. Raises `Unavailable` for whatever cannot be read."""
    with _readable():
        people.load()
        kept = load(
            custody.open(request, Piece.PARTITIONS, file=file),
            lambda: _rows(custody, request, file),
        )
    if not people.knows(kept.size, kept.chain):
        raise Unavailable(
            "The record of earlier releases does not fit the numbers of persons.",
            hint="Tell the operating group.",
        )
    return kept


def _rows(custody: Custody, request: str, file: int) -> bytes:
    with _readable():
        return custody.open(request, Piece.ROWS, file=file)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (EnclaveError, ValueError, KeyError, OSError, pa.ArrowException) as error:
        raise Unavailable(
            "The record of earlier releases cannot be read, so nothing can be checked against it.",
            hint="Tell the operating group.",
        ) from error
