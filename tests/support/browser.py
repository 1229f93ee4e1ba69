"""Headless Chromium for the tests: one browser a session, a fresh context a test.

Screenshots land under tests/artifacts/ (not kept in git); the docs copy the ones they show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ARTIFACTS = Path(__file__).parents[1] / "artifacts"
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 320, "height": 640}


@contextmanager
def chromium_browser() -> Iterator[Browser]:
    """A running Chromium; *.localhost names lead to the loopback by its own rule (RFC 6761)."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        yield browser
        browser.close()


def screenshot(page: Page, name: str, *, full_page: bool = True) -> Path:
    """Save what the page looks like; return the file."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    path = ARTIFACTS / f"{name}.png"
    page.screenshot(path=path, full_page=full_page)
    return path


def log_in(page: Page, subject: str) -> None:
    """On the mock provider's page, press the button of one person (or type the name)."""
    button = page.get_by_role("button", name=subject, exact=True)
    if button.count():
        button.first.click()
    else:
        page.locator("input[name=sub]").fill(subject)
        page.get_by_role("button", name="Authorize").click()


def console_errors(page: Page) -> list[str]:
    """Collect, from now on, what the page complains about: CSP violations among it."""
    seen: list[str] = []

    def note(message: Any) -> None:
        if message.type in ("error", "warning"):
            seen.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: seen.append(str(error)))
    return seen
