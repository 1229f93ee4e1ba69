"""The hub's own pages in our words: each is rendered, since the hub would answer with nothing."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader

from hub_config.configure import MARK, TEMPLATES
from tests.support.axe import assert_accessible
from tests.support.browser import NARROW, chromium_browser
from tests.support.hub import POLICIES

SHARED = Path(sys.prefix) / "share" / "jupyterhub"
THEIRS, THEIRS_STATIC = FileSystemLoader(SHARED / "templates"), SHARED / "static"
FOCUSED = """[document.activeElement.classList[0] || document.activeElement.localName,
    getComputedStyle(document.activeElement).outlineWidth]"""
REFUSED = "Rosa is no auditor. [access.denied] Ask the administrator."


def whole(name: str, **said: object) -> str:
    """Return a page rendered as the hub does: our templates before its own."""
    loader = ChoiceLoader(
        [FileSystemLoader(TEMPLATES), PrefixLoader({"templates": THEIRS}), THEIRS]
    )
    pages = Environment(loader=loader, autoescape=True)
    shared = {
        "base_url": "/hub/",
        "review_url": "http://review.localhost",
        "audit_url": "http://audit.localhost",
        "static_url": lambda path, **_: path,
        "progress_url": "/progress",
        "spawn_url": "/spawn",
    }
    return pages.get_template(name).render(shared | said)


def page(name: str, **said: object) -> str:
    """Return a page's main part as text."""
    text = whole(name, **said)
    main = text[text.index("<h1") : text.index("<script", text.index("<h1"))]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


@pytest.mark.parametrize("status", [403, 503, 500])
def test_an_error_is_said_once_with_what_to_do_and_its_code(status: int) -> None:
    told = page(
        "error.html",
        status_code=status,
        status_message=REFUSED,
        message=REFUSED,
        message_html=REFUSED,  # the hub escapes what has no other
    )
    assert told.count("Rosa is no auditor.") == 1
    assert "[" not in told
    assert "Ask the administrator." in told
    assert "Code access.denied" in told


def test_an_error_without_words_is_a_page_too() -> None:
    assert "Code 500" in page("error.html", status_code=500, status_message="Server Error")
    gone = page("404.html", status_code=404, status_message=None, message="")
    assert gone.startswith("There is no such page")
    assert "None" not in gone


def test_a_workspace_is_called_a_workspace() -> None:
    starting = page("spawn_pending.html", user={"name": "rosa", "spawner": {}})
    closed = page("not_running.html", server_name="pay", failed=False)
    failed = page("not_running.html", server_name="pay", failed=True, failed_message="No disk.")
    assert "No disk." in failed
    for told in (starting, closed, failed):
        assert "workspace" in told
        assert "server" not in told.lower()


def test_the_mark_in_the_banner_is_there() -> None:
    assert MARK.read_text().startswith("<svg")


def test_an_agreement_that_ended_yesterday_is_named_with_its_dates() -> None:
    ended = replace(POLICIES[0], title="O'Brien's <b>", ends=date(2026, 11, 21))
    told = page(
        "home.html",
        user={"name": "rosa", "spawner": {}, "spawners": {}},
        open_projects=(),
        shut_projects=(ended,),
    )
    assert "O&#39;Brien&#39;s &lt;b&gt; credential-pay : its agreement is in force from" in told
    assert "to 2026-11-21." in told


@pytest.mark.browser
def test_pages_pass_axe_show_the_focus_and_hold_long_words(tmp_path: Path) -> None:
    """WCAG 1.4.3 and 2.4.7: the button that starts a workspace is read, and seen from the keys."""
    static = (THEIRS_STATIC / "css" / "style.min.css").as_uri()
    long = f"Invalid server_name: {'x' * 300}"
    pages = {
        "spawn.html": {
            "spawner_options_form": "<h2>Pay</h2><dl><dt>Data of</dt><dd>DOL</dd></dl>",
            "user": {"name": "rosa", "spawner": {}, "spawners": {}},
        },
        "error.html": {"status_code": 400, "message": long, "message_html": long},
        "logout.html": {"login_url": "/hub/login"},
    }
    with chromium_browser() as browser:
        opened = browser.new_page(viewport=NARROW)
        for name, said in pages.items():
            file = tmp_path / name
            file.write_text(whole(name, **said | {"static_url": lambda path, **_: static}))
            opened.goto(file.as_uri())
            assert_accessible(opened)
            assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
        opened.goto((tmp_path / "spawn.html").as_uri())
        seen = []
        while True:
            opened.keyboard.press("Tab")
            focused, outline = opened.evaluate(FOCUSED)
            if focused == "body":
                break
            seen.append(focused)
            assert outline == "4px", focused
    assert {"navbar-toggler", "btn"} <= set(seen)
