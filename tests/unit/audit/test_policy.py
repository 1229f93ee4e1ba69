"""Policies (C2SP tlog-policy): what the file may say, and when its quorum holds."""

from __future__ import annotations

import itertools

import pytest

from audit.keys import COSIGNATURE, ML_DSA_44, NoteError, Signer
from audit.note import Checkpoint, with_lines
from audit.policy import Policy, PolicyError, QuorumMissing
from tests.support.ml_dsa import needs_ml_dsa

ORIGIN = "enclave.test/audit"
LOG = Signer.generate(ORIGIN)
WITNESSES = {name: Signer.generate(f"{name}.test/w", COSIGNATURE) for name in "abcd"}
TEXT = Checkpoint(ORIGIN, 7, bytes(32)).text()
KEYS = f"log {LOG.verifier.export()}\n" + "".join(
    f"witness {name} {signer.verifier.export()}\n" for name, signer in WITNESSES.items()
)
TWO_LEVELS = f"{KEYS}group ab any a b\ngroup cd all c d\ngroup both 2 ab cd\nquorum both\n"


def cosigned(*names: str, at: int = 1_700_000_000) -> str:
    return with_lines(LOG.sign(TEXT), [WITNESSES[name].line(TEXT, at) for name in names])


@pytest.mark.parametrize(
    "names", [names for count in range(5) for names in itertools.combinations("abcd", count)]
)
def test_a_quorum_of_groups_holds_exactly_when_each_group_does(names: tuple[str, ...]) -> None:
    policy = Policy.parse(TWO_LEVELS)
    holds = ("a" in names or "b" in names) and {"c", "d"} <= set(names)
    assert policy.judge(cosigned(*names)).quorum is holds


@pytest.mark.parametrize("needed", range(1, 5))
def test_one_fewer_than_the_quorum_is_no_quorum(needed: int) -> None:
    policy = Policy.parse(f"{KEYS}group all-four {needed} a b c d\nquorum all-four\n")
    policy.open(cosigned(*"abcd"[:needed]))
    with pytest.raises(QuorumMissing):
        policy.open(cosigned(*"abcd"[: needed - 1]))


def test_one_witness_signing_twice_is_one_witness() -> None:
    policy = Policy.parse(f"{KEYS}group g 2 a b c d\nquorum g\n")
    twice = with_lines(cosigned("a"), [WITNESSES["a"].line(TEXT, 1_700_000_001)])
    assert not policy.judge(twice).quorum


def test_the_quorum_is_as_old_as_the_last_cosignature_it_needs() -> None:
    policy = Policy.parse(f"{KEYS}group g 2 a b c d\nquorum g\n")
    lines = [WITNESSES[name].line(TEXT, at) for name, at in (("a", 100), ("b", 300), ("c", 200))]
    assert policy.judge(with_lines(LOG.sign(TEXT), lines)).since == 200


def test_quorum_none_asks_for_no_witness_and_still_for_the_log() -> None:
    policy = Policy.parse(f"{KEYS}quorum none\n")
    assert not policy.needs_witnesses
    assert policy.open(LOG.sign(TEXT)).since is None
    with pytest.raises(NoteError, match="no log"):
        policy.open(Signer.generate(ORIGIN).sign(TEXT))


def test_a_log_is_believed_only_under_its_own_name() -> None:
    policy = Policy.parse(f"{KEYS}quorum none\n")
    with pytest.raises(NoteError, match="no log"):
        policy.judge(LOG.sign(Checkpoint("another/log", 7, bytes(32)).text()))


def test_a_wrong_signature_by_a_known_witness_spoils_the_whole_note() -> None:
    line = WITNESSES["a"].line(Checkpoint(ORIGIN, 8, bytes(32)).text(), 1_700_000_000)
    with pytest.raises(NoteError, match="wrong"):
        Policy.parse(TWO_LEVELS).judge(with_lines(LOG.sign(TEXT), [line]))


def test_a_policy_without_logs_takes_those_known_from_elsewhere() -> None:
    policy = Policy.parse("quorum none\n")
    with pytest.raises(NoteError):
        policy.judge(LOG.sign(TEXT))
    assert policy.for_log([LOG.verifier]).judge(LOG.sign(TEXT)).quorum
    stated = Policy.parse(f"{KEYS}quorum none\n")
    assert stated.for_log([Signer.generate(ORIGIN).verifier]) is stated


def test_comments_tabs_and_urls_are_read() -> None:
    key = WITNESSES["a"].verifier.export()
    policy = Policy.parse(
        f" # a comment\n\tlog\t{LOG.verifier.export()} https://log\n"
        f"  witness   a {key}   https://w/prefix  \nquorum a\n\n"
    )
    assert policy.logs[0].url == "https://log"
    assert policy.witnesses[0].url == "https://w/prefix"


def test_names_are_octets_and_not_folded() -> None:
    keys = [signer.verifier.export().encode() for signer in WITNESSES.values()]
    raw = b"witness K %s\nwitness \xe2\x84\xaa %s\nwitness \xff %s\ngroup g 3 K \xff \xe2\x84\xaa\n"
    policy = Policy.parse(raw % tuple(keys[:3]) + b"quorum g\n")
    assert len({witness.name for witness in policy.witnesses}) == 3


@needs_ml_dsa
def test_an_ml_dsa_44_key_may_be_a_logs_and_a_witnesss() -> None:
    log, witness = Signer.generate(ORIGIN, ML_DSA_44), Signer.generate("w", ML_DSA_44)
    policy = Policy.parse(
        f"log {log.verifier.export()}\nwitness w {witness.verifier.export()}\nquorum w\n"
    )
    note = with_lines(log.sign(TEXT), [witness.line(TEXT, 1_700_000_000)])
    assert policy.open(note).cosigned == {"w": 1_700_000_000}


KEY_A, KEY_B = (WITNESSES[name].verifier.export() for name in "ab")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log\nquorum none\n",
        f"log {KEY_A}\nquorum none\n",
        f"log {LOG.verifier.export()}\nlog {LOG.verifier.export()}\nquorum none\n",
        "log nonsense\nquorum none\n",
        f"witness a {LOG.verifier.export()}\nquorum a\n",
        f"witness none {KEY_A}\nquorum none\n",
        f"witness a {KEY_A}\nwitness a {KEY_B}\nquorum a\n",
        f"witness a {KEY_A}\nwitness b {KEY_A}\nquorum a\n",
        f"witness a\n{KEY_A}\nquorum a\n",
        f"witness a {KEY_A} u u\nquorum a\n",
        f"witness a {KEY_A}\ngroup g\nquorum a\n",
        f"witness a {KEY_A}\ngroup g any\nquorum a\n",
        f"witness a {KEY_A}\ngroup g 0 a\nquorum g\n",
        f"witness a {KEY_A}\ngroup g 2 a\nquorum g\n",
        f"witness a {KEY_A}\ngroup g 01 a\nquorum g\n",
        f"witness a {KEY_A}\ngroup g some a\nquorum g\n",
        f"witness a {KEY_A}\ngroup g any none\nquorum g\n",
        f"witness a {KEY_A}\ngroup g any b\nwitness b {KEY_B}\nquorum g\n",
        f"witness a {KEY_A}\ngroup g all a a\nquorum g\n",
        f"witness a {KEY_A}\ngroup g any a\ngroup h any a\nquorum g\n",
        f"witness a {KEY_A}\ngroup g any g\nquorum g\n",
        f"witness a {KEY_A}\n",
        f"witness a {KEY_A}\nquorum a\nquorum a\n",
        f"witness a {KEY_A}\nquorum\n",
        f"quorum a\nwitness a {KEY_A}\n",
        "quorum none\nwhatever\n",
        "quorum none\r\n",
        "quorum\x0bnone\n",
        "quorum\N{NO-BREAK SPACE}none\n",
    ],
)
def test_what_is_not_a_policy_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        Policy.parse(text)


def test_as_many_lines_as_the_specification_asks_for_are_read() -> None:
    signers = [Signer.generate(f"w{n}", COSIGNATURE) for n in range(32)]
    lines = [f"witness w{n} {signer.verifier.export()}" for n, signer in enumerate(signers)]
    groups = [f"group g{n} any w{n}" for n in range(32)]
    logs = [f"log {Signer.generate(f'l{n}').verifier.export()}" for n in range(31)]
    logs.append(f"log {LOG.verifier.export()}")
    policy = Policy.parse("\n".join([*logs, *lines, *groups, "quorum g31", ""]))
    *first, last = [signer.line(TEXT, 1_700_000_000) for signer in signers]
    assert policy.judge(with_lines(LOG.sign(TEXT), [last])).quorum
    assert not policy.judge(with_lines(LOG.sign(TEXT), first)).quorum


def test_a_policy_without_end_is_not_read_to_its_end() -> None:
    lines = (f"log {Signer.generate(f'l{n}').verifier.export()}\n" for n in range(800))
    with pytest.raises(PolicyError, match="too many"):
        Policy.parse("".join(lines) + "quorum none\n")


def test_a_key_whose_name_is_no_utf8_is_refused_in_a_sentence() -> None:
    """A policy's octets are opaque, a key's name is not: Latin-1 stopped the service instead."""
    latin = KEYS.encode().replace(b"enclave", b"encl\xe4ve", 1)
    with pytest.raises(PolicyError, match="line 1 of the policy: a key name is UTF-8"):
        Policy.parse(latin)
