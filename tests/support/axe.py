"""axe-core against WCAG 2.1 A and AA, on pages whose CSP forbids every script but their own.

The engine is evaluated over the DevTools protocol in a world of its own, so the page's policy
stays as it is and the page does not see it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parents[1] / "data" / "vendor" / "axe-core-4.14.1" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


def violations(page: Page) -> list[dict[str, Any]]:
    """Return axe's violations of WCAG 2.1 A and AA on the page as it stands."""
    session = page.context.new_cdp_session(page)
    try:
        frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        world = session.send(
            "Page.createIsolatedWorld", {"frameId": frame, "worldName": "accessibility"}
        )["executionContextId"]
        options = json.dumps(
            {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
        )
        _evaluate(session, world, AXE.read_text())
        found = _evaluate(session, world, f"axe.run(document, {options}).then(JSON.stringify)")
    finally:
        session.detach()
    return list(json.loads(found)["violations"])


def assert_accessible(page: Page) -> None:
    """Fail with every violated rule and the elements that violate it."""
    faults = [
        f"{fault['id']} ({fault['impact']}): {fault['help']}\n"
        + "\n".join(f"    {node['html'][:160]}" for node in fault["nodes"][:5])
        for fault in violations(page)
    ]
    assert not faults, f"{page.url}\n" + "\n".join(faults)


def _evaluate(session: Any, world: int, script: str) -> Any:
    answer = session.send(
        "Runtime.evaluate",
        {"expression": script, "contextId": world, "awaitPromise": True, "returnByValue": True},
    )
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"].get("value")
