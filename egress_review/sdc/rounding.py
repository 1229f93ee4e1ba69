"""Random rounding of counts to a base: to one of the two neighbouring multiples, unbiased.

A count v between m·b and (m+1)·b goes up with probability (v - m·b)/b, so that its expectation is
v; multiples stay. Each number is rounded by itself, totals too: rounding that keeps sums would make
a cell's number hang on its table, and the same cell in another table would be a second draw. The
draw is `chance`'s: the same cell is always rounded the same way. Pure.
"""

from __future__ import annotations

from egress_review.sdc.chance import Chances


def rounded(chances: Chances, cell: int, count: int, *, base: int) -> int:
    """Return a multiple of the base less than one base away from the count."""
    below, rest = divmod(count, base)
    up = chances.of(cell, count) % base < rest
    return (below + up) * base
