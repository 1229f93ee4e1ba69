"""What an agreement says to the gateway: groups, budgets, engine, clients outside the workspace.

R22 (the strictest rule wins), R13.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave import documents
from enclave.governance import nouns
from enclave.governance.files import AggregationFile
from enclave.governance.meaning import grant, policy_changes
from enclave.governance.source import InvalidFiles
from enclave.model import (
    Aggregation,
    Budget,
    Budgets,
    DisclosureRules,
    EngineKind,
    Policy,
    QueryMode,
    SmallGroups,
)
from tests.support.governance import NetworkFiles

DSA = "agreements/dsa-credential-pay"
TERMS = ("aggregation", "budgets", "engine", "network_clients")


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    """The demo's files, with an agreement that says nothing of these."""
    return NetworkFiles(tmp_path).update(DSA, **dict.fromkeys(TERMS))


@pytest.fixture
def plain(files: NetworkFiles) -> Policy:
    return _policy(files)


def _policy(files: NetworkFiles) -> Policy:
    return files.compiled().policies["credential-pay"]


def test_an_agreement_that_says_nothing_has_the_agencies_strictest_rules_and_no_budget(
    plain: Policy,
) -> None:
    assert plain.aggregation == Aggregation(persons=11, share=0.8, small=SmallGroups.REMAINDER)
    assert plain.budgets == Budgets()
    assert plain.engine is EngineKind.DUCKDB
    assert plain.network_clients is False


def test_what_an_agreement_says_is_what_is_enforced(files: NetworkFiles) -> None:
    files.update(
        DSA,
        mode="aggregate-only",
        aggregation={"persons": 20, "share": 0.5, "small": "refuse"},
        budgets={
            "project": {"queries_per_day": 1000, "bytes_per_day": 5_000_000},
            "person": {"rows_per_day": 7, "cpu_seconds_per_day": 60},
        },
        engine="spark",
        network_clients=True,
    )
    policy = _policy(files)
    assert policy.mode is QueryMode.AGGREGATE_ONLY
    assert policy.aggregation == Aggregation(20, 0.5, SmallGroups.REFUSE)
    assert policy.budgets.project == Budget(queries=1000, bytes=5_000_000)
    assert policy.budgets.person == Budget(rows=7, cpu_seconds=60)
    assert policy.engine is EngineKind.SPARK
    assert policy.network_clients is True
    assert documents.read(Policy, documents.canonical(policy)) == policy


def test_a_stricter_disclosure_rule_of_the_agreement_binds_the_gateway_too(
    files: NetworkFiles,
) -> None:
    files.update(DSA, disclosure={"cscu": {"safe_threshold": 25, "safe_nk_k": 0.4}})
    assert _policy(files).aggregation == Aggregation(persons=25, share=0.4)


# what is written under `mode`, a text on the line to be named, the sentence
WRONG = [
    (
        "aggregation:\n  persons: 10",
        "persons: 10",
        "persons 10 is laxer than dol's safe_threshold, 11.",
    ),
    ("aggregation:\n  share: 0.81", "share:", "share 0.81 is laxer than dol's safe_nk_k, 0.8."),
    ("aggregation:\n  shares: 1", "shares: 1", "Did you mean “share”?"),
    ("aggregation:\n  persons: 12.5", "persons:", "valid integer"),
    ("aggregation:\n  small: fold", "small:", "must be one of 'remainder', 'drop' or 'refuse'"),
    ("budgets:\n  person:\n    queries: 5", "queries: 5", "“budgets.person.queries” is not known"),
    ("budgets:\n  project:\n    rows_per_day: 0", "rows_per_day: 0", "greater than or equal to 1"),
    ("budgets:\n  project:\n    rows_per_day: true", "rows_per_day: t", "valid integer"),
    (
        "budgets:\n  project:\n    rows_per_day: 5\n  person:\n    rows_per_day: 6",
        "rows_per_day: 6",
        "One person's rows_per_day 6 is more than the whole project's 5.",
    ),
    ("engine: oracle", "engine:", "must be one of 'duckdb' or 'spark'"),
    ("network_clients: 1", "network_clients:", "valid boolean"),
]


@pytest.mark.parametrize(("text", "at", "sentence"), WRONG)
def test_wrong_terms_are_refused_with_the_line(
    files: NetworkFiles, text: str, at: str, sentence: str
) -> None:
    files.replace(DSA, "mode: row-level", f"mode: row-level\n{text}")
    with pytest.raises(InvalidFiles) as invalid:
        files.compiled()
    (problem,) = invalid.value.problems
    assert sentence in problem.sentence
    assert problem.line == files.line(DSA, at)


RULES = st.builds(
    DisclosureRules,
    safe_threshold=st.integers(1, 50),
    safe_nk_n=st.integers(1, 3),
    safe_nk_k=st.floats(0.01, 1),
)


@given(st.lists(RULES, min_size=1, max_size=4))
def test_the_gateways_default_is_never_laxer_than_any_agency(rules: list[DisclosureRules]) -> None:
    found = nouns.aggregation(AggregationFile(), nouns.strictest(rules))
    assert all(found.persons >= one.safe_threshold for one in rules)
    assert all(found.share <= one.safe_nk_k for one in rules)


def test_an_agreement_that_does_not_use_them_is_signed_as_before(tmp_path: Path) -> None:
    """The hash is of the text as written: what is not written adds nothing to it."""
    files = NetworkFiles(tmp_path)
    signed = re.findall(r"sha256: (\w+)", files.text("agreements/e-mou"))
    assert set(signed) == {"83ae6bcb97da0e1a5b0e4ce7c592a451b591aa008d4bdd52c78788c5464e40d0"}
    assert not any(files.compiled().unsigned.values())


MEANINGS = [
    (
        {"aggregation": Aggregation(20, 0.5, SmallGroups.DROP), "mode": QueryMode.AGGREGATE_ONLY},
        "Answers about groups: become each at least 20 persons, none of them more than 50% of a "
        "sum; smaller groups are left out.",
    ),
    (
        {"budgets": Budgets(person=Budget(queries=1000))},
        "In a day each person may use 1,000 queries; it was any number of.",
    ),
    (
        {"budgets": Budgets(project=Budget(cpu_seconds=60))},
        "In a day the project may use 60 cpu seconds; it was any number of.",
    ),
    ({"engine": EngineKind.SPARK}, "Queries run on spark in place of duckdb."),
    (
        {"network_clients": True},
        "Clients outside the workspace may connect with a researcher's token.",
    ),
]


@pytest.mark.parametrize(("values", "sentence"), MEANINGS)
def test_the_plan_says_what_changed_terms_mean(
    plain: Policy, values: dict[str, object], sentence: str
) -> None:
    changed = replace(plain, **values)  # type: ignore[arg-type]
    assert sentence in list(policy_changes(plain, changed))
    back = list(policy_changes(changed, plain))
    assert len(back) == len(list(policy_changes(plain, changed)))
    assert len(list(grant(changed))) > len(list(grant(plain)))


def test_clients_that_may_no_longer_connect_are_said(plain: Policy) -> None:
    open_ = replace(plain, network_clients=True)
    assert "Clients outside the workspace may no longer connect." in list(
        policy_changes(open_, plain)
    )


def test_rules_for_groups_are_not_said_where_no_query_meets_them(plain: Policy) -> None:
    other = replace(plain, aggregation=Aggregation(99))
    assert not [said for said in policy_changes(plain, other) if "groups" in said]
