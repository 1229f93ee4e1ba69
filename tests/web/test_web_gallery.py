"""Our pages in a real browser: readable by everyone, usable by keyboard, whole without scripts."""

from __future__ import annotations

import pytest

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
