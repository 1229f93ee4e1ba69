"""What the proxy lets through: paths, headers, redirects (R36: only egress leads out)."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_config.proxy import rules
from hub_config.proxy.routes import Routes

MINE = ("user", "rosa", "credential-pay")


@pytest.mark.parametrize(
    "inside",
    [
        ("files", "notes.txt"),
        ("nbconvert", "html", "a.ipynb"),
        ("terminals", "websocket", "1"),
        ("api", "terminals"),
        ("api", "nbconvert"),
    ],
)
def test_paths_that_hand_out_files_or_a_shell_are_refused(inside):
    assert rules.refuses((*MINE, *inside), (), workspace=True)


def test_a_download_query_is_refused_on_any_path():
    assert rules.refuses((*MINE, "lab"), ("download",), workspace=True)


@pytest.mark.parametrize("inside", [("lab",), ("api", "contents", "files"), ("static", "a.js"), ()])
def test_what_jupyterlab_needs_passes(inside):
    assert not rules.refuses((*MINE, *inside), (), workspace=True)


@pytest.mark.parametrize("path", [("hub", "token"), ("hub", "admin")])
def test_the_hub_s_token_and_admin_pages_are_refused(path):
    assert rules.refuses(path, (), workspace=False)


@pytest.mark.parametrize(
    "raw",
    ["/user/rosa/p/%2e%2e/x", "/user/rosa/p/fi%2Fles", "/a/../b", "/a/..%5Cb", "/a/b%00c"],
)
def test_a_path_that_decodes_into_another_is_not_read_at_all(raw: str):
    assert rules.segments(raw) is None


@given(st.lists(st.text(min_size=1).filter(lambda s: s not in {".", ".."}), max_size=6))
def test_every_harmless_path_is_read_as_it_was_meant(parts: list[str]):
    harmless = [p for p in parts if not set("/\\\0") & set(p)]
    raw = "/" + "/".join(quote(p, safe="", errors="replace") for p in harmless)
    expected = [p.encode(errors="replace").decode() for p in harmless]
    assert rules.segments(raw) == tuple(expected)


def test_a_slash_too_many_does_not_hide_a_refused_path():
    path = rules.segments("/user/rosa//credential-pay///files/a")
    assert path is not None and rules.refuses(path, (), workspace=True)


@pytest.mark.parametrize(
    ("method", "path", "may"),
    [
        ("GET", "hub/api", True),
        ("GET", "hub/api/user", True),
        ("POST", "hub/api/oauth2/token", True),
        ("POST", "hub/api/users/rosa/activity", True),
        ("GET", "hub/api/users", False),
        ("POST", "hub/api/users/rosa/tokens", False),
        ("POST", "hub/api/users/rosa/servers/p", False),
        ("GET", "hub/api/proxy", False),
        ("POST", "hub/api/shutdown", False),
        ("GET", "hub/login", False),
        ("GET", "hub/home", False),
    ],
)
def test_a_workspace_may_make_four_calls_to_the_hub(method: str, path: str, may: bool):
    assert rules.workspace_may_call(method, tuple(path.split("/"))) is may


@pytest.mark.parametrize(
    "header",
    [
        ("Content-Disposition", "attachment"),
        ("Refresh", "0; url=http://elsewhere.example/?data"),
        ("Link", "<http://elsewhere.example/?data>; rel=preload"),
        ("Report-To", "{}"),
        ("NEL", "{}"),
        ("Service-Worker-Allowed", "/"),
        ("Clear-Site-Data", '"*"'),
        ("Content-Security-Policy", "default-src *"),
        ("content-security-policy", "default-src *"),
        ("Location", "http://elsewhere.example/?data"),
        ("Location", "//elsewhere.example/?data"),
        ("Location", "\\\\elsewhere.example"),
        ("Location", "https:elsewhere.example"),
        ("Location", "http://hub.localhost.elsewhere.example/"),
    ],
)
def test_a_workspace_s_answer_cannot_send_the_browser_elsewhere(header):
    assert not rules.response_headers([header], workspace=True, domain="hub.localhost")


@pytest.mark.parametrize("where", ["/user/rosa/p/lab", "http://hub.localhost:8000/hub/api/oauth2"])
def test_redirects_inside_the_enclave_pass(where: str):
    header = ("Location", where)
    assert rules.response_headers([header], workspace=True, domain="hub.localhost") == [header]


def test_a_workspace_cannot_set_cookies_for_the_hub_s_name():
    given_ = [("Set-Cookie", "a=b; Domain=hub.localhost; Path=/")]
    ((_, value),) = rules.response_headers(given_, workspace=True, domain="hub.localhost")
    assert "domain" not in value.lower()


def test_a_client_cannot_say_where_it_comes_from():
    given_ = [("X-Forwarded-For", "1.2.3.4"), ("Forwarded", "for=x"), ("Accept", "*/*")]
    assert rules.request_headers(given_) == [("Accept", "*/*")]


def test_a_workspace_s_page_may_neither_download_nor_open_windows():
    policy = rules.policy(workspace=True, workspaces="")
    sandbox = policy.partition("sandbox ")[2]
    assert "allow-downloads" not in sandbox and "allow-popups" not in sandbox
    assert "connect-src 'self'" in policy and "form-action 'self'" in policy


def test_the_hub_s_pages_are_not_served_on_a_workspace_s_host_name(tmp_path):
    """Notebook scripts run on the workspace's origin; the hub's pages must not stand there."""
    routes = Routes(tmp_path / "routes.json", domain="hub.localhost")
    routes.add("/", {"target": "http+unix://hub", "hub": True})
    assert routes.find("hub.localhost", ("hub", "home")) is not None
    assert routes.find("rosa.hub.localhost", ("hub", "home")) is None
    assert routes.find("hub.localhost.elsewhere.example", ()) is None


def test_routes_come_back_from_their_file(tmp_path):
    body = {"target": "http+unix://s", "user": "rosa", "server_name": "p"}
    Routes(tmp_path / "r.json", domain="h").add("/rosa.h/user/rosa/p", body)
    again = Routes(tmp_path / "r.json", domain="h")
    found = again.find("rosa.h", ("user", "rosa", "p", "lab"))
    assert found is not None and found.owner == "rosa/p" and found.workspace
    assert again.remove("/rosa.h/user/rosa/p") and not again.remove("/rosa.h/user/rosa/p")


def test_one_person_s_route_does_not_match_another_whose_name_begins_alike(tmp_path):
    routes = Routes(tmp_path / "r.json", domain="h")
    routes.add("/rosa.h/user/rosa/p", {"target": "t", "user": "rosa"})
    assert routes.find("rosa.h", ("user", "rosa", "p2")) is None
    assert routes.find("rosalind.h", ("user", "rosa", "p")) is None
