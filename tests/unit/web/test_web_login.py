"""Who gets in, how it is logged, and how one gets out again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from enclave.web.oidc import Identity
from tests.support import gallery


def of(action: str, facts: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [fact for fact in facts if fact["action"] == action]


def test_a_stranger_is_sent_to_log_in_and_comes_back_to_the_page_they_wanted(visitor):
    sent = visitor.get("/table?n=3&sort=title")
    assert sent.status_code == 303
    answer = visitor.log_in("dora", sent.headers["location"])
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/table?n=3&sort=title"
    assert visitor.get("/table").status_code == 200


def test_a_log_in_is_an_event_with_the_person_and_the_site(visitor, logged):
    visitor.log_in("dora")
    (fact,) = of("login", logged())
    assert (fact["actor"], fact["verdict"]) == ("dora", "allowed")
    assert fact["detail"] == {"site": "review", "again": False}


def test_someone_without_the_role_is_told_what_to_do_and_it_is_logged(visitor, logged):
    answer = visitor.log_in("rosa")
    assert answer.status_code == 403
    assert "ask the operating group" in answer.text
    assert visitor.session_cookie is None
    (fact,) = of("login", logged())
    assert (fact["actor"], fact["verdict"]) == ("rosa", "denied")
    assert fact["detail"]["reason"] == "login.not-admitted"


def test_a_page_refused_to_somebody_signed_in_is_logged(visitor, logged):
    visitor.log_in("dora")
    assert visitor.get("/denied?of=321-54-9876").status_code == 403
    (fact,) = of("access.denied", logged())
    assert (fact["actor"], fact["verdict"], fact["detail"]["page"]) == ("dora", "denied", "denied")
    assert "321-54-9876" not in str(fact)


def test_someone_the_provider_knows_and_we_do_not_is_not_admitted(visitor, logged):
    answer = visitor.log_in("stranger@example.org")
    assert answer.status_code == 403
    assert of("login", logged())[0]["actor"] == "stranger@example.org"


def test_while_audit_is_away_nobody_logs_in(fragile_house, clock, monkeypatch):
    visitor = fragile_house.visitor(clock)
    fragile_house.audit_service.kill()
    monkeypatch.setattr(fragile_house.audit, "_timeout", 0.3)
    answer = visitor.log_in("dora")
    assert answer.status_code == 503
    assert "audit.unavailable" in answer.text
    assert visitor.session_cookie is None


def test_while_the_identity_provider_is_away_the_page_says_so(visitor):
    visitor.client.app.state.web.provider._issuer = "http://127.0.0.1:9"
    answer = visitor.get("/login")
    assert answer.status_code == 503
    assert "identity provider" in answer.text


def test_a_role_taken_away_counts_at_the_next_request(fragile_house, clock):
    visitor = fragile_house.visitor(clock)
    visitor.log_in("carl")
    assert visitor.get("/table").status_code == 200
    gallery.leave(fragile_house.store, fragile_house.audit, "carl")
    assert visitor.get("/table").status_code == 403
    refused = of("access.denied", fragile_house.audit_service.facts())
    assert [fact["actor"] for fact in refused] == ["carl"]


def test_a_session_ends_after_a_quarter_of_an_hour_without_a_request(visitor, clock):
    visitor.log_in("dora")
    clock.forward(14 * 60)
    assert visitor.get("/table").status_code == 200
    clock.forward(15 * 60)
    ended = visitor.get("/table?n=5")
    assert ended.status_code == 401
    assert "Your session has ended" in ended.text
    assert "/login?next=%2Ftable%3Fn%3D5" in ended.text


def test_a_session_ends_after_eight_hours_however_busy(visitor, clock):
    visitor.log_in("dora")
    for _ in range(48):
        clock.forward(10 * 60 - 1)
        assert visitor.get("/table").status_code == 200
    clock.forward(60)
    assert visitor.get("/table").status_code == 401


def test_a_session_of_a_clock_that_was_set_back_ends(visitor, clock):
    """Else it would live, and pass for freshly logged in, an hour longer."""
    visitor.log_in("dora")
    clock.forward(-50)  # two clocks never agree to the second
    assert visitor.get("/table").status_code == 200
    clock.forward(-3600)
    assert visitor.get("/table").status_code == 401


def test_what_was_posted_into_an_ended_session_is_said_to_be_lost(visitor, clock):
    visitor.log_in("dora")
    clock.forward(16 * 60)
    answer = visitor.post("/say", data={"text": "x"}, headers={"Referer": f"{visitor.site.url}/"})
    assert answer.status_code == 401
    assert "was not carried out" in answer.text


TYPED = "It's a café's </textarea><script>alert(1)</script>\nsecond line"
SHOWN = (
    "It&#39;s a café&#39;s &lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;\r\nsecond line"
)


def test_what_was_typed_into_an_ended_session_is_shown_to_be_copied(visitor, clock):
    visitor.log_in("dora")
    clock.forward(16 * 60)
    text = {"text": TYPED.replace("\n", "\r\n"), "token": "oneword"}
    answer = visitor.post("/say", data=text, headers={"Referer": f"{visitor.site.url}/"})
    assert answer.status_code == 401
    assert SHOWN in answer.text
    assert "oneword" not in answer.text


def test_what_another_site_or_too_much_was_sent_into_an_ended_session_is_not_shown(visitor, clock):
    visitor.log_in("dora")
    clock.forward(16 * 60)
    planted = {"text": "planted words here"}
    answer = visitor.post("/say", data=planted, headers={"Origin": "http://elsewhere.example"})
    assert "planted words" not in answer.text
    answer = visitor.post("/say", data={"text": "many words " * 10_000})
    assert answer.status_code == 401
    assert "many words" not in answer.text


def test_what_was_typed_into_a_late_vote_or_a_wrong_form_is_shown_to_be_copied(visitor, clock):
    visitor.log_in("dora")
    clock.forward(6 * 60)
    late = visitor.post("/vote/7", data={"shown": "abc", "comment": "Too few people."})
    assert late.status_code == 401
    assert "Too few people." in late.text
    assert "/login?next=%2Fconfirm%2F7&amp;again=1" in late.text
    wrong = visitor.post("/say", data={"text": "Some words.", "unknown": "x"})
    assert wrong.status_code == 422
    assert "Some words." in wrong.text


def test_logging_out_ends_the_session_and_is_logged(visitor, logged):
    visitor.log_in("dora")
    assert visitor.post("/logout").headers["location"] == "/logged-out"
    assert visitor.get("/table").status_code == 303
    assert visitor.get("/logged-out").status_code == 200
    assert [fact["actor"] for fact in of("logout", logged())] == ["dora"]


def test_logging_out_works_while_audit_is_away(fragile_house, clock, monkeypatch):
    visitor = fragile_house.visitor(clock)
    visitor.log_in("dora")
    fragile_house.audit_service.kill()
    monkeypatch.setattr(fragile_house.audit, "_timeout", 0.3)
    assert visitor.post("/logout").status_code == 303
    assert visitor.get("/table").status_code == 303


def test_logging_out_everywhere_ends_the_sessions_of_other_browsers(house, clock):
    here, there = house.visitor(clock), house.visitor(clock)
    here.log_in("dora")
    there.log_in("dora")
    assert here.get("/account").text.count("<code>") > 1
    here.post("/logout/everywhere")
    assert there.get("/table").status_code == 401


def test_a_decision_asks_for_a_new_log_in_and_returns_to_its_confirm_page(visitor, clock):
    clock.forward(-6 * 60)
    visitor.log_in("dora")
    clock.forward(6 * 60)
    asked = visitor.get("/confirm/7")
    assert asked.headers["location"] == "/login?next=%2Fconfirm%2F7&again=1"
    address = visitor.begin(asked.headers["location"])
    assert "prompt=login" in address and "max_age=0" in address
    answer = visitor.come_back(visitor.idp.authorize(address, "dora"))
    assert answer.headers["location"] == "/confirm/7"
    assert visitor.get("/confirm/7").status_code == 200
    assert visitor.post("/vote/7", data={"shown": "abc"}).headers["location"] == "/table"
    assert "was counted (abc)" in visitor.get("/table").text


def test_a_vote_posted_late_is_not_counted_but_sent_through_log_in(visitor, clock):
    visitor.log_in("dora")
    clock.forward(6 * 60)
    answer = visitor.post("/vote/7", data={"shown": "abc"})
    assert answer.headers["location"] == "/login?next=%2Fconfirm%2F7&again=1"


def test_a_message_is_said_once(visitor):
    visitor.log_in("dora")
    visitor.post("/say", data={"text": "Noted."})
    assert "Noted." in visitor.get("/table").text
    assert "Noted." not in visitor.get("/table").text


def test_a_form_with_an_unknown_field_is_refused_by_name(visitor):
    visitor.log_in("dora")
    answer = visitor.post("/say", data={"text": "a", "role": "auditor"})
    assert answer.status_code == 422
    assert "role" in answer.text and "auditor" not in answer.text


@pytest.mark.parametrize(
    ("methods", "enough"),
    [
        (["pwd"], False),
        ([], False),
        (["pwd", "pin"], False),
        (["otp"], False),
        (["pwd", "otp"], True),
        (["mfa"], True),
        (["fpt", "hwk"], True),
    ],
)
def test_only_two_kinds_of_proof_are_two_factors(methods, enough):
    """RFC 8176: `amr` names methods; NIST SP 800-63B asks for two kinds."""
    assert Identity("a", 0, frozenset(methods), None).used_second_factor is enough
