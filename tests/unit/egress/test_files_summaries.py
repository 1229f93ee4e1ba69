"""A regression leaves as its estimates and counts: what the workspace writes is what is read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import enclave_client
import numpy
import pandas
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from egress_review.files.model import Dummy, Model
from egress_review.files.reading import clean, read
from egress_review.files.summary import FORM

COUNT = 400


@pytest.fixture(scope="module")
def data() -> pandas.DataFrame:
    dice = numpy.random.default_rng(5)
    return pandas.DataFrame(
        {
            "pay": dice.normal(9, 1, COUNT),
            "age": dice.integers(20, 60, COUNT),
            "county": dice.choice(list("ABC"), COUNT, p=[0.6, 0.3, 0.1]),
            "job": dice.integers(0, 2, COUNT),
            "kind": dice.integers(0, 3, COUNT),
            "jobs": dice.poisson(2, COUNT),
        }
    )


def submitted(results: Any, place: Path) -> Model:
    path = enclave_client.summarise(results).save(place / "pay.model.json")
    found = read(path.name, path.read_bytes())
    assert isinstance(found, Model)
    assert read(path.name, clean(found)) == found
    return found


def test_a_linear_model_keeps_estimates_and_counts(data: pandas.DataFrame, tmp_path: Path) -> None:
    results = smf.ols("pay ~ age + C(county)", data).fit()
    found = submitted(results, tmp_path)
    assert (found.family, found.outcome, found.n) == ("ols", "pay", COUNT)
    assert found.residual_dof == COUNT - 4
    assert [one.name for one in found.parameters] == list(results.params.index)
    for one in found.parameters:
        assert one.estimate == pytest.approx(results.params[one.name], rel=1e-5)
        assert one.standard_error == pytest.approx(results.bse[one.name], rel=1e-5)
    of_b = int((data.county == "B").sum())
    assert Dummy("C(county)[T.B]", of_b, COUNT - of_b) in found.dummies
    assert set(found.fit) >= {"r_squared", "log_likelihood"}


def test_nothing_of_a_row_is_in_it(data: pandas.DataFrame, tmp_path: Path) -> None:
    """No residual, fitted value or observation: far fewer numbers than the data have."""
    results = smf.ols("pay ~ age", data).fit()
    path = enclave_client.summarise(results).save(tmp_path / "pay.model.json")
    written = set(re.findall(r"-?\d+\.\d+", path.read_text()))
    rows = [*results.resid, *results.fittedvalues, *data.pay]
    assert written.isdisjoint(repr(float(f"{number:.5e}")) for number in rows)
    assert len(written) < 20


@pytest.mark.parametrize(
    ("formula", "fit", "family"),
    [
        ("job ~ age", smf.logit, "logit"),
        ("job ~ age", smf.probit, "probit"),
        ("jobs ~ age", smf.poisson, "poisson"),
        ("kind ~ age", smf.mnlogit, "multinomial-logit"),
    ],
)
def test_other_models_of_statsmodels(
    data: pandas.DataFrame, tmp_path: Path, formula: str, fit: Any, family: str
) -> None:
    found = submitted(fit(formula, data).fit(disp=0), tmp_path)
    assert found.family == family
    outcome = {one.name: one.ones for one in found.dummies}
    if family in ("logit", "probit"):
        assert outcome == {"job": int(data.job.sum())}
    if family == "multinomial-logit":
        assert outcome["kind = 2"] == int((data.kind == 2).sum())
        assert len(found.parameters) == 4


def test_arrays_without_names_work_too(data: pandas.DataFrame, tmp_path: Path) -> None:
    results = sm.GLM(data.job.to_numpy(), sm.add_constant(data[["age"]].to_numpy())).fit()
    assert [one.name for one in submitted(results, tmp_path).parameters] == ["const", "x1"]


def test_what_is_no_model_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(enclave_client.Refused, match="fitted model of statsmodels"):
        enclave_client.summarise(pandas.DataFrame())
    summary = enclave_client.summaries.Summary({"form": FORM})
    with pytest.raises(enclave_client.Refused, match="Name the file"):
        summary.save(tmp_path / "pay.json")


def test_a_summary_shows_itself(data: pandas.DataFrame) -> None:
    summary = enclave_client.summarise(smf.ols("pay ~ age", data).fit())
    assert "398 residual degrees of freedom" in repr(summary)
    assert list(summary.table.index) == ["Intercept", "age"]
    assert json.loads(json.dumps(summary.body)) == summary.body
