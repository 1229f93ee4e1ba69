"""A researcher logs in, chooses a project and works; hub and proxy die and nothing is lost.

Real hub, proxy, identity provider, audit writer, Docker and Chromium.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import docker
import pytest
from playwright.sync_api import Browser, Page, expect

from enclave.sessions import close_session
from hub_config import build, halt, homes
from hub_config.spawner import left_over
from tests.support.caller import Caller
from tests.support.hub import RunningHub, get, running_hub
from tests.support.hub_visits import (
    from_page,
    kernel_is_idle,
    log_in,
    open_workspace,
    visit,
    workspace_url,
)

pytestmark = [
    pytest.mark.docker,
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the demo does"),
]


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    with running_hub() as running:
        build.build_docker(running.settings)
        yield running
        build.forget(running.settings)


@pytest.fixture(scope="module")
def rosa(hub: RunningHub, chromium: Browser) -> Iterator[Page]:
    """Rosa in her workspace."""
    with visit(chromium) as page:
        log_in(page, hub, "rosa")
        open_workspace(page, "credential-pay")
        yield page


def events(hub: RunningHub, action: str) -> list[dict]:
    return [fact for fact in hub.audit.facts() if fact["action"] == action]


def run_cell(page: Page, code: str) -> str:
    """Run code in a new cell at the end of the notebook and return what it prints."""
    panel = page.locator(".jp-NotebookPanel:visible")
    panel.locator(".jp-Cell .jp-InputPrompt").last.click()
    for key in ("Escape", "b", "Enter"):
        page.keyboard.press(key)
    cell = panel.locator(".jp-CodeCell.jp-mod-active")
    expect(cell.locator(".cm-focused")).to_be_visible()
    page.keyboard.insert_text(code)
    page.keyboard.press("Control+Enter")
    output = cell.locator(".jp-OutputArea-output").first
    expect(output).to_be_visible(timeout=60_000)
    return output.inner_text().strip()


def test_the_project_page_lists_only_the_persons_own(hub: RunningHub, chromium: Browser):
    """R21: authorized users are named in the agreement."""
    with visit(chromium) as page:
        log_in(page, hub, "rosa")
        assert page.get_by_text("credential-pay").count() == 1
        assert page.get_by_text("early-start").count() == 0


def test_jupyterlab_opens_on_the_welcome_notebook(rosa: Page):
    expect(rosa.locator(".lm-TabBar-tabLabel", has_text="welcome.ipynb")).to_be_visible()


def test_code_runs_in_a_container_that_has_no_network(rosa: Page):
    code = "import os; print(os.getuid(), sorted(os.listdir('/sys/class/net')))"
    assert run_cell(rosa, code) == "1000 ['lo']"


def test_opening_is_logged_with_person_project_and_clause(rosa: Page, hub: RunningHub):
    opened = events(hub, "session.opened")[-1]
    assert (opened["project"], opened["source"]) == ("credential-pay", "hub")


def test_a_second_project_is_another_container_with_another_home(
    hub: RunningHub, chromium: Browser, rosa: Page
):
    run_cell(rosa, "open('rosas.txt', 'w').write('x'); print('kept')")
    with visit(chromium) as page:
        log_in(page, hub, "ravi")
        open_workspace(page, "early-start")
        assert "rosas.txt" not in run_cell(page, "import os; print(os.listdir('.'))")
        assert len(left_over(hub.settings.instance)) == 2
        page.goto(f"{hub.settings.hub_url}/hub/home")
        page.get_by_role("button", name="End session").first.click()
        hub.until(lambda: len(left_over(hub.settings.instance)) == 1, what="the container's end")
    hub.until(
        lambda: "early-start" in {fact["project"] for fact in events(hub, "session.closed")},
        what="the session's end",
    )
    home = homes.mount_point(hub.settings, person="ravi", project="early-start")
    hub.until(lambda: not os.path.ismount(home), what="the home's end")


def test_a_killed_hub_finds_the_workspace_again_and_the_work_goes_on(rosa: Page, hub: RunningHub):
    run_cell(rosa, "kept = 41; print('set')")
    before = left_over(hub.settings.instance)
    hub.kill("hub")
    assert run_cell(rosa, "print(kept + 1)") == "42"  # a workspace does not need the hub to compute
    hub.start("hub")
    assert left_over(hub.settings.instance) == before
    assert run_cell(rosa, "print(kept + 2)") == "43"
    assert [s.id for s in hub.store.sessions("credential-pay")] == list(before)


def test_a_killed_proxy_comes_back_with_its_routes(rosa: Page, hub: RunningHub):
    run_cell(rosa, "kept = 7; print('set')")
    hub.kill("proxy")
    hub.start("proxy")
    url = workspace_url(hub, "rosa", "credential-pay")
    host = url.split("/")[2]
    hub.until(
        lambda: get(hub.settings.hub_url, "/user/rosa/credential-pay/api", host)[0] == 200,
        what="the route",
    )
    rosa.goto(f"{url}/lab/tree/welcome.ipynb")
    kernel_is_idle(rosa)
    assert run_cell(rosa, "print(kept)") == "7"


def may_open(page: Page, project: str) -> bool:
    """The hub's page, looked at anew, offers to open the project."""
    page.reload()
    row = page.locator(f"[data-server-name={project}]")
    return row.get_by_role("button", name="Open workspace").is_visible()


def test_a_second_opening_finds_the_files_of_the_first(
    rosa: Page, hub: RunningHub, chromium: Browser
):
    run_cell(rosa, "open('notes.txt', 'w').write('x'); print('kept')")
    with visit(chromium) as page:
        log_in(page, hub, "rosa")
        page.get_by_role("button", name="End session").first.click()
        hub.until(lambda: not left_over(hub.settings.instance), what="the container's end")
        hub.until(lambda: may_open(page, "credential-pay"), what="the session's end")
        open_workspace(page, "credential-pay")
        assert "notes.txt" in run_cell(page, "import os; print(os.listdir('.'))")
        url = workspace_url(hub, "rosa", "credential-pay")
        page.goto(f"{url}/lab")
        assert from_page(page, "GET", "/user/rosa/credential-pay/files/notes.txt") == 403


def test_nothing_of_a_container_is_left_to_docker_s_defaults(rosa: Page, hub: RunningHub):
    """SATRE 2.2.11: the container as it runs, not as it was meant."""
    client = docker.from_env()
    try:
        (container,) = left_over(hub.settings.instance).values()
        found = client.api.inspect_container(container)
    finally:
        client.close()
    host = found["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert 0 < host["Memory"] == host["MemorySwap"]
    assert host["PidsLimit"] > 0 and host["CpuQuota"] > 0
    assert found["Config"]["User"] == "1000:1000"
    assert {mount["Destination"] for mount in found["Mounts"]} == {
        "/home/researcher",
        "/run/enclave/server",
        "/run/enclave/gateway",
        "/run/enclave/egress",
        "/run/enclave/hub",
    }


@pytest.mark.parametrize("hub_is_down", [False, True])
def test_a_session_closed_in_the_store_takes_its_container_along(
    hub: RunningHub, hub_is_down: bool
):
    """R3: revoked at once, whoever closes it; a hub that was down does it when it is back."""
    caller = Caller(hub)
    caller.log_in("ravi")
    caller.spawn("ravi", "early-start")
    host = f"ravi.{urlsplit(hub.settings.hub_url).netloc}"
    api = "/user/ravi/early-start/api"
    hub.until(lambda: get(hub.settings.hub_url, api, host)[0] == 200, what="the workspace")
    (session,) = hub.store.sessions("early-start")
    assert session.id in left_over(hub.settings.instance)
    if hub_is_down:
        hub.kill("hub")
    with hub.audit.client() as audit:
        close_session(hub.store, audit, hub.settings, session=session.id, reason="revoked")
    if hub_is_down:
        hub.start("hub")
    hub.until(
        lambda: session.id not in left_over(hub.settings.instance),
        what="the container's end",
        seconds=30,
    )
    home = homes.mount_point(hub.settings, person="ravi", project="early-start")
    hub.until(lambda: not os.path.ismount(home), what="the home's end")
    hub.until(lambda: get(hub.settings.hub_url, api, host)[0] != 200, what="the route's end")
    assert [e["session"] for e in events(hub, "session.closed")].count(session.id) == 1


def test_halting_leaves_no_container_and_no_mount(hub: RunningHub):
    halt.stop_all(hub.settings)
    assert not left_over(hub.settings.instance)
    assert str(hub.settings.run_dir) not in subprocess.check_output(["mount"], text=True)
