"""The thresholds of anomalies: reviewed data in YAML, each number with its reason.

Never a default in code: a file that lacks a number, or has one nobody asks for, is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, ValidationError

from enclave.errors import Invalid
from enclave.settings import Settings

SHIPPED = Path(__file__).with_name("thresholds.yml")


class Kind(StrEnum):
    """What can be out of the ordinary."""

    DENIALS = "denial-burst"
    NIGHT = "night-work"
    VOLUME = "sudden-volume"
    DORMANT = "dormant-account"
    DATASET = "first-dataset"
    COLUMNS = "new-columns"
    LOGINS = "failed-logins"
    ADMIN = "admin-out-of-hours"


# The numbers each kind needs.
LIMITS: Mapping[Kind, frozenset[str]] = {
    Kind.DENIALS: frozenset({"denials", "minutes"}),
    Kind.NIGHT: frozenset({"acts", "from_hour", "to_hour", "usual_percent"}),
    Kind.VOLUME: frozenset(
        {"past_days", "deviations", "times_median", "least_queries", "least_rows"}
    ),
    Kind.DORMANT: frozenset({"days"}),
    Kind.DATASET: frozenset({"past_days"}),
    Kind.COLUMNS: frozenset({"columns", "past_days"}),
    Kind.LOGINS: frozenset({"failures", "minutes"}),
    Kind.ADMIN: frozenset({"from_hour", "to_hour", "acts"}),
}

Sentence = Annotated[str, StringConstraints(min_length=10, strip_whitespace=True)]


class Limit(BaseModel):
    """One number and why it is this one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    amount: StrictInt = Field(alias="is", ge=0)
    reason: Sentence


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    title: Sentence
    innocent: Sentence
    limits: dict[str, Limit]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    rules: dict[Kind, _Rule]


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind's title, what would be innocent, its numbers and the reason of each."""

    title: str
    innocent: str
    limits: Mapping[str, int]
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Every kind's rule, the time zone of hours, and a mark that changes when any of it does."""

    rules: Mapping[Kind, Rule]
    zone: tzinfo
    mark: str


def load(settings: Settings) -> Thresholds:
    """Return the thresholds in force; raises Invalid naming what is wrong with the file."""
    text = (settings.audit_thresholds or SHIPPED).read_text()
    mark = hashlib.sha256(f"{settings.network_time_zone}\n{text}".encode()).hexdigest()[:16]
    return Thresholds(_parse(text), zone_of(settings.network_time_zone), mark)


def zone_of(name: str) -> tzinfo:
    """Return a time zone; raises Invalid for a name this host does not know."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Invalid(
            "The setting network_time_zone names no time zone this host knows.",
            hint="Write it as America/New_York; the host needs the package tzdata.",
        ) from error


def _parse(text: str) -> Mapping[Kind, Rule]:
    try:
        file = _File.model_validate({"rules": yaml.safe_load(text)})
    except (yaml.YAMLError, ValidationError) as error:
        raise Invalid("The file of thresholds does not have its form.", hint=_first(error)) from (
            error
        )
    for kind, names in LIMITS.items():
        if kind not in file.rules or file.rules[kind].limits.keys() != names:
            raise Invalid(
                f"The file of thresholds must say of {kind}: {', '.join(sorted(names))}.",
                hint="Neither more nor less.",
            )
    return {
        kind: Rule(
            title=rule.title,
            innocent=rule.innocent,
            limits={name: limit.amount for name, limit in rule.limits.items()},
            reasons={name: limit.reason for name, limit in rule.limits.items()},
        )
        for kind, rule in file.rules.items()
    }


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}."
    return "It is not YAML."
