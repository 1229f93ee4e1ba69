"""The sites' sessions, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from enclave.web.sessions import LOGIN_SECONDS, Message, WebSessions


def start(sessions: WebSessions, person: str = "dora") -> str:
    return sessions.start(person, site="review", authenticated_at=sessions.now())


def test_a_session_is_found_by_its_secret_until_it_is_ended(store):
    sessions = WebSessions(store.engine)
    secret = start(sessions)
    assert sessions.find(secret, site="review").person == "dora"
    assert sessions.find(secret, site="audit") is None
    assert sessions.find(secret[:-1], site="review") is None
    sessions.end(secret)
    assert sessions.find(secret, site="review") is None


def test_everyones_own_sessions_end_everywhere_and_nobody_elses(store):
    sessions = WebSessions(store.engine)
    mine, other = start(sessions), start(sessions, "carl")
    sessions.start("dora", site="audit", authenticated_at=0)
    assert [s.site for s in sessions.open_of("dora")].count("audit") == 1
    assert sessions.end_all("dora") == 2
    assert sessions.find(mine, site="review") is None
    assert sessions.find(other, site="review").person == "carl"


def test_messages_are_heard_once_and_in_order(store):
    sessions = WebSessions(store.engine)
    session = sessions.find(start(sessions), site="review")
    sessions.say(session, Message("first"))
    sessions.say(session, Message("second", "warning"))
    assert sessions.hear(session) == (Message("first"), Message("second", "warning"))
    assert sessions.hear(session) == ()


def test_of_two_answers_with_one_state_only_one_goes_on(store):
    """Both at once: the row's deletion decides."""
    sessions = WebSessions(store.engine)
    attempt = sessions.begin_login(site="review", browser="b", next="/", again=False)
    with ThreadPoolExecutor(4) as pool:
        taken = list(
            pool.map(
                lambda _: sessions.take_login(attempt.state, site="review", browser="b"), range(8)
            )
        )
    assert [found for found in taken if found] == [attempt]


def test_what_has_run_out_is_swept_away(store):
    late = [0.0]
    sessions = WebSessions(store.engine, clock=lambda: 1_800_000_000 + late[0])
    old = start(sessions)
    state = sessions.begin_login(site="review", browser="b", next="/", again=False).state
    late[0] = max(LOGIN_SECONDS, 15 * 60)
    start(sessions)
    sessions.begin_login(site="review", browser="b", next="/", again=False)
    assert len(sessions.open_of("dora")) == 1
    late[0] = 0
    assert sessions.find(old, site="review") is None
    assert sessions.take_login(state, site="review", browser="b") is None


def test_many_requests_at_once_find_their_session(store):
    late = [0.0]
    sessions = WebSessions(store.engine, clock=lambda: 1_800_000_000 + late[0])
    secret = start(sessions)
    late[0] = 60  # so that every one of them also wants to mark the session as seen
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: sessions.find(secret, site="review"), range(64)))
    assert {session.person for session in found} == {"dora"}
