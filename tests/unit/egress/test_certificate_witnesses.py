"""A pattern's certificate is checked without a solver, and a forged one is refused (R22)."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from egress_review.sdc import proofs
from egress_review.sdc.attacker import attack, attack_inside
from egress_review.sdc.certificate import insiders, publish
from egress_review.sdc.detour import Detour
from egress_review.sdc.linking import link
from egress_review.sdc.primary import sensitive
from egress_review.sdc.standards import against_insiders, widths
from egress_review.sdc.suppress import suppress
from egress_review.sdc.system import FREE, KNOWN, UNGUARDED, Need, System
from egress_review.sdc.tables import Table
from egress_review.sdc.until import Until
from egress_review.sdc.verify import Proof, Witness, verify
from egress_review.sdc.witness import prove
from enclave.model import DisclosureRules
from tests.support import instances
from tests.support.disclosure import WAGE, Record, protect, tabulate

FEW = DisclosureRules(safe_threshold=3)


def square() -> System:
    """Return a 3x3 table of counts with its margins; the first cell is sensitive."""
    inner = np.array([[3, 20, 9], [12, 30, 40], [8, 50, 60]], dtype=float)
    table = np.zeros((4, 4))
    table[:3, :3] = inner
    table[3, :3], table[:3, 3], table[3, 3] = inner.sum(0), inner.sum(1), inner.sum()
    places = np.arange(16).reshape(4, 4)
    lines = [*places, *places.T]
    matrix = np.zeros((8, 16))
    for number, line in enumerate(lines):
        matrix[number, line[:3]], matrix[number, line[3]] = -1.0, 1.0
    value = table.ravel()
    forced = np.arange(16) == 0
    return System(
        value,
        np.zeros(16),
        value + 500,
        np.arange(16),
        csr_matrix(matrix),
        (Need(0, 2.0, 1.0),),
        value + 1,
        forced,
    )


def proved() -> tuple[System, np.ndarray, Proof]:
    system = square()
    pattern = suppress(system).hidden.astype(float)
    proof = prove(system, pattern)
    assert verify(system, pattern, proof)
    return system, pattern, proof


def test_a_square_is_hidden_with_three_more_cells_and_proved() -> None:
    _, pattern, proof = proved()
    assert sorted(np.flatnonzero(pattern)) == [0, 2, 4, 6]
    assert len(proof.witnesses) == 2


def altered(change: Callable[[Witness], Witness]) -> Callable[[Proof], Proof]:
    return lambda proof: Proof((change(proof.witnesses[0]), *proof.witnesses[1:]))


FORGERIES = {
    "one witness left out": lambda proof: Proof(proof.witnesses[1:]),
    "none at all": lambda proof: Proof(()),
    "a larger unit": altered(lambda w: replace(w, unit=w.unit * 1e6)),
    "a unit of nothing": altered(lambda w: replace(w, unit=0.0)),
    "a unit that is no number": altered(lambda w: replace(w, unit=float("nan"))),
    "an endless unit": altered(lambda w: replace(w, unit=float("inf"))),
    "a move that breaks a sum": altered(lambda w: replace(w, moves=w.moves + 1)),
    "fractions": altered(lambda w: replace(w, moves=w.moves * 1.0)),
    "moves that overflow": altered(lambda w: replace(w, moves=w.moves * 2**52)),
    "the least of all integers": altered(
        lambda w: replace(w, moves=np.full_like(w.moves, np.iinfo(np.int64).min))
    ),
    "cells counted from the end": altered(lambda w: replace(w, variables=w.variables - 16)),
    "cells that do not exist": altered(lambda w: replace(w, variables=w.variables + 16)),
    "a shown cell moved": altered(
        lambda w: Witness(np.array([0, 1, 4, 5]), np.array([2, -2, -2, 2]), 1.0)
    ),
    "a table below zero": altered(lambda w: replace(w, moves=w.moves * 100, unit=1.0)),
    "fewer cells than moves": altered(lambda w: replace(w, variables=w.variables[:-1])),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_certificate_is_refused(forgery: Callable[[Proof], Proof]) -> None:
    system, pattern, proof = proved()
    assert not verify(system, pattern, forgery(proof))


def test_a_certificate_of_another_pattern_is_refused() -> None:
    system, pattern, proof = proved()
    for shown in np.flatnonzero(pattern):
        weaker = pattern.copy()
        weaker[shown] = 0.0
        assert not verify(system, weaker, proof)
        assert not verify(system, weaker, prove(system, weaker))


def test_a_certificate_for_weaker_needs_is_refused() -> None:
    system, pattern, proof = proved()
    more = replace(system, needs=(Need(0, 400.0, 1.0),))
    assert not verify(more, pattern, proof)


def test_equations_in_fractions_are_not_checked_in_whole_numbers() -> None:
    system, pattern, proof = proved()
    halves = replace(system, equations=csr_matrix(system.equations * 0.5))
    assert not verify(halves, pattern, proof)


def test_without_time_there_is_no_certificate() -> None:
    system, pattern, _ = proved()
    assert prove(system, pattern, budget=0.0) == Proof(())


@pytest.mark.parametrize("standard", ["strict", "E"])
def test_the_certificate_of_a_published_instance_verifies(standard: str) -> None:
    system = instances.system(instances.load("nuts_size"), standard=standard)
    pattern = suppress(system, budget=30.0)
    assert pattern.unprotected == ()
    hidden = pattern.hidden.astype(float)
    assert verify(system, hidden, prove(system, hidden, budget=30.0))


def test_a_hidden_cell_known_to_its_only_contributor_protects_nobody_from_that_one() -> None:
    plain = square()
    pattern = suppress(plain).hidden.astype(float)
    guarded = against_insiders(plain, [2], owed={0: 1.0})
    assert not verify(guarded, pattern, prove(guarded, pattern))
    found = suppress(guarded)
    assert found.proved
    assert found.cost > suppress(plain).cost
    hidden = found.hidden.astype(float)
    assert verify(guarded, hidden, prove(guarded, hidden))


def test_two_lone_contributors_in_one_equation_do_not_find_each_other_out() -> None:
    plain = square()
    two = replace(
        plain, needs=(Need(0, 1.0, 1.0), Need(2, 1.0, 1.0)), forced=np.isin(np.arange(16), [0, 2])
    )
    guarded = against_insiders(two, [0, 2], owed={0: 1.0, 2: 1.0})
    hidden = suppress(guarded).hidden
    assert hidden[[1, 3]].any(), "a third cell of their row is hidden"


@pytest.mark.parametrize("parts", [3, 101, 1999, 99_991])
def test_a_movement_of_many_parts_is_proved_in_whole_numbers(parts: int) -> None:
    """Corners of dense tables are fractions with denominators of many thousands."""
    made = csr_matrix(np.array([[1.0, -float(parts)]]))
    value, gate = np.array([parts * 5.0, 5.0]), np.array([0, FREE])
    needs = (Need(0, 7.0, 2.0),)
    one = np.ones(1)
    system = System(value, np.zeros(2), value + 50, gate, made, needs, one, one > 0)
    proof = prove(system, one)
    assert verify(system, one, proof)
    assert max(round(1 / witness.unit) for witness in proof.witnesses) in (1, parts)


def test_standard_e_asks_for_a_width_and_costs_no_more() -> None:
    plain = square()
    weak = widths(plain, {0: 1.0})
    assert weak.needs == (Need(0, 0.0, 0.0, 1.0),)
    assert suppress(weak).cost <= suppress(plain).cost


def test_a_cell_alone_in_an_equation_is_impossible_not_merely_unprotected() -> None:
    plain = square()
    gate = plain.gate.copy()
    gate[[1, 2, 3]] = KNOWN
    stuck = suppress(replace(plain, gate=gate))
    assert stuck.unprotected == stuck.impossible == plain.needs


@pytest.mark.parametrize("shown", [(), (1, 2, 3)], ids=["below zero", "alone in its row"])
def test_a_detour_that_does_not_exist_is_none_and_not_what_the_solver_is_left_with(
    shown: tuple[int, ...],
) -> None:
    plain = square()
    gate = plain.gate.copy()
    gate[list(shown)] = KNOWN
    detour = Detour(replace(plain, gate=gate), plain.weight, Until(60))
    wanted = 2.0 if shown else 4.0
    assert detour.movement(plain.needs[0], wanted, up=False, pattern=np.zeros(16)) is None


def test_an_unknown_nobody_publishes_needs_nothing_more_hidden() -> None:
    plain = square()
    gate = plain.gate.copy()
    gate[[3, 12, 15]] = FREE
    assert suppress(replace(plain, gate=gate)).cost == plain.weight[0]


def test_a_proof_is_read_back_as_it_was_written_and_holds() -> None:
    system, pattern, proof = proved()
    content = proofs.dump(proofs.Proven(system, pattern, proof, tuple(range(16))))
    kept = proofs.load(content)
    assert kept.holds()
    assert kept.hidden == {0, 2, 4, 6}
    weaker = replace(kept, pattern=np.where(np.arange(16) == 6, 0.0, pattern))
    assert not proofs.load(proofs.dump(weaker)).holds()
    assert not proofs.load(proofs.dump(replace(kept, proof=Proof(())))).holds()


@pytest.mark.parametrize("content", [b"", b"no proof", b"PK\x03\x04"])
def test_what_is_no_proof_is_not_read(content: bytes) -> None:
    with pytest.raises((ValueError, KeyError, EOFError, zipfile.BadZipFile)):
        proofs.load(content)


def amounts(seed: int) -> Table:
    """Return sums of 90 people's wages over two categories, with who is sensitive."""
    dice = random.Random(seed)
    people = [
        Record(
            n,
            (f"a{int(dice.triangular(0, 5, 0))}", f"b{int(dice.triangular(0, 5, 0))}"),
            dice.lognormvariate(8, 0.3),
        )
        for n in range(90)
    ]
    table = tabulate(people, (0, 1), measures=(WAGE,))
    return replace(table, primary=frozenset(sensitive(table, FEW)))


@pytest.mark.parametrize("seed", range(6))
def test_whoever_is_alone_in_a_hidden_cell_works_out_no_other_by_any_circuit(seed: int) -> None:
    """Control: linking asks for it (`against_insiders`); the attacker is told one's own number."""
    table, pattern, _ = protect(amounts(seed), (), FEW)
    assert pattern.unprotected == ()
    inner = [i for i in table.primary if len(table.cells[i].level) == 2]
    for insider in (i for i in inner if table.cells[i].persons == 1):
        mine = table.cells[insider]
        same = {i for i in table.hidden if table.cells[i].mark == mine.mark}
        bounds = attack([publish(replace(table, hidden=table.hidden - same))])
        for cell in (table.cells[i] for i in inner if i not in same):
            low, high = bounds[cell.mark, WAGE.name]
            assert high - low > 0.009 * cell.values[WAGE.name]


def seen_inside(table: Table, system: System, gates: tuple[int, ...]) -> int:
    """Return how many numbers the independent attacker finds as one of the insiders."""
    chosen = suppress(system).hidden
    hidden = frozenset(i for i, gate in enumerate(gates) if chosen[gate])
    table = replace(table, hidden=hidden)
    return len(attack_inside([publish(table)], insiders([table], {}), seconds=60.0))


def test_the_independent_attacker_finds_what_insiders_see_along_circuits() -> None:
    found = []
    for seed in range(6):
        problem = link(amounts(seed), (), FEW)
        found.append(
            [
                seen_inside(amounts(seed), system, problem.gates)
                for system in (problem.system, replace(problem.system, guard=UNGUARDED))
            ]
        )
    assert [guarded for guarded, _ in found] == [0] * 6
    assert sum(unguarded for _, unguarded in found) > 2


def test_of_amounts_without_a_floor_an_insider_reaches_no_end() -> None:
    """The width between two infinite ends was a warning, and no number."""
    free = replace(WAGE, signed=True)
    for seed in range(6):
        table = replace(amounts(seed), measures=(free,))
        problem = link(table, (), FEW)
        assert seen_inside(table, problem.system, problem.gates) == 0


def test_numbers_of_one_person_are_not_kept_from_that_person() -> None:
    """A total and a part with one contributor; two cells where who is in them is known."""
    records = [Record(1, ("a", "x")), Record(1, ("a", "y")), Record(2, ("b", "x"))]
    records += [Record(n, (one, other)) for n in range(3, 60) for one in "cd" for other in "xyz"]
    table = tabulate(records, (0, 1))
    table = replace(table, primary=frozenset(sensitive(table, FEW)))

    def persons(lone: dict[int, int]) -> list[set[tuple[str, ...]]]:
        problem = link(table, (), FEW, lone=lone)
        keys = {(cell.mark, "rows"): cell.key for cell in table.cells}
        owners = [problem.owners[v] for v in range(len(problem.owners))]
        knows = problem.system.guard.knows
        return [{keys[owner] for v in who for owner in [owners[v]] if owner} for who in knows]

    first, second = {("a", ""), ("a", "x"), ("a", "y")}, {("b", "x")}
    assert all(who in persons({}) for who in (first, second))
    rows = {cell.key: index for index, cell in enumerate(table.cells)}
    together = persons({rows["a", "x"]: 7, rows["b", "x"]: 7})
    assert first | second in together
