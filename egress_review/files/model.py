"""The nouns of submitted files: what was read of one, by kind; and how much of it may be.

Frozen values without behaviour; nothing here holds the bytes a researcher sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from egress_review.model import Note

MOST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 20_000
MOST_COLUMNS = 50
MOST_CHARACTERS = 500  # in one cell
MOST_PIXELS = 12_000_000


@dataclass(frozen=True, slots=True)
class Sheet:
    """A submitted table as text: column names and rows, all of one width."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A submitted plot as nothing but its pixels; `png` was written by us, of those alone."""

    name: str
    width: int
    height: int
    png: bytes


@dataclass(frozen=True, slots=True)
class Parameter:
    """One estimated parameter of a model; the last two where the software gave them."""

    name: str
    estimate: float
    standard_error: float
    statistic: float | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Dummy:
    """How many observations have 1 and how many 0 in one indicator column."""

    name: str
    ones: int
    zeros: int


@dataclass(frozen=True, slots=True)
class Model:
    """A regression summary: no residual, no fitted value, no observation.

    `family` is the estimator ("ols", "logit", …), `outcome` what is explained, `n` observations,
    `residual_dof` the residual degrees of freedom, `fit` measures of fit by name.
    """

    name: str
    family: str
    outcome: str
    n: int
    residual_dof: int
    parameters: tuple[Parameter, ...]
    dummies: tuple[Dummy, ...] = ()
    fit: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prose:
    """Text or code in one form (UTF-8, NFC, plain line ends), with what a reviewer should know."""

    name: str
    text: str
    notes: tuple[Note, ...] = ()


Read = Sheet | Picture | Model | Prose
