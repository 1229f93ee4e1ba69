"""The journey's steps as people make them in a browser; the flow tests put them in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from enclave.settings import Settings
from tests.support.browser import log_in

PICTURES = Path(__file__).parents[1] / "artifacts" / "journey"
SPAWN_MS = 120_000
CELL_MS = 90_000
TAKEN_MS = 5_000  # by when a cell that was taken says so
TITLE = "Wages by credential and county"

ALLOWED = """
wages = query('''
    SELECT c.credential, w.county, count(*) AS records, sum(w.wage) AS wages
    FROM credentials AS c JOIN wages AS w ON w.person_id = c.person_id
    WHERE w.year = 2021
    GROUP BY CUBE (c.credential, w.county)
    ORDER BY ALL
''')
print(len(wages), 'rows, query', wages.attrs['enclave.query'])
wages.head(8)
""".strip()
DENIED = "query('SELECT person_id, employer_id FROM wages')"
SUBMIT = f"""
wages.to_csv('table.csv', index=False)
submit('table.csv', title='{TITLE}', queries=[wages],
       context='Table 1 of the colleges report: records and wages in 2021.')
""".strip()


COOKIES: set[str] = set()  # what every visitor's browser held at the end: credentials


@dataclass
class Visit:
    """One person in a browser of their own, so that nobody inherits a log-in."""

    person: str
    page: Page

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")


@contextmanager
def visit(browser: Browser, person: str) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, accept_downloads=True)
    context.set_default_timeout(CELL_MS)
    try:
        yield Visit(person, context.new_page())
    finally:
        COOKIES.update(each.get("value", "") for each in context.cookies())
        context.close()


def enter(who: Visit, url: str) -> None:
    """Open one of our sites and log in if it asks."""
    who.page.goto(url)
    continue_to_login = who.page.get_by_role("link", name=re.compile("^log in", re.I))
    if continue_to_login.count():
        continue_to_login.first.click()
    if who.page.locator("input[name=sub]").count() or "/oauth2/authorize" in who.page.url:
        log_in(who.page, who.person)
    who.page.wait_for_load_state()


def open_workspace(
    who: Visit, settings: Settings, project: str, *, picture: str | None = None
) -> Notebook:
    """Log in at the hub, choose the project, start its workspace, open an empty notebook."""
    page = who.page
    enter(who, settings.hub_url)
    expect(page.get_by_text(project).first).to_be_visible()
    if picture:
        who.picture(picture)
    row = page.locator(f"[data-server-name={project}]")
    row.get_by_role("button", name="Open workspace").click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".jp-NotebookPanel .jp-Cell").first).to_be_visible(timeout=SPAWN_MS)
    return Notebook(page)


@dataclass
class Notebook:
    """JupyterLab: run the welcome notebook, then cells of one's own in a new one."""

    page: Page
    cells: int = 0

    def run_all(self) -> Locator:
        """Run every cell of the open notebook and return its panel."""
        page = self.page
        panel = page.locator(".jp-NotebookPanel:visible")
        expect(page.get_by_text(re.compile(r"\| Idle")).first).to_be_visible(timeout=CELL_MS)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        expect(panel.locator(".jp-OutputArea-output").last).to_be_visible(timeout=CELL_MS)
        return panel

    def to_the_top(self, panel: Locator) -> None:
        """Wait until every cell has run, and show the first."""
        expect(self.page.get_by_text(re.compile(r"\| Idle")).first).to_be_visible(timeout=CELL_MS)
        panel.locator(".jp-WindowedPanel-outer").evaluate("it => it.scrollTo(0, 0)")

    def new(self) -> None:
        """Open an empty notebook beside it."""
        self.page.get_by_title("New Launcher", exact=True).click()
        self.page.locator(".jp-LauncherCard:visible").first.click()
        # the status of the notebook before stays in sight until the new one is the one in front
        front = self.page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabLabel")
        expect(front.filter(has_text="Untitled").first).to_be_visible(timeout=CELL_MS)
        expect(self.page.locator(".jp-NotebookPanel:visible .jp-CodeCell")).to_have_count(1)
        expect(self.page.get_by_text(re.compile(r"\| Idle")).first).to_be_visible(timeout=CELL_MS)

    def run(self, code: str) -> Locator:
        """Run one cell and return its outputs once the kernel is done with it."""
        page = self.page
        cell = page.locator(".jp-NotebookPanel:visible .jp-CodeCell").nth(self.cells)
        cell.locator(".cm-content").click()
        page.keyboard.insert_text(code)
        expect(cell.locator(".cm-content")).to_contain_text(code.split(maxsplit=1)[0])
        done = cell.locator(".jp-InputArea-prompt")
        for _ in range(CELL_MS // TAKEN_MS):  # a kernel that is not there yet takes no cell
            cell.locator(".cm-content").click()
            page.keyboard.press("Shift+Enter")
            with suppress(AssertionError):
                expect(done).not_to_have_text("[ ]:", timeout=TAKEN_MS)
                break
        expect(done).to_have_text(re.compile(r"\[\d+\]"), timeout=CELL_MS)
        self.cells += 1
        return cell.locator(".jp-Cell-outputWrapper")


def approve(
    who: Visit, settings: Settings, picture: str | None = None, *, title: str = TITLE
) -> None:
    """Find the request in one's queue, look at both tables, confirm after logging in again."""
    page = who.page
    enter(who, settings.review_url)
    page.get_by_role("link", name=title).first.click()
    expect(
        page.get_by_role("heading", name="The table, as it is and as it would leave")
    ).to_be_visible()
    if picture:
        page.evaluate("document.getElementById('table-heading').scrollIntoView()")
        who.picture(picture)
    page.get_by_role("button", name="Approve…").click()
    if "/oauth2/authorize" in page.url:
        log_in(page, who.person)
    page.get_by_role("button", name="Approve for my agency").click()
    page.wait_for_load_state()


def download(who: Visit, settings: Settings, *, title: str = TITLE) -> dict[str, Path]:
    """Fetch every released file of the request as its author and return them by name."""
    page = who.page
    enter(who, settings.review_url)
    page.get_by_role("link", name=title).first.click()
    expect(page.get_by_role("heading", name="Your files")).to_be_visible()
    who.picture("6-released")
    files = {}
    for link in page.locator("a[download]").all():
        with page.expect_download() as event:
            link.click()
        files[event.value.suggested_filename] = Path(event.value.path())
    return files
