"""Seeded differencing pairs and chains across projects: every one is found (issue 5, Show 2)."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from egress_review.custody import Custody
from egress_review.earlier.partitions import atomise, dump, dump_rows, load
from egress_review.errors import OutputRefused
from egress_review.methods.protect import Protected
from egress_review.sdc import gram, peeling_rows, span
from egress_review.sdc.membership import Membership, labelled
from egress_review.sdc.tables import Table
from enclave.settings import Settings
from tests.support.crossing import ROWS, Ask, Rooms

LEAST = ROWS.safe_threshold
CASES = int(os.environ.get("ENCLAVE_DIFFERENCING_CASES", "30"))
PEOPLE = 400


def population(seed: int) -> list[tuple[str, ...]]:
    """Return town, age and trade of some persons."""
    draw = random.Random(seed)
    return [
        (draw.choice("ABC"), draw.choice("xyz"), draw.choice(("s", "t"))) for _ in range(PEOPLE)
    ]


def published(ask: Ask, table: Table, rooms: Rooms) -> Iterator[frozenset[int]]:
    """Yield who is in each published cell, by plain sets: the oracle shares no code."""
    for index, cell in enumerate(table.cells):
        if index not in table.hidden:
            yield frozenset(
                n
                for n in ask.about
                if all(rooms.labels[n][ask.by[at]] == cell.key[at] for at in cell.level)
            )


def gives_away(sets: list[frozenset[int]]) -> bool:
    """Say whether two published sets differ by a few persons, or three in a chain do."""
    if any(0 < len(a ^ b) < LEAST for a, b in itertools.combinations(sets, 2)):
        return True
    inside = {a: [b for b in sets if b < a] for a in sets}
    return any(
        0 < len(a - b - c) < LEAST
        for a, parts in inside.items()
        for b, c in itertools.combinations(parts, 2)
        if not b & c
    )


def plan(case: int) -> tuple[Ask, ...]:
    """Return tables of several projects that give a few persons away together."""
    draw = random.Random(f"plan {case}")
    everyone = frozenset(range(PEOPLE))
    few = frozenset(draw.sample(range(PEOPLE), draw.randrange(1, LEAST)))
    kind = case % 3
    by = draw.choice(((0,), (1,), (0, 1)))
    if kind == 0:  # a pair: the same table with a few left out
        return Ask("one", everyone, by), Ask("two", everyone - few, by)
    if kind == 1:  # everybody, then a partition of all but a few
        rest = sorted(everyone - few)
        draw.shuffle(rest)
        left = frozenset(rest[: draw.randrange(100, 200)])
        return (
            Ask("one", everyone, (2,)),
            Ask("two", left, (0,)),
            Ask("three", everyone - few - left, (0,)),
        )
    middle = everyone - few  # a chain: a part, the part and a few more, then the whole
    part = frozenset(draw.sample(sorted(middle), 200))
    return (
        Ask("one", part, (0,)),
        Ask("two", everyone, by),
        Ask("three", part | few, (0,)),
    )


def test_every_seeded_pair_and_chain_is_found(settings: Settings) -> None:
    """Recall 100 %: after the last answer no published sets give a few persons away."""
    missed, refused, yielded = [], 0, 0
    rooms = Rooms(Custody(settings), population(0))
    for case in range(CASES):
        rooms.forget()
        answers = [rooms.submit(ask) for ask in plan(case)]
        refused += any(isinstance(answer, OutputRefused) for answer in answers)
        yielded += any(
            "differencing" in why
            for answer in answers
            if not isinstance(answer, OutputRefused)
            for why in answer.entry.reasons.values()
        )
        sets = [s for ask, table, _, _ in rooms.released for s in published(ask, table, rooms)]
        if gives_away(list(dict.fromkeys(s for s in sets if s))):
            missed.append(case)
    print(f"{CASES} plans, {refused} refused, {yielded} hid rows, {len(missed)} missed")
    assert not missed


def test_tables_that_give_nobody_away_are_rarely_stopped(settings: Settings) -> None:
    """Ordinary breakdowns of one population, or of halves of it, by four projects."""
    stopped = total = 0
    rooms = Rooms(Custody(settings), population(1))
    draw = random.Random("honest")
    everyone = frozenset(range(PEOPLE))
    choices = ((0,), (1,), (2,), (0, 2), (1, 2))
    for _ in range(max(20, CASES // 6)):
        rooms.forget()
        town = draw.choice("ABC")
        half = frozenset(n for n in everyone if rooms.labels[n][0] == town)
        for project in ("one", "two", "three"):
            about, by = draw.choice(((everyone, draw.choice(choices)), (half, (2,))))
            answer = rooms.submit(Ask(project, about, by))
            total += 1
            stopped += isinstance(answer, OutputRefused) or any(
                "differencing" in why for why in answer.entry.reasons.values()
            )
    print(f"{stopped} of {total} honest tables stopped or cut: {100 * stopped / total:.1f} %")
    assert stopped <= 0.05 * total


def test_who_is_where_comes_back_as_it_was_kept(settings: Settings) -> None:
    rooms = Rooms(Custody(settings), population(2))
    assert not isinstance(rooms.submit(Ask("one", frozenset(range(300)), (0, 1))), OutputRefused)
    kept = rooms.released[0][2]
    back = load(dump(kept), lambda: dump_rows(kept))
    assert (back.membership.rows() == kept.membership.rows()).all()
    assert (back.membership.marks == kept.membership.marks).all()
    assert (back.membership.labels == kept.membership.labels).all()
    assert (back.membership.sizes == kept.membership.sizes).all()
    assert (back.size, back.chain, back.project) == (kept.size, kept.chain, "one")


def test_a_person_has_one_number_in_every_project(settings: Settings) -> None:
    rooms = Rooms(Custody(settings), population(3))
    for project in ("one", "two"):
        rooms.submit(Ask(project, frozenset(range(PEOPLE)), (2,)))
    assert rooms.people.size == PEOPLE
    left, right = (kept.membership for _, _, kept, _ in rooms.released)
    assert (left.sizes == right.sizes).all()
    assert (left.incidence[left.labels] != right.incidence[right.labels]).nnz == 0


@pytest.mark.parametrize("seed", range(5))
def test_persons_in_several_cells_are_in_one_atom(seed: int) -> None:
    draw = np.random.default_rng(seed)
    cells = [np.unique(draw.integers(0, 50, 30)) for _ in range(6)]
    labels, incidence = atomise(cells, 50)
    for column, members in enumerate(cells):
        inside = incidence[labels][:, [column]].toarray().ravel() > 0
        assert (np.flatnonzero(inside) == members).all()


def made(labels: np.ndarray, *, hidden: bool = False) -> Membership:
    """Return a table of one grouping: a cell for each label but 0."""
    atoms = int(labels.max()) + 1
    few, counts = labelled(labels, atoms)
    lines = np.arange(1, atoms)
    ones = np.ones(atoms - 1, dtype=np.int64)
    return Membership(
        labels=few,
        counts=counts,
        incidence=csr_matrix((ones, (lines, lines - 1)), shape=(atoms, atoms - 1)),
        levels=np.zeros(atoms - 1, dtype=np.int32),
        hidden=np.full(atoms - 1, hidden),
        primary=np.zeros(atoms - 1, dtype=np.bool_),
        marks=np.zeros((atoms - 1, 2), dtype=np.uint64),
        rows=lambda: np.zeros(0, dtype=np.uint16),
        origin=str(id(labels)),
        threshold=LEAST,
    )


def test_pairs_alone_find_every_seeded_pair(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: Against._pairs, with the search of combinations taken away."""
    monkeypatch.setattr("egress_review.sdc.span.audit", lambda _: ())
    rooms = Rooms(Custody(settings), population(0))
    for case in range(0, 30, 3):
        rooms.forget()
        for ask in plan(case):
            rooms.submit(ask)
        sets = [s for ask, table, _, _ in rooms.released for s in published(ask, table, rooms)]
        assert not gives_away(list(dict.fromkeys(s for s in sets if s))), case


def test_the_last_of_thousands_of_small_sets_is_found() -> None:
    """One cell and another less their union give two persons, the last of 5,000 small sets."""
    persons = np.arange(10_000)
    fine = made(persons // 2 + 1, hidden=True)
    both = persons >= 9_998
    left, right = (persons < 4_000) | both, (persons >= 6_000) | both
    parts = [made(one.astype(np.int64)) for one in (left, right, left | right)]
    found = span.audit([fine, *parts], persons=False)
    assert [(one.persons, one.cells) for one in found] == [(2, (0,))]


@pytest.mark.parametrize("split", [False, True], ids=["two sets", "three sets"])
def test_small_sets_are_put_together(monkeypatch: pytest.MonkeyPatch, split: bool) -> None:
    """The south less y there, less x elsewhere, and x of the north: three of z, and who is missing.

    Where another table tells one of the three from the others they are three sets.
    """
    persons = np.arange(200)
    south, y_there = persons < 50, (persons >= 20) & (persons < 47)
    north = (persons >= 60) & (persons < 130)
    missing = ((persons < 20) | north) & (persons != 60)
    others = (persons == 47) | (persons >= 130)
    shown = [south, y_there, north, *([others] if split else []), missing]
    tables = [made(one.astype(np.int64)) for one in shown]
    monkeypatch.setattr(span, "FAMILY", 4)
    assert span.audit(tables, persons=False) == (span.Exposed(4, (0,)),)
    monkeypatch.setattr(span, "unions", lambda *_, **__: ())
    assert span.audit(tables, persons=False) == ()


def test_a_factor_by_blocks_is_the_whole_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(3)
    tables = [made(draw.integers(0, 9, 500)) for _ in range(5)]
    tables.append(tables[0])  # nothing new: each of its cells depends on those before
    monkeypatch.setattr(gram, "BLOCK", 7)
    found, _ = gram.span_of(tables, np.zeros(0, dtype=np.int64))
    forms = np.hstack([np.asarray(one.incidence[one.labels].todense()) for one in tables])
    assert found.kept.sum() == np.linalg.matrix_rank(forms)
    some = forms[:, :1] - forms[:, 9:10]
    length = (found.project((forms.T @ some).astype(float)) ** 2).sum()
    assert length == pytest.approx(float((some**2).sum()))


def by_rows(persons: np.ndarray, *groupings: np.ndarray) -> Membership:
    """Return a table of rows: whose each is, and its group from 1 (0: in none) in each grouping."""
    hashes = np.random.default_rng(1).integers(1, 2**16, len(persons))
    inside = [(level, g == n) for level, g in enumerate(groupings) for n in np.unique(g[g > 0])]
    sums = [np.bincount(persons[one], hashes[one]).astype(np.int64) for _, one in inside]
    cells = [np.flatnonzero(one) for one in sums]
    labels, incidence = atomise(cells, int(persons.max()) + 1)
    few, counts = labelled(labels, incidence.shape[0])
    order = np.argsort(np.concatenate(cells), kind="stable")
    rows = np.concatenate([s[c] for s, c in zip(sums, cells, strict=True)])[order]
    none = np.zeros(len(cells), dtype=np.bool_)
    levels = np.array([level for level, _ in inside], dtype=np.int32)
    marks = np.array([(one.sum(), hashes[one].sum()) for _, one in inside], dtype=np.uint64)
    kept = rows.astype(np.uint16)
    return Membership(few, counts, incidence, levels, none, none, marks, lambda: kept, "one", LEAST)


@pytest.mark.parametrize("sample", [32, 1_000])
def test_rows_of_a_few_are_left_whoever_is_looked_at_first(
    monkeypatch: pytest.MonkeyPatch, sample: int
) -> None:
    """Everybody has a row in each of three groups and three have one more, which no table shows."""
    monkeypatch.setattr(peeling_rows, "SAMPLE", sample)
    persons = np.append(np.tile(np.arange(500), 3), [7, 8, 9])
    group = np.append(np.repeat([1, 2, 3], 500), [4, 4, 4])
    total, first = by_rows(persons, np.ones(1_503)), by_rows(persons, group * (group == 1))
    rest, every = (by_rows(persons, group * ((group > 1) & (group < n))) for n in (4, 5))
    assert not list(peeling_rows.peeled_rows(first, [total]))
    assert not list(peeling_rows.peeled_rows(every, [total, first]))
    assert {n for n, _ in peeling_rows.peeled_rows(rest, [total, first])} == {3}


def test_what_is_left_of_a_total_is_not_a_few_persons_with_many_rows(settings: Settings) -> None:
    """Control: Against asks `within`: rows can pass every rule where the persons are too few."""
    labels = [("A", "s") for _ in range(30)] + [("B", "s") for _ in range(4)]
    labels += [("C", "s") for _ in range(4)]
    rooms = Rooms(Custody(settings), labels)
    ask = Ask("one", frozenset(range(len(labels))), (0,))
    evidence = rooms.evidence(ask)
    few = replace(  # B and C have twenty rows each, by four persons
        evidence.table,
        cells=tuple(
            replace(
                c,
                values={"rows": c.values["rows"] + 16 * (2 if c.persons == 38 else c.persons == 4)},
                mark=(c.mark[0] + 16 * (2 if c.persons == 38 else int(c.persons == 4)), c.mark[1]),
            )
            for c in evidence.table.cells
        ),
    )
    rooms.evidence = lambda _: replace(evidence, table=few)  # type: ignore[method-assign]
    done = rooms.submit(ask)
    shown = (
        {c.persons for i, c in enumerate(few.cells) if i not in done.entry.table.hidden}
        if isinstance(done, Protected)
        else set()
    )
    assert not {30, 38} <= shown


def test_a_relinked_snapshot_keeps_who_is_who_and_only_its_changes_conflict(
    settings: Settings,
) -> None:
    """A new version of the extract, under new pseudonyms: the same persons have the same numbers.

    Control: People.numbers are the registry's persons, not the pseudonyms or their order.
    """
    rooms = Rooms(Custody(settings), population(5))
    everyone = frozenset(range(PEOPLE))
    assert not isinstance(rooms.submit(Ask("one", everyone, (0,))), OutputRefused)
    rooms.rekey("one")
    again = rooms.submit(Ask("one", everyone, (0,)))
    assert not isinstance(again, OutputRefused)
    assert not any("differencing" in why for why in again.entry.reasons.values())
    assert rooms.people.size == PEOPLE
    first, second = (kept.membership for _, _, kept, _ in rooms.released)
    assert (first.sizes == second.sizes).all()
    rooms.rekey("one")  # two persons were merged into others: they are gone
    merged = rooms.submit(Ask("one", everyone - {3, 4}, (0,)))
    if not isinstance(merged, OutputRefused):
        assert any("differencing" in why for why in merged.entry.reasons.values())
