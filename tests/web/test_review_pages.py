"""Reviewers decide on what they see, and researchers fetch what was released (SATRE 3.3, WCAG)."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import event

from egress_review import notices
from egress_review.model import FileKind, OutputFile, Request, State
from egress_review.notices import Notice
from egress_review.sdc.primary import Reason
from egress_review.store import change
from egress_review.submission import Handed
from egress_review.web.shown import WHY
from egress_review.web.viewing import NOT_CHECKED
from enclave.events import Action, Event
from enclave.model import Protection, Review, Unverified
from tests.support.axe import assert_accessible
from tests.support.browser import WIDE, console_errors, log_in, screenshot
from tests.support.crossing import add_project
from tests.support.methods import NOISE, PRIVATE, ROUND
from tests.support.review import BOTH, OTHER, PEOPLE, World, policy, table
from tests.support.reviewing import LONG, ReviewSite, enlarged, many, review_site, unverified

pytestmark = pytest.mark.browser
NARROW = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def site() -> Iterator[ReviewSite]:
    with review_site() as made:
        yield made


@pytest.fixture
def world(site: ReviewSite) -> World:
    """What stands behind the site; requests of earlier tests are in it."""
    site.clock.ahead = 0.0
    return site.world


@pytest.fixture(scope="module")
def pay(site: ReviewSite) -> Request:
    """A request in review, some rows of which are hidden."""
    return site.world.submit(title="Pay by county and industry")


def enter(page: Page, site: ReviewSite, person: str, path: str = "/") -> None:
    page.goto(site.url + path)
    log_in(page, person)
    page.wait_for_url(lambda url: url.startswith(site.url))


def looks_right(page: Page, name: str) -> None:
    """Everyone can read the page, wide and narrow; take its picture both ways."""
    for size, suffix in ((WIDE, ""), (NARROW, "-narrow")):
        page.set_viewport_size(size)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
        screenshot(page, f"review-{name}{suffix}")
    page.set_viewport_size(WIDE)


def in_review(world: World, title: str) -> Request:
    request = world.submit(BOTH, agencies=("dol", "cscu"), title=title)
    assert request.state is State.PROTECTED, request.sentence
    return request


def test_two_reviewers_approve_and_the_researcher_downloads(
    world: World, site: ReviewSite, chromium: Browser
) -> None:
    request = in_review(world, "People by college")
    for person, words in (("dora", "Other agencies still"), ("carl", "the file is released")):
        page = chromium.new_context(viewport=WIDE).new_page()
        enter(page, site, person)
        errors = console_errors(page)
        if person == "dora":
            looks_right(page, "queue")
        page.get_by_role("link", name=request.title).click()
        page.get_by_role("button", name="Approve…").click()
        if person == "dora":
            looks_right(page, "confirm")
        page.get_by_role("button", name="Approve for my agency").click()
        expect(page.get_by_text(words)).to_be_visible()
        looks_right(page, f"after-{person}")
        assert errors == []
        page.context.close()
    page = chromium.new_context(accept_downloads=True).new_page()
    enter(page, site, "rosa")
    looks_right(page, "mine")
    page.get_by_role("link", name=request.title).click()
    looks_right(page, "own")
    with page.expect_download() as got:
        page.get_by_role("link", name="pay.csv").click()
    assert got.value.path().read_text().startswith("institution,people")
    page.get_by_role("link", name="What the certificate says").click()
    expect(page.get_by_role("heading", name="How to check it offline")).to_be_visible()
    looks_right(page, "certificate")
    page.context.close()


# One decision by keys alone ----------------------------------------------------------------------


class Keys:
    """A person without a mouse: presses keys, and counts them."""

    def __init__(self, page: Page):
        self.page, self.pressed = page, 0

    def press(self, key: str) -> None:
        self.pressed += 1
        self.page.keyboard.press(key)

    def access(self, letter: str) -> None:
        """Press Alt and a letter; Playwright's own chord leaves out what Chromium matches."""
        self.pressed += 2
        session = self.page.context.new_cdp_session(self.page)
        code = {"code": f"Key{letter.upper()}", "windowsVirtualKeyCode": ord(letter.upper())}
        for kind in ("rawKeyDown", "char", "keyUp"):
            text = {"text": letter} if kind == "char" else {}
            key = {"type": kind, "modifiers": 1, "key": letter, "unmodifiedText": letter}
            session.send("Input.dispatchKeyEvent", {**key, **code, **text})

    def type(self, text: str) -> None:
        self.pressed += len(text)
        self.page.keyboard.type(text)

    def tab_to(self, words: str) -> None:
        """Press Tab until what has the focus says these words."""
        for _ in range(40):
            self.press("Tab")
            focused = self.page.evaluate("(document.activeElement.innerText || '').trim()")
            if words in focused:
                return
        raise AssertionError(f"Tab does not lead to {words}")

    def log_in_again(self, person: str) -> None:
        """At the stand-in provider, whose field has the focus."""
        expect(self.page.locator("input[name=sub]")).to_be_focused()
        self.type(person)
        self.press("Enter")


def with_access_keys(keys: Keys, title: str) -> None:
    keys.access("o")
    expect(keys.page.get_by_role("heading", level=1, name=title)).to_be_visible()
    keys.access("y")
    keys.log_in_again("dora")
    expect(keys.page.get_by_role("button", name="Approve for my agency")).to_be_visible()
    keys.access("s")


def with_tab_and_enter(keys: Keys, title: str) -> None:
    keys.tab_to("Skip to main content")
    keys.press("Enter")
    keys.tab_to("Open the one to decide first")
    keys.press("Enter")
    expect(keys.page.get_by_role("heading", level=1, name=title)).to_be_visible()
    keys.tab_to("Skip to main content")
    keys.press("Enter")
    keys.tab_to("Go to your decision")
    keys.press("Enter")
    keys.tab_to("Approve…")
    keys.press("Enter")
    keys.log_in_again("dora")
    expect(keys.page.get_by_role("button", name="Approve for my agency")).to_be_visible()
    keys.tab_to("Approve for my agency")
    keys.press("Enter")


@pytest.mark.parametrize(
    ("way", "most"), [(with_access_keys, 12), (with_tab_and_enter, 45)], ids=["keys", "tab"]
)
def test_a_decision_takes_few_keys_and_no_script_the_second_log_in_included(
    world: World,
    site: ReviewSite,
    plain_page: Page,
    way: Callable[[Keys, str], None],
    most: int,
) -> None:
    """At a slow key a second this is less than a minute; looking at the table comes on top."""
    site.clock.ahead = -6 * 60  # the log-in is six minutes old when the clock is right again
    enter(plain_page, site, "dora")
    site.clock.ahead = 0.0
    first = waiting_first(site)
    plain_page.reload()
    keys = Keys(plain_page)
    way(keys, first.title)
    expect(plain_page.get_by_text("Your approval is recorded")).to_be_visible()
    assert len(world.service.reviews.votes(first.id)) == 1
    print(f"{way.__name__}: {keys.pressed} key presses")
    assert keys.pressed <= most


def waiting_first(site: ReviewSite) -> Request:
    """Return a request that dora has to decide before all others."""
    request = in_review(site.world, f"People by college, first of all, {time.monotonic_ns()}")
    page = site.visitor("dora").get("/").text
    found = re.search(r'accesskey="o" href="/requests/(\w+)"', page)
    assert found
    return request if found[1] == request.id else site.world.service.reviews.request(found[1])


# The request page --------------------------------------------------------------------------------


def test_the_page_shows_each_number_beside_what_would_be_released(
    pay: Request, site: ReviewSite, page: Page
) -> None:
    enter(page, site, "dora", f"/requests/{pay.id}")
    count = int(pay.summary["hidden"] or 0)
    hidden = page.locator("tr.rev-hidden")
    expect(hidden).to_have_count(count)
    expect(hidden.first).to_contain_text("[suppressed]")
    expect(hidden.first).to_contain_text("attacker:")
    assert page.locator(".rev-grid td.rev-risk-rule").count() == pay.summary["primary"]
    looks_right(page, "compare")
    page.get_by_role("link", name="Show only the hidden rows").click()
    expect(page.locator(".rev-compare tbody tr")).to_have_count(count)
    page.get_by_role("link", name="Show every row").click()
    page.get_by_role("link", name="hidden to protect others").click()
    expect(page.locator(".rev-compare tbody tr")).to_have_count(
        int(pay.summary["complementary"] or 0)
    )


def test_what_an_outsider_would_see_is_no_look_at_the_table_and_holds_no_hidden_number(
    pay: Request, site: ReviewSite
) -> None:
    """Control: `lay_out` without the unprotected file."""
    dora = site.visitor("dora")
    before = site.actions().count("output.viewed")
    whole = dora.get(f"/requests/{pay.id}").text
    assert site.actions().count("output.viewed") == before + 1
    outside = dora.get(f"/requests/{pay.id}?view=released").text
    assert site.actions().count("output.viewed") == before + 1
    assert "too few people" in whole
    assert "too few people" not in outside
    assert "protects" not in outside
    assert outside.count("[suppressed]") > 1
    cells = re.findall(r'<td class="enc-number[^"]*">([^<]*)</td>', outside)
    assert cells
    shown = site.world.service.view_raw(site.world.service.control.person("dora"), pay)[1].decode()
    released = {line.rsplit(",", 1)[1] for line in shown.splitlines()[1:]}
    assert {cell for cell in cells if cell.isdigit()} <= released


def test_the_picture_of_the_lineage_names_what_the_list_beside_it_names(
    world: World, site: ReviewSite, page: Page
) -> None:
    request = in_review(world, "People by college, lineage")
    enter(page, site, "carl", f"/requests/{request.id}")
    drawn = page.locator(".rev-lineage g title").all_text_contents()
    whole = page.locator("section", has=page.locator("#origin-heading"))
    words = whole.locator("ul, details").all_inner_texts()
    for name in drawn:
        assert any(name in text for text in words), name
    assert "Department of Labor" in drawn


def test_a_conflict_with_another_projects_release_is_named_to_reviewers_only(
    world: World, site: ReviewSite, page: Page
) -> None:
    """R22; the researcher learns that there is a conflict, not with what."""
    by_county = "SELECT county, count(*) AS n FROM wages GROUP BY ROLLUP (county)"
    add_project(world, "first-study")
    add_project(world, "second-study", leave_out=1)
    earlier = world.submit(by_county, project="first-study", title="Zanzibar wages")
    later = world.submit(by_county, project="second-study", title="Less one person")
    assert later.state is State.PROTECTED, later.sentence
    enter(page, site, "dora", f"/requests/{later.id}")
    section = page.locator("section", has=page.locator("#conflicts-heading"))
    expect(section).to_contain_text("Zanzibar wages")
    expect(section).to_contain_text(earlier.id)
    expect(section).to_contain_text("1 person")
    looks_right(page, "conflict")
    assert "Zanzibar" not in site.visitor("rosa").get(f"/requests/{later.id}").text
    for one in (earlier, later):
        world.service.withdraw(PEOPLE["rosa"], one.id)


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 200), "white").save(out, "PNG")
    return out.getvalue()


MODEL = {
    "family": "ols",
    "outcome": "wage",
    "n": 400,
    "residual_dof": 396,
    "parameters": [
        {"name": "Intercept", "estimate": 1.5, "standard_error": 0.2, "p_value": None},
        {"name": "county[T.Tolland]", "estimate": 2, "standard_error": 0.1, "p_value": 0.01},
    ],
    "dummies": [{"name": "county[T.Tolland]", "ones": 31, "zeros": 369}],
    "fit": {"r_squared": 0.4},
}


@pytest.mark.parametrize(
    ("name", "kind", "content", "words"),
    [
        ("by-hand.csv", FileKind.TABLE, b"county,n\r\nTolland,31\r\n", "Tolland"),
        ("ols.model.json", FileKind.MODEL, json.dumps(MODEL).encode(), "Intercept"),
        ("notes.md", FileKind.TEXT, b"# Notes\n<script>alert(1)</script>", "<script>alert(1)"),
        ("plot.png", FileKind.PLOT, _png(), "Drawn from"),
    ],
)
def test_a_file_nobody_recomputed_says_what_was_not_checked_and_needs_a_tick(
    world: World,
    site: ReviewSite,
    page: Page,
    *,
    name: str,
    kind: FileKind,
    content: bytes,
    words: str,
) -> None:
    """Control: the service refuses a ballot without the tick; the page cannot be sent without."""
    request = in_review(world, f"Unverified {name}")
    request = unverified(world, request, name=name, kind=kind, content=content)
    enter(page, site, "dora", f"/requests/{request.id}")
    errors = console_errors(page)
    expect(page.get_by_text(NOT_CHECKED[kind])).to_be_visible()
    expect(page.get_by_text("is not counted yet")).to_be_visible()
    expect(page.locator("section", has=page.locator("#table-heading"))).to_contain_text(words)
    if kind is FileKind.PLOT:
        assert page.evaluate("document.querySelector('.rev-plot').naturalWidth") == 320
    looks_right(page, f"unverified-{kind.value}")
    page.get_by_role("button", name="Approve…").click()
    if kind is FileKind.MODEL:
        looks_right(page, "confirm-unverified")
    page.get_by_role("button", name="Approve for my agency").click()
    assert "/confirm" in page.url
    page.get_by_text("I have looked at this file myself").click()
    page.get_by_role("button", name="Approve for my agency").click()
    expect(page.get_by_text("Your approval is recorded")).to_be_visible()
    assert errors == []
    world.service.withdraw(PEOPLE["rosa"], request.id)


def test_several_files_are_looked_at_one_by_one(world: World, site: ReviewSite, page: Page) -> None:
    """R22: a plot, a text and the table they are about leave together or not at all."""
    rules = policy().rules.items()
    reviewed = {name: replace(one, unverified=Unverified.REVIEW) for name, one in rules}
    world.agree(rules=reviewed)
    query, answer = world.ask(BOTH, agencies=("dol", "cscu"))
    plot = OutputFile("people.png", FileKind.PLOT, (), drawn_from="pay.csv")
    notes = OutputFile("about-the-colleges.md", FileKind.TEXT, ())
    request = world.hand_in(
        table(answer, query),
        Handed(plot, _png()),
        Handed(notes, b"People by college, for the annual report.\n"),
        title="People by college, with a plot and a text",
    )
    world.agree()
    assert request.state is State.PROTECTED, request.sentence
    enter(page, site, "dora", f"/requests/{request.id}")
    before = site.actions().count("output.viewed")
    for name, words in (("people.png", "Drawn from"), ("about-the-colleges", "for the annual")):
        page.get_by_role("link", name=name).first.click()
        section = page.locator("section", has=page.locator("#table-heading"))
        expect(section).to_contain_text(words)
        expect(section).to_contain_text("Not verified")
    assert site.actions().count("output.viewed") == before + 3  # page, picture, page
    looks_right(page, "several-files")
    world.service.withdraw(PEOPLE["rosa"], request.id)


def test_twenty_files_are_a_list_and_are_named_once(
    world: World, site: ReviewSite, page: Page
) -> None:
    rules = policy().rules.items()
    world.agree(rules={name: replace(one, unverified=Unverified.REVIEW) for name, one in rules})
    query, answer = world.ask(BOTH, agencies=("dol", "cscu"))
    names = [f"notes-{number}-on-every-one-of-the-colleges.md" for number in range(2, 21)]
    notes = [Handed(OutputFile(name, FileKind.TEXT, ()), b"People by college.") for name in names]
    request = world.hand_in(table(answer, query), *notes, title="People by college, and notes")
    world.agree()
    assert request.state is State.PROTECTED, request.sentence
    enter(page, site, "dora", f"/requests/{request.id}")
    expect(page.get_by_role("alert")).to_contain_text("and 16 more files")
    expect(page.get_by_role("navigation", name="Files").get_by_role("link")).to_have_count(20)
    looks_right(page, "twenty-files")
    world.service.withdraw(PEOPLE["rosa"], request.id)


@pytest.mark.parametrize(
    ("terms", "words"),
    [(ROUND, "a multiple of 11"), (NOISE, "a standard deviation of 6"), (PRIVATE, "ε 2")],
    ids=["round", "noise", "private"],
)
def test_numbers_changed_by_chance_are_nowhere_said_to_be_exact(
    world: World, site: ReviewSite, page: Page, *, terms: Protection, words: str
) -> None:
    """From the reviewer's page to the certificate. Control: `is_changed` saying no."""
    by_county = "SELECT county, count(*) AS n FROM wages GROUP BY county"
    world.agree(OTHER, protection=terms)
    request = world.submit(by_county, project=OTHER, title=f"By county, {terms.method}")
    assert request.state is State.PROTECTED, request.sentence
    enter(page, site, "dora", f"/requests/{request.id}")
    expect(page.get_by_text(words).first).to_be_visible()
    expect(page.get_by_text("Rows changed by chance")).to_be_visible()
    assert page.get_by_text("Dominance").count() == 0, "no rule decided on these"
    if terms is PRIVATE:
        expect(page.get_by_text("ε 2, which is 1 more answer", exact=True)).to_be_visible()
    looks_right(page, f"method-{terms.method}")
    rosa = site.visitor("rosa")
    assert "6 rows changed by chance" in rosa.get(f"/requests/{request.id}").text
    assert "changed by chance" in str(world.told(request)["sentence"])
    assert world.vote("dora", request).state is State.RELEASED
    page.goto(f"{site.url}/requests/{request.id}/certificate")
    expect(page.get_by_text("what left is that number changed by chance")).to_be_visible()
    assert "exactly that" not in page.content()
    looks_right(page, f"certificate-{terms.method}")
    world.agree(OTHER)


def test_a_refused_request_says_what_to_do_about_it(
    world: World, site: ReviewSite, page: Page
) -> None:
    request = world.submit(content=b"county,industry,n\nTolland,Health,30\n", title="By hand")
    assert request.state is State.REFUSED
    enter(page, site, "rosa", f"/requests/{request.id}")
    section = page.get_by_role("main")
    expect(section.get_by_role("heading", name="What you can do")).to_be_visible()
    expect(section).to_contain_text("Submit the query's whole answer")
    expect(section.get_by_role("alert")).not_to_contain_text("[")
    expect(page.get_by_role("navigation", name="Main")).not_to_contain_text("Queue")
    looks_right(page, "own-refused")


def test_what_is_overdue_stands_first_and_says_so(
    world: World, site: ReviewSite, page: Page
) -> None:
    request = in_review(world, "People by college, overdue")
    past = request.submitted_at - timedelta(days=2)
    with world.store.record(world.audit, Event(Action.OUTPUT_PROTECTED, actor="egress")) as held:
        change(held, replace(request, due_at=past))
    enter(page, site, "dora")
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("People by college, overdue")
    expect(row).to_contain_text("overdue by 2 days")
    looks_right(page, "queue-overdue")
    world.service.withdraw(PEOPLE["rosa"], request.id)


def test_a_plots_pixels_are_shown_to_reviewers_only_and_in_a_sandbox(
    world: World, site: ReviewSite
) -> None:
    request = in_review(world, "Wages drawn as a plot")
    request = unverified(world, request, name="plot.png", kind=FileKind.PLOT, content=_png())
    path = f"/requests/{request.id}/pictures/1"
    before = site.actions().count("output.viewed")
    answer = site.visitor("dora").get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert site.actions().count("output.viewed") == before + 1
    for person, status in (("rosa", 403), ("ravi", 404), ("otto", 404)):
        assert site.visitor(person).get(path).status_code == status
    assert site.visitor("dora").get(f"/requests/{request.id}/pictures/2").status_code == 404
    world.service.withdraw(PEOPLE["rosa"], request.id)


def test_a_request_goes_back_and_forth_on_the_pages(
    world: World, site: ReviewSite, page: Page, chromium: Browser
) -> None:
    """Control: `Conversing.thread`; with every comment listed the author reads the private one."""
    old = in_review(world, "Back and forth")
    enter(page, site, "dora", f"/requests/{old.id}")
    page.get_by_label("Add a comment").fill("Ask Carl what Gateway is.")
    page.get_by_text("The reviewers alone").click()
    page.get_by_role("button", name="Comment").click()
    page.get_by_text("Ask for changes instead").click()
    page.get_by_label("What should change").fill("By county, please.")
    page.get_by_role("button", name="Ask for changes").click()
    expect(page.get_by_text("changes asked for").first).to_be_visible()
    rosa = chromium.new_context().new_page()
    enter(rosa, site, "rosa", f"/requests/{old.id}")
    expect(rosa.get_by_text("By county, please.")).to_be_visible()
    expect(rosa.get_by_text("It is your turn")).to_be_visible()
    assert "Gateway" not in rosa.content()
    looks_right(rosa, "own-returned")
    query, answer = world.ask(BOTH, agencies=("dol", "cscu"))
    new = world.hand_in(table(answer, query), title="Back and forth", replaces=old.id)
    assert new.state is State.PROTECTED, new.sentence
    rosa.reload()
    expect(rosa.get_by_text("Version 2")).to_be_visible()
    page.goto(f"{site.url}/requests/{new.id}")
    expect(page.get_by_text("Ask Carl what Gateway is.")).to_be_visible()
    looks_right(page, "second-version")
    page.get_by_role("link", name="What has changed").click()
    expect(page.get_by_text("Nothing: both are the same").first).to_be_visible()
    looks_right(page, "changes")
    rosa.context.close()
    assert site.visitor("rosa").get(f"/requests/{new.id}/changes").status_code == 403
    world.service.withdraw(PEOPLE["rosa"], new.id)


def test_an_output_checker_gives_an_opinion_alone(
    world: World, site: ReviewSite, page: Page
) -> None:
    world.agree(review=Review(checkers=1, persons=frozenset({"otto"})))
    request = in_review(world, "Checked by otto")
    world.agree(review=Review())
    enter(page, site, "otto")
    page.get_by_role("link", name=request.title).click()
    looks_right(page, "checker")
    page.get_by_role("link", name="Give your opinion…").click()
    looks_right(page, "opinion")
    page.get_by_text("Fit to be released", exact=True).click()
    page.get_by_role("button", name="Give this opinion").click()
    expect(page.get_by_text("Your opinion is recorded")).to_be_visible()
    assert [one.fit for one in world.service.reviews.opinions(request.id)] == [True]
    world.service.withdraw(PEOPLE["rosa"], request.id)


def test_who_wants_which_mails_is_chosen_on_a_page(
    world: World, site: ReviewSite, page: Page
) -> None:
    enter(page, site, "carl", "/notices")
    looks_right(page, "mails")
    page.get_by_text("Somebody commented").click()
    page.get_by_role("button", name="Keep this choice").click()
    expect(page.get_by_text("Your choice is recorded")).to_be_visible()
    expect(page.get_by_label("Somebody commented")).not_to_be_checked()
    assert Notice.COMMENT not in notices.wanted(world.store.engine, "carl")


@pytest.mark.parametrize("rows", [0, 10_000])
def test_a_table_of_any_length_is_shown_by_pages_without_javascript(
    world: World, site: ReviewSite, plain_page: Page, page: Page, rows: int
) -> None:
    request = enlarged(world, in_review(world, f"{rows} rows"), rows)
    for one in (plain_page, page):
        enter(one, site, "dora", f"/requests/{request.id}?page={rows}")
        expect(one.locator(".rev-compare tbody tr")).to_have_count(min(rows, 100))
    looks_right(page, f"{rows}-rows")
    dora = site.visitor("dora")
    began = time.process_time()
    answer = dora.get(f"/requests/{request.id}")
    spent = 1000 * (time.process_time() - began)
    print(f"{rows} rows: {spent:.0f} ms of CPU, {len(answer.content):,} bytes")
    assert len(answer.content) < 150_000
    world.service.withdraw(PEOPLE["rosa"], request.id)


def test_turnaround_is_a_chart_and_a_table(world: World, site: ReviewSite, page: Page) -> None:
    request = in_review(world, "People by college, decided")
    world.vote("dora", request, approve=False)
    enter(page, site, "carl", "/turnaround")
    expect(page.get_by_role("row", name=re.compile("Department of Labor")).first).to_be_visible()
    expect(page.locator("svg.enc-svg")).to_be_visible()
    looks_right(page, "turnaround")


# Lists -------------------------------------------------------------------------------------------


@contextmanager
def counting(world: World) -> Iterator[list[str]]:
    """Collect the statements the control store is asked."""
    said: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(world.store.engine, "before_cursor_execute", note)
    yield said
    event.remove(world.store.engine, "before_cursor_execute", note)


def test_five_hundred_requests_cost_no_more_questions_than_a_few_and_turn_pages(
    world: World, site: ReviewSite, page: Page, pay: Request
) -> None:
    dora = site.visitor("dora")
    with counting(world) as few:
        dora.get("/")
    with many(world, pay, 500):
        with counting(world) as all_of_them:
            dora.get("/")
        assert len(all_of_them) == len(few)
        began = time.process_time()
        answer = dora.get("/?page=3&sort=title")
        print(f"500 requests: {1000 * (time.process_time() - began):.0f} ms of CPU")
        assert answer.text.count('<th scope="row">') == 25
        assert len(answer.content) < 60_000
        enter(page, site, "dora", "/?find=Featherstonehaugh")
        expect(page.get_by_text("1 to 10 of 10")).to_be_visible()
        expect(page.get_by_role("link", name=LONG.strip()).first).to_be_visible()
        looks_right(page, "queue-500")
    page.get_by_role("link", name="Decided or closed").click()
    looks_right(page, "queue-decided")


def test_an_empty_queue_says_so_and_a_researcher_is_led_to_their_own(
    site: ReviewSite, chromium: Browser
) -> None:
    for person, words in (("otto", "Nothing waits for your agency"), ("ravi", "not asked for any")):
        page = chromium.new_context().new_page()
        enter(page, site, person)
        expect(page.get_by_text(words)).to_be_visible()
        looks_right(page, f"empty-{person}")
        page.context.close()


def test_a_researcher_of_the_project_is_told_why_its_requests_are_not_theirs(
    world: World, site: ReviewSite, chromium: Browser
) -> None:
    request = in_review(world, "People by college, a colleague's")
    page = chromium.new_context(viewport=WIDE).new_page()
    enter(page, site, "both")
    expect(page.get_by_text("you are named as a researcher there")).to_be_visible()
    expect(page.get_by_text("Nothing else waits for your agency")).to_be_visible()
    expect(page.get_by_text(request.title)).to_have_count(0)
    looks_right(page, "queue-researcher")
    answer = page.goto(f"{site.url}/requests/{request.id}")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_text("review.own-project")).to_be_visible()
    expect(page.get_by_text("Another reviewer of your agency decides")).to_be_visible()
    looks_right(page, "refused-researcher")
    page.context.close()


# Who and when ------------------------------------------------------------------------------------


def test_a_vote_needs_a_log_in_of_the_last_minutes(world: World, site: ReviewSite) -> None:
    request = in_review(world, "People by college, stale")
    dora = site.visitor("dora")
    site.clock.forward(6 * 60)
    form = {"decision": "approve", "shown": request.shown}
    for answer in (
        dora.get(f"/requests/{request.id}/confirm?decision=approve"),
        dora.post(f"/requests/{request.id}/vote", data=form),
    ):
        assert answer.status_code == 303
        assert "again=1" in answer.headers["location"]
    assert world.service.reviews.votes(request.id) == ()


def test_administrators_and_auditors_do_not_enter(pay: Request, site: ReviewSite) -> None:
    for person in ("adam", "alma", "gone"):
        answer = site.visitor(person).get(f"/requests/{pay.id}")
        assert answer.status_code in (303, 403)
        assert pay.title not in answer.text


def test_released_files_are_attachments_that_no_browser_runs(
    world: World, site: ReviewSite
) -> None:
    request = in_review(world, "People by college, released")
    assert site.visitor("rosa").get(f"/requests/{request.id}/certificate").status_code == 404
    world.vote("dora", request)
    world.vote("carl", request)
    rosa, ravi = site.visitor("rosa"), site.visitor("ravi")
    answer = rosa.get(f"/requests/{request.id}/files/pay.csv")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    for path in ("", "/certificate", "/files/pay.csv"):
        assert ravi.get(f"/requests/{request.id}{path}").status_code == 404


def test_once_the_time_to_download_is_over_every_page_says_so(
    world: World, site: ReviewSite
) -> None:
    request = in_review(world, "People by college, long released")
    world.vote("dora", request)
    world.vote("carl", request)
    request = world.service.reviews.request(request.id)
    rosa, path = site.visitor("rosa"), f"/requests/{request.id}"
    assert "you may download the protected files" in rosa.get(path).text
    past = replace(request, changed_at=request.changed_at - timedelta(days=31))
    with world.store.record(world.audit, Event(Action.OUTPUT_RELEASED, actor="egress")) as held:
        change(held, past)
    text = rosa.get(path).text
    assert "you may download" not in text
    assert "the time to download its files is over" in text
    assert "over since" in rosa.get("/mine").text
    late = rosa.get(f"{path}/files/pay.csv")
    assert late.status_code == 409
    assert "submit the output again" in late.text


def test_the_authors_page_shows_no_number_of_the_table(pay: Request, site: ReviewSite) -> None:
    text = site.visitor("rosa").get(f"/requests/{pay.id}").text
    assert "Fairfield" not in text
    assert "[suppressed]" not in text
    assert site.visitor("ravi").post(f"/requests/{pay.id}/withdraw").status_code == 404


def test_comments_and_a_rejection_reach_the_author_as_text(world: World, site: ReviewSite) -> None:
    request = in_review(world, "People by college, commented")
    script = "<script>alert(1)</script>"
    dora = site.visitor("dora")
    assert dora.post(f"/requests/{request.id}/comment", data={"comment": script}).status_code == 303
    form = {"decision": "reject", "shown": request.shown, "comment": "Too fine."}
    assert dora.post(f"/requests/{request.id}/vote", data=form).status_code == 303
    text = site.visitor("rosa").get(f"/requests/{request.id}").text
    assert script not in text
    assert "&lt;script&gt;" in text
    assert "Too fine." in text
    assert "rejected" in text


def test_every_reason_to_hide_a_row_has_words_on_the_page() -> None:
    assert set(WHY) >= {reason.value for reason in Reason}
