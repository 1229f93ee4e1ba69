"""`enclave_client`, the package of the workspace's image: what a researcher sees and types."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import enclave_client
import pandas
import pyarrow as pa
import pytest
from enclave_client import errors, progress
from enclave_client.magic import sql as sql_magic
from IPython.core.interactiveshell import InteractiveShell
from playwright.sync_api import Page

from enclave.gateway.flight import SessionServer
from enclave.gateway.service import Gateway
from enclave.settings import Settings
from tests.support.axe import assert_accessible
from tests.support.browser import NARROW, WIDE, chromium_browser, screenshot
from tests.support.gateway import ROSA, Collector, wait_until

ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range = -1"


@pytest.fixture
def workspace(
    gateway: Gateway, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SessionServer]:
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    path = settings.run_dir / "gateway.sock"
    monkeypatch.setenv("ENCLAVE_GATEWAY_SOCKET", str(path))
    server = SessionServer(gateway, ROSA, path)
    yield server
    server.close()


@pytest.mark.usefixtures("workspace")
def test_parameters_go_by_place_and_by_name() -> None:
    text = "SELECT count(*) AS n FROM wages WHERE year = ? AND county = ?"
    assert enclave_client.query(text, [2021, "Tolland"])["n"][0] == 264
    text = "SELECT count(*) AS n FROM wages WHERE year = $year AND county = $county"
    year = pandas.Series([2021])[0]  # numpy's own kind of number
    assert enclave_client.query(text, {"county": "Tolland", "year": year})["n"][0] == 264
    with pytest.raises(enclave_client.Refused, match="not a list"):
        enclave_client.query("SELECT ?", "x")
    with pytest.raises(enclave_client.Refused, match="wants"):
        enclave_client.query("SELECT ?", {})


@pytest.mark.parametrize("given", [2021, True, object()])
def test_parameters_that_are_no_list_are_a_sentence(given: object) -> None:
    with pytest.raises(enclave_client.Refused, match="not a list"):
        enclave_client.query("SELECT ?", given)


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("value", [object(), 2**70, 1j])
def test_a_value_that_no_query_can_hold_is_a_refusal(value: object) -> None:
    for sql, given in (("SELECT $x", {"x": value}), ("SELECT ?", [value])):
        with pytest.raises(enclave_client.Refused, match="no value that a query can hold"):
            enclave_client.query(sql, given)


@pytest.mark.parametrize("sql", ["", " \n", None, pandas.DataFrame()])
def test_no_query_is_a_sentence_and_not_the_driver_s(sql: object) -> None:
    with pytest.raises(enclave_client.Refused, match="no query here"):
        enclave_client.query(sql)


@pytest.mark.usefixtures("workspace")
def test_the_magic_takes_parameters_from_the_notebook() -> None:
    shell = InteractiveShell.instance()
    try:
        shell.user_ns["county"] = "Tolland"
        text = (
            "SELECT count(*) AS n, '$nothing' AS s -- $neither\nFROM wages WHERE county = $county"
        )
        sql_magic("kept", text)
        assert shell.user_ns["kept"]["n"][0] == 528
        with pytest.raises(enclave_client.Refused, match=r"wants \$missing"):
            sql_magic("", "SELECT $missing")
    finally:
        InteractiveShell.clear_instance()


@pytest.mark.usefixtures("workspace")
def test_explain_says_why_without_running(collector: Collector) -> None:
    said = enclave_client.explain("SELECT county, count(*) FROM wages GROUP BY ALL")
    assert said.verdict == "allowed"
    assert "wages" in said.says("view")
    assert "What would run" in repr(said)
    assert "What to do" not in repr(said)
    asked = sql_magic("", "\nexplain policy SELECT county, count(*) FROM wages GROUP BY ALL")
    assert repr(asked) == repr(said)
    denied = enclave_client.explain("SELECT town FROM wages WHERE county < '<b>'")
    assert denied.verdict == "denied"
    assert "<b>" not in denied._repr_html_()
    assert [action for action, _ in collector.actions()] == ["query.explained"] * 3


@pytest.mark.usefixtures("workspace")
def test_versions_say_how_to_ask_for_each() -> None:
    listed = enclave_client.versions()
    assert list(listed.columns) == ["version", "current", "ask"]
    assert listed["current"].sum() == 1


@pytest.mark.usefixtures("workspace")
def test_the_catalogue_can_be_searched() -> None:
    found = enclave_client.catalogue("town")
    assert list(found.views) == ["wages"]
    assert found.views["wages"]["column"].tolist() == ["town"]
    assert found.views["wages"]["use"].tolist() == ["only to filter by (WHERE, HAVING)"]
    assert list(enclave_client.catalogue("Credentials awarded").views) == ["credentials"]
    nothing = enclave_client.catalogue("no such thing")
    assert "Nothing of that is granted" in repr(nothing) + nothing._repr_html_()


@pytest.mark.browser
@pytest.mark.usefixtures("workspace")
def test_the_catalogue_reads_wide_and_narrow_by_keyboard_and_without_scripts(
    tmp_path: Path,
) -> None:
    explained = enclave_client.explain("SELECT town FROM wages")
    body = enclave_client.catalogue()._repr_html_() + explained._repr_html_()
    place = tmp_path / "catalogue.html"
    place.write_text(
        "<!doctype html><html lang='en'><title>Catalogue</title><body><main><h1>Notebook</h1>"
        f"<h2>Output</h2>{body}</main>"
    )
    with chromium_browser() as browser:
        for name, size in (("wide", WIDE), ("narrow", NARROW)):
            page = browser.new_page(viewport=size)
            page.goto(f"file://{place}")
            screenshot(page, f"catalogue-{name}")
            assert_accessible(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        _search_by_keyboard(page)
        plain = browser.new_context(java_script_enabled=False).new_page()
        plain.goto(f"file://{place}")
        assert plain.locator("input").count() == 0
        assert plain.get_by_text("The town").is_visible()


def _search_by_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.type("town")
    assert page.get_by_role("status").inner_text() == "Columns found: 1."
    assert page.locator("tbody tr:visible").count() == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # folds the view away
    assert page.locator("tbody tr:visible").count() == 0


def test_progress_shows_in_a_terminal_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(progress, "AFTER_SECONDS", 0.01)
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.01)
    with progress.Progress() as so_far:
        wait_until(lambda: "no row yet" in shown.getvalue(), "nothing was shown")
        so_far.add(pa.record_batch({"x": [1, 2, 3]}))
        wait_until(lambda: "3 rows" in shown.getvalue(), "rows were not shown")
    assert shown.getvalue().endswith(" \r")


def test_progress_is_silent_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(progress, "AFTER_SECONDS", 0.0)
    with progress.Progress() as so_far:
        so_far.add(pa.record_batch({"x": [1]}))
    assert not shown.getvalue()


def test_ctrl_c_stops_the_query_on_the_server_too(
    workspace: SessionServer, collector: Collector
) -> None:
    program = f"import enclave_client; enclave_client.query({ENDLESS!r})"
    asking = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: ("query.intent", "allowed") in collector.actions(), "it did not start")
        os.kill(asking.pid, signal.SIGINT)
        assert asking.wait(timeout=30) != 0
    finally:
        asking.kill()
        asking.wait()
    wait_until(lambda: len(collector.events) == 2, "the query went on")
    assert collector.events[-1].detail["code"] == "query.client-gone"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (
            "UNAUTHORIZED: [FlightSQL] No. [query.denied] Ask.. Detail: Unauthorized (x; DoGet)",
            "No. [query.denied] Ask.",
        ),
        ("IO: [FlightSQL] connection error: desc = dial unix /run/x: refused (Unavailable)",
         "The gateway does not answer. If this goes on, end the session and open a new one."),
        ("IO: context canceled (Canceled; DoGet: endpoint 0: remote: []). Vendor code: 1",
         "The query was interrupted, and was stopped on the server too."),
        ("INVALID_STATE: [FlightSQL] odd", "odd"),
    ],
)  # fmt: skip
def test_a_driver_s_error_becomes_what_the_gateway_said(raw: str, told: str) -> None:
    assert str(errors.refusal(Exception(raw))) == told


def test_an_error_of_the_driver_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gateway.sock"
    gone.touch()
    monkeypatch.setenv("ENCLAVE_GATEWAY_SOCKET", str(gone))
    with pytest.raises(enclave_client.Refused, match="does not answer"):
        enclave_client.query("SELECT 1")
    with pytest.raises(enclave_client.Refused, match="does not answer"):
        enclave_client.catalogue()
