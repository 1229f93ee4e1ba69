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

from enclave.durable import write_durably
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
# What a training session holds equal it cannot learn, so each leaves the others something, and
# holds enough equal that its pairs are one person's and not two of a household with one number
# between them. The blocking keys keep crowded values out; the equalities say what is held.
_TRAINING = (
    "l.block_ssn = r.block_ssn AND l.ssn = r.ssn AND l.first_name = r.first_name",
    "l.block_birth_last = r.block_birth_last AND l.birth_date = r.birth_date"
    " AND l.last_name = r.last_name",
)
_JARO = "jaro_winkler_similarity({l}, {r}) >= "
_PREFIX = "starts_with({l}, {r}) OR starts_with({r}, {l})"
_SWAPPED = "{l} = {r}[1:4] || {r}[7:8] || {r}[5:6]"  # day and month
# Under exact equality, from strong to weak; {l} and {r} are the two values, never NULL.
_COMPARISONS: Mapping[str, tuple[str, ...]] = {
    "ssn": ("hamming({l}, {r}) <= 2",),
    "first_name": (_JARO + "0.92", _PREFIX, _JARO + "0.8"),
    "middle_initial": (),
    "birth_date": ("hamming({l}, {r}) <= 1", _SWAPPED, "hamming({l}, {r}) <= 2"),
}
# How often a person's own number is written the same, nearly so, or is another's. Set by hand:
# training calls whoever works under a borrowed number two persons, and learns that none does.
_FIXED = {"ssn": (0.9, 0.02, 0.08)}
# Last name and home are weighed together: a family shares both, so that two agreements are hardly
# more evidence than one. Taken for independent they join brothers (measured: three false links in
# four were members of one household).
_NAME = "last_name_l = last_name_r"
_NEAR = (
    "(jaro_winkler_similarity(last_name_l, last_name_r) >= 0.92"
    " OR list_has_any(string_split(last_name_l, ' '), string_split(last_name_r, ' ')))"
)
_HOME = "(street_number_l = street_number_r AND street_name_l = street_name_r)"
_AWAY = "(street_name_l <> street_name_r)"
_FAMILY: tuple[str, ...] = (
    f"{_NAME} AND {_HOME}",
    f"{_NEAR} AND {_HOME}",
    _HOME,
    f"{_NAME} AND {_AWAY}",
    _NAME,
    f"{_NEAR} AND {_AWAY}",
    _NEAR,
    _AWAY,
)


def settings_for(duplicate_free: Sequence[str]) -> SettingsCreator:
    """Return the untrained model; pairs inside a duplicate-free dataset are never looked at."""
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        comparisons=[*_comparisons()],
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
    same = _conditions(kept["comparisons"]) == _conditions(_comparisons())
    return kept if same and rules == _rules(duplicate_free) else None


def keep(path: Path, model: Model) -> None:
    """Keep a model for the next runs: weights must not drift unseen."""
    write_durably(path, json.dumps(model).encode())


def _rules(duplicate_free: Sequence[str]) -> list[str]:
    apart = "".join(
        f" AND NOT (l.dataset = '{name}' AND r.dataset = '{name}')" for name in duplicate_free
    )
    return [f"l.{key} = r.{key}{apart}" for key in BLOCKS]


def _comparisons() -> list[dict[str, Any]]:
    return [*(_comparison(*each) for each in _COMPARISONS.items()), _family()]


def _conditions(comparisons: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return what each level of each comparison asks: what the weights were learnt for."""
    return [[level["sql_condition"] for level in each["comparison_levels"]] for each in comparisons]


def _comparison(column: str, levels: tuple[str, ...]) -> dict[str, Any]:
    left, right = f'"{column}_l"', f'"{column}_r"'
    exact = _level(f"{left} = {right}", rare=column if column == "first_name" else None)
    near = (_level(level.format(l=left, r=right)) for level in levels)
    missing = _level(f"{left} IS NULL OR {right} IS NULL") | {"is_null_level": True}
    held = [exact, *near, _level("ELSE")]
    for level, share in zip(held, _FIXED.get(column, ()), strict=False):
        level |= {"m_probability": share, "fix_m_probability": True}
    return {"output_column_name": column, "comparison_levels": [missing, *held]}


def _family() -> dict[str, Any]:
    missing = "(last_name_l IS NULL OR last_name_r IS NULL) AND "
    missing += "(street_name_l IS NULL OR street_name_r IS NULL)"
    rare = {f"{_NAME} AND {_AWAY}", _NAME}
    levels = [_level(each, rare="last_name" if each in rare else None) for each in _FAMILY]
    return {
        "output_column_name": "family",
        "comparison_levels": [
            _level(missing) | {"is_null_level": True},
            *levels,
            _level("ELSE"),
        ],
    }


def _level(condition: str, *, rare: str | None = None) -> dict[str, Any]:
    """Return one level; agreeing on a `rare` value of that column says more than on a common."""
    level: dict[str, Any] = {"sql_condition": condition, "label_for_charts": condition[:60]}
    if rare:
        level |= {"tf_adjustment_column": rare, "tf_adjustment_weight": 1.0}
    return level


def _linker(connection: duckdb.DuckDBPyConnection, model: Any) -> Linker:
    api = DuckDBAPI(connection=connection)
    node = api.register("node", dataset_display_name="node")
    return Linker(node, model, log_level=logging.ERROR)
