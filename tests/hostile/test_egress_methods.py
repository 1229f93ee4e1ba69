"""Nothing carries true numbers past an agreement that has them rounded, changed or drawn (R22)."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from egress_review.model import FileKind, OutputFile, State
from egress_review.submission import Handed
from enclave.model import Protection
from tests.support.methods import NOISE, PRIVATE, ROUND, agree
from tests.support.review import PAY, World, table
from tests.support.review_fixtures import egress_audit, world

__all__ = ["egress_audit", "world"]


@pytest.mark.parametrize("terms", [ROUND, PRIVATE])
def test_no_plot_of_true_numbers_passes_the_method_by(
    world: World, monkeypatch: pytest.MonkeyPatch, terms: Protection
) -> None:
    """Attack: nothing of the table is hidden, so the picture may go on; but its numbers change."""
    agree(world, monkeypatch, terms)
    query, answer = world.ask(PAY)
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(out, "PNG")
    plot = Handed(OutputFile("pay.png", FileKind.PLOT, (), "pay.csv"), out.getvalue())
    request = world.hand_in(table(answer, query), plot)
    assert request.state is State.REFUSED
    assert "this file would show them as they are" in request.sentence


def test_no_table_that_was_not_recomputed_passes_the_method_by(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: a changed copy of the answer, which would go to review as it is."""
    agree(world, monkeypatch, NOISE)
    _, answer = world.ask(PAY)
    request = world.submit(content=answer.replace(b",176", b",177"))
    assert request.state is State.REFUSED
    assert "this file would show them as they are" in request.sentence
