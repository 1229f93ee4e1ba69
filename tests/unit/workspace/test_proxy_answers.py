"""What the proxy says itself: a page for a person, a plain sentence for a script."""

from __future__ import annotations

from typing import cast

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from hub_config.proxy.forward import told

NAVIGATING = {"Sec-Fetch-Mode": "navigate"}


def asked(headers: dict[str, str]) -> web.Request:
    app = {"hub_url": "http://hub.localhost:8000"}
    return make_mocked_request("GET", "/", headers=headers, app=cast(web.Application, app))


def test_a_person_gets_a_page_that_leads_home_and_runs_nothing() -> None:
    answer = told(asked(NAVIGATING), 503, "It is <b>away</b>.")
    assert (answer.status, answer.content_type) == (503, "text/html")
    assert answer.headers["Retry-After"] == "2"
    assert 'lang="en"' in str(answer.text) and "<title>" in str(answer.text)
    assert 'href="http://hub.localhost:8000/hub/home"' in str(answer.text)
    assert "It is &lt;b&gt;away&lt;/b&gt;." in str(answer.text)


def test_a_script_gets_the_sentence_alone() -> None:
    answer = told(asked({}), 404, "Nothing runs here.")
    assert (answer.status, answer.text, answer.content_type) == (
        404,
        "Nothing runs here.",
        "text/plain",
    )
