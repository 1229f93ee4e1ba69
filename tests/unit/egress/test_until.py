"""Processor time decides when a search ends; the clock only protects the service."""

from __future__ import annotations

import pytest

from egress_review.sdc import until
from egress_review.sdc.until import PATIENCE, Until


class Machine:
    """A clock and a processor that a test moves."""

    def __init__(self) -> None:
        self.processor = self.clock = 100.0

    def now(self) -> tuple[float, float]:
        return self.processor, self.clock


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(until, "_now", made.now)
    return made


def test_a_machine_at_half_its_pace_gives_the_same_processor_time(machine: Machine) -> None:
    end = Until(10.0, machine.now())
    machine.processor += 4.0
    machine.clock += 8.0
    assert end.left == pytest.approx(6.0)
    assert end.left_by_the_clock == pytest.approx(12.0)


def test_the_clock_ends_what_waits_for_the_processor_too_long(machine: Machine) -> None:
    end = Until(10.0, machine.now())
    machine.processor += 1.0
    machine.clock += 10.0 * PATIENCE
    assert end.left <= 0


def test_the_first_part_ends_before_the_whole_and_never_later(machine: Machine) -> None:
    end = Until(10.0, machine.now())
    machine.processor += 2.0
    half = end.first(0.5)
    machine.processor += 4.0
    assert half.left == pytest.approx(0.0)
    assert end.left == pytest.approx(4.0)
    assert end.first(0.0).left <= 0
    machine.processor += 40.0
    assert end.first(0.5).left <= 0
