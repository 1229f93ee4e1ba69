"""No event holds a value of anybody's record, a literal of a query, a token or a key.

A small journey through the real services, without Docker or a browser; the whole one, in
tests/flow/test_journey.py, is searched in the same way. R4, R17; SATRE 2.5.03.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from enclave import store as control
from enclave.errors import EnclaveError
from enclave.events import Action, Event
from enclave.model import Person, Role
from enclave.sessions import open_session
from enclave.settings import Settings
from enclave.vault import build
from linkage.run import link
from tests.support import leaks
from tests.support.audit import AuditProcess
from tests.support.gateway import GatewayProcess, ask, socket_of, wait_until
from tests.support.population import (
    PAY,
    PAY_PROJECT,
    SCHOOL,
    SPINE,
    found,
    people,
    rows,
    take_in,
)


@dataclass(frozen=True)
class Journey:
    """What was logged, and everything that must not have been."""

    events: list[dict[str, Any]]
    delivered: leaks.Secrets
    kept: leaks.Secrets
    asked: leaks.Secrets


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """Deliveries good and broken, linkage, an extract, queries answered, refused and failing."""
    place, files = Path(tempfile.mkdtemp(prefix="enc-")), tmp_path_factory.mktemp("files")
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    service, gateway = AuditProcess(settings).start(), GatewayProcess(settings)
    try:
        with service.client() as audit:
            policy = PAY_PROJECT
            store, everyone = found(settings, audit, policy), people(120)
            with store.record(audit, Event(Action.AGREEMENT_APPLIED, "adam")) as connection:
                for id in policy.researchers:
                    rosa = Person(id, "Rosa Rivera", "r@x.example", frozenset({Role.RESEARCHER}))
                    control.put(connection, "person", id, rosa)
            given = {each.id: rows(each, everyone) for each in (SPINE, PAY, SCHOOL)}
            broken = [dict(row) | {"year": row["ssn"]} for row in given["pay"]]
            with suppress(EnclaveError):
                take_in(settings, store, audit, files, {"pay": broken})
            take_in(settings, store, audit, files, given)
            link(settings, store, audit, actor="adam")
            build.build(settings, store, audit, project=policy.project, actor="adam")
            gateway.start()
            person = min(policy.researchers)
            opened = open_session(store, audit, settings, person=person, project=policy.project)
            path = socket_of(settings, opened.id)
            wait_until(path.exists, "the session's socket did not come")
            asked = _ask(path, everyone[0].ssn)
        service.stop()
        delivered = leaks.of_deliveries(files.glob("*.csv"))
        yield Journey(service.events(), delivered, leaks.of_instance(settings), asked)
    finally:
        gateway.stop()
        service.kill()
        shutil.rmtree(place, ignore_errors=True)


def _ask(path: Path, ssn: str) -> leaks.Secrets:
    """Ask an allowed, a refused and a failing query; return their literals and the answer."""
    answer = ask(path, "SELECT year, sum(wage) AS total FROM pay WHERE year <> 1957 GROUP BY year")
    for refused in (
        f"SELECT ssn FROM pay WHERE ssn = '{ssn}'",
        "SELECT wage FROM pay WHERE 'Ekelund Zachrisson' = 'x'",
        f"SELECT CAST('{ssn}' AS INTEGER), sum(wage) FROM pay",
        f"this is no SQL {ssn}",
        'SELECT wage FROM pay WHERE county = "Zachrisson"',  # meant as a text, reads as a name
    ):
        with suppress(Exception):  # whatever the driver makes of it
            ask(path, refused)
    totals = {str(total) for total in answer["total"].to_pylist()}
    assert totals
    literals = {ssn, "Ekelund", "Zachrisson", "<> 1957"}
    return {"literal": literals, "result": totals}


def test_the_small_journey_left_what_it_should(journey: Journey) -> None:
    actions = {event["unmapped"]["enclave"]["action"] for event in journey.events}
    assert actions >= {
        "delivery.stored",
        "delivery.refused",
        "linkage.run",
        "project.built",
        "session.opened",
        "query.outcome",
        "query.denied",
    }


def test_no_value_literal_token_or_key_stands_in_the_log(journey: Journey) -> None:
    assert len(journey.delivered["social security number"]) > 100
    assert journey.kept["project key"]
    assert leaks.found_in(journey.events, journey.delivered, journey.kept, journey.asked) == []


def test_the_search_finds_each_kind_once_it_is_planted(journey: Journey) -> None:
    """The test above is worth something: one value of each kind in one event is found."""
    everything = journey.delivered | journey.kept | journey.asked
    for kind, values in everything.items():
        for value in sorted(values, key=len)[-1:]:
            event = json.loads(json.dumps(journey.events[-1]))
            event["unmapped"]["enclave"]["detail"]["planted"] = f"for {value} it is"
            hits = leaks.found_in([event], everything)
            assert any(hit.startswith(kind) for hit in hits), kind
