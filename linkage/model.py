"""The model that weighs a pair of identities: Splink's Fellegi-Sunter, our comparisons.

For a match weight (log2 of the likelihood ratio) for every pair that shares a blocking key. The
weights are evidence, not calibrated probabilities: nothing here may be printed as a precision.
Numbers and dates are guarded by plain Hamming distance on cleaned text, which costs a thirtieth of
edit distance with transpositions. A conflicting number is evidence, never a veto: people borrow
numbers. Never sees a content field.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator

from linkage.prepare import BLOCKS

Model = dict[str, Any]  # Splink's settings, trained, as JSON has them

SEED = 1
WEIGHT_FLOOR = -10.0  # a pair below this never joins anything
# Pairs that agree on these are nearly always one person, and are this share of all that are.
_SURE = (
    "l.ssn = r.ssn AND l.last_name = r.last_name",
    "l.first_name = r.first_name AND l.last_name = r.last_name AND l.birth_date = r.birth_date",
)
_SURE_RECALL = 0.85
# What each training session holds equal it cannot learn, so each leaves the others something. The
# blocking keys keep crowded values out; the plain equality tells Splink what is held equal.
_TRAINING = (
    "l.block_ssn = r.block_ssn AND l.ssn = r.ssn",
    "l.block_name = r.block_name AND l.first_name = r.first_name AND l.last_name = r.last_name",
)

_JARO = "jaro_winkler_similarity({l}, {r}) >= "
_PREFIX = "starts_with({l}, {r}) OR starts_with({r}, {l})"
_SHARED_WORD = "list_has_any(string_split({l}, ' '), string_split({r}, ' '))"
_SWAPPED = "{l} = {r}[1:4] || {r}[7:8] || {r}[5:6]"  # day and month
# Under exact equality, from strong to weak; {l} and {r} are the two values, never NULL.
_COMPARISONS: Mapping[str, tuple[str, ...]] = {
    "ssn": ("hamming({l}, {r}) <= 2",),
    "first_name": (_JARO + "0.92", _PREFIX, _JARO + "0.8"),
    "middle_initial": (),
    "last_name": (_JARO + "0.92", _SHARED_WORD, _JARO + "0.8"),
    "birth_date": ("hamming({l}, {r}) <= 1", _SWAPPED, "hamming({l}, {r}) <= 2"),
    "street_name": (_JARO + "0.9",),
    "street_number": (),
}
_RARE = frozenset({"first_name", "last_name"})  # agreeing on a rare one says more


def settings_for(duplicate_free: Sequence[str]) -> SettingsCreator:
    """Return the untrained model; pairs inside a duplicate-free dataset are never looked at."""
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        comparisons=[_comparison(name, *levels) for name, levels in _COMPARISONS.items()],
        blocking_rules_to_generate_predictions=[
            {"blocking_rule": rule} for rule in _rules(duplicate_free)
        ],
        retain_intermediate_calculation_columns=False,
        retain_matching_columns=False,
        additional_columns_to_retain=[],
    )


def train(connection: duckdb.DuckDBPyConnection, duplicate_free: Sequence[str]) -> Model:
    """Learn the model's weights from the table `node` itself; return them as JSON-able settings."""
    linker = _linker(connection, settings_for(duplicate_free))
    linker.training.estimate_probability_two_random_records_match(list(_SURE), recall=_SURE_RECALL)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=SEED)
    for rule in _TRAINING:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    learned: Model = linker.misc.save_model_to_json()
    return learned


def score(connection: duckdb.DuckDBPyConnection, model: Model) -> pa.Table:
    """Return `left` and `right` node and the match `weight` of each pair above `WEIGHT_FLOOR`."""
    linker = _linker(connection, model)
    edges: Any = linker.inference.predict(threshold_match_weight=WEIGHT_FLOOR)
    table = edges.as_pyarrow_table().sort_by(
        [("unique_id_l", "ascending"), ("unique_id_r", "ascending")]
    )
    names = {"unique_id_l": "left", "unique_id_r": "right", "match_weight": "weight"}
    return pa.table({new: table[old] for old, new in names.items()})


def load(path: Path, duplicate_free: Sequence[str]) -> Model | None:
    """Return a model that was trained and kept for these comparisons and rules, or None."""
    if not path.exists():
        return None
    kept: Model = json.loads(path.read_text())
    rules = [each["blocking_rule"] for each in kept["blocking_rules_to_generate_predictions"]]
    return kept if rules == _rules(duplicate_free) else None


def _rules(duplicate_free: Sequence[str]) -> list[str]:
    apart = "".join(
        f" AND NOT (l.dataset = '{name}' AND r.dataset = '{name}')" for name in duplicate_free
    )
    return [f"l.{key} = r.{key}{apart}" for key in BLOCKS]


def _comparison(column: str, *levels: str) -> dict[str, Any]:
    left, right = f'"{column}_l"', f'"{column}_r"'
    exact: dict[str, Any] = {
        "sql_condition": f"{left} = {right}",
        "label_for_charts": "equal",
    }
    if column in _RARE:
        exact |= {"tf_adjustment_column": column, "tf_adjustment_weight": 1.0}
    return {
        "output_column_name": column,
        "comparison_levels": [
            {
                "sql_condition": f"{left} IS NULL OR {right} IS NULL",
                "label_for_charts": "missing",
                "is_null_level": True,
            },
            exact,
            *(
                {
                    "sql_condition": level.format(l=left, r=right),
                    "label_for_charts": f"near {place}",
                }
                for place, level in enumerate(levels, start=1)
            ),
            {"sql_condition": "ELSE", "label_for_charts": "different"},
        ],
    }


def _linker(connection: duckdb.DuckDBPyConnection, model: Any) -> Linker:
    api = DuckDBAPI(connection=connection)
    node = api.register("node", dataset_display_name="node")
    return Linker(node, model, log_level=logging.ERROR)
