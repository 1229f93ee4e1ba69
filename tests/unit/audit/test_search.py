"""The browsing index: it answers as reading the whole log would, and can always be made anew.

Backs R4 (every event can be found) and SATRE 2.5.03; the site's pages are in tests/web.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit import postings, terms
from audit.indexing import Indexer
from audit.log import Entry, LogReader, Sender, open_reader, open_writer
from audit.search import DAY_MS, Browser, Wanted
from audit.sentences import Fact, is_person, read, sentence
from audit.shelf import Shelf
from audit.terms import HOUR_MS
from enclave.events import Action, Event, Stamp, Verdict, encode
from enclave.settings import Settings
from tests.support.audit_bulk import write_log
from tests.support.audit_story import PEOPLE
from tests.support.postgres import Postgres

NAMES = {id: person.name for id, person in PEOPLE.items()}
ENTRIES = 3000
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


class Indexed:
    """A log, its index, and all of its events as reading from end to end gives them."""

    def __init__(self, log: Path, index: Path):
        self.log, self.index = log, index
        self.indexer = Indexer(index, self.open_log)

    def open_log(self) -> LogReader:
        return open_reader(self.log)

    def browser(self, scope: str | None = None, shelf: Shelf | None = None) -> Any:
        return Browser.open(self.index, self.open_log, scope=scope, shelf=shelf)

    def scan(self) -> list[tuple[Fact, dict[str, Any]]]:
        with closing(self.open_log()) as log:
            return [(read(e.index, e.body), json.loads(e.body)) for e in log.entries() if e.body]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    place = tmp_path_factory.mktemp("year")
    settings = Settings(state_dir=place, run_dir=place)
    write_log(settings, ENTRIES)
    made = Indexed(settings.audit_dir / "log.db", place / "index.db")
    made.indexer.catch_up()
    return made


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the index into segments of 512 entries, so that a short log has several full ones."""
    for place in ("postings", "indexing", "search"):
        monkeypatch.setattr(f"audit.{place}.SEGMENT", 512)
    monkeypatch.setattr("audit.postings._BITMAP", 64)
    monkeypatch.setattr("audit.postings._FEW", 8)


@pytest.fixture(scope="module")
def scanned(year: Indexed) -> list[tuple[Fact, dict[str, Any]]]:
    return year.scan()


ENDS = (Action.QUERY_OUTCOME, Action.QUERY_DENIED, Action.INTERRUPTED)


def terms_of(event: Mapping[str, Any]) -> set[terms.Term]:
    """Return everything an event is found by."""
    return {term for part in terms.parts(event) for term in terms.of_part(part)}


def begins(beginning: terms.Beginning, found: set[terms.Term]) -> bool:
    """Whether an entry with these terms fits one asked word: what the index must agree with."""
    words = [
        (kind, value)
        for kind, value in found
        if isinstance(value, str) and kind in (terms.Kind.WORD, *terms.ID_KINDS)
    ]

    def some(text: str) -> bool:
        kinds = terms.kinds_of(text)
        return any(kind in kinds and value.startswith(text) for kind, value in words)

    whole = some(beginning.text)
    return whole or (bool(beginning.parts) and all(some(part) for part in beginning.parts))


def naive(
    scanned: Sequence[tuple[Fact, dict[str, Any]]], wanted: Wanted, scope: str | None = None
) -> list[Fact]:
    """Answer by reading every event: no index, no sets."""
    ends: dict[str, int] = {}
    for fact, _ in scanned:
        if fact.intent is not None and fact.action in ENDS:
            ends[fact.intent] = max(ends.get(fact.intent, 0), fact.index)
    asked = terms.asked(wanted.words)

    def fits(fact: Fact, event: dict[str, Any]) -> bool:
        found = terms_of(event) if asked else set()
        begun = fact.action is Action.QUERY_INTENT and fact.intent is not None
        return (
            wanted.person in (None, fact.actor)
            and wanted.project in (None, fact.project)
            and (wanted.agency is None or wanted.agency in fact.agencies)
            and (wanted.dataset is None or wanted.dataset in fact.datasets)
            and (wanted.column is None or wanted.column in fact.columns)
            and wanted.action in (None, fact.action)
            and wanted.verdict in (None, fact.verdict)
            and wanted.intent in (None, fact.intent)
            and wanted.session in (None, fact.session)
            and (wanted.since is None or fact.time >= wanted.since)
            and (wanted.until is None or fact.time < wanted.until)
            and (scope is None or scope in fact.agencies)
            and all(begins(word, found) for word in asked)
            and (wanted.lookups or wanted.action or fact.action != "audit.searched")
            and not (wanted.folded and begun and ends.get(str(fact.intent), -1) > fact.index)
        )

    return [fact for fact, event in scanned if fits(fact, event)]


@st.composite
def questions(draw: Callable[..., Any], scanned: Sequence[tuple[Fact, dict[str, Any]]]) -> Wanted:
    """Draw filters that mostly fit something: their values come from one event or from nowhere."""
    fact, event = draw(st.sampled_from(scanned))
    other, _ = draw(st.sampled_from(scanned))
    words = sorted(str(value) for kind, value in terms_of(event) if kind in ("word", "id"))
    word = st.builds(lambda w, n: w[:n], st.sampled_from(words), st.integers(1, 12))
    times = sorted((fact.time, other.time))

    def maybe(*values: Any) -> Any:
        return draw(st.sampled_from((None, None, *values)))

    return Wanted(
        person=maybe(fact.actor, "nobody"),
        project=maybe(fact.project),
        agency=maybe(*fact.agencies[:1]),
        dataset=maybe(*fact.datasets[:1]),
        column=maybe(*fact.columns[:1]),
        action=maybe(fact.action.value),
        verdict=maybe(fact.verdict.value),
        intent=maybe(None, None, fact.intent),
        session=maybe(None, fact.session),
        since=maybe(times[0], times[0] // DAY_MS * DAY_MS),
        until=maybe(times[1], times[1] // DAY_MS * DAY_MS + DAY_MS),
        words=maybe(" ".join(draw(st.lists(word, max_size=3)))),
        lookups=draw(st.booleans()),
        folded=draw(st.booleans()),
    )


@hypothesis_settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_index_answers_as_reading_the_whole_log_does(
    data: st.DataObject, year: Indexed, scanned: list[tuple[Fact, dict[str, Any]]]
) -> None:
    wanted = data.draw(questions(scanned))
    scope = data.draw(st.sampled_from((None, "dol", "dss", "nobody")))
    expected = naive(scanned, wanted, scope)
    with year.browser(scope) as browser:
        assert browser.count(wanted) == len(expected)
        assert browser.indices(wanted, newest_first=False) == [f.index for f in expected]
        page = browser.find(wanted, offset=3, limit=7, newest_first=False)
        assert page == expected[3:10]
        assert browser.per_day(wanted) == Counter(f.time // DAY_MS for f in expected)
        hours = Counter(divmod(f.time // HOUR_MS, 24) for f in expected)
        assert browser.per_hour_of_day(wanted) == hours
        tallied = {tally.name: tally for tally in browser.tally("actor", wanted)}
        assert {n: t.entries for n, t in tallied.items()} == Counter(f.actor for f in expected)
        denied = Counter(f.actor for f in expected if f.verdict is Verdict.DENIED)
        assert {n: t.denied for n, t in tallied.items() if t.denied} == denied
        assert all(t.last == _last(expected, n) for n, t in tallied.items())


def test_what_is_kept_in_memory_changes_no_answer_for_anybody_while_the_log_grows(
    year: Indexed,
    scanned: list[tuple[Fact, dict[str, Any]]],
    tmp_path: Path,
    small_segments: None,
) -> None:
    grown, shelf, now = Indexed(year.log, tmp_path / "grown.db"), Shelf(), [0]
    stepped = Indexer(grown.index, lambda: Growing(year.open_log(), now[0]))  # type: ignore[arg-type, return-value]
    rosa, refused = Wanted(person="rosa", folded=True), Wanted(verdict="denied", words="w")
    for now[0] in (511, 513, 1100, 2400, ENTRIES):
        stepped.catch_up()
        for asked in (Wanted(), rosa, refused, rosa):
            for scope in (None, "dol", "dss"):
                expected = naive(scanned[: now[0]], asked, scope)
                with grown.browser(scope, shelf) as browser:
                    assert browser.find(asked, offset=2, limit=600) == expected[::-1][2:602]
                    assert browser.per_day(asked) == Counter(f.time // DAY_MS for f in expected)
                    tallied = {t.name: t.entries for t in browser.tally("project", asked)}
                    assert tallied == Counter(f.project for f in expected if f.project)
                    seen = {a for f in naive(scanned[: now[0]], Wanted(lookups=True), scope)
                            for a in f.agencies}  # fmt: skip
                    assert browser.choices("agency") == sorted(seen)
    assert shelf.nbytes > 0


def test_what_is_kept_of_one_index_is_not_taken_for_another(
    tmp_path: Path, small_segments: None
) -> None:
    made, shelf = _log_of(tmp_path, [Event(Action.LOGIN, f"p{n % 2}") for n in range(600)]), Shelf()
    with made.browser(shelf=shelf) as browser:
        assert (browser.count(Wanted(person="p0")), browser.choices("actor")) == (300, ["p0", "p1"])
    _sql(made.log, "UPDATE entry SET body = NULL WHERE idx % 2 = 0")  # as retention does
    made.indexer.discard()
    made.indexer.catch_up()
    with made.browser(shelf=shelf) as browser:
        assert (browser.count(Wanted(person="p0")), browser.choices("actor")) == (0, ["p1"])


def test_a_query_that_ends_much_later_is_folded_though_its_segment_is_kept(
    tmp_path: Path, small_segments: None
) -> None:
    begun = Event(Action.QUERY_INTENT, "rosa", intent="q-1")
    ended = replace(begun, action=Action.QUERY_OUTCOME)
    logins = [Event(Action.LOGIN, "ravi")] * 512
    made, shelf = _log_of(tmp_path, [*logins[1:], begun, logins[0], ended]), Shelf()
    made.indexer.discard()
    now = [0]
    stepped = Indexer(made.index, lambda: Growing(made.open_log(), now[0]))  # type: ignore[arg-type, return-value]
    found = []
    for now[0] in (513, 514):
        stepped.catch_up()
        with made.browser(shelf=shelf) as browser:
            found.append(browser.indices(Wanted(person="rosa", folded=True)))
    assert found == [[511], [513]]


def test_the_shelf_never_keeps_more_than_it_may() -> None:
    shelf, read = Shelf(100), []

    def of(size: int) -> np.ndarray[Any, Any]:
        read.append(size)
        return np.zeros(size, dtype=np.uint8)

    for size in (40, 50, 40, 30, 40, 50, 400):
        assert len(shelf.get(size, lambda size=size: of(size))) == size  # type: ignore[misc]
        assert shelf.nbytes <= 100
    assert read == [40, 50, 30, 50, 400]  # 40 was asked for again, so 50 had to go


def test_a_steward_is_not_shown_a_query_text_of_others_under_an_own_entry(tmp_path: Path) -> None:
    begun = Event(
        Action.QUERY_INTENT, "rosa", agencies=("dss",), intent="q-1", detail={"sql": "SELECT 1"}
    )
    made = _log_of(
        tmp_path, [begun, replace(begun, action=Action.QUERY_OUTCOME, agencies=("dol",))]
    )
    for scope, seen in ((None, [1]), ("dol", []), ("dss", [])):
        with made.browser(scope) as browser:
            assert list(browser.beginnings(browser.find(Wanted(lookups=True)))) == seen


def _last(facts: Sequence[Fact], actor: str) -> int:
    return next(fact.time for fact in reversed(facts) if fact.actor == actor)


@pytest.mark.parametrize("kind", ["actor", "project", "agency", "dataset", "column", "action"])
@pytest.mark.parametrize("scope", [None, "dol"])
def test_choices_are_what_occurs_among_the_entries_one_may_see(
    year: Indexed, scanned: list[tuple[Fact, dict[str, Any]]], kind: str, scope: str | None
) -> None:
    seen = naive(scanned, Wanted(lookups=True), scope)
    names = {"agency": "agencies", "dataset": "datasets", "column": "columns"}
    values = [getattr(fact, names.get(kind, kind)) for fact in seen]
    several = {v for value in values for v in (value if kind in names else (value,))}
    with year.browser(scope) as browser:
        assert browser.choices(kind) == sorted(value for value in several if value is not None)


def test_pages_cut_the_list_without_overlap(year: Indexed) -> None:
    with year.browser() as browser:
        whole = [fact.index for fact in browser.find(Wanted(person="rosa"), limit=ENTRIES)]
        pages = [
            fact.index
            for at in range(0, len(whole), 17)
            for fact in browser.find(Wanted(person="rosa"), offset=at, limit=17)
        ]
    assert pages == whole == sorted(whole, reverse=True)


@pytest.mark.parametrize(
    "words", ['"', "a OR", "NEAR(", "*", "'; DROP TABLE posting; --", "-- )", "col:x", "\x00", "%_"]
)
def test_whatever_is_typed_is_words_and_not_syntax(year: Indexed, words: str) -> None:
    with year.browser() as browser:
        browser.count(Wanted(words=words))
        assert browser.count(Wanted(lookups=True)) == ENTRIES


def test_words_find_what_is_written_with_other_case_accents_and_marks(tmp_path: Path) -> None:
    told = {"t": "Reçu: l'Été (wages.employer_id) 3f2a9c1e-0000-4000-8000-123456789abc"}
    made = _log_of(tmp_path, [Event(Action.LOGIN, "rosa", detail=told)])
    with made.browser() as browser:
        for words in ("recu", "ÉTÉ", "employer_id", "wages.employer", "3f2a9c1e-0000", "LOGGED in"):
            assert browser.count(Wanted(words=words)) == 1, words
        for words in ("ecu", "mployer", "recu nothing", "3f2a9c1e-0001"):
            assert browser.count(Wanted(words=words)) == 0, words


# Building ----------------------------------------------------------------------------------------


def _log_of(place: Path, events: Sequence[Event], times: Sequence[int] = ()) -> Indexed:
    with closing(open_writer(place / "log.db")) as log, log.write() as batch:
        for number, event in enumerate(events):
            time = times[number] if times else 1_700_000_000_000 + number * 60_000
            stamp = Stamp(time, "hub", "test", number, f"{number:032x}")
            batch.add(encode(event, stamp), Sender("hub", "test", number))
    made = Indexed(place / "log.db", place / "index.db")
    made.indexer.catch_up()
    return made


def _rows(index: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(index)) as connection:
        found = connection.execute("SELECT * FROM posting").fetchall()
        return [*found, *connection.execute("SELECT * FROM moment").fetchall()]


class Growing:
    """A log that shows only its first entries: as it was when it was shorter."""

    def __init__(self, log: LogReader, size: int):
        self._log, self._size = log, size

    def count(self) -> int:
        return self._size

    def entry(self, index: int) -> Entry | None:
        return self._log.entry(index)

    def entries(self, begin: int, end: int) -> Iterator[Entry]:
        return self._log.entries(begin, end)

    def close(self) -> None:
        self._log.close()


def test_an_index_kept_level_in_steps_is_the_same_as_one_built_at_once(
    year: Indexed, tmp_path: Path, small_segments: None
) -> None:
    whole = Indexed(year.log, tmp_path / "whole.db")
    whole.indexer.catch_up()
    sizes = [1, 2, 3, 50, 511, 512, 513, 1100, 1101, 2400, ENTRIES]
    now = [0]
    stepped = Indexer(tmp_path / "stepped.db", lambda: Growing(year.open_log(), now[0]))  # type: ignore[arg-type, return-value]
    for now[0] in sizes:
        assert stepped.catch_up() == 0
    assert _rows(tmp_path / "stepped.db") == _rows(tmp_path / "whole.db")


def test_a_long_backlog_is_left_to_the_background_and_counted(
    year: Indexed, tmp_path: Path
) -> None:
    indexer = Indexer(tmp_path / "index.db", year.open_log)
    assert indexer.catch_up(100) == ENTRIES
    assert indexer.behind() == ENTRIES
    indexer.build_in_background()
    assert indexer._background is not None
    indexer._background.join(60)
    assert indexer.behind() == 0


LOST = "DELETE FROM posting;"  # what building anew must bring back
DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "another kind of file": lambda path: path.write_bytes(b"not an index" * 1000),
    "another form": lambda path: _sql(path, f"{LOST} PRAGMA user_version = 1"),
    "another log": lambda path: _sql(path, f"{LOST} UPDATE level SET leaf = zeroblob(32)"),
    "longer than the log": lambda path: _sql(path, f"{LOST} UPDATE level SET size = size + 9"),
}


def _sql(path: Path, text: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(text)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_index_is_built_anew(damage: str, tmp_path: Path) -> None:
    made = _log_of(tmp_path, [Event(Action.LOGIN, f"p{n}") for n in range(20)])
    before = _rows(made.index)
    DAMAGES[damage](made.index)
    made.indexer.catch_up()
    assert _rows(made.index) == before


def test_what_retention_removed_is_forgotten_by_the_index_too(tmp_path: Path) -> None:
    made = _log_of(tmp_path, [Event(Action.LOGIN, "rosa"), Event(Action.LOGIN, "ravi")])
    _sql(made.log, "UPDATE entry SET body = NULL WHERE idx = 0")
    with made.browser() as browser:
        assert [fact.actor for fact in browser.find(Wanted())] == ["ravi"]
    with closing(open_writer(made.log)) as log, log.write() as batch:
        event = Event(Action("audit.purged"), "adam")
        stamp = Stamp(1_700_000_000_000, "admin", "i", 0, "0" * 32)
        batch.add(encode(event, stamp), Sender("admin", "i", 0))
    made.indexer.catch_up()
    with made.browser() as browser:
        assert browser.choices("actor") == ["adam", "ravi"]
        assert browser.count(Wanted()) == 2


def test_an_entry_that_is_no_event_is_left_out_and_hides_nothing(tmp_path: Path) -> None:
    made = _log_of(tmp_path, [Event(Action.LOGIN, "rosa")])
    with closing(open_writer(made.log)) as log, log.write() as batch:
        for number, body in enumerate((b"not json", b"{}", b"[1]", b'{"unmapped": 3}'), 1):
            batch.add(body, Sender("hub", "test", number))
    made.indexer.catch_up()
    with made.browser() as browser:
        assert (browser.size, browser.count(Wanted())) == (5, 1)


def test_a_clock_that_went_back_hides_no_entry_from_its_day(tmp_path: Path) -> None:
    start = 1_700_006_400_000
    times = [start + 5 * DAY_MS, start, start + 5 * DAY_MS + 1, start + DAY_MS // 2, start + DAY_MS]
    made = _log_of(tmp_path, [Event(Action.LOGIN, "rosa")] * 5, times)
    with made.browser() as browser:
        for since, until in ((start, start + DAY_MS), (start + 1, start + 5 * DAY_MS + 1)):
            expected = [n for n, time in enumerate(times) if since <= time < until]
            wanted = Wanted(since=since, until=until)
            assert browser.indices(wanted, newest_first=False) == expected


@pytest.mark.postgres
def test_over_a_log_in_postgresql_the_index_is_the_same_and_reads_entries_from_it(
    year: Indexed, settings: Settings, postgres: Postgres, tmp_path: Path
) -> None:
    there = settings.model_copy(update={"audit_database_url": postgres.database()})
    with closing(open_writer(there)) as log, log.write() as batch:
        for _, event in zip(range(300), _bodies(year), strict=False):
            batch.add(*event)
    whole = Indexer(tmp_path / "sqlite.db", lambda: Growing(year.open_log(), 300))  # type: ignore[arg-type, return-value]
    other = Indexer(tmp_path / "postgres.db", lambda: open_reader(there))
    whole.catch_up()
    other.catch_up()
    assert _rows(tmp_path / "postgres.db") == _rows(tmp_path / "sqlite.db")
    expected = naive(year.scan()[:300], Wanted(person="rosa"))
    with Browser.open(tmp_path / "postgres.db", lambda: open_reader(there)) as browser:
        assert browser.find(Wanted(person="rosa"), limit=300, newest_first=False) == expected


def _bodies(made: Indexed) -> Iterator[tuple[bytes, Sender]]:
    with closing(made.open_log()) as log:
        yield from ((entry.body, entry.sender) for entry in log.entries() if entry.body)


# Sets --------------------------------------------------------------------------------------------


@hypothesis_settings(max_examples=100)
@given(
    st.one_of(
        st.sets(st.integers(0, 65_535), min_size=1, max_size=300),
        st.builds(lambda a, n: set(range(a, a + n)), st.integers(0, 5000), st.integers(1, 60_000)),
        st.builds(lambda a, n: set(range(a, 65_536, n)), st.integers(0, 9), st.integers(2, 40)),
    )
)
def test_a_set_is_read_back_as_it_was_written_whatever_its_form(places: set[int]) -> None:
    ordered = sorted(places)
    blob = postings.pack(ordered)
    assert postings.unpack(blob).tolist() == ordered
    assert len(blob) <= 8192
    half = len(ordered) // 2
    if half:
        assert postings.union(postings.pack(ordered[:half]), ordered[half:]) == blob
    flags = np.zeros(2 * postings.SEGMENT, dtype=np.bool_)
    postings.mark(flags, [(1, blob)])
    assert (np.flatnonzero(flags) - postings.SEGMENT).tolist() == ordered
    assert postings.last(flags, 1, blob) == ordered[-1] + postings.SEGMENT
    others = postings.pack([ordered[0]])
    rows = [(1, blob), (0, blob), (1, others), (0, postings.pack([0, 1, 2])), (1, blob)]
    assert postings.Sets(rows).counts(flags).tolist() == [len(ordered), 0, 1, 0, len(ordered)]


# Sentences ---------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    "words", [".".join("abcdefghij" * 3000), "a.b.c " * 3000, "a " * 3000, "1-" * 3000 + "2.3 x"]
)
def test_no_search_reads_the_index_more_than_so_often(words: str) -> None:
    """Thousands of letters with dots between them, in one address, held the site for minutes."""
    asked = terms.asked(words)
    assert 0 < sum(1 + len(each.parts) for each in asked) <= 2 * terms.MOST_WORDS


def test_words_with_dots_and_dashes_are_looked_for_whole() -> None:
    asked = terms.asked("dsa-credential-pay, views.wages.columns")
    assert [each.parts for each in asked] == [
        ("dsa", "credential", "pay"), ("views", "wages", "columns"),
    ]  # fmt: skip
