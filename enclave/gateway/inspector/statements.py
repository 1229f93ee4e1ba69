"""Which of the few statements a text is, told from its first words, before any parser reads it.

For letting through what people and their tools really type around a SELECT, and for saying what to
type instead where it cannot pass. Whatever is left after these words is read by every reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from enclave.gateway.inspector import limits
from enclave.gateway.inspector.limits import Text
from enclave.gateway.refusals import NotAQuestion, QueryDenied


class Act(StrEnum):
    """What a text asks for."""

    SELECT = "SELECT"
    DESCRIBE = "DESCRIBE"
    SUMMARIZE = "SUMMARIZE"
    SHOW_TABLES = "SHOW TABLES"


@dataclass(frozen=True, slots=True)
class Statement:
    """An act, the question it is about as one SELECT, and the whole text to run."""

    act: Act
    sql: str
    whole: str


_INSTEAD = {
    "explain": "EXPLAIN POLICY <query> tells what the agreement says of it; plans are not shown, "
    "since their row counts tell of rows that the answer would not.",
    "show": "SHOW TABLES lists the views, DESCRIBE <view> their columns.",
    "set": "Leave it out: settings are the gateway's, and the time zone is UTC.",
    "pragma": "SHOW TABLES lists the views, DESCRIBE <view> their columns.",
    "create": "Nothing can be stored here; name a step with WITH, or keep the answer in Python.",
    "insert": "The data cannot be changed; compute the column in the SELECT.",
    "update": "The data cannot be changed; compute the column in the SELECT.",
    "delete": "The data cannot be changed; leave rows out with WHERE.",
    "copy": "Write the answer to a file from Python; files leave through a release request.",
    "begin": "There is nothing to commit: every query stands alone.",
    "prepare": "Hand the values over with the query: `?`, `$1` or `$name` stand for them.",
    "execute": "Hand the values over with the query: `?`, `$1` or `$name` stand for them.",
    "use": "There is one schema; name the view alone.",
    "call": "Ask a SELECT.",
    "commit": "There is nothing to commit: every query stands alone.",
    "rollback": "There is nothing to roll back: every query stands alone.",
    "values": "Write SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(n, t).",
}


def read(text: Text) -> Statement:
    """Return the act and its question. Raises NotAQuestion where it needs one and has none."""
    first = text.words[0]
    if first.says("show") and _words(text) == ["show", "tables"]:
        return Statement(Act.SHOW_TABLES, text.sql, text.sql)
    if first.says("describe", "desc"):
        return Statement(Act.DESCRIBE, _question(text), text.sql)
    if first.says("summarize"):
        question = _question(text)
        is_versioned = text.words[1].kind == "quoted"  # SUMMARIZE "v" AS "w" is no statement
        return Statement(
            Act.SUMMARIZE, question, f"SUMMARIZE {question}" if is_versioned else text.sql
        )
    if first.kind == "name" and first.text.lower() in _INSTEAD:
        raise NotAQuestion("Only one SELECT may be asked here.", hint=_INSTEAD[first.text.lower()])
    return Statement(Act.SELECT, text.sql, text.sql)


def policy_question(sql: str) -> str | None:
    """Return the query inside EXPLAIN POLICY, or None when the text is something else."""
    if "policy" not in sql[:200].lower():
        return None
    try:
        words = limits.split(sql).words
    except QueryDenied:
        return None
    if len(words) > 2 and words[0].says("explain") and words[1].says("policy"):
        return sql[words[2].at :]
    return None


def _words(text: Text) -> list[str]:
    return [word.text.lower() for word in text.words if word.text != ";"]


def _question(text: Text) -> str:
    """Return the query inside DESCRIBE and SUMMARIZE; a view alone is the query of all of it."""
    if len(text.words) < 2:
        raise NotAQuestion(
            "DESCRIBE and SUMMARIZE need a view or a query.", hint="Try DESCRIBE <view>."
        )
    first = text.words[1]
    rest = text.sql[first.at :]
    return rest if first.says("select", "with", "from") or first.text == "(" else f"FROM {rest}"
