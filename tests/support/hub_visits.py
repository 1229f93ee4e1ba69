"""What a researcher does at the hub in a browser, for the flow and hostile tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, Response, expect

from tests.support.hub import RunningHub

SPAWN_MS = 90_000


@contextmanager
def visit(browser: Browser) -> Iterator[Page]:
    """A browser of one's own: nobody inherits a log-in."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, accept_downloads=True)
    context.set_default_timeout(SPAWN_MS)
    try:
        yield context.new_page()
    finally:
        context.close()


def log_in(page: Page, hub: RunningHub, person: str) -> Response | None:
    """Log in through the identity provider and return the answer the person ended on."""
    page.goto(hub.settings.hub_url)
    with page.expect_response(re.compile("/hub/(home|oauth_callback)")) as answer:
        page.get_by_role("button", name=person, exact=True).click()
    page.wait_for_load_state()
    return answer.value


def open_workspace(page: Page, project: str) -> None:
    """Choose a project; wait until the welcome notebook and its kernel are there."""
    row = page.locator(f"[data-server-name={project}]")
    row.get_by_role("button", name="Open workspace").click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".jp-NotebookPanel .jp-Cell").first).to_be_visible(timeout=SPAWN_MS)
    kernel_is_idle(page)


def kernel_is_idle(page: Page) -> None:
    """Wait for the kernel: a cell run before it answers ends in a dialog."""
    expect(page.get_by_text(re.compile(r"\| Idle"))).to_be_visible(timeout=SPAWN_MS)


def workspace_url(hub: RunningHub, person: str, project: str) -> str:
    """The address of a person's server on a project."""
    base = hub.settings.hub_url.replace("://", f"://{person}.")
    return f"{base}/user/{person}/{project}"


def from_page(page: Page, method: str, path: str) -> int:
    """Make a call as a script on this page would, cookies and XSRF token with it."""
    script = """async ([method, path]) => {
        const token = (document.cookie.match(/_xsrf=([^;]+)/) || [])[1] || "";
        const answer = await fetch(path, {method, headers: {"X-XSRFToken": token}});
        return answer.status;
    }"""
    return int(page.evaluate(script, [method, path]))
