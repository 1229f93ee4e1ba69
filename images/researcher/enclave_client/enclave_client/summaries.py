"""A regression's summary as a file that can be released: estimates and counts, never a row.

Residuals, fitted values and the data behind them are not in it. Counts of every indicator column
are, because reviewers need them: a category of few people is as telling in a model as in a table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy
import pandas

from enclave_client.errors import Refused

ENDING = ".model.json"
FIGURES = 6  # significant figures of every estimate
FAMILIES: Mapping[str, str] = {
    "OLS": "ols",
    "WLS": "wls",
    "GLS": "gls",
    "Logit": "logit",
    "Probit": "probit",
    "Poisson": "poisson",
    "NegativeBinomial": "negative-binomial",
    "MNLogit": "multinomial-logit",
    "OrderedModel": "ordered",
    "QuantReg": "quantile",
    "PHReg": "cox",
    "GLM": "glm",
    "MixedLM": "mixed",
    "IV2SLS": "instrumental",
}
_FITS = {
    "rsquared": "r_squared",
    "rsquared_adj": "adjusted_r_squared",
    "prsquared": "pseudo_r_squared",
    "llf": "log_likelihood",
    "aic": "aic",
    "bic": "bic",
}


class Summary:
    """What may leave of a fitted model; `.body` is the whole of it."""

    def __init__(self, body: dict[str, Any]):
        self.body = body

    def save(self, path: str | Path) -> Path:
        """Write the summary to a file whose name ends in .model.json; return its path."""
        place = Path(path)
        if not place.name.endswith(ENDING):
            raise Refused(f"Name the file something{ENDING}: that is how it is recognised.")
        place.write_text(json.dumps(self.body, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return place

    @property
    def table(self) -> pandas.DataFrame:
        """Return the parameters as a table."""
        return pandas.DataFrame(self.body["parameters"]).set_index("name")

    def __repr__(self) -> str:
        body = self.body
        head = f"{body['family']} of {body['outcome']}: {body['n']} observations, "
        return f"{head}{body['residual_dof']} residual degrees of freedom\n{self.table}"


def summarise(results: Any) -> Summary:
    """Return the summary of a fitted statsmodels model. Raises Refused for other things.

    Parameters, standard errors, statistics and p-values; observations and residual degrees of
    freedom; for each column that is only 0 and 1, and for an outcome that is, how many are 1 and 0.
    """
    results = getattr(results, "_results", results)
    model = getattr(results, "model", None)
    family = FAMILIES.get(type(model).__name__)
    if family is None or model is None:
        known = ", ".join(FAMILIES)
        raise Refused(f"summarise() takes a fitted model of statsmodels, one of {known}.")
    return Summary(
        {
            "form": "enclave/model/1",
            "family": family,
            "outcome": _outcome_name(model),
            "n": _observations(model),
            "residual_dof": round(float(_residual_dof(results, model))),
            "parameters": list(_parameters(results, model)),
            "dummies": list(_dummies(model)),
            "fit": {
                name: _rounded(value)
                for attribute, name in _FITS.items()
                if (value := _number(results, attribute)) is not None
            },
        }
    )


def _outcome_name(model: Any) -> str:
    names = model.endog_names
    return str(names if isinstance(names, str) else names[0])


def _observations(model: Any) -> int:
    return int(numpy.asarray(model.exog).shape[0])


def _residual_dof(results: Any, model: Any) -> float:
    found = _number(results, "df_resid")
    if found is not None:
        return found
    return _observations(model) - numpy.asarray(results.params).size


def _parameters(results: Any, model: Any) -> Iterator[dict[str, Any]]:
    estimates = numpy.asarray(results.params, dtype=float)
    columns = [
        numpy.asarray(getattr(results, name), dtype=float).reshape(estimates.shape).ravel()
        for name in ("params", "bse", "tvalues", "pvalues")
    ]
    for name, *values in zip(_names(results, model, estimates.shape), *columns, strict=True):
        estimate, error, statistic, chance = values
        if not math.isfinite(estimate) or not math.isfinite(error):
            raise Refused(f"The parameter {name} has no estimate or no standard error.")
        yield {
            "name": name,
            "estimate": _rounded(estimate),
            "standard_error": _rounded(error),
            "statistic": _rounded(statistic) if math.isfinite(statistic) else None,
            "p_value": _rounded(chance) if math.isfinite(chance) else None,
        }


def _names(results: Any, model: Any, shape: tuple[int, ...]) -> list[str]:
    """Return one name a parameter; a model of several equations has one set for each of them."""
    given = getattr(getattr(results, "data", None), "param_names", None)
    names = [str(name) for name in (given or getattr(model, "param_names", model.exog_names))]
    if len(shape) == 2:
        return [f"{name} [{place + 1}]" for name in names[: shape[0]] for place in range(shape[1])]
    if len(names) < shape[0]:
        names += [f"parameter {place + 1}" for place in range(len(names), shape[0])]
    return names[: shape[0]]


def _dummies(model: Any) -> Iterator[dict[str, Any]]:
    columns = numpy.asarray(model.exog).T
    for name, column in zip(model.exog_names, columns, strict=False):  # scale parameters come after
        yield from _dummy(str(name), column)
    outcome = numpy.asarray(model.endog)
    if outcome.ndim == 1:
        yield from _dummy(_outcome_name(model), outcome)
    if type(model).__name__ in ("MNLogit", "OrderedModel"):
        for level in numpy.unique(outcome):
            yield from _dummy(f"{_outcome_name(model)} = {level:g}", (outcome == level) * 1.0)


def _dummy(name: str, values: numpy.ndarray[Any, Any]) -> Iterator[dict[str, Any]]:
    ones = int((values == 1).sum())
    zeros = int((values == 0).sum())
    if ones + zeros == len(values) and ones and zeros:
        yield {"name": name, "ones": ones, "zeros": zeros}


def _number(results: Any, attribute: str) -> float | None:
    try:
        value = float(getattr(results, attribute))
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _rounded(value: float) -> float:
    return float(f"{value:.{FIGURES - 1}e}")
