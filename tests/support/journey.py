"""The journey's steps as a person makes them in a browser; the flow tests put them in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from enclave.settings import Settings

PICTURES = Path(__file__).parents[2] / "docs" / "tutorial" / "img"
SPAWN_MS = 90_000
CELL_MS = 60_000


@dataclass
class Visitor:
    """One person with a browser of their own, so that nobody inherits a log-in."""

    person: str
    context: BrowserContext
    page: Page

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")


def visitor(browser: Browser, person: str) -> Visitor:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, accept_downloads=True)
    return Visitor(person, context, context.new_page())


def choose_account(visit: Visitor) -> None:
    """Pick the person's account on the stand-in identity provider's page."""
    page = visit.page
    page.get_by_role("button", name=re.compile(rf"\b{visit.person}\b", re.I)).first.click()


def open_workspace(visit: Visitor, settings: Settings, project: str) -> None:
    """Log in at the hub, choose a project and wait until JupyterLab is there."""
    page = visit.page
    page.goto(settings.hub_url)
    sign_in = page.get_by_role("link", name=re.compile("sign in", re.I))
    if sign_in.count():
        sign_in.first.click()
    choose_account(visit)
    expect(page.get_by_text(project).first).to_be_visible()


@dataclass
class Notebook:
    """A notebook in JupyterLab: type a cell, run it, read what it prints."""

    page: Page
    cells: int = 0

    def run(self, code: str) -> Locator:
        """Run one cell and return its output area once the kernel is done with it."""
        page = self.page
        cell = page.locator(".jp-NotebookPanel:visible .jp-CodeCell").nth(self.cells)
        cell.locator(".cm-content").click()
        page.keyboard.insert_text(code)
        page.keyboard.press("Shift+Enter")
        done = cell.locator(".jp-InputArea-prompt")
        expect(done).to_have_text(re.compile(r"\[\d+\]"), timeout=CELL_MS)
        self.cells += 1
        return cell.locator(".jp-Cell-outputWrapper")
