"""Says over plain HTTP how the queue fares: `/metrics` for Prometheus, where a setting says so.

Counts and times by state and by agency; never a person, a title, a project or a number of a table.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime

from aiohttp import web

from egress_review.model import State
from egress_review.service import ReviewService
from egress_review.transactions import now
from enclave.metrics import address, escaped, head

DAY = 24 * 60 * 60.0
_TYPE = "text/plain; version=0.0.4"


@asynccontextmanager
async def answering(service: ReviewService) -> AsyncIterator[None]:
    """Answer at the address of the settings for as long as the block lasts; None: nowhere.

    Raises `Invalid` for an address that is none.
    """
    setting = service.settings.review_metrics_address
    if setting is None:
        yield
        return
    host, port = address(setting, "review_metrics_address")
    turn = asyncio.Lock()  # a scrape reads every request there was: one at a time

    async def metrics(_: web.Request) -> web.Response:
        async with turn:
            text = await asyncio.to_thread(lambda: "".join(f"{one}\n" for one in lines(service)))
        return web.Response(body=text.encode(), headers={"Content-Type": _TYPE})

    app = web.Application(client_max_size=1)
    app.add_routes([web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


def lines(service: ReviewService, *, at: datetime | None = None) -> Iterator[str]:
    """Yield the gauges in Prometheus' text form; `at` is now."""
    at = at or now()
    requests = service.reviews.requests()
    states = Counter(one.state for one in requests)
    open_since = [one.opened_at for one in requests if one.state is State.PROTECTED]
    waits = [(at - since).total_seconds() for since in open_since if since]
    yield from _head("requests", "Requests by state.")
    for state in State:
        yield f'enclave_egress_requests{{state="{state.value}"}} {states[state]}'
    yield from _head("oldest_waiting_seconds", "How long the oldest request is in review.")
    yield f"enclave_egress_oldest_waiting_seconds {max(waits, default=0.0):.0f}"
    found = service.turnaround()
    for name, meaning in (
        ("waiting", "Requests that wait for an agency."),
        ("late", "Those of them that are over their due date."),
        ("decided", "Requests an agency has decided on."),
    ):
        yield from _head(name, meaning)
        for agency, one in found.items():
            yield f'enclave_egress_{name}{{agency="{escaped(agency)}"}} {getattr(one, name)}'
    yield from _head("decision_seconds_median", "Median time from opening to an agency's decision.")
    for agency, one in found.items():
        if one.median_days is not None:
            label = f'{{agency="{escaped(agency)}"}}'
            yield f"enclave_egress_decision_seconds_median{label} {one.median_days * DAY:.0f}"


def _head(name: str, meaning: str) -> Iterator[str]:
    yield from head(f"enclave_egress_{name}", "gauge", meaning)
