"""Requests another page makes the victim's browser send."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.browser import log_in

SAID = "planted by another site"
OURS = "http://review.localhost:8001"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="cross-site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="a neighbouring host"),
        pytest.param({"Sec-Fetch-Site": "none"}, id="typed or bookmarked"),
        pytest.param({"Origin": "http://hub.localhost:8000"}, id="the hub's origin"),
        pytest.param({"Origin": "null"}, id="a sandboxed frame"),
        pytest.param({"Origin": "http://review.localhost:8001.elsewhere.example"}, id="prefix"),
        pytest.param({"Origin": "https://review.localhost:8001"}, id="another scheme"),
        pytest.param({"Origin": OURS, "Sec-Fetch-Site": "cross-site"}, id="headers that differ"),
        pytest.param(
            {"Origin": "http://hub.localhost:8000", "Sec-Fetch-Site": "same-origin"},
            id="headers that differ the other way",
        ),
        pytest.param({}, id="neither header"),
        pytest.param({"Referer": f"{OURS}/"}, id="a referer alone"),
    ],
)
def test_a_form_from_elsewhere_changes_nothing(visitor, headers):
    visitor.log_in("dora")
    answer = visitor.client.post("/say", data={"text": SAID}, headers=headers)
    assert answer.status_code == 403
    assert SAID not in visitor.get("/table").text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_is_changed_by_any_method_but_post(visitor, method):
    visitor.log_in("dora")
    headers = {"Origin": OURS, "Sec-Fetch-Site": "same-origin"}
    assert visitor.client.request(method, "/any", headers=headers).status_code == 405
    assert "changed by another method" not in visitor.get("/table").text


def test_logging_out_cannot_be_done_to_somebody(visitor):
    visitor.log_in("dora")
    visitor.client.post("/logout", headers={"Sec-Fetch-Site": "cross-site"})
    assert visitor.get("/logout").status_code == 405
    assert visitor.get("/table").status_code == 200


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1:8001", "review.localhost", ""])
def test_another_host_name_gets_no_page(visitor, host):
    """DNS rebinding: a name the attacker owns, led to our address."""
    visitor.log_in("dora")
    answer = visitor.client.get("/table", headers={"Host": host})
    assert answer.status_code == 421
    assert "Release requests" not in answer.text


def test_health_is_told_under_any_name_and_says_nothing_else(visitor):
    answer = visitor.client.get("/healthz", headers={"Host": "127.0.0.1:8001"})
    assert (answer.status_code, answer.text) == (200, "ok\n")


@pytest.fixture
def evil_port() -> Iterator[int]:
    """A web server of the attacker's: one page with a form that sends itself to `?to=`."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = self.path.partition("to=")[2]
            body = (
                f'<form method=post action="{target}/say"><input name=text value="{SAID}"></form>'
                "<script>document.forms[0].submit()</script>"
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.browser
@pytest.mark.parametrize("host", ["hub.localhost", "notebook.review.localhost"])
def test_a_real_browser_on_another_origin_cannot_act_for_the_person(
    page, gallery_url, evil_port, host
):
    """The second host is same-site with ours: its requests carry the cookie all the same."""
    page.goto(gallery_url)
    log_in(page, "dora")
    page.wait_for_url(f"{gallery_url}/**")
    page.goto(f"http://{host}:{evil_port}/?to={gallery_url}")
    page.wait_for_url(f"{gallery_url}/say")
    assert "did not come from a page of this site" in page.inner_text("main")
    page.goto(f"{gallery_url}/table")
    assert page.get_by_role("heading", name="Release requests").count()
    assert SAID not in page.inner_text("body")
