"""Whoever has taken over one room chooses names and details: none hides an entry or bends a page.

The door takes what a room says of its own work, so the words in it are an attacker's. Entries stay
in every list, what one cannot see is written out, and no name is long enough to spoil a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from audit.admit import LONGEST_NAME, Request, admit, facts
from audit.custody import AuditFiles, open_log
from audit.log import Log, Sender
from audit.outbox import Outbox
from audit.sentences import told
from audit.web.app import add_filters, make_site, routes
from enclave.errors import AuditRefused
from enclave.events import Action, Event, Scalar, Stamp, Verdict, encode
from enclave.settings import Settings
from enclave.web.app import make_app
from tests.support.idp import IdentityProviderProcess
from tests.support.watching import Watched
from tests.support.web import Visitor

KEYS = ("rows", "agency", "decision", "site", "person", "role", "command", "attempted", "page")
ODD: tuple[Scalar, ...] = ("12", "", 7, -1, True, 1e300, 10**4000, "{x}", "%s", "\u202e", None)
RIGHT_TO_LEFT, LINES = "ro\u202esa\u2066", "p\n\nUrgent: https://evil.example/\x1b[31m\u2028\x7f"
NAMES = (
    RIGHT_TO_LEFT, LINES, "ro\u200bsa", "../../logout?x#y", "100%/a b", "<script>alert(1)</script>",
    "=1+1", "{0.__class__}", "N" * LONGEST_NAME, "\N{FAMILY}" * 40,
)  # fmt: skip
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("verdict", Verdict)
def test_no_detail_hides_an_entry_from_the_lists(action: Action, verdict: Verdict) -> None:
    stamp = Stamp(1_700_000_000_000, "gateway", "i", 0, "0" * 32)
    for key in KEYS:
        for odd in ODD:
            detail = {"decision": "approve", key: odd}
            body = encode(Event(action, "eve", verdict, agencies=("dol",), detail=detail), stamp)
            assert told(0, body) is not None, (key, odd)


@pytest.fixture
def log(settings: Settings) -> Iterator[Log]:
    opened, _ = open_log(AuditFiles.of(settings), settings.origin)
    with closing(opened):
        yield opened


LONG = "W" * (LONGEST_NAME + 1)


@pytest.mark.parametrize(
    "part",
    [
        {"actor": LONG}, {"project": LONG}, {"session": LONG}, {"agencies": ("dol", LONG)},
        {"datasets": (LONG,)}, {"columns": (LONG,)},
    ],
)  # fmt: skip
def test_a_name_longer_than_any_is_refused_and_that_is_logged_without_it(
    log: Log, part: dict[str, Any]
) -> None:
    event = replace(Event(Action.LOGIN, "eve"), **part)
    sent = Request(Sender("hub", "i", 0), event)
    for _ in range(2):  # a retry hears the same
        (answer,) = admit(log, [sent])
        assert isinstance(answer, AuditRefused)
    (entry,) = log.entries()
    assert entry.body is not None
    assert facts(entry.body)["action"] == Action.ACCESS_DENIED
    assert LONG not in entry.body.decode()
    longest = replace(Event(Action.LOGIN, "W" * LONGEST_NAME))
    (answer,) = admit(log, [Request(Sender("hub", "i", 1), longest)])
    assert not isinstance(answer, AuditRefused)


@pytest.fixture(scope="module")
def people() -> Iterator[IdentityProviderProcess]:
    process = IdentityProviderProcess({"alma": {}}).start()
    yield process
    process.stop()


@pytest.fixture
def watched(settings: Settings, people: IdentityProviderProcess) -> Iterator[Watched]:
    made = Watched(settings.model_copy(update={"oidc_issuer": people.issuer}))
    data = tuple(f"dataset-{number}" for number in range(4000))
    for number, name in enumerate(NAMES):
        event = Event(
            Action.QUERY_DENIED, name, Verdict.DENIED, project=name, agencies=(name,),
            columns=(name,), clause=name, intent=f"q{number}{name}", session=name,
            datasets=data if not number else (), detail={"sql": name, name: name},
        )  # fmt: skip
        made.happen(event)
    yield made
    made.close()


@pytest.fixture
def alma(watched: Watched, people: IdentityProviderProcess) -> Visitor:
    app = make_app(
        make_site(watched.settings.audit_url), routes(watched.room), settings=watched.settings,
        store=watched.store, audit=watched.book,
    )  # fmt: skip
    add_filters(app)
    visitor = Visitor(app, people)
    visitor.log_in("alma")
    return visitor


def test_every_page_writes_out_what_one_cannot_see_and_every_link_on_it_leads_somewhere(
    alma: Visitor,
) -> None:
    todo = ["/", "/events", "/projects", "/people", "/columns", "/agencies", "/anomalies"]
    followed: set[str] = set()
    ours = re.compile(r'href="(/(?:events/|people/|projects/|columns/|agencies/)[^"]*)"')
    while todo:
        path = todo.pop()
        answer = alma.get(path)
        assert answer.status_code == 200, path
        assert len(answer.text) < 400_000, path
        text = re.sub(r'(value|href)="[^"]*"', "", answer.text)  # what a form or a link carries
        assert UNSEEN.findall(text) == [], path
        links = {unescape(link) for link in ours.findall(answer.text)}
        assert not any(".." in link.split("/") for link in links), path
        # a name with a line break has no page of its own: its entries are found by the filter
        new = {link for link in links if "?" not in link and "%0A" not in link} - followed
        followed |= new
        todo += sorted(new)
    for kind in ("people", "projects", "columns", "agencies"):
        assert sum(link.startswith(f"/{kind}/") for link in followed) >= len(NAMES) - 1, kind
    assert {f"/events/{index}" for index in range(len(NAMES))} <= followed


def test_such_a_name_can_still_be_filtered_by(alma: Visitor) -> None:
    page = alma.get("/events?" + "person=ro%E2%80%AEsa%E2%81%A6").text
    assert f'<option value="{RIGHT_TO_LEFT}" selected>ro\\u202esa\\u2066</option>' in page
    assert "1 of 1" in page


def test_a_project_s_name_writes_no_lines_of_its_own_into_an_alert(watched: Watched) -> None:
    rule = watched.rule(asked={"verdict": "denied"})
    watched.happen(Event(Action.QUERY_DENIED, "eve", Verdict.DENIED, project=LINES, intent="x"))
    watched.alerts.collect()
    with Outbox(watched.room.saved)._saved.open() as connection:
        ((line,),) = connection.execute("SELECT line FROM hit WHERE rule = ?", (rule.id,))
    assert line.isprintable()
    assert "Urgent" in line
