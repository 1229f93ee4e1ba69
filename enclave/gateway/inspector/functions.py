"""The reviewed list of functions, read from `functions.yml`: what is on no list is refused.

Never asks the engine what it has; the test does, and fails when the two differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from enclave.gateway.refusals import FunctionRefused

# What other engines call something, and how it is written here.
_ELSEWHERE = {
    "isnull": "coalesce(x, y)",
    "nvl": "coalesce(x, y)",
    "iif": "if(condition, a, b)",
    "getdate": "current_date",
    "sysdate": "current_date",
    "dateadd": "x + INTERVAL 1 YEAR",
    "regexp_like": "regexp_matches",
    "stdev": "stddev",
    "std": "stddev",
    "percentile": "quantile_cont(x, 0.5)",
    "percentile_approx": "approx_quantile(x, 0.5)",
    "to_char": "strftime(x, '%Y-%m-%d')",
    "to_date": "strptime(x, '%Y-%m-%d')",
    "to_number": "CAST(x AS DECIMAL(18, 2))",
    "convert": "CAST(x AS type)",
    "charindex": "strpos",
    "collect_list": "list",
}


class Family(BaseModel):
    """Functions judged alike, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    reason: str
    functions: tuple[str, ...]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    engine: str
    expressions_allowed: tuple[Family, ...]
    expressions_banned: tuple[Family, ...]
    tables_allowed: tuple[Family, ...]
    tables_banned: tuple[Family, ...]
    syntax_allowed: tuple[Family, ...]


@dataclass(frozen=True, slots=True)
class Functions:
    """One place of a query (expressions, or FROM) and what may be called there."""

    allowed: frozenset[str]
    banned: tuple[Family, ...]

    def check(self, name: str) -> None:
        """Raise FunctionRefused unless the function is on the list of allowed ones."""
        lowered = name.lower()
        if lowered in self.allowed:
            return
        family = self.ban(lowered)
        if family is None:
            raise FunctionRefused(
                "The query calls a function that is not on the reviewed list.",
                hint=self._instead(lowered),
            )
        raise FunctionRefused(
            f"The function `{_shown(name)}` may not be called.", hint=family.reason.strip()
        )

    def _instead(self, lowered: str) -> str:
        near = get_close_matches(lowered, sorted(self.allowed), n=1, cutoff=0.8)
        known = _ELSEWHERE.get(lowered) or (near[0] if near else None)
        use = f"`{_shown(lowered)}` is unknown here"
        return f"{use}; {known} is known." if known else f"{use}; ask for it to be reviewed."

    def ban(self, lowered: str) -> Family | None:
        """Return the banned family a function belongs to, if any."""
        for family in self.banned:
            if any(fnmatchcase(lowered, pattern) for pattern in family.functions):
                return family
        return None


@dataclass(frozen=True, slots=True)
class Review:
    """The whole review: which engine version, and what may be called where."""

    engine: str
    expressions: Functions
    tables: Functions


@cache
def review() -> Review:
    """Return the reviewed lists."""
    body = (Path(__file__).parent / "functions.yml").read_text(encoding="utf-8")
    file = _File.model_validate(yaml.safe_load(body))
    syntax = _names(file.syntax_allowed)
    return Review(
        engine=file.engine,
        expressions=Functions(_names(file.expressions_allowed) | syntax, file.expressions_banned),
        tables=Functions(_names(file.tables_allowed), file.tables_banned),
    )


def _names(families: Iterable[Family]) -> frozenset[str]:
    return frozenset(name.lower() for family in families for name in family.functions)


def _shown(name: str) -> str:
    return name if len(name) <= 60 and name.isascii() and name.isprintable() else "…"
