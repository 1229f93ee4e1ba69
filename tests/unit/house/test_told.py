"""Nothing happens here that the log does not say, but for what is listed with its reason (R4).

SATRE 2.5.03: log-ins, privileged commands, changes of access, access to data, egress. A command
that is in no list, an action nothing leaves and a test that is not there fail here.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner
from tornado import web

from audit.sentences import read, sentence
from enclave import presence
from enclave.audit_client import AuditClient
from enclave.cli import enclave
from enclave.events import Action, Event, Stamp, Verdict, encode
from enclave.governance import projects
from enclave.governance.projects import Control
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.told import COMMANDS, HAPPENINGS
from hub_config.authenticator import EnclaveAuthenticator, LoggedCallback
from tests.support.audit import AuditProcess
from tests.support.governance import NetworkFiles

TESTS = Path(__file__).parents[2]
PROGRAMS = {"audit": "audit.cli", "linkage": "linkage.cli", "egress-review": "egress_review.cli"}


def leaves(command: click.Command, path: str) -> Iterator[str]:
    """Yield every command below a group by its whole name."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, f"{path} {name}")


def all_commands() -> set[str]:
    found = set(leaves(enclave, "enclave"))
    for program, module in PROGRAMS.items():
        loaded = vars(importlib.import_module(module))
        root = next(each for each in loaded.values() if isinstance(each, click.Group))
        found |= set(leaves(root, program))
    return found


def test_every_command_leaves_an_event_or_says_why_it_need_not() -> None:
    assert all_commands() == set(COMMANDS)
    assert all(told for told in COMMANDS.values())


def test_every_action_is_left_by_something_listed() -> None:
    listed = {action for told in HAPPENINGS for action in told.actions}
    for told in COMMANDS.values():
        listed |= set(told) if isinstance(told, tuple) else set()
    assert set(Action) - listed == set()


def test_every_test_the_table_names_is_there() -> None:
    named = [test for told in HAPPENINGS for test in told.tests]
    for test in named:
        file, name = test.split("::")
        assert f"def {name}(" in (TESTS / file).read_text(), test


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    return NetworkFiles(tmp_path)


def test_who_got_or_lost_a_role_or_a_project_is_logged(
    settings: Settings, audit_service: AuditProcess, audit: AuditClient, files: NetworkFiles
) -> None:
    control = Control(settings, ControlStore(settings.database_url), audit, "host:adam")
    projects.apply(control, files.compiled())
    network = files.compiled()
    people = dict(network.people)
    gone = people.pop(next(id for id, person in people.items() if person.agency))
    projects._apply_files(control, type(network)(**{**_parts(network), "people": people}), ())
    told = [f for f in audit_service.facts() if f["action"].startswith("access.")]
    given = {(f["detail"]["person"], f["detail"]["role"]) for f in told if "role" in f["detail"]}
    assert given == {(p.id, role.value) for p in network.people.values() for role in p.roles}
    members = {(f["project"], f["detail"]["person"]) for f in told if f["project"]}
    assert members == {(id, p) for id, each in network.policies.items() for p in each.researchers}
    lost = [f for f in told if f["action"] == "access.revoked"]
    assert {f["detail"]["person"] for f in lost} == {gone.id}
    assert all(f["agencies"] == [gone.agency] and f["actor"] == "host:adam" for f in lost)


def _parts(network: object) -> dict[str, object]:
    return {name: getattr(network, name) for name in network.__dataclass_fields__}  # type: ignore[attr-defined]


def test_a_command_that_fails_is_logged_without_what_it_said(
    settings: Settings, audit_service: AuditProcess, tmp_path: Path
) -> None:
    def run(*words: str) -> int:
        return CliRunner().invoke(enclave, words, env=settings.environment()).exit_code

    secret = tmp_path / "321-54-9876.csv"
    assert run("project", "close", "no-such-project", "--yes") != 0
    assert run("deliver", "dol", "wages", str(secret)) != 0
    assert run("project", "show", "no-such-project") != 0  # reads only: not told
    told = [f for f in audit_service.facts() if f["action"] == "command.failed"]
    assert [(f["detail"]["command"], f["project"], f["verdict"]) for f in told] == [
        ("enclave project close", "no-such-project", "failed"),
        ("enclave deliver", None, "failed"),
    ]
    assert all(
        f["actor"].startswith("host:") and set(f["detail"]) == {"command", "code"} for f in told
    )
    assert "321-54-9876" not in str(audit_service.events())


def test_a_command_fails_as_before_when_audit_is_away(settings: Settings) -> None:
    result = CliRunner().invoke(enclave, ["gateway", "revoke", "t-1"], env=settings.environment())
    assert result.exit_code != 0


def test_a_service_tells_of_its_start_and_its_stop(
    settings: Settings, audit_service: AuditProcess
) -> None:
    with presence.running(settings, "gateway"):
        pass
    with suppress(ZeroDivisionError), presence.running(settings, "hub"):
        raise ZeroDivisionError  # even one that breaks off
    told = [(f["action"], f["source"]) for f in audit_service.facts() if f["source"] != "audit"]
    assert told == [
        ("service.started", "gateway"),
        ("service.stopped", "gateway"),
        ("service.started", "hub"),
        ("service.stopped", "hub"),
    ]


def test_a_service_stops_while_audit_is_away(
    settings: Settings, audit_service: AuditProcess
) -> None:
    with presence.running(settings, "gateway"):
        audit_service.kill()


def test_the_hub_logs_a_log_in_that_was_not_begun_there(
    settings: Settings, audit_service: AuditProcess
) -> None:
    def refuse() -> None:
        raise web.HTTPError(400, "OAuth state mismatch")

    with audit_service.client("hub") as line:
        hands = SimpleNamespace(audit=line)
        log = partial(EnclaveAuthenticator.log_login, SimpleNamespace(hands=hands))
        caller = SimpleNamespace(
            check_arguments=refuse, authenticator=SimpleNamespace(log_login=log)
        )
        with pytest.raises(web.HTTPError):
            asyncio.run(LoggedCallback.get(caller))
    (told,) = [f for f in audit_service.facts() if f["action"] == "login"]
    assert (told["actor"], told["verdict"]) == ("unknown", Verdict.DENIED.value)


@pytest.mark.parametrize(
    ("action", "detail", "said"),
    [
        (
            Action.ACCESS_GRANTED,
            {"person": "dora", "role": "reviewer"},
            "gave dora the role reviewer",
        ),
        (Action.ACCESS_REVOKED, {"person": "rosa"}, "took access from rosa"),
        (Action.COMMAND_FAILED, {"command": "enclave apply"}, "called “enclave apply”"),
        (Action.SERVICE_STOPPED, {}, "stopped"),
    ],
)
def test_each_reads_as_a_sentence(action: Action, detail: dict[str, str], said: str) -> None:
    event = Event(action, "adam", detail=detail)
    assert said in sentence(read(0, encode(event, Stamp(0, "admin", "i", 0, "n"))))
