"""The browsing index: every filter finds what it should, and it can always be made anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from audit.custody import AuditFiles
from audit.search import Browser, Indexer, Wanted, match
from audit.sentences import Fact, is_person, sentence
from enclave.events import Action, Verdict
from enclave.settings import Settings
from tests.support.audit_story import PEOPLE, tell

NAMES = {id: person.name for id, person in PEOPLE.items()}
FACT = Fact(
    index=0,
    time=0,
    actor="rosa",
    action=Action.QUERY_OUTCOME,
    verdict=Verdict.ALLOWED,
    project="credential-pay",
    agencies=("dol",),
    datasets=("wages", "credentials"),
    columns=(),
    clause=None,
    intent="q",
    session=None,
    source="gateway",
    detail={"rows": 1},
)


@pytest.fixture
def browser(settings: Settings) -> Iterator[Browser]:
    tell(settings, days=10)
    files = AuditFiles(settings.audit_dir)
    Indexer(files.index, files.log).catch_up()
    with Browser.open(files.index) as opened:
        yield opened


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        (Wanted(person="rosa"), lambda f: f.actor == "rosa"),
        (Wanted(project="early-start"), lambda f: f.project == "early-start"),
        (Wanted(agency="oec"), lambda f: "oec" in f.agencies),
        (Wanted(dataset="wages"), lambda f: "wages" in f.datasets),
        (Wanted(action="query.denied"), lambda f: f.action is Action.QUERY_DENIED),
        (Wanted(verdict="failed"), lambda f: f.verdict is Verdict.FAILED),
        (Wanted(words="employer_id"), lambda f: "employer_id" in str(f.detail.get("sql"))),
        (Wanted(words="refused que rosa"), lambda f: f.actor == "rosa" and "denied" in f.action),
    ],
)
def test_each_filter_finds_exactly_what_fits(browser: Browser, asked: Wanted, fits) -> None:  # type: ignore[no-untyped-def]
    everything = browser.find(Wanted(lookups=True), limit=10_000)
    wanted = [fact.index for fact in everything if fits(fact)]
    found = [fact.index for fact in browser.find(asked, limit=10_000)]
    assert found == wanted
    assert len(found) == browser.count(asked) > 0


def test_a_time_range_includes_its_first_moment_and_excludes_its_last(browser: Browser) -> None:
    facts = browser.find(Wanted(), limit=10_000, newest_first=False)
    first, last = facts[10].time, facts[20].time
    found = browser.find(Wanted(since=first, until=last), limit=10_000)
    assert {fact.index for fact in found} == {f.index for f in facts if first <= f.time < last}


def test_pages_cut_the_list_without_overlap(browser: Browser) -> None:
    whole = [fact.index for fact in browser.find(Wanted(), limit=10_000)]
    pages = [f.index for at in range(0, len(whole), 7) for f in _page(browser, at)]
    assert pages == whole


def _page(browser: Browser, offset: int) -> list[Fact]:
    return browser.find(Wanted(), offset=offset, limit=7)


@pytest.mark.parametrize(
    "words", ['"', "a OR", "NEAR(", "*", "'; DROP TABLE event; --", "-- )", "col:x", "\x00"]
)
def test_whatever_is_typed_is_words_and_not_syntax(browser: Browser, words: str) -> None:
    browser.count(Wanted(words=words))
    assert browser.count(Wanted()) > 0


def test_no_words_ask_for_everything() -> None:
    assert match("  ") is None
    assert match(None) is None


def test_choices_are_what_occurs(browser: Browser) -> None:
    facts = browser.find(Wanted(lookups=True), limit=10_000)
    assert browser.choices("actor") == sorted({fact.actor for fact in facts})
    assert browser.choices("dataset") == sorted({d for fact in facts for d in fact.datasets})


def test_charts_count_each_entry_once(browser: Browser) -> None:
    total = browser.count(Wanted())
    assert sum(browser.per_day(Wanted()).values()) == total
    assert sum(browser.per_hour_of_day(Wanted()).values()) == total


def test_an_index_of_another_log_is_made_anew(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tell(settings, days=5)
    other = settings.model_copy(update={"state_dir": tmp_path_factory.mktemp("other")})
    entries = tell(other, days=3)
    mine, theirs = AuditFiles(settings.audit_dir), AuditFiles(other.audit_dir)
    Indexer(mine.index, mine.log).catch_up()
    Indexer(mine.index, theirs.log).catch_up()
    with Browser.open(mine.index) as browser:
        assert browser.count(Wanted(lookups=True)) == entries


def test_catching_up_in_steps_leaves_nothing_out(settings: Settings) -> None:
    entries = tell(settings, days=4)
    files = AuditFiles(settings.audit_dir)
    indexer = Indexer(files.index, files.log)
    left = [indexer.catch_up(10) for _ in range(entries // 10 + 1)]
    assert left[0] == entries - 10
    assert left[-1] == 0
    with Browser.open(files.index) as browser:
        assert browser.count(Wanted(lookups=True)) == entries


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("verdict", Verdict)
def test_every_event_has_a_sentence(action: Action, verdict: Verdict) -> None:
    bare = replace(FACT, action=action, verdict=verdict, project=None, agencies=(), datasets=())
    for fact in (bare, replace(FACT, action=action, verdict=verdict)):
        text = sentence(fact, NAMES)
        assert text.startswith("Rosa Rivera ")
        assert text.endswith(".")
        assert "{" not in text
        assert "None" not in text


def test_sentences_say_who_what_and_how_much() -> None:
    assert (
        sentence(FACT, NAMES)
        == "Rosa Rivera queried wages and credentials in credential-pay and received 1 row."
    )
    vote = replace(
        FACT, action=Action.OUTPUT_VOTED, detail={"decision": "approve", "agency": "dol"}
    )
    assert sentence(vote, NAMES, place=False) == "Rosa Rivera voted to approve an output for DOL."
    assert is_person("rosa")
    assert not is_person("egress")
