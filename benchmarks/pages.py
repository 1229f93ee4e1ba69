"""The auditor's site over a log of a million events: how long its index takes, how long its pages.

EVENTS=1000000 and ROUNDS=20 by default. The real programs: `audit serve` and `audit web` in
processes of their own, pages asked for over HTTP by somebody who is logged in, each look logged
before its page. A page's time is from the request to the last byte; beside it stands what it took
of the processor in the site's process, which says more on a busy machine. Target: every page's p95
at most 300 ms.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from rich.console import Console
from rich.table import Table

from audit.custody import AuditFiles
from audit.indexing import Indexer
from audit.log import open_reader
from audit.search import Browser, Wanted
from benchmarks._results import keep
from enclave.audit_client import AuditClient
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.web.cookies import SESSION
from enclave.web.sessions import WebSessions
from tests.support.audit import AuditProcess
from tests.support.audit_bulk import write_log
from tests.support.audit_story import enter_people
from tests.support.child import Child
from tests.support.ports import free_port

EVENTS = int(os.environ.get("EVENTS", "1000000"))
ROUNDS = int(os.environ.get("ROUNDS", "20"))
TARGET_MS = 300
STEWARD = ("overview", "list, no filter", "words, common", "people", "who touched a column")


def pages(browser: Browser) -> dict[str, str]:
    """Return the pages that are asked for, by name."""
    [busiest, *_] = sorted(browser.tally("actor"), key=lambda one: -one.entries)
    deep = browser.count(Wanted()) // 25 // 2
    query = next(f for f in browser.find(Wanted(action="query.denied", person=busiest.name)))
    return {
        "overview": "/",
        "list, no filter": "/events",
        "list, halfway down": f"/events?page={deep}",
        "list, oldest first": "/events?sort=index",
        "list, one person": f"/events?person={busiest.name}",
        "list, one column": "/events?column=wages.wage",
        "list, denied": "/events?verdict=denied",
        "list, five filters": "/events?agency=dol&dataset=wages&project=credential-pay"
        f"&verdict=allowed&person={busiest.name}",
        "list, one month": f"/events?{_month(browser)}",
        "list, agency and month": f"/events?agency=dol&{_month(browser)}",
        "words, common": "/events?words=queried+wages",
        "words, rare": "/events?words=household_size+refused",
        "words, one letter": "/events?words=w",
        "words, a query's id": f"/events?words={query.intent}",
        "words and filters": "/events?words=avg+wage&verdict=denied&agency=dss",
        "nothing fits": "/events?words=nosuchword",
        "people": "/people",
        "a person's story": f"/people/{busiest.name}",
        "a person's story, halfway": f"/people/{busiest.name}?page={busiest.entries // 300}",
        "projects": "/projects",
        "a project's story": "/projects/credential-pay",
        "columns": "/columns",
        "who touched a column": "/columns/wages.wage",
        "agencies": "/agencies",
        "an agency's part": "/agencies/dol",
        "an entry": f"/events/{query.index}",
        "an entry proved": f"/events/{query.index}/proof",
        "verification": "/verification",
    }


def _month(browser: Browser) -> str:
    """Return the parameters of thirty days in the middle."""
    days = sorted(browser.per_day(Wanted()))
    first = time.gmtime(days[len(days) // 2] * 86_400)
    last = time.gmtime((days[len(days) // 2] + 29) * 86_400)
    return f"since={time.strftime('%Y-%m-%d', first)}&until={time.strftime('%Y-%m-%d', last)}"


def loopback(settings: Settings) -> str:
    """Return the site's address by number: not every resolver knows names under localhost."""
    return f"http://127.0.0.1:{urlsplit(settings.audit_url).port}"


class SiteProcess(Child):
    """`audit web` in a process of its own."""

    def start(self, settings: Settings) -> None:
        """Start it and wait until it answers."""
        self.spawn([sys.executable, "-m", "audit.cli", "web"], settings.environment())
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx2.get(f"{loopback(settings)}/healthz")
            except httpx2.TransportError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("audit web did not start")


@contextmanager
def site(settings: Settings, person: str) -> Iterator[tuple[httpx2.Client, int]]:
    """Run the service and the site; yield a client that is logged in, and the site's process."""
    service, web = AuditProcess(settings).start(), SiteProcess()
    store = ControlStore(settings.database_url)
    try:
        with AuditClient(settings, "admin") as audit:
            enter_people(store, audit)
        secret = WebSessions(store.engine).start(
            person, site="audit", authenticated_at=int(time.time())
        )
        web.start(settings)
        headers = {"Cookie": f"{SESSION}={secret}", "Host": urlsplit(settings.audit_url).netloc}
        with httpx2.Client(base_url=loopback(settings), headers=headers, timeout=60) as client:
            assert web.process is not None
            yield client, web.process.pid
    finally:
        web.stop()
        service.stop()
        store.close()


@dataclass(frozen=True)
class Took:
    """One page: milliseconds by the clock, and of the processor in the site's process."""

    clock: float
    processor: float


def timed(client: httpx2.Client, path: str, process: int) -> Took:
    """Ask for a page; raises when what comes is not the page."""
    worked, began = processor(process), time.perf_counter()
    answer = client.get(path)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")
    return Took(took, processor(process) - worked)


def processor(process: int) -> float:
    """Return the milliseconds a process has had of a processor, all its threads together."""
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


def build(settings: Settings) -> tuple[float, float]:
    """Build the index; return the seconds by the clock and of the processor."""
    files = AuditFiles(settings.audit_dir)
    began, worked = time.perf_counter(), time.process_time()
    Indexer(files.index, lambda: open_reader(settings)).catch_up()
    return time.perf_counter() - began, time.process_time() - worked


def ask(settings: Settings, asked: dict[str, str], person: str) -> dict[str, list[Took]]:
    """Return the times of every page, each round in turn, after one round that is not counted."""
    times: dict[str, list[Took]] = {name: [] for name in asked}
    with site(settings, person) as (client, process):
        for number in range(ROUNDS + 1):
            for name, path in asked.items():
                took = timed(client, path, process)
                if number:
                    times[name].append(took)
    return times


def summary(taken: list[Took]) -> dict[str, float]:
    """Return the middle and the 95th percentile of both times, in ms."""
    clock, worked = sorted(one.clock for one in taken), sorted(one.processor for one in taken)
    at = min(len(taken) - 1, int(len(taken) * 0.95))
    return {
        "p50_ms": statistics.median(clock),
        "p95_ms": clock[at],
        "processor_p50_ms": statistics.median(worked),
        "processor_p95_ms": worked[at],
    }


def measure(settings: Settings) -> dict[str, Any]:
    """Build the index and ask for the pages, as an auditor and as a data steward."""
    if not (settings.audit_dir / "log.db").exists():
        write_log(settings, EVENTS)
    seconds, cpu = build(settings)
    index = AuditFiles(settings.audit_dir).index
    with Browser.open(index, lambda: open_reader(settings)) as browser:
        asked, size = pages(browser), browser.size
    times = ask(settings, asked, "alma")
    confined = {f"steward: {name}": asked[name] for name in STEWARD}
    times |= ask(settings, confined, "stella")
    every = [took for taken in times.values() for took in taken]
    return {
        "events": size,
        "rounds": ROUNDS,
        "index_seconds": seconds,
        "index_cpu_seconds": cpu,
        "index_mib": index.stat().st_size / 1024**2,
        "log_mib": (settings.audit_dir / "log.db").stat().st_size / 1024**2,
        "all": summary(every),
        "pages": {name: summary(taken) for name, taken in times.items()},
    }


def show(found: dict[str, Any]) -> None:
    """Print what was measured."""
    names = ("page", "p50 ms", "p95 ms", "processor p50 ms", "p95 ms")
    table = Table(*names, title=f"Pages, {found['events']:,} events")
    for name, one in {**found["pages"], "all": found["all"]}.items():
        late = " late" if one["p95_ms"] > TARGET_MS else ""
        worked = f"{one['processor_p50_ms']:.0f}", f"{one['processor_p95_ms']:.0f}"
        table.add_row(name, f"{one['p50_ms']:.0f}", f"{one['p95_ms']:.0f}{late}", *worked)
    console = Console()
    console.print(table)
    console.print(
        f"Index: {found['index_seconds']:.1f} s by the clock, {found['index_cpu_seconds']:.1f} s "
        f"of processor, {found['index_mib']:.0f} MiB beside a log of {found['log_mib']:.0f} MiB."
    )


def main() -> int:
    """Print the table and write benchmarks/results/pages.json; 1 where a page is late."""
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(
            state_dir=Path(os.environ.get("STATE", place)),  # a log that is there is used again
            run_dir=Path(place),
            audit_url=f"http://audit.localhost:{free_port()}",
        )
        found = measure(settings)
    show(found)
    keep("pages", found)
    return 0 if all(one["p95_ms"] <= TARGET_MS for one in found["pages"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
