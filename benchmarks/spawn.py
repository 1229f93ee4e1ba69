"""Opening a workspace beside a bare `docker run` of the same image, in turn, in one run.

Both end when the notebook server answers over HTTP: for `docker run` on its socket, for the
workspace through hub, session, container and proxy. What a browser then needs to draw JupyterLab is
the same for both and is not in these numbers. ROUNDS=2 makes it short.
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from benchmarks._results import keep
from hub_config import build, engine, images
from hub_config.spawner import left_over
from tests.support.caller import Caller
from tests.support.hub import RunningHub, get, running_hub

ROUNDS = int(os.environ.get("ROUNDS", "5"))
PROJECT = "credential-pay"


def seconds(work: Callable[[], None]) -> float:
    """Return how long some work takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def until(happened: Callable[[], bool]) -> None:
    """Wait for something, looking often."""
    while not happened():
        time.sleep(0.01)


def bare(image: str) -> float:
    """Return seconds from `docker run` to the first answer of its notebook server."""
    with tempfile.TemporaryDirectory(prefix="enc-bench-") as place:
        os.chmod(place, 0o777)
        server = Path(place) / "s.sock"
        argv = [engine.command(), "run", "-d", "--rm", "--network", "none", "-v", f"{place}:/s"]
        argv += [image, "python", "-m", "jupyterlab", "--ServerApp.sock=/s/s.sock", "--no-browser"]
        names: list[str] = []

        def start() -> None:
            done = subprocess.run(argv, capture_output=True, text=True, check=True)
            names.append(done.stdout.strip())
            until(lambda: answers(server))

        taken = seconds(start)
        subprocess.run([engine.command(), "rm", "-f", *names], capture_output=True, check=True)
        return taken


def answers(path: Path) -> bool:
    """Say whether a notebook server answers on a socket."""
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    with closing(connection):
        try:
            connection.sock.connect(str(path))
            connection.request("GET", "/api")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def workspace(hub: RunningHub, caller: Caller) -> float:
    """Return seconds from the click to the first answer through the proxy, then end the session."""
    url = hub.settings.hub_url
    host, path = f"rosa.{urlsplit(url).netloc}", f"/user/rosa/{PROJECT}/api"

    def start() -> None:
        caller.spawn("rosa", PROJECT)
        until(lambda: get(url, path, host)[0] == 200)

    taken = seconds(start)
    caller.call("DELETE", f"/hub/api/users/rosa/servers/{PROJECT}")
    until(lambda: not left_over(hub.settings.instance))
    until(lambda: not hub.store.sessions())
    return taken


def main() -> None:
    """Measure, print the table, keep the numbers."""
    with running_hub(instance="bench") as hub:
        build.build_docker(hub.settings)
        caller = Caller(hub)
        caller.log_in("rosa")
        image = images.researcher_image(hub.settings)
        bare(image), workspace(hub, caller)  # once for the caches of both
        pairs = [(bare(image), workspace(hub, caller)) for _ in range(ROUNDS)]
        build.forget(hub.settings)
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    table = Table(
        "what", "median s", title=f"From click to notebook server, {ROUNDS} rounds in turn"
    )
    table.add_row("docker run, bare", f"{medians[0]:.2f}")
    table.add_row("workspace through hub, session, proxy", f"{medians[1]:.2f}")
    table.add_row("ratio (median of the rounds' own)", f"{ratio:.2f}")
    Console().print(table)
    keep("spawn", {"rounds": pairs, "medians": medians, "ratio": ratio})


if __name__ == "__main__":
    main()
