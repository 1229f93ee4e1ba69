"""The whole enclave, door to door, with its control store in PostgreSQL instead of SQLite.

Real command lines and services; only the browser and the container are left to the other journeys.
"""

from __future__ import annotations

import csv
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from enclave_client import Refused, query, submit
from psycopg.rows import dict_row

from audit.merkle import leaf_hash
from enclave.audit_client import AuditClient
from enclave.demo.services import SERVICES
from enclave.errors import Unavailable
from enclave.model import Session
from enclave.sessions import close_session, open_session, poke
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support.audit import AuditProcess
from tests.support.gateway import wait_until
from tests.support.population import Person, people
from tests.support.ports import free_port
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
NETWORK = ROOT / "examples" / "demo-network"
PROJECT = "credential-pay"
PEOPLE = 260
TABLE = """
    SELECT c.credential, w.county, count(*) AS records, sum(w.wage) AS wages
    FROM credentials AS c JOIN wages AS w ON w.person_id = c.person_id
    WHERE w.year = 2021
    GROUP BY CUBE (c.credential, w.county)
    ORDER BY ALL
"""


def command(settings: Settings, *argv: str) -> str:
    """Run one of our programs as the administrator would and return what it said."""
    done = subprocess.run(
        [Path(sys.executable).parent / argv[0], *argv[1:]],
        env=settings.environment(),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def service(settings: Settings, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of the enclave's services until the block ends; it answers when the block begins."""
    found = next(each for each in SERVICES if each.name == name)
    process = subprocess.Popen(found.argv, env=settings.environment(), cwd=ROOT)
    try:
        wait_until(
            lambda: process.poll() is not None or found.ready(settings), f"{name} did not start"
        )
        assert process.poll() is None, f"{name} ended with {process.returncode}"
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(15)
    finally:
        process.kill()
        process.wait()


def deliveries(place: Path) -> Iterator[tuple[str, str, Path]]:
    """Write the spine, wages and credentials of some people; yield agency, dataset, file."""
    draw, everyone = random.Random(3), people(PEOPLE)
    yield "dss", "social-security", _write(place, "social-security", [_who(p) for p in everyone])
    yield "dol", "wages", _write(place, "wages", [_wage(p, draw) for p in everyone])
    schooled = [_credential(p, draw) for p in everyone if draw.random() < 0.8]
    yield "cscu", "credentials", _write(place, "credentials", schooled)


def _who(person: Person) -> dict[str, str]:
    names = {"first_name": person.first, "middle_name": "", "last_name": person.last}
    return {"ssn": person.ssn, **names, "date_of_birth": person.born}


def _wage(person: Person, draw: random.Random) -> dict[str, str]:
    counties = draw.choices(("Hartford", "Fairfield", "Windham"), (50, 40, 4))
    home = {"street_number": "1", "street_name": "Elm Street", "unit_number": ""}
    town = {"city": "Hartford", "zipcode": "06101"}
    work = {"industry": "62", "employer_id": "E-1", "county": counties[0]}
    names = {"ssn": person.ssn, "first_name": person.first, "last_name": person.last}
    when = {"year": "2021", "quarter": "1", "wage": f"{draw.randrange(4000, 20000)}.00"}
    return {**names, **home, **town, **when, **work}


def _credential(person: Person, draw: random.Random) -> dict[str, str]:
    who = {**_who(person), "middle_initial": ""}
    del who["middle_name"]
    kind = draw.choices(("certificate", "associate", "master"), (40, 40, 5))[0]
    what = {"institution": "Capital", "credential": kind, "field_of_study": "health"}
    return {**who, **what, "year": "2020", "county": "Hartford"}


def _write(place: Path, name: str, rows: Sequence[Mapping[str, str]]) -> Path:
    path = place / f"{name}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["record_id", *rows[0]], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"record_id": f"{name}-{n}", **row} for n, row in enumerate(rows))
    return path


class Enclave:
    """The settings, its database as another client sees it, and its audit log."""

    def __init__(self, settings: Settings, audit: AuditProcess, server: Postgres):
        self.settings, self.audit, self.server = settings, audit, server

    def rows(self, sql: str) -> list[dict[str, Any]]:
        url = self.settings.database_url.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return connection.execute(sql).fetchall()  # type: ignore[arg-type]

    @contextmanager
    def session(self, person: str) -> Iterator[Session]:
        """Open a session as the hub does, for as long as the block lasts."""
        store = ControlStore(self.settings.database_url)
        with AuditClient(self.settings, "hub") as audit:
            opened = open_session(store, audit, self.settings, person=person, project=PROJECT)
            yield opened
            close_session(store, audit, self.settings, session=opened.id)
        store.close()


@pytest.fixture
def enclave(settings: Settings, audit_service: AuditProcess, postgres: Postgres) -> Enclave:
    on = {"control_url": postgres.database()}
    for site in ("review", "audit"):
        on[f"{site}_url"] = f"http://{site}.localhost:{free_port()}"
    return Enclave(settings.model_copy(update=on), audit_service, postgres)


def load(enclave: Enclave, place: Path) -> None:
    """Apply the agreements, take deliveries in, link them, build one project's extract."""
    command(enclave.settings, "enclave", "apply", str(NETWORK))
    for agency, dataset, path in deliveries(place):
        command(enclave.settings, "enclave", "deliver", agency, dataset, str(path))
    command(enclave.settings, "linkage", "run")
    command(enclave.settings, "enclave", "project", "build", PROJECT)


def test_the_journey_runs_with_its_control_store_in_postgresql(
    enclave: Enclave, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(enclave, tmp_path)
    built = enclave.rows(f"SELECT state, extract_epoch FROM projects WHERE id = '{PROJECT}'")
    assert built == [{"state": "active", "extract_epoch": 1}]
    delivered = enclave.rows("SELECT dataset, version FROM deliveries ORDER BY dataset")
    assert [row["dataset"] for row in delivered] == ["credentials", "social-security", "wages"]

    with ExitStack() as stack:
        gateway = stack.enter_context(service(enclave.settings, "gateway"))
        review = stack.enter_context(service(enclave.settings, "review"))
        stack.enter_context(service(enclave.settings, "audit-web"))
        session = stack.enter_context(enclave.session("rosa"))
        place = enclave.settings.run_dir / "sessions" / session.id
        monkeypatch.setenv("ENCLAVE_GATEWAY_SOCKET", str(place / "gateway" / "gateway.sock"))
        monkeypatch.setenv("ENCLAVE_INTAKE_SOCKET", str(place / "egress" / "intake.sock"))

        for worker in _children(gateway):  # which hears its settings in its orders
            assert b"ENCLAVE_" not in Path(f"/proc/{worker}/environ").read_bytes()
        table = query(TABLE)
        with enclave.server.away(enclave.settings.database_url):
            # What needs the store is refused in a sentence; what does not goes on; nothing dies.
            assert query("SELECT count(*) AS n FROM wages")["n"][0] > 0
            with pytest.raises(Refused, match="control store does not answer"):
                submit(table, title="Pay", context="Pay by credential, for the annual report.")
            for witness in ("gateway", "egress"):
                with pytest.raises(Unavailable):
                    poke(enclave.settings, witness)
        output = submit(table, title="Pay by credential", context="For the annual report of pay.")
        assert output.status == "protected", output
        assert not output.suppressed.empty
        assert (gateway.poll(), review.poll()) == (None, None)

    _check_kept(enclave, session, output.request, table.attrs["enclave.query"])


def _children(process: subprocess.Popen[bytes]) -> list[str]:
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert found
    return found


def _check_kept(enclave: Enclave, session: Session, request: str, asked: str) -> None:
    """What was done is in PostgreSQL, has its receipts, and is nowhere in a SQLite file."""
    [kept] = enclave.rows("SELECT * FROM egress_request")
    assert (kept["id"], kept["state"], kept["person"]) == (request, "protected", "rosa")
    [opened] = enclave.rows("SELECT id, closed_at FROM sessions")
    assert opened["id"] == session.id
    assert opened["closed_at"] is not None
    assert not (enclave.settings.state_dir / "control.db").exists()

    bodies = enclave.audit.bodies()
    receipts = enclave.rows("SELECT * FROM egress_receipt ORDER BY entry")
    assert [row["action"] for row in receipts] == ["output.submitted", "output.protected"]
    for row in receipts:
        assert leaf_hash(bodies[row["entry"]]).hex() == row["leaf"]
    facts = enclave.audit.facts()
    done = {fact["action"] for fact in facts}
    assert {"project.provisioned", "project.built", "session.opened", "session.closed"} <= done
    of_query = {fact["action"] for fact in facts if asked in str(fact)}
    assert {"query.intent", "query.outcome"} <= of_query
