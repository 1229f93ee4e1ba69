"""What an outsider can work out of tables as they would leave, by subtraction alone."""

from __future__ import annotations

import csv
import io

from egress_review.custody import Piece
from egress_review.earlier.ledger import Entry, load
from egress_review.model import Request
from egress_review.render import MARK
from tests.support.review import PEOPLE, World

Lines = dict[tuple[str, ...], dict[str, float | None]]


def lines(content: bytes, labels: int) -> Lines:
    """Return, by its labels, the numbers of each row; None for what is hidden."""
    columns, *rows = list(csv.reader(io.StringIO(content.decode())))
    return {
        tuple(row[:labels]): {
            name: None if cell == MARK else float(cell or 0)
            for name, cell in zip(columns[labels:], row[labels:], strict=True)
        }
        for row in rows
    }


def both(world: World, request: Request, labels: int) -> tuple[Lines, Lines]:
    """Return a table as it is and as it would leave."""
    full, protected = world.service.view_raw(PEOPLE["dora"], request)
    return lines(full, labels), lines(protected, labels)


def entry(world: World, request: Request) -> Entry:
    """Return what is remembered of a request's first file."""
    return load(world.service.custody.open(request.id, Piece.LEDGER, file=1))
