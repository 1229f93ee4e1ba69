"""What holds Spark where no list of ours stands before it: the token, the jail, the namespace.

Here texts go past the inspector, straight to Spark, as a mistake in every list would let them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import adbc_driver_manager
import grpc
import pytest

from enclave.audit_client import AuditClient
from enclave.gateway import confine, identity
from enclave.gateway.spark import client, server
from enclave.model import EngineKind
from enclave.sessions import open_session
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support.gateway import (
    PROJECT,
    GatewayProcess,
    ask,
    is_alive,
    make_policy,
    make_project,
    socket_of,
    wait_until,
)
from tests.support.spark import Spark


def outcome(spark: Spark, text: str) -> str:
    """What Spark says of a text: its rows, or the class of its error."""
    try:
        return str([batch.to_pylist() for batch in spark.client().query(text).batches()])
    except client.SparkError as error:
        return error.kind or "stopped"


def test_without_its_token_spark_answers_nobody(spark: Spark) -> None:
    channel = grpc.insecure_channel(f"{server.ADDRESS}:{spark.running.port}")
    for token in ("", "0" * 64, spark.running.token[:-1]):
        with pytest.raises(client.SparkError):
            client.Client(channel, token).version()
    assert client.Client(channel, spark.running.token).version().startswith("4.3")


def test_the_token_is_in_no_argument_and_on_no_disk(spark: Spark) -> None:
    pid = spark.running.process.pid
    assert spark.running.token.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    for path in spark.place.rglob("*"):
        if path.is_file():
            assert spark.running.token.encode() not in path.read_bytes()


def test_spark_listens_on_the_loopback_only(spark: Spark) -> None:
    assert spark.running.jailed
    pid = spark.running.process.pid
    mine = set(_open(pid))
    listening = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in mine:
                listening.add(words[1].split(":")[0])
    assert listening
    assert listening <= {"0100007F", "0000000000000000FFFF00000100007F"}


def _open(pid: int) -> Iterator[str]:
    """Yield what a process has open; it opens and closes files meanwhile."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield os.readlink(link)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT TRANSFORM(1) USING '/usr/bin/head -1 /etc/passwd'",
        "SELECT TRANSFORM(1) USING '/bin/cat'",
        "SELECT * FROM text.`/etc/hostname`",
        "CREATE TEMPORARY VIEW stolen USING text OPTIONS (path '/root')",
        "CREATE TEMPORARY VIEW hosts USING text OPTIONS (path '/etc/shadow')",
        "CREATE TABLE out USING csv LOCATION '/var/tmp/spark-out' AS SELECT 1 AS a",
        "INSERT OVERWRITE DIRECTORY '/var/tmp/spark-out' USING csv SELECT 1",
        "SELECT '${spark.master}' AS local WHERE '${spark.master}' LIKE 'local%'",
    ],
)
def test_the_jail_holds_where_no_list_does(spark: Spark, text: str) -> None:
    said = outcome(spark, text)
    assert not said.startswith("[") or said in ("[]", "[[]]"), said
    assert not Path("/var/tmp/spark-out").exists()


def test_spark_can_connect_nowhere(spark: Spark) -> None:
    with socket.create_server((server.ADDRESS, 0)) as listener:
        port = listener.getsockname()[1]
        text = (
            "CREATE TEMPORARY VIEW elsewhere USING jdbc OPTIONS "
            f"(url 'jdbc:derby://127.0.0.1:{port}/x', dbtable 't', "
            "driver 'org.apache.derby.client.ClientAutoloadedDriver')"
        )
        outcome(spark, text)
        outcome(spark, f"SELECT reflect('java.net.InetAddress', 'getByName', '127.0.0.1:{port}')")
        listener.settimeout(1)
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.fixture
def store(settings: Settings) -> Iterator[ControlStore]:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    opened = ControlStore(settings.database_url)
    yield opened
    opened.close()


def test_a_project_on_spark_answers_through_its_socket_and_nobody_else_reaches_its_spark(
    settings: Settings, audit: AuditClient, store: ControlStore
) -> None:
    make_project(settings, store, audit, policy=make_policy(engine=EngineKind.SPARK))
    service = GatewayProcess(settings).start()
    try:
        rosa = open_session(store, audit, settings, person="rosa", project=PROJECT)
        path = socket_of(settings, rosa.id)
        wait_until(path.exists, "the session's socket did not come", seconds=300)
        sql = "SELECT year, avg(wage) AS mean FROM wages GROUP BY year ORDER BY year"
        assert ask(path, sql).num_rows == 2
        with pytest.raises(adbc_driver_manager.Error, match="query"):
            ask(path, "SELECT reflect('java.lang.System', 'getenv', 'PATH') FROM wages")
        (spark,) = [pid for worker in service.workers() for pid in _below(worker) if _is_java(pid)]
        assert _namespace(spark, "net") != _namespace(os.getpid(), "net")
        assert _namespace(spark, "mnt") != _namespace(os.getpid(), "mnt")
        assert _fact(spark, "Uid") == [str(identity.FIRST)] * 4
        assert _fact(spark, "CapEff") == ["0000000000000000"]
        assert int(_fact(spark, "Threads")[0]) < confine.PROCESSES // 2
        port = int(_setting(spark, "spark.connect.grpc.binding.port"))
        with pytest.raises(OSError):
            socket.create_connection((server.ADDRESS, port), timeout=2)
    finally:
        service.stop()
    wait_until(lambda: not is_alive(spark), "Spark outlived its worker")


def _below(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_below(int(child))]
    return found


def _is_java(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(b"/java")


def _fact(pid: int, name: str) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{name}:")).split()[1:]


def _setting(pid: int, name: str) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return next(word.split("=", 1)[1] for word in words if word.startswith(f"-D{name}="))


def _namespace(pid: int, name: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{name}")
