"""The small rules at the door, one by one."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.errors import Invalid
from enclave.web import csrf, words
from enclave.web.addresses import HOME, local, local_part
from enclave.web.app import make_app
from enclave.web.errors import CrossSite
from enclave.web.headers import Attachment, security_headers
from enclave.web.visit import current, static
from tests.support import gallery

OURS = "https://review.example.gov"


@given(st.text())
def test_a_next_is_a_path_of_ours_or_the_home_page(address):
    path = local(address)
    assert path.startswith("/") and path[1:2] not in ("/", "\\")
    assert path.isascii() and path.isprintable() and " " not in path
    assert urlsplit(path).netloc == "" and urlsplit(path).scheme == ""


@given(
    st.sampled_from(["/", "//", "/\\", "\\", ":", "@", "?", "http:", "x", "\t", "%2f"]).flatmap(
        lambda head: st.lists(st.sampled_from(["/", "\\", ":", "@", "?", "x", "\n", "."])).map(
            lambda tail: head + "".join(tail)
        )
    )
)
def test_no_mixture_of_slashes_leads_off_the_site(address):
    assert urlsplit(local(address)).netloc == ""


def test_a_referer_of_ours_is_a_way_back_and_no_other_is():
    assert local_part(f"{OURS}/confirm/7?x=1", origin=OURS) == "/confirm/7?x=1"
    assert local_part(f"{OURS}.elsewhere.example/confirm", origin=OURS) == HOME
    assert local_part("https://elsewhere.example/confirm", origin=OURS) == HOME
    assert local_part(None, origin=OURS) == HOME


@given(
    st.dictionaries(
        st.sampled_from(["sec-fetch-site", "origin", "referer"]),
        st.sampled_from(["same-origin", "same-site", "cross-site", "none", "null", OURS, "x"]),
    )
)
def test_a_post_passes_only_if_the_browser_says_it_is_ours(headers):
    says_ours = [
        headers.get("sec-fetch-site") in (None, "same-origin"),
        headers.get("origin") in (None, OURS),
        "sec-fetch-site" in headers or "origin" in headers,
    ]
    if all(says_ours):
        csrf.check("POST", headers, OURS)
    else:
        with pytest.raises(CrossSite):
            csrf.check("POST", headers, OURS)


@pytest.mark.parametrize(
    "url", ["http://review.example.gov", "http://localhost.example", "ftp://x"]
)
def test_a_site_in_the_clear_does_not_start(house, url):
    with pytest.raises(Invalid, match="https"):
        make_app(
            gallery.site(url), (), settings=house.settings, store=house.store, audit=house.audit
        )


def test_https_sites_ask_for_https_for_a_year():
    assert "Strict-Transport-Security" in security_headers(issuer=OURS, https=True)
    assert "Strict-Transport-Security" not in security_headers(issuer=OURS, https=False)


@given(st.text(max_size=50))
def test_no_file_name_splits_a_header(name):
    value = Attachment(b"", name).headers["content-disposition"]
    assert value.isascii() and value.isprintable()
    assert value.count('"') == 2


def test_the_navigation_marks_the_longest_address_that_fits():
    nav = (("Start", "/"), ("Requests", "/requests"), ("Old", "/requests/old"))
    assert current(nav, "/requests/old/7") == "/requests/old"
    assert current(nav, "/requests/7") == "/requests"
    assert current(nav, "/") == "/"
    assert current(nav, "/requestsfoo") is None


def test_a_static_address_carries_its_content_and_may_be_kept_for_good(visitor):
    with_hash = visitor.get(static("enclave/enclave.css"))
    assert with_hash.headers["cache-control"] == "public, max-age=31536000, immutable"
    without = visitor.get("/static/enclave/enclave.css")
    assert without.headers["cache-control"] == "public, max-age=3600"


def test_every_static_file_the_style_sheet_names_on_our_pages_is_there(visitor):
    for font in (
        "source-sans-pro/sourcesanspro-regular-webfont",
        "roboto-mono/roboto-mono-v5-latin-regular",
    ):
        assert visitor.get(f"/static/uswds-3.14.0/fonts/{font}.woff2").status_code == 200
    for icon in ("error", "info", "warning", "check_circle", "navigate_next", "unfold_more"):
        assert visitor.get(f"/static/uswds-3.14.0/img/usa-icons/{icon}.svg").status_code == 200


def test_values_are_written_for_people():
    assert words.number(1234567) == "1,234,567"
    assert words.count(1, "request") == "1 request"
    assert words.count(2, "agency", "agencies") == "2 agencies"
    assert "1970-01-01 00:00:01 UTC" in words.when_ms(1000)
    assert words.shortened("<b>") == "&lt;b&gt;"
    assert "&lt;script" in words.shortened("<script>alert(1)</script>", 8)
