"""What people and workspaces try at the hub, its proxy and its identity provider.

Real hub, proxy, identity provider, audit writer and container; the attacker has a real session.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import docker
import pytest

from hub_config import build, places
from hub_config.spawner import left_over
from tests.support.caller import Caller
from tests.support.hub import RunningHub, get, running_hub

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the demo does"),
]


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    with running_hub(instance="test-bounds") as running:
        build.build_docker(running.settings)
        yield running
        build.forget(running.settings)


@pytest.fixture(scope="module")
def rosa(hub: RunningHub) -> Caller:
    """Rosa, logged in, with an open workspace."""
    caller = Caller(hub)
    caller.log_in("rosa")
    caller.spawn("rosa", "credential-pay")
    path, host = "/user/rosa/credential-pay/api", f"rosa.{urlsplit(hub.settings.hub_url).netloc}"
    hub.until(lambda: get(hub.settings.hub_url, path, host)[0] == 200, what="the workspace")
    return caller


@pytest.fixture(scope="module")
def token(hub: RunningHub, rosa: Caller) -> str:
    """The token the researcher's code can read from its own server's environment."""
    client = docker.from_env()
    try:
        (container,) = left_over(hub.settings.instance).values()
        said = client.api.inspect_container(container)["Config"]["Env"]
    finally:
        client.close()
    return next(v.partition("=")[2] for v in said if v.startswith("JUPYTERHUB_API_TOKEN="))


def events(hub: RunningHub, action: str, actor: str) -> list[dict]:
    return [f for f in hub.audit.facts() if f["action"] == action and f["actor"] == actor]


def over(path: Path, method: str, url: str, token: str = "") -> tuple[int, str]:
    """Make a request over a Unix socket, following links as an ordinary client does."""
    connection = http.client.HTTPConnection("hub.localhost", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    with closing(connection):
        headers = {"Authorization": f"token {token}"} if token else {}
        connection.request(method, url, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")


@pytest.mark.parametrize(
    ("person", "word"),
    [("nora", "second factor"), ("mallory", "not a researcher"), ("adam", "not a researcher")],
)
def test_who_may_not_enter_is_refused_with_a_sentence_and_logged(hub, person: str, word: str):
    """SATRE 3.2.04: multifactor; R21: named users only."""
    answer = Caller(hub).log_in(person)
    assert answer.status == 403 and word in answer.text
    (denied,) = events(hub, "login", person)
    assert denied["verdict"] == "denied" and word in denied["detail"]["sentence"]


def test_a_log_in_begun_elsewhere_is_refused_and_logged(hub):
    before = len(events(hub, "login", "unknown"))
    forged = f"{hub.settings.hub_url}/hub/oauth_callback?code=stolen&state=forged"
    assert Caller(hub).go("GET", forged).status == 400
    (denied,) = events(hub, "login", "unknown")[before:]
    assert (denied["verdict"], denied["detail"]["code"]) == ("denied", "hub.login-refused")
    assert "stolen" not in str(denied)


def test_an_account_the_provider_does_not_know_cannot_be_invented(hub):
    assert Caller(hub).log_in("eve").status == 400


def test_nobody_edits_accounts_at_the_provider_from_outside(hub):
    caller, base = Caller(hub), hub.settings.oidc_issuer
    body = json.dumps({"amr": ["mfa"], "groups": ["researcher"]})
    put = caller.once("PUT", f"{base}/users/nora", body, **{"Content-Type": "application/json"})
    assert put.status == 404


@pytest.mark.parametrize("project", ["early-start", "no-such-project"])
def test_a_forged_project_opens_nothing_and_is_logged(hub, rosa: Caller, project: str):
    before = set(left_over(hub.settings.instance))
    looked = rosa.go("GET", f"{hub.settings.hub_url}/hub/spawn/rosa/{project}")
    assert looked.status == 403 and "not named as a researcher" in looked.text
    rosa.spawn("rosa", project)
    hub.until(
        lambda: project in {f["project"] for f in events(hub, "access.denied", "rosa")},
        what="the refusal's event",
    )
    assert not [s for s in hub.store.sessions() if s.project == project]
    assert set(left_over(hub.settings.instance)) == before


def test_nobody_opens_a_workspace_as_somebody_else(hub, rosa: Caller):
    assert rosa.spawn("ravi", "early-start").status in (403, 404)
    assert not [s for s in hub.store.sessions() if s.person == "ravi"]


def test_a_browser_session_cannot_make_tokens(hub, rosa: Caller):
    """With one, a script outside could take what a person may only look at."""
    assert rosa.call("GET", "/hub/api/user").status == 200
    assert rosa.call("POST", "/hub/api/users/rosa/tokens", "{}").status in (403, 404)
    assert rosa.call("GET", "/hub/api/users/rosa/tokens").status in (403, 404)
    assert rosa.go("GET", f"{hub.settings.hub_url}/hub/token").status == 403


def test_another_person_s_workspace_does_not_open(hub, rosa: Caller):
    ravi = Caller(hub)
    ravi.log_in("ravi")
    url = hub.settings.hub_url.replace("://", "://rosa.") + "/user/rosa/credential-pay/lab"
    assert ravi.go("GET", url).status == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/hub/api/users"),
        ("GET", "/hub/api/users/ravi"),
        ("GET", "/hub/api/services"),
        ("GET", "/hub/api/proxy"),
        ("GET", "/hub/api/groups"),
        ("POST", "/hub/api/users/rosa/tokens"),
        ("POST", "/hub/api/users/rosa/servers/early-start"),
        ("POST", "/hub/api/users/mallory"),
        ("POST", "/hub/api/shutdown"),
    ],
)
def test_a_workspace_s_token_is_worth_nothing_twice_over(hub, token: str, method: str, path: str):
    """The socket refuses the call; behind it, without the socket's rule, the scopes refuse it."""
    inside = places.workspace_api(hub.settings) / "hub.sock"
    assert over(inside, "GET", "/hub/api/user", token)[0] == 200
    status, text = over(inside, method, path, token)
    assert status == 403 and "Not for a workspace" in text
    status, _ = over(places.hub_socket(hub.settings), method, path, token)
    assert status in (403, 404)


def test_a_workspace_sees_no_page_of_the_hub(hub, token: str):
    inside = places.workspace_api(hub.settings) / "hub.sock"
    assert over(inside, "GET", "/hub/login")[0] == 403
    assert over(places.hub_socket(hub.settings), "GET", "/hub/login")[0] in (200, 302)  # the rule's


def test_the_routing_interface_wants_its_token(hub):
    socket_ = places.proxy_socket(hub.settings)
    assert over(socket_, "GET", "/api/routes", "guess")[0] == 403
    assert over(socket_, "GET", "/api/routes", places.secret(hub.settings, "proxy.token"))[0] == 200


@pytest.mark.parametrize(
    "path", ["files/welcome.ipynb", "nbconvert/html/welcome.ipynb", "api/terminals"]
)
def test_a_logged_in_researcher_downloads_nothing_by_path(hub, rosa: Caller, path: str):
    base = hub.settings.hub_url.replace("://", "://rosa.")
    answer = rosa.go("GET", f"{base}/user/rosa/credential-pay/{path}")
    assert answer.status == 403 and "egress.only-by-review" in answer.text


def test_bytes_that_leave_a_workspace_are_counted(hub, rosa: Caller):
    base = hub.settings.hub_url.replace("://", "://rosa.")
    rosa.go("GET", f"{base}/user/rosa/credential-pay/lab")
    key = places.secret(hub.settings, "proxy.token")
    _, text = over(places.proxy_socket(hub.settings), "GET", "/api/ledger", key)
    (day,) = json.loads(text).values()
    assert day["rosa/credential-pay"][0] > 0


def test_a_socket_swapped_for_a_link_to_docker_leads_nowhere(hub, rosa: Caller):
    """Last, since the workspace's server is out of reach after it."""
    (session,) = left_over(hub.settings.instance)
    path = places.server_socket(hub.settings, session)
    client = docker.from_env()
    try:
        (container,) = left_over(hub.settings.instance).values()
        swap = "rm /run/enclave/server/server.sock; ln -s /var/run/docker.sock $_"
        run = client.api.exec_create(container, ["bash", "-c", swap], user="1000:1000")
        client.api.exec_start(run)
    finally:
        client.close()
    assert path.is_symlink()
    # Without the pinned socket the link works: an ordinary client reaches Docker through it.
    assert "ApiVersion" in over(path, "GET", "/version")[1]
    host = f"rosa.{urlsplit(hub.settings.hub_url).netloc}"
    status, text = get(hub.settings.hub_url, "/user/rosa/credential-pay/version", host)
    assert status == 503 and b"replaced by a link" in text
