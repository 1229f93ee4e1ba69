"""A cell that nothing can protect is named with what would help, never passed over (R22)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from egress_review.sdc.choices import advise
from egress_review.sdc.suppress import suppress
from egress_review.sdc.system import KNOWN, Need, System


def row(values: list[float], shown: list[int]) -> System:
    """Return parts and their total (last); the first part is sensitive."""
    value = np.array([*values, sum(values)])
    gate = np.arange(len(value))
    gate[shown] = KNOWN
    line = csr_matrix([[-1.0] * len(values) + [1.0]])
    forced = np.arange(len(value)) == 0
    needs = (Need(0, 2.0, 1.0),)
    return System(value, value * 0, value + 99, gate, line, needs, value + 1, forced)


def test_the_total_that_must_be_hidden_is_named() -> None:
    system = row([3, 20, 9], [1, 2, 3])
    pattern = suppress(system)
    assert pattern.impossible == system.needs
    (advice,) = advise(system, pattern.impossible)
    assert advice.hide == (1, 2, 3)
    assert not advice.together
    assert not advice.collapse


def test_a_shown_zero_helps_upwards_only_together_with_what_helps_downwards() -> None:
    system = row([3, 0, 1, 1], [1, 2, 3, 4])
    system = replace(system, high=np.array([99.0, 99.0, 99.0, 99.0, 5.0]))
    pattern = suppress(system)
    (advice,) = advise(system, pattern.impossible)
    assert advice.together
    assert set(advice.hide) == {1, 2, 3, 4}


def test_where_no_cell_can_help_categories_must_be_collapsed() -> None:
    system = row([3], [1])
    system = replace(system, high=system.value, low=system.value)
    pattern = suppress(system)
    (advice,) = advise(system, pattern.impossible)
    assert advice.collapse


def test_advice_without_time_is_to_collapse() -> None:
    system = row([3, 20], [1, 2])
    (advice,) = advise(system, system.needs, budget=0.0)
    assert advice.collapse


def test_what_is_advised_then_protects() -> None:
    system = row([3, 20, 9], [1, 2, 3])
    (advice,) = advise(system, suppress(system).impossible)
    gate = system.gate.copy()
    gate[advice.hide[-1]] = advice.hide[-1]
    assert suppress(replace(system, gate=gate)).unprotected == ()
