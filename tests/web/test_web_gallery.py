"""Our pages in a real browser: readable by everyone, usable by keyboard, whole without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.axe import assert_accessible
from tests.support.browser import NARROW, WIDE, log_in, screenshot

pytestmark = pytest.mark.browser

PAGES = {
    "index": "/",
    "table-0": "/table?n=0",
    "table-1": "/table?n=1",
    "table-10000": "/table?n=10000&page=200&size=25",
    "table-filtered-away": "/table?n=10&find=nothing+like+this",
    "table-long": "/table?n=30&long=1",
    "charts-0": "/charts?n=0",
    "charts-1": "/charts?n=1",
    "charts-12": "/charts?n=12",
    "charts-10000": "/charts?n=10000&long=1",
    "account": "/account",
    "confirm": "/confirm/7",
    "denied": "/denied",
    "missing": "/nowhere",
    "failed": "/boom",
}


def enter(page, url, who="dora"):
    page.goto(url)
    log_in(page, who)
    page.wait_for_url(f"{url}/**")


def test_every_page_meets_wcag_2_1_aa_wide_and_narrow(page, gallery_url):
    enter(page, gallery_url)
    for name, path in PAGES.items():
        for width, size in (("wide", WIDE), ("narrow", NARROW)):
            page.set_viewport_size(size)
            page.goto(gallery_url + path)
            screenshot(page, f"gallery-{name}-{width}")
            assert_accessible(page)
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{path} is {overflow}px too wide at {size}"


def test_the_session_cookie_keeps_its_host_prefix_on_plain_loopback(page, gallery_url):
    """Chromium takes a Secure `__Host-` cookie from http://*.localhost: no weaker name needed."""
    enter(page, gallery_url)
    (cookie,) = [c for c in page.context.cookies() if c["name"] == "__Host-enclave"]
    assert cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    assert cookie["path"] == "/" and cookie["domain"] == "review.localhost"
    assert page.evaluate("document.cookie") == ""


def test_everything_works_with_javascript_off(plain_page, gallery_url):
    page = plain_page
    enter(page, gallery_url)
    page.get_by_role("link", name="Requests").click()
    page.get_by_role("link", name="Title").click()
    assert page.get_by_role("columnheader", name="Title").get_attribute("aria-sort") == "ascending"
    page.get_by_label("Words in the title").fill("credential 1")
    page.get_by_label("State").select_option("in review")
    page.get_by_role("button", name="Filter").click()
    assert page.locator("tbody tr").count() == 2
    page.goto(f"{gallery_url}/table?n=200")
    page.get_by_role("link", name="Next page").click()
    assert "26 to 50 of 200" in page.inner_text("caption")
    page.goto(f"{gallery_url}/charts?n=5")
    page.get_by_text("The same numbers as a table").first.click()
    expect(page.get_by_role("cell", name="37")).to_be_visible()
    page.goto(gallery_url)
    page.get_by_label("What to say").fill("Said without a script.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Said without a script.")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="You are logged out of this site")).to_be_visible()


def test_pictures_keep_their_own_paper_where_the_system_forces_dark_colours(page, gallery_url):
    enter(page, gallery_url)
    page.emulate_media(color_scheme="dark", forced_colors="active")
    page.goto(f"{gallery_url}/charts?n=12")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 0)"
    papers = page.evaluate(
        "[...document.querySelectorAll('svg')].map(e => getComputedStyle(e).backgroundColor)"
    )
    assert papers and set(papers) == {"rgb(255, 255, 255)"}
    screenshot(page, "gallery-charts-forced-dark")


def test_a_vote_goes_through_a_new_log_in_by_keyboard_alone(page, gallery_url, clock):
    clock.forward(-6 * 60)  # logged in six minutes ago
    enter(page, gallery_url)
    clock.forward(6 * 60)
    page.goto(f"{gallery_url}/table?n=3")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    page.keyboard.press("Enter")
    tab_to(page, "R-2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/oauth2/authorize**")
    log_in(page, "dora")
    page.wait_for_url(f"{gallery_url}/confirm/2")
    screenshot(page, "gallery-confirm-after-login")
    tab_to(page, "Vote to approve")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{gallery_url}/table")
    expect(page.get_by_text("Your vote on 2 was counted (abc).")).to_be_visible()


def test_every_control_shows_where_the_keyboard_is(page, gallery_url):
    enter(page, gallery_url)
    page.goto(f"{gallery_url}/table?n=3")
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "(() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.tagName, e.textContent.trim().slice(0, 30),"
            " s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 1]; })()"
        )
        if found[0] == "BODY":
            break
        seen.append(found)
    assert len(seen) > 12
    assert [where for where in seen if not where[2]] == []


def test_a_person_is_warned_before_an_idle_session_ends_and_can_stay(page, gallery_url, clock):
    """WCAG 2.1, 2.2.1 Timing Adjustable."""
    page.clock.install()
    enter(page, gallery_url)
    page.clock.fast_forward("13:30")
    clock.forward(13.5 * 60)
    notice = page.get_by_role("alert").filter(has_text="logged out in two minutes")
    notice.wait_for()
    screenshot(page, "gallery-idle", full_page=False)
    assert_accessible(page)
    page.get_by_role("button", name="Stay logged in").click()
    notice.wait_for(state="hidden")
    clock.forward(5 * 60)
    page.goto(f"{gallery_url}/table")
    expect(page.get_by_role("heading", name="Release requests").first).to_be_visible()


def test_an_ended_session_leads_back_to_the_page_it_ended_on(page, gallery_url, clock):
    enter(page, gallery_url)
    clock.forward(16 * 60)
    page.goto(f"{gallery_url}/table?n=7&sort=title")
    screenshot(page, "gallery-session-ended")
    assert_accessible(page)
    page.get_by_role("link", name="Log in and return to where you were").click()
    clock.ahead = 0
    log_in(page, "dora")
    page.wait_for_url(f"{gallery_url}/table?n=7&sort=title")


def test_someone_without_a_role_reads_what_to_do(page, gallery_url):
    page.goto(gallery_url)
    log_in(page, "rosa")
    page.wait_for_url(f"{gallery_url}/oidc/callback**")
    screenshot(page, "gallery-not-admitted")
    assert_accessible(page)
    expect(page.get_by_text("ask the operating group")).to_be_visible()


def tab_to(page, text):
    """Press Tab until the control with this text has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == text:
            return
    raise AssertionError(f"no way to {text} by keyboard")
