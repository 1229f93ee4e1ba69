"""The reader of regression summaries: a few named numbers as JSON, and nothing else.

Residuals, fitted values, influence and the covariance of every pair of observations have no place
in the form, so they cannot come along. `enclave_client.summarise` writes it.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from egress_review.errors import OutputRefused
from egress_review.files.model import Dummy, Model, Parameter
from egress_review.files.tables import load_json

FORM = "enclave/model/1"
MOST_PARAMETERS = 200
FIGURES = 6  # significant figures of every estimate: more say nothing and can carry a message
FITS = Literal[
    "r_squared", "adjusted_r_squared", "pseudo_r_squared", "log_likelihood", "aic", "bic"
]
FAMILIES = Literal[
    "ols", "wls", "gls", "logit", "probit", "poisson", "negative-binomial", "multinomial-logit",
    "ordered", "quantile", "cox", "glm", "mixed", "instrumental",
]  # fmt: skip
Name = Annotated[str, Field(min_length=1, max_length=120)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**12)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ParameterBody(_Strict):
    """One parameter."""

    name: Name
    estimate: Number
    standard_error: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    statistic: Number | None = None
    p_value: Annotated[float, Field(ge=0, le=1)] | None = None


class DummyBody(_Strict):
    """Counts of one indicator column."""

    name: Name
    ones: Count
    zeros: Count


class ModelBody(_Strict):
    """A regression summary as `summarise` writes it."""

    form: Literal["enclave/model/1"]
    family: FAMILIES
    outcome: Name
    n: Count
    residual_dof: Annotated[int, Field(ge=-(10**9), le=10**12)]
    parameters: Annotated[list[ParameterBody], Field(min_length=1, max_length=MOST_PARAMETERS)]
    dummies: Annotated[list[DummyBody], Field(max_length=MOST_PARAMETERS)] = []
    fit: dict[FITS, Number] = {}


def read_model(name: str, content: bytes) -> Model:
    """Return a regression summary, its numbers rounded. Raises `OutputRefused`."""
    found = load_json(content)
    try:
        body = ModelBody.model_validate(found)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"][:1])[:60]
        raise OutputRefused(
            f"The file is not a regression summary of this form ({where or 'the whole of it'}).",
            hint="Write it with summarise(results).save('name.model.json') in the workspace.",
        ) from None
    if any(dummy.ones + dummy.zeros != body.n for dummy in body.dummies):
        raise OutputRefused("The counts of a dummy do not add up to the observations.")
    return _model(name, body)


def clean(model: Model) -> bytes:
    """Return the summary as JSON in its one form."""
    body = {"form": FORM, **{k: v for k, v in asdict(model).items() if k != "name"}}
    return (json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _model(name: str, body: ModelBody) -> Model:
    return Model(
        name=name,
        family=body.family,
        outcome=body.outcome,
        n=body.n,
        residual_dof=body.residual_dof,
        parameters=tuple(
            Parameter(
                one.name,
                _rounded(one.estimate),
                _rounded(one.standard_error),
                None if one.statistic is None else _rounded(one.statistic),
                None if one.p_value is None else _rounded(one.p_value),
            )
            for one in body.parameters
        ),
        dummies=tuple(Dummy(one.name, one.ones, one.zeros) for one in body.dummies),
        fit={name: _rounded(value) for name, value in sorted(body.fit.items())},
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{FIGURES - 1}e}") if math.isfinite(value) else value
