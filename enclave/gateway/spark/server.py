"""Spark's own server process: one for a project, on the loopback, behind a random token.

Its JVM runs in a jail (`jail.py`): it can start no program, open no connection, read its own jars
and libraries and write in the project's private memory file system only. It dies with its worker.
Never logs: Spark's log lines can hold values of rows.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from enclave.errors import Unavailable

log = logging.getLogger(__name__)

JAVA = 17
ADDRESS = "127.0.0.1"
_MAIN = "org.apache.spark.sql.connect.service.SparkConnectServer"
_OPENS = ("lang", "lang.invoke", "lang.reflect", "io", "net", "nio", "util", "util.concurrent",
          "util.concurrent.atomic")  # fmt: skip
_OPENS_OTHER = ("jdk.internal.ref", "sun.nio.ch", "sun.nio.cs", "sun.security.action")
_READ = (
    "/usr/lib", "/lib", "/lib64", "/etc/java-17-openjdk", "/etc/ld.so.cache", "/etc/localtime",
    "/etc/timezone", "/usr/share/zoneinfo", "/etc/nsswitch.conf", "/etc/hosts", "/proc",
    "/sys/fs/cgroup", "/sys/devices/system", "/dev/random", "/dev/urandom",
    "/etc/passwd",  # the JVM's own log-in module asks who runs it
)  # fmt: skip

# docs/how-to/spark.md lists these; a test compares. What they mean for an answer stands beside.
SETTINGS: Mapping[str, str] = {
    "spark.ui.enabled": "false",
    "spark.eventLog.enabled": "false",
    "spark.driver.host": ADDRESS,
    "spark.driver.bindAddress": ADDRESS,
    "spark.connect.grpc.binding.address": ADDRESS,
    "spark.connect.grpc.port.maxRetries": "0",
    "spark.connect.session.manager.defaultSessionTimeout": "-1",  # ours holds the views
    "spark.connect.grpc.arrow.maxBatchSize": "4m",
    "spark.sql.connect.serverStacktrace.enabled": "false",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.runSQLOnFiles": "false",
    "spark.sql.variable.substitute": "false",  # no ${...} of a text is replaced
    "spark.sql.ansi.enabled": "true",  # overflow and impossible casts are errors, never NULL
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",  # an error instead of a rounding
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",  # a DuckDB TIMESTAMP has no zone
    "spark.sql.caseSensitive": "false",
    "spark.sql.legacy.consecutiveStringLiterals.enabled": "false",
    "spark.sql.sources.useV1SourceList": "parquet",
    "spark.shuffle.compress": "false",  # in memory already; native codecs need not be loaded
    "spark.shuffle.spill.compress": "false",
    "spark.io.compression.codec": "lzf",
    "spark.broadcast.compress": "false",
    "spark.rdd.compress": "false",
}


@dataclass(frozen=True, slots=True)
class Size:
    """What Spark may use: `heap` in Java's notation, threads of its local executor.

    `quick`: Java's quick compiler only, which suits a Spark that lives for a few queries.
    """

    heap: str = "1g"
    threads: int = 2
    quick: bool = False


@dataclass(slots=True)
class Server:
    """A running Spark Connect server and what opens it. `token` is in memory only."""

    process: subprocess.Popen[bytes]
    port: int
    token: str
    jailed: bool

    def is_running(self) -> bool:
        """Say whether the process is still there."""
        return self.process.poll() is None

    def cpu_seconds(self) -> float:
        """Return the CPU seconds the process has used since it began; 0.0 when it has ended."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return 0.0
        user, system = stat.rsplit(")", maxsplit=1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the process at once: it holds nothing that must be written."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def start(place: Path, size: Size) -> Server:
    """Start Spark with `place` (in memory, private) as its only writable directory.

    Returns at once; the server answers some seconds later. Raises Unavailable where Spark or Java
    is missing.
    """
    java, jars = _java(), _jars()
    port, inner = _free_ports()
    token = secrets.token_hex(32)
    for name in ("local", "tmp", "warehouse"):
        (place / name).mkdir(mode=0o700, exist_ok=True)
    ports = {"spark.connect.grpc.binding.port": str(port), "spark.driver.port": str(inner)}
    jail = _jail(java, jars, place, connect=inner)
    command = [*jail, *_command(java, jars, place, size=size, ports=ports)]
    # The token goes by environment: /proc shows it to the same user only, an argument to all.
    environment = {
        "SPARK_CONNECT_AUTHENTICATE_TOKEN": token,
        "SPARK_LOCAL_IP": ADDRESS,
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "LANG": "C.UTF-8",
        "HOME": str(place),
    }
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return Server(process, port, token, _was_jailed(process))


def _was_jailed(process: subprocess.Popen[bytes]) -> bool:
    said = process.stdout.readline() if process.stdout is not None else b""
    if said != b"landlock: yes\n":
        log.warning("this kernel has no Landlock: Spark's JVM is held by the inspector alone")
    return said == b"landlock: yes\n"


def _jail(java: Path, jars: Path, place: Path, *, connect: int) -> list[str]:
    home = java.parent.parent
    loaders = sorted(str(path.resolve()) for path in Path("/").glob("lib*/ld-linux*.so*"))
    return [
        sys.executable, "-I", str(Path(__file__).with_name("jail.py")),
        "--read", *_READ, str(home), str(jars),
        "--run", str(java), *loaders,
        "--write", str(place), "/dev/null",
        "--connect", str(connect),  # its executor asks its driver, in the same process, for classes
        "--",
    ]  # fmt: skip


def _command(
    java: Path, jars: Path, place: Path, *, size: Size, ports: Mapping[str, str]
) -> list[str]:
    settings = {
        **SETTINGS,
        **ports,
        "spark.master": f"local[{size.threads}]",
        "spark.app.name": "enclave",
        "spark.sql.shuffle.partitions": str(size.threads),
        "spark.local.dir": str(place / "local"),
        "spark.sql.warehouse.dir": str(place / "warehouse"),
    }
    opens = [f"java.base/java.{name}" for name in _OPENS]
    opens += [f"java.base/{name}" for name in (*_OPENS_OTHER, "sun.util.calendar")]
    return [
        str(java),
        f"-Xmx{size.heap}",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        "-XX:+DisableAttachMechanism",
        "-XX:TieredStopAtLevel=1" if size.quick else "-XX:TieredStopAtLevel=4",
        *(f"--add-opens={name}=ALL-UNNAMED" for name in opens),
        "-Dio.netty.tryReflectionSetAccessible=true",
        "-Dlog4j2.level=OFF",
        f"-Djava.io.tmpdir={place / 'tmp'}",
        f"-Duser.home={place}",
        *(f"-D{name}={value}" for name, value in settings.items()),
        "-cp",
        f"{jars}/*",
        _MAIN,
    ]


def _jars() -> Path:
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        raise Unavailable(
            "The agreement asks for Spark, and Spark is not installed.",
            hint="An administrator installs the `spark` extra, or the agreement says "
            "`engine: duckdb`; see docs/how-to/spark.md.",
        )
    return Path(found.origin).parent / "jars"


def _java() -> Path:
    # In a worker's own root there is no /etc/alternatives, where Debian's `java` leads.
    installed = sorted(Path("/usr/lib/jvm").glob(f"java-{JAVA}-*/bin/java"))
    found = str(installed[0]) if installed else shutil.which("java")
    if found is None:
        raise Unavailable(
            "The agreement asks for Spark, and there is no Java for it.",
            hint=f"An administrator installs Debian's openjdk-{JAVA}-jre-headless.",
        )
    return Path(found).resolve()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind((ADDRESS, 0))
        second.bind((ADDRESS, 0))
        return first.getsockname()[1], second.getsockname()[1]
