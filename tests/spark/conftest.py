"""One Spark for all tests of this directory; without the extra none of them is collected."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from tests.support.gateway import Collector
from tests.support.spark import Spark, start_spark

collect_ignore_glob = [] if importlib.util.find_spec("pyspark") else ["test_*.py"]


@pytest.fixture(scope="session")
def spark() -> Iterator[Spark]:
    with start_spark() as started:
        yield started


@pytest.fixture
def collector() -> Collector:
    return Collector()
