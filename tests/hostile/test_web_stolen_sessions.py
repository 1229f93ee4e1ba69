"""Cookies in the wrong hands, and hands that hold the table."""

from __future__ import annotations

from sqlalchemy import text

from enclave.web.app import make_app
from tests.support import gallery
from tests.support.web import Visitor


def test_a_session_planted_before_the_log_in_is_worth_nothing_after_it(house, clock):
    """Session fixation: the planter's own session never becomes the victim's."""
    planter, victim = house.visitor(clock), house.visitor(clock)
    planter.log_in("carl")
    victim.plant(planter.session_cookie)
    victim.log_in("dora")
    assert victim.session_cookie != planter.session_cookie
    assert "Dora Diaz" in victim.get("/account").text
    assert planter.get("/account").status_code == 401


def test_the_id_of_before_a_second_log_in_is_dead_after_it(visitor):
    visitor.log_in("dora")
    before = visitor.session_cookie
    visitor.log_in("dora", "/login?again=1")
    assert visitor.session_cookie != before
    thief = Visitor(visitor.client.app, visitor.idp)
    thief.plant(before)
    assert thief.get("/table").status_code == 401


def test_a_cookie_copied_before_the_log_out_is_dead_after_it(visitor):
    visitor.log_in("dora")
    thief = Visitor(visitor.client.app, visitor.idp)
    thief.plant(visitor.session_cookie)
    assert thief.get("/table").status_code == 200
    visitor.post("/logout")
    assert thief.get("/table").status_code == 401


def test_one_sites_cookie_opens_no_other_site(visitor, house):
    """The Hub's neighbours hold separate sessions: what leaks on one is no use on the other."""
    visitor.log_in("dora")
    other = make_app(
        gallery.site("http://audit.localhost:8002", name="audit"),
        gallery.routes(),
        settings=house.settings,
        store=house.store,
        audit=house.audit,
    )
    thief = Visitor(other, visitor.idp)
    thief.plant(visitor.session_cookie)
    assert thief.get("/table").status_code == 401


def test_whoever_reads_the_tables_holds_no_session_and_no_log_in(visitor, house):
    visitor.log_in("dora")
    visitor.begin()
    with house.store.engine.connect() as connection:
        sessions = repr(connection.execute(text("SELECT * FROM web_session")).all())
        logins = repr(connection.execute(text("SELECT * FROM web_login")).all())
    assert visitor.session_cookie not in sessions
    assert visitor.client.cookies.get("__Host-enclave-login") not in logins


def test_the_session_cookie_is_shut_against_scripts_other_hosts_and_plain_text(visitor):
    answer = visitor.log_in("dora")
    (cookie,) = [
        value
        for value in answer.headers.get_list("set-cookie")
        if value.startswith("__Host-enclave=")
    ]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "secure", "path=/", "samesite=lax"} <= attributes
    assert not any(attribute.startswith("domain") for attribute in attributes)


def test_the_cookie_holds_no_more_than_a_random_id(visitor):
    visitor.log_in("dora")
    first = visitor.session_cookie
    visitor.log_in("dora")
    assert len(first) == len(visitor.session_cookie) == 43
    assert first != visitor.session_cookie


def test_no_page_stays_in_a_cache(visitor):
    visitor.log_in("dora")
    for path in ("/", "/table", "/account", "/denied", "/nowhere", "/boom", "/login"):
        assert visitor.get(path).headers["cache-control"] == "no-store", path
