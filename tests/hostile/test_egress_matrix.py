"""Every role, every act, every state, tried over HTTP: what the rules do not allow does not happen.

The expectation is generated from `permissions` and `policy`; the answer comes from the real site.
Controls (R3, R30): each check in `permissions`, each move in `policy`, the site's door,
its CSRF check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import delete

from egress_review import permissions, store
from egress_review.model import Request, State
from egress_review.policy import Act, can
from enclave.events import Action, Event
from enclave.model import Person, Role
from tests.support.review import PEOPLE
from tests.support.reviewing import ReviewSite, review_site
from tests.support.web import Visitor

MEMBERS = frozenset({Role.REVIEWER, Role.RESEARCHER})
CHECKER = "otto"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing to try: where, with which form (None: only looked at), and who may in which state.

    `act` None: in every state.
    """

    path: str
    form: Mapping[str, str] | None
    may: Callable[[Person, Request], bool]
    act: Act | None


ATTEMPTS = {
    "see": Attempt("", None, permissions.may_see, None),
    "confirm": Attempt("/confirm?decision=approve", None, permissions.may_vote, None),
    "approve": Attempt(
        "/vote", {"decision": "approve", "shown": "SHOWN"}, permissions.may_vote, Act.VOTE
    ),
    "reject": Attempt(
        "/vote",
        {"decision": "reject", "shown": "SHOWN", "comment": "No."},
        permissions.may_vote,
        Act.VOTE,
    ),
    "comment": Attempt("/comment", {"comment": "Hm."}, permissions.may_see, Act.COMMENT),
    "comment privately": Attempt(
        "/comment",
        {"comment": "Hm.", "to": "reviewers"},
        permissions.may_speak_privately,
        Act.COMMENT,
    ),
    "ask for changes": Attempt(
        "/return", {"shown": "SHOWN", "reason": "Coarser."}, permissions.may_return, Act.RETURN
    ),
    "give an opinion": Attempt(
        "/opinion", {"opinion": "fit", "shown": "SHOWN"}, permissions.may_find, Act.CHECK
    ),
    "withdraw": Attempt("/withdraw", {}, permissions.may_withdraw, Act.WITHDRAW),
    "download": Attempt("/files/pay.csv", None, permissions.may_download, Act.DOWNLOAD),
    "download the certificate": Attempt(
        "/files/certificate.json", None, permissions.may_download, Act.DOWNLOAD
    ),
    "download the original": Attempt("/files/raw.csv", None, lambda *_: False, None),
}
STALE = {
    name: replace(attempt, form=attempt.form | {"shown": "0" * 64}, may=lambda *_: False)
    for name, attempt in ATTEMPTS.items()
    if attempt.form and "shown" in attempt.form
}


@pytest.fixture(scope="module")
def site() -> Iterator[ReviewSite]:
    with review_site() as made:
        yield made


@pytest.fixture(scope="module")
def request_in_review(site: ReviewSite) -> Request:
    """One request of both agencies, with an output checker of a third, and its released files."""
    service = site.world.service
    request = replace(site.world.in_review(), checkers=(CHECKER,))
    service.custody.release(request.id, {"pay.csv": b"a\r\n", "certificate.json": b"{}"})
    return request


@pytest.fixture(scope="module")
def visitors(site: ReviewSite) -> Mapping[str, Visitor]:
    nobody = Visitor(site.app, site.idp)
    return {person: site.visitor(person) for person in PEOPLE} | {"nobody": nobody}


def put(site: ReviewSite, request: Request) -> None:
    """Put the request back as it was, in the state that is tried."""
    event = Event(Action.AGREEMENT_APPLIED, actor="adam")
    with site.world.store.record(site.world.audit, event) as connection:
        for table in (store.votes, store.opinions, store.comments):
            connection.execute(delete(table).where(table.c.request == request.id))
        store.change(connection, request)


def what_is(site: ReviewSite, id: str) -> tuple[object, ...]:
    reviews = site.world.service.reviews
    kept = (reviews.votes(id), reviews.comments(id), reviews.opinions(id))
    return (reviews.request(id).state, *map(len, kept))


def goes_through(visitor: Visitor, attempt: Attempt, request: Request) -> bool:
    where = f"/requests/{request.id}{attempt.path}"
    if attempt.form is None:
        answer = visitor.get(where)
    else:
        form = {k: v.replace("SHOWN", request.shown) for k, v in attempt.form.items()}
        answer = visitor.post(where, data=form)
    sent_away = "/login" in answer.headers.get("location", "")
    return answer.status_code in (200, 303) and not sent_away


def allowed(person: Person | None, attempt: Attempt, request: Request) -> bool:
    if person is None or not person.roles & MEMBERS or not attempt.may(person, request):
        return False
    return attempt.act is None or can(request, attempt.act)


@pytest.mark.parametrize("state", list(State))
def test_only_the_cells_that_the_rules_allow_go_through(
    site: ReviewSite, request_in_review: Request, visitors: Mapping[str, Visitor], state: State
) -> None:
    request = replace(request_in_review, state=state)
    put(site, request)
    before = what_is(site, request.id)
    wrong = []
    for name, attempt in [*ATTEMPTS.items(), *((f"stale {n}", a) for n, a in STALE.items())]:
        for who, visitor in visitors.items():
            expected = allowed(PEOPLE.get(who), attempt, request)
            if goes_through(visitor, attempt, request) != expected:
                wrong.append((who, name, "refused" if expected else "allowed"))
            if what_is(site, request.id) != before:
                if not expected:
                    wrong.append((who, name, "changed something"))
                put(site, request)
    assert wrong == []


def test_no_form_is_taken_from_another_site_or_without_saying_where_from(
    site: ReviewSite, request_in_review: Request, visitors: Mapping[str, Visitor]
) -> None:
    """Control: enclave.web.csrf, for every act there is."""
    put(site, request_in_review)
    before = what_is(site, request_in_review.id)
    elsewhere = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    for attempt in ATTEMPTS.values():
        for who in ("dora", "rosa", CHECKER):
            if attempt.form is not None:
                form = {k: v.replace("SHOWN", request_in_review.shown)
                        for k, v in attempt.form.items()}  # fmt: skip
                where = f"/requests/{request_in_review.id}{attempt.path}"
                assert visitors[who].post(where, data=form, headers=elsewhere).status_code == 403
                assert visitors[who].client.post(where, data=form).status_code == 403
    assert what_is(site, request_in_review.id) == before
