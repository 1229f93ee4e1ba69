"""What an agreement says of how its outputs are protected (R22, R13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from enclave import documents
from enclave.governance.meaning import grant, policy_changes
from enclave.governance.source import InvalidFiles
from enclave.model import Amounts, Method, Policy, PrivateTerms, Protection
from tests.support.governance import NetworkFiles

DSA = "agreements/dsa-credential-pay"
PRIVATE = {
    "epsilon_total": 4,
    "epsilon_release": 0.5,
    "rows_per_person": 4,
    "amounts": {"wages.wage": {"most": 30_000.5}},
    "groups": {"wages.year": ["2023", "2024"]},
}


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    return NetworkFiles(tmp_path)


def _policy(files: NetworkFiles) -> Policy:
    return files.compiled().policies["credential-pay"]


def test_an_agreement_that_says_nothing_hides_small_numbers(files: NetworkFiles) -> None:
    assert _policy(files).protection == Protection(Method.SUPPRESS)
    assert not any("protected so" in sentence for sentence in grant(_policy(files)))


@pytest.mark.parametrize(
    ("said", "meant", "sentence"),
    [
        ({"method": "round"}, Protection(Method.ROUND, base=11), "a multiple of 11"),
        ({"method": "round", "base": 20}, Protection(Method.ROUND, base=20), "a multiple of 20"),
        ({"method": "noise"}, Protection(Method.NOISE, spread=6), "by 6 as a rule"),
        ({"method": "noise", "spread": 9}, Protection(Method.NOISE, spread=9), "by 9 as a rule"),
        (
            {"method": "private", "private": PRIVATE},
            Protection(
                Method.PRIVATE,
                private=PrivateTerms(
                    total=4000,
                    release=500,
                    rows=4,
                    amounts={"wages.wage": Amounts(0, 3_000_050)},
                    groups={"wages.year": ("2023", "2024")},
                ),
            ),
            "ε 0.5 an answer and 4 in all, each person with up to 4 rows; a row's wages.wage "
            "counts as 0 to 30000.5; wages.year is one of 2023, 2024",
        ),
    ],
)
def test_what_an_agreement_says_is_compiled_kept_and_told(
    files: NetworkFiles, said: dict[str, object], meant: Protection, sentence: str
) -> None:
    before = _policy(files)
    policy = _policy(files.update(DSA, protection=said))
    assert policy.protection == meant
    assert documents.read(Policy, documents.canonical(policy)) == policy
    assert sentence in " ".join(grant(policy))
    changed = " ".join(policy_changes(before, policy))
    assert "were protected so: small numbers are hidden" in changed
    assert sentence in changed


def test_a_policy_stored_before_the_field_existed_suppresses(files: NetworkFiles) -> None:
    stored = documents.plain(_policy(files))
    del stored["protection"]
    assert documents.read(Policy, documents.canonical(stored)).protection == Protection()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"method": "blur"}, "must be one of 'suppress', 'round', 'noise' or 'private'"),
        ({"base": 10}, "base belongs to the method round."),
        ({"method": "round", "spread": 10}, "spread belongs to the method noise."),
        ({"method": "noise", "private": PRIVATE}, "private belongs to the method private."),
        ({"method": "round", "base": 10}, "smaller than the strictest safe_threshold, 11."),
        ({"method": "noise", "spread": 2}, "greater than or equal to 3"),
        ({"method": "private"}, "The method private needs its terms."),
        ({"method": "private", "private": PRIVATE | {"epsilon_release": 5}}, "One answer would"),
        ({"method": "private", "private": PRIVATE | {"epsilon_total": 0}}, "equal to 0.001"),
        ({"method": "private", "private": PRIVATE | {"epsilon_total": 0.0015}}, "multiple of"),
        ({"method": "private", "private": PRIVATE | {"rows_per_person": 0}}, "equal to 1"),
        (
            {"method": "private", "private": PRIVATE | {"amounts": {"wages.pay": {"most": 1}}}},
            "“wages.pay” is no column of this agreement's views.",
        ),
        (
            {"method": "private", "private": PRIVATE | {"amounts": {"wages.wage": {"most": 0}}}},
            "The least must be below the most.",
        ),
        (
            {"method": "private", "private": PRIVATE | {"amounts": {"wages.county": {"most": 1}}}},
            "“wages.county” holds no numbers.",
        ),
        (
            {"method": "private", "private": PRIVATE | {"groups": {"wages.year": ["1", "1"]}}},
            "A label of “wages.year” stands twice.",
        ),
    ],
)
def test_terms_that_do_not_fit_are_refused_with_a_sentence(
    files: NetworkFiles, said: dict[str, object], sentence: str
) -> None:
    files.update(DSA, protection=said)
    with pytest.raises(InvalidFiles) as invalid:
        files.compiled()
    assert sentence in " ".join(problem.sentence for problem in invalid.value.problems)
