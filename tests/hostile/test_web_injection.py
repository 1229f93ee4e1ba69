"""Text that wants to be script, header or path."""

from __future__ import annotations

import re

import pytest

from tests.support import gallery
from tests.support.browser import console_errors, log_in

PAGES = ("/", "/table?n=3", "/charts?n=3", "/account", "/denied", "/nowhere", "/boom", "/confirm/1")


def test_a_name_with_a_script_in_it_is_a_name(visitor):
    visitor.log_in("evil")
    for path in PAGES:
        page = visitor.get(path).text
        assert gallery.SCRIPT not in page, path
        assert "<script>" not in page, path


@pytest.mark.parametrize(
    "path",
    [
        "/%3Cscript%3Ealert(1)%3C/script%3E",
        '/table?find="><script>alert(1)</script>',
        "/table?sort=<script>alert(1)</script>",
        "/table?page='><img src=x onerror=alert(1)>&n=100",
        '/table?x"><script>alert(1)</script>=1&n=100',
    ],
)
def test_an_address_with_a_script_in_it_is_text(visitor, path):
    visitor.log_in("dora")
    page = visitor.get(path).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_no_page_has_inline_script_style_or_handlers(visitor):
    """What CSP would block must not be there in the first place."""
    visitor.log_in("dora")
    for path in PAGES:
        page = visitor.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), path
        assert not re.search(r"<style|\sstyle=|\son\w+=", page), path


@pytest.mark.parametrize("path", [*PAGES, "/login", "/healthz", "/logged-out", "/static/none"])
def test_every_answer_carries_the_policy_even_when_it_fails(visitor, path):
    visitor.log_in("dora")
    headers = visitor.get(path).headers
    policy = dict(
        part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == f"'self' {visitor.idp.issuer}"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_what_nobody_foresaw_shows_no_traceback(visitor):
    visitor.log_in("dora")
    answer = visitor.get("/boom")
    assert answer.status_code == 500
    assert "secret-detail" not in answer.text and "Traceback" not in answer.text
    assert "operating group" in answer.text


def test_a_file_is_saved_never_shown_and_its_name_splits_no_header(visitor):
    visitor.log_in("dora")
    headers = visitor.get("/file").headers
    assert headers["content-disposition"].startswith("attachment;")
    assert headers["content-security-policy"].startswith("sandbox")
    assert "\n" not in headers["content-disposition"] and "set-cookie" not in headers
    assert "%22q1%22%0D%0ASet-Cookie" in headers["content-disposition"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2f..%2fsettings.py",
        "/static//etc/passwd",
    ],
)
def test_static_serves_no_file_outside_its_folder(visitor, path):
    assert visitor.get(path).status_code in (303, 404)


def test_a_body_without_end_is_cut_off(visitor):
    visitor.log_in("dora")
    answer = visitor.post("/say", data={"text": "a" * 2_000_000})
    assert answer.status_code == 413


def test_a_cookie_header_that_cannot_be_read_is_no_error(visitor):
    answer = visitor.client.get("/table", headers={"Cookie": "__Host-enclave=\x01; =;;;="})
    assert answer.status_code in (303, 401)


@pytest.mark.browser
def test_a_browser_runs_nothing_of_it_and_has_nothing_to_complain_about(page, gallery_url):
    complaints = console_errors(page)
    page.goto(gallery_url)
    log_in(page, "evil")
    page.wait_for_url(f"{gallery_url}/**")
    for path in PAGES:
        page.goto(gallery_url + path)
        assert page.title().endswith("· Enclave"), path
    blocked = [text for text in complaints if "Content Security Policy" in text]
    assert blocked == []


@pytest.mark.browser
def test_the_policy_stops_a_script_that_got_in_all_the_same(page, gallery_url):
    page.goto(gallery_url)
    log_in(page, "dora")
    page.wait_for_url(f"{gallery_url}/**")
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', "
        "'<img src=x onerror=\"document.title=String.fromCharCode(33)\">')"
    )
    page.evaluate(
        "() => { const s = document.createElement('script');"
        " s.textContent = 'document.title=\"owned\"'; document.body.append(s); }"
    )
    assert page.title().endswith("· Enclave")
