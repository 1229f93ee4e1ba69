"""Log-ins that prove nothing: forged states, tokens, issuers, factors, returns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from enclave.web.app import make_app
from enclave.web.oidc import IdentityProvider
from tests.support import gallery
from tests.support.forger import Forger
from tests.support.idp import callback_query
from tests.support.web import Visitor


@pytest.fixture
def forger() -> Iterator[Forger]:
    with Forger() as forger:
        yield forger


@pytest.fixture
def victim(forger, house):
    """A site that trusts the forger's issuer: what it signs is all that stands between."""
    settings = house.settings.model_copy(update={"oidc_issuer": forger.issuer})
    app = make_app(
        gallery.site("http://review.localhost:8001"),
        gallery.routes(),
        settings=settings,
        store=house.store,
        audit=house.audit,
        provider=IdentityProvider(settings),
    )
    return Visitor(app, None)


def enter(victim, forger, path="/login", **query):
    return victim.get(forger.answer(victim.begin(path), **query))


def test_the_forger_gets_in_with_an_honest_token_so_the_refusals_below_mean_something(
    victim, forger
):
    assert enter(victim, forger).status_code == 303
    assert victim.get("/table").status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"aud": "another-client"}, id="of another client"),
        pytest.param({"aud": ["another-client", "third"]}, id="of two other clients"),
        pytest.param({"aud": "some-api", "azp": "enclave"}, id="we asked for, but for an API"),
        pytest.param({"azp": "another-client"}, id="authorized for another party"),
        pytest.param({"iss": "https://elsewhere.example"}, id="of another issuer"),
        pytest.param({"nonce": "yesterday"}, id="with another log-in's nonce"),
        pytest.param({"nonce": None}, id="without a nonce"),
        pytest.param({"exp": 1_700_000_000}, id="expired"),
        pytest.param({"exp": None}, id="that never expires"),
        pytest.param({"sub": None}, id="of nobody"),
        pytest.param({"aud": None}, id="for nobody"),
        pytest.param({"at_hash": "AAAA"}, id="of another access token"),
    ],
)
def test_a_signed_token_that_is_not_for_this_log_in_opens_nothing(victim, forger, claims):
    """OpenID Connect Core 1.0, 3.1.3.7."""
    forger.claims = claims
    assert enter(victim, forger).status_code == 403
    assert victim.session_cookie is None


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_without_the_providers_signature_opens_nothing(victim, forger, algorithm):
    """RFC 8725 2.1: `none`, and HS256 with a secret the attacker may know."""
    forger.algorithm = algorithm
    assert enter(victim, forger).status_code == 403


def test_a_token_signed_by_somebody_else_opens_nothing(victim, forger):
    forger.with_other_key = True
    assert enter(victim, forger).status_code == 403


@pytest.mark.parametrize("amr", [["pwd"], [], None, ["pwd", "pin"]])
def test_one_factor_opens_nothing_and_is_logged_under_the_persons_name(victim, forger, logged, amr):
    """SATRE 3.2.04: multi-factor authentication for every user."""
    forger.claims = {"amr": amr}
    answer = enter(victim, forger)
    assert answer.status_code == 403
    assert "second factor" in answer.text
    fact = logged()[-1]
    assert (fact["actor"], fact["verdict"]) == ("dora", "denied")
    assert fact["detail"]["reason"] == "login.second-factor"


def test_an_answer_of_another_issuer_is_refused(victim, forger):
    """RFC 9207: mix-up."""
    assert enter(victim, forger, iss="https://elsewhere.example").status_code == 403


@pytest.mark.parametrize("endpoint", ["token_endpoint", "jwks_uri", "authorization_endpoint"])
def test_metadata_that_names_another_host_is_not_followed(victim, forger, endpoint):
    forger.metadata = {endpoint: "http://127.0.0.1:9/x"}
    answer = victim.get("/login")
    if answer.status_code == 303:
        answer = victim.get(forger.answer(answer.headers["location"]))
    assert answer.status_code == 503


def test_metadata_of_another_issuer_is_not_believed(victim, forger):
    forger.metadata = {"issuer": "https://elsewhere.example"}
    assert victim.get("/login").status_code == 503


def test_a_confirmation_by_somebody_else_confirms_nothing(victim, forger):
    enter(victim, forger)
    forger.claims = {"sub": "carl"}
    answer = enter(victim, forger, "/login?again=1&next=/confirm/7")
    assert answer.status_code == 403
    assert "somebody else" in answer.text


@pytest.mark.parametrize("auth_time", [None, 1_700_000_000])
def test_a_provider_that_did_not_ask_again_confirms_nothing(victim, forger, auth_time):
    """OpenID Connect Core 1.0, 3.1.2.1: `max_age` makes `auth_time` required."""
    enter(victim, forger)
    forger.claims = {"auth_time": auth_time}
    assert enter(victim, forger, "/login?again=1&next=/confirm/7").status_code == 403


def test_a_log_in_of_yesterday_does_not_count_as_recent(victim, forger):
    """Single sign-on may let the person in without asking: that opens no decision."""
    forger.claims = {"auth_time": 1_700_000_000}
    enter(victim, forger)
    assert victim.get("/table").status_code == 200
    assert victim.get("/confirm/7").headers["location"].endswith("again=1")


def test_an_auth_time_in_the_future_buys_no_longer_trust(victim, forger, house):
    forger.claims = {"auth_time": 4_000_000_000}
    enter(victim, forger)
    with house.store.engine.connect() as connection:
        at, made = connection.execute(
            text("SELECT max(authenticated_at), max(created_at) FROM web_session")
        ).first()
    assert at <= made


def test_a_state_nobody_was_given_is_refused_and_logged(visitor, logged):
    visitor.begin()
    assert visitor.get("/oidc/callback?code=x&state=forged").status_code == 403
    fact = logged()[-1]
    assert (fact["actor"], fact["detail"]["reason"]) == ("unknown", "login.failed")


def test_a_state_is_good_for_one_log_in(victim, forger):
    """Against a provider that takes any code: what refuses the second answer is us."""
    location = forger.answer(victim.begin())
    login_cookie = victim.client.cookies.get("__Host-enclave-login")
    assert victim.get(location).status_code == 303
    victim.plant(login_cookie, "__Host-enclave-login")
    assert victim.get(location).status_code == 403


def test_an_attackers_log_in_cannot_be_finished_in_the_victims_browser(house, clock):
    """Log-in CSRF: the victim would work under the attacker's name."""
    attacker, victim = house.visitor(clock), house.visitor(clock)
    location = house.idp.authorize(attacker.begin(), "carl")
    assert victim.come_back(location).status_code == 403
    victim.begin()  # even with a log-in of the victim's own under way
    assert victim.come_back(location).status_code == 403
    assert victim.session_cookie is None


def test_a_log_in_that_took_eleven_minutes_is_refused(visitor, clock):
    location = visitor.idp.authorize(visitor.begin(), "dora")
    clock.forward(11 * 60)
    assert visitor.come_back(location).status_code == 403


def test_a_stolen_code_is_worth_nothing_without_the_verifier(visitor):
    """RFC 7636: the provider holds the challenge, we alone the verifier."""
    address = visitor.begin()
    query = callback_query(address)
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    with visitor.client.app.state.web.sessions._engine.begin() as connection:
        connection.execute(text("UPDATE web_login SET verifier = 'guessed'"))
    assert visitor.come_back(visitor.idp.authorize(address, "dora")).status_code == 403


@pytest.mark.parametrize(
    "next",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example",
        "/%5Celsewhere.example/..\\..",
        "\\\\elsewhere.example",
        "javascript:alert(1)",
        "/ok\r\nSet-Cookie: a=b",
        "/\t/elsewhere.example",
        "/\n/elsewhere.example",
        " /table",
        "http:elsewhere.example",
        "///elsewhere.example",
        "/" + "a" * 3000,
        "/ünïcode",
    ],
)
def test_next_never_leads_off_the_site(visitor, next):
    begun = visitor.get("/login", params={"next": next})
    answer = visitor.come_back(visitor.idp.authorize(begun.headers["location"], "dora"))
    assert answer.status_code == 303
    assert answer.headers["location"] == "/" or next.startswith("/%5C")
    assert "elsewhere" not in answer.headers["location"].split("?")[0] or next.startswith("/%5C")
    assert answer.headers["location"].startswith("/") and answer.headers["location"][1:2] != "/"
    assert "a" not in visitor.client.cookies
