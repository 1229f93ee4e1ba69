"""The reviewed list of what means the same in both engines, read from `portable.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict


class Family(BaseModel):
    """Nodes judged alike, why, and the kind of each one's value."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    reason: str
    nodes: dict[str, str]


class _SparkOnly(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    reason: str
    nodes: tuple[str, ...]
    functions: tuple[str, ...]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    duckdb: str
    spark: str
    same: tuple[Family, ...]
    translated: tuple[Family, ...]
    hints: dict[str, str]
    letters: tuple[str, ...]
    spark_only: _SparkOnly


@dataclass(frozen=True, slots=True)
class Review:
    """What a query for Spark may hold (`kinds` by node), and what its Spark text may hold."""

    duckdb: str
    spark: str
    kinds: Mapping[str, str]
    hints: Mapping[str, str]
    letters: tuple[tuple[int, int], ...]
    spark_nodes: frozenset[str]
    spark_functions: frozenset[str]


@cache
def review() -> Review:
    """Return the reviewed list."""
    body = (Path(__file__).parent / "portable.yml").read_text(encoding="utf-8")
    file = _File.model_validate(yaml.safe_load(body))
    kinds = {
        name: kind for each in (*file.same, *file.translated) for name, kind in each.nodes.items()
    }
    pairs = (each.split("-") for each in file.letters)
    return Review(
        duckdb=file.duckdb,
        spark=file.spark,
        kinds=kinds,
        hints=file.hints,
        letters=tuple((int(first, 16), int(last, 16)) for first, last in pairs),
        spark_nodes=frozenset(kinds) | frozenset(file.spark_only.nodes),
        spark_functions=frozenset(file.spark_only.functions),
    )
