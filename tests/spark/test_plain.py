"""What plain Spark runs and the gateway refuses: it is our lists that stop these.

Every attack marked `runs` is asked of a Spark without our settings and without its jail.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from enclave.gateway.spark import client, server
from tests.support.spark import Spark, start_spark

ATTACKS = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "gateway" / "spark_attacks.yml").read_text("utf-8")
)
RUN = [each["sql"] for family in ATTACKS.values() for each in family if each.get("runs")]


@pytest.fixture(scope="module")
def plain() -> Iterator[Spark]:
    """Spark as it comes: its own defaults, no jail."""
    bound = {
        name: server.SETTINGS[name]
        for name in ("spark.driver.host", "spark.connect.grpc.binding.address", "spark.ui.enabled")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "SETTINGS", bound)
        patch.setattr(server, "_jail", lambda *paths, connect: [])
        patch.setattr(server, "_was_jailed", lambda process: False)
        with start_spark() as started:
            yield started
    for path in Path("/tmp").glob("enclave-spark-attack*"):
        shutil.rmtree(path, ignore_errors=True)


def test_there_is_one_of_each_kind() -> None:
    for family in ("reflection", "shell", "files", "writing", "code", "settings"):
        assert any(each.get("runs") for each in ATTACKS[family]), family


@pytest.mark.parametrize("sql", RUN)
def test_plain_spark_runs_it(plain: Spark, sql: str) -> None:
    try:
        for _ in plain.client().query(sql).batches():
            pass
    except client.SparkError as error:
        pytest.fail(f"plain Spark refuses it too: {error.kind}")
