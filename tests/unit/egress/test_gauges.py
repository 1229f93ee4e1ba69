"""The queue's gauges: off unless asked for, and nothing of a person or an output."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx2
import pytest

from egress_review.gauges import answering, lines
from egress_review.service import ReviewService
from enclave.errors import Invalid
from enclave.metrics import address
from tests.support.ports import free_port
from tests.support.review import World


async def scrape(service: ReviewService, url: str) -> httpx2.Response:
    async with answering(service), httpx2.AsyncClient(trust_env=False) as client:
        return await client.get(url)


def test_the_queue_is_counted_by_state_and_agency_and_names_nobody(world: World) -> None:
    request = world.in_review()
    world.vote("dora", request)
    assert request.opened_at
    told = list(lines(world.service, at=request.opened_at + timedelta(hours=1)))
    assert 'enclave_egress_requests{state="protected"} 1' in told
    assert "enclave_egress_oldest_waiting_seconds 3600" in told
    assert 'enclave_egress_waiting{agency="cscu"} 1' in told
    assert 'enclave_egress_decided{agency="dol"} 1' in told
    assert any(one.startswith("enclave_egress_decision_seconds_median{") for one in told)
    whole = "\n".join(told)
    for word in (request.id, request.title, request.project, "rosa", "dora", "pay.csv"):
        assert word not in whole


def test_it_answers_where_the_setting_says_and_nowhere_else(world: World) -> None:
    url = f"127.0.0.1:{free_port()}"
    with pytest.raises(httpx2.ConnectError):
        asyncio.run(scrape(world.service, f"http://{url}/metrics"))
    given = {"review_metrics_address": url}
    world.service.settings = world.settings.model_copy(update=given)
    found = asyncio.run(scrape(world.service, f"http://{url}/metrics"))
    assert found.status_code == 200
    assert found.text.startswith("# HELP enclave_egress_requests")
    assert asyncio.run(scrape(world.service, f"http://{url}/requests")).status_code == 404


@pytest.mark.parametrize("setting", ["9464", "localhost:", "localhost:0", ":9464", "h:99999"])
def test_an_address_that_is_none_stops_the_start(setting: str) -> None:
    with pytest.raises(Invalid):
        address(setting, "review_metrics_address")
