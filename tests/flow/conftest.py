"""One whole demo for all journeys: bringing it up from nothing is the longest part of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.demo import RunningDemo, running_demo


@pytest.fixture(scope="session")
def demo() -> Iterator[RunningDemo]:
    with running_demo() as running:
        yield running
