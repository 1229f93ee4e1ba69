"""Agreements that choose another method of protection than hiding, for the small enclave."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enclave.model import Amounts, Method, PrivateTerms, Protection
from tests.support.review import COUNTIES, INDUSTRIES, World

ROUND = Protection(Method.ROUND, base=11)
NOISE = Protection(Method.NOISE, spread=6)
PRIVATE = Protection(
    Method.PRIVATE,
    private=PrivateTerms(
        total=4000,
        release=2000,
        rows=2,
        amounts={"wages.wage": Amounts(0, 2_000_000)},
        groups={"wages.county": COUNTIES, "wages.industry": INDUSTRIES},
    ),
)


def agree(world: World, monkeypatch: pytest.MonkeyPatch, terms: Protection) -> None:
    """Have both projects' agreements choose a method."""
    policy = world.store.policy
    monkeypatch.setattr(
        world.store, "policy", lambda project: replace(policy(project), protection=terms)
    )
