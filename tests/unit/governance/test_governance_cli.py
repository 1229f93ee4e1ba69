"""The command line: the words an administrator reads, and the exit codes a script reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enclave import versions
from enclave.cli import enclave
from enclave.errors import EnclaveError
from enclave.events import Action, Event
from enclave.governance.signatures import body_sha256
from enclave.governance.source import read
from enclave.model import ProjectState
from enclave.settings import Settings
from enclave.store import ControlStore, Version, move, now
from tests.support.audit import AuditProcess
from tests.support.governance import NetworkFiles

DSA = "agreements/dsa-credential-pay"


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    return NetworkFiles(tmp_path)


class Shell:
    """Runs `enclave` with one enclave's settings."""

    def __init__(self, settings: Settings):
        self.environment = settings.environment()

    def run(self, *words: str, answer: str = "") -> Result:
        return CliRunner().invoke(enclave, words, env=self.environment, input=answer)

    def said(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, result.exception or result.output
        return result.output


@pytest.fixture
def shell(settings: Settings) -> Shell:
    return Shell(settings)


def test_plan_changes_nothing_and_apply_does_what_plan_said(
    shell: Shell, audit_service: AuditProcess, files: NetworkFiles
) -> None:
    place = str(files.place)
    announced = shell.said("plan", place)
    assert "+ project credential-pay" in announced
    assert shell.said("plan", place) == announced
    assert shell.said("project", "list") == ""
    assert shell.said("apply", place) == announced
    assert shell.said("apply", place) == "No changes.\n"
    assert shell.said("plan", place) == "No changes.\n"


@pytest.mark.parametrize(
    "words",
    [("plan", "{network}"), ("project", "list"), ("holdings",), ("register",), ("doctor",)],
    ids=lambda words: words[0],
)
def test_a_command_that_only_looks_makes_no_state(
    shell: Shell, settings: Settings, files: NetworkFiles, words: tuple[str, ...]
) -> None:
    shell.run(*(word.format(network=files.place) for word in words))
    assert not settings.state_dir.exists()


def test_show_says_who_may_see_what(
    shell: Shell, audit_service: AuditProcess, files: NetworkFiles
) -> None:
    """R44."""
    shell.said("apply", str(files.place))
    assert "credential-pay                  provisioned" in shell.said("project", "list")
    shown = shell.said("project", "show", "credential-pay")
    assert "state        provisioned, extract: none" in shown
    assert "wages (dol, cells of at least 11)\n  rows where year >= 2019" in shown
    assert "credentials (cscu, cells of at least 10)\n  institution" in shown


def test_an_agreements_terms_are_shown_beside_its_hash(shell: Shell, files: NetworkFiles) -> None:
    files.update(
        DSA,
        aggregation={"persons": 20, "small": "drop"},
        budgets={"person": {"queries_per_day": 2000}, "project": {}},
        network_clients=True,
    )
    shown = shell.said("agreement", "show", str(files.path(DSA)))
    assert "mode row-level, engine duckdb" in shown
    assert "at least: 20 persons; most of a sum: 0.8 or the agencies' strictest" in shown
    assert "budget of the project: none" in shown
    assert "budget of the person: queries_per_day 2,000" in shown
    assert "clients outside the workspace: yes" in shown
    assert "mode" not in shell.said("agreement", "show", str(files.path("agreements/e-mou")))


def test_versions_are_listed_moved_to_and_forgotten(
    shell: Shell, settings: Settings, audit_service: AuditProcess, files: NetworkFiles
) -> None:
    shell.said("apply", str(files.place))
    assert shell.said("project", "versions", "early-start") == ""
    _build_twice(settings, audit_service, "early-start")
    assert "extract: version 1 of 2" in shell.said("project", "show", "early-start")
    first, second = shell.said("project", "versions", "early-start").splitlines()
    assert first.startswith("*    1")
    assert second.startswith("     2")
    assert "wic 7" in second
    refused = shell.run("project", "forget", "early-start", "1", "--yes")
    assert "stands on version 1" in str(refused.exception)
    said = shell.said("project", "move", "early-start", "2")
    assert said == "early-start is now on version 2.\n"
    assert shell.said("project", "move", "early-start", "2").endswith("already on version 2.\n")
    assert "extract: version 2, the newest" in shell.said("project", "show", "early-start")
    assert shell.run("project", "forget", "early-start", "1", answer="n\n").exit_code == 1
    assert "is forgotten" in shell.said("project", "forget", "early-start", "1", "--yes")
    assert "already forgotten" in shell.said("project", "forget", "early-start", "1", "--yes")
    assert len(shell.said("project", "versions", "early-start").splitlines()) == 1
    for words in (("move", "early-start", "1"), ("forget", "early-start", "9", "--yes")):
        assert "version" in str(shell.run("project", *words).exception)


def _build_twice(settings: Settings, service: AuditProcess, project: str) -> None:
    """Register what two builds would, without data."""
    store = ControlStore(settings.database_url)
    mark, event = store.project(project).policy_sha256, Event(Action.PROJECT_BUILT, "os:test")
    with service.client() as audit:
        for epoch in (1, 2):
            with store.record(audit, event) as connection:
                rows = {"wic": 7}
                versions.register(connection, Version(project, epoch, mark, rows, now()))
                if epoch == 1:
                    move(connection, project, ProjectState.ACTIVE, epoch=1)
    store.close()


def test_a_plan_that_cannot_be_applied_fails_after_showing_itself(
    shell: Shell, files: NetworkFiles
) -> None:
    files.replace(DSA, "title: What", "title: Just what")
    result = shell.run("plan", str(files.place))
    assert result.exit_code == 1
    assert "+ project credential-pay" in result.output
    assert isinstance(result.exception, EnclaveError)
    assert "has lapsed" in result.exception.explain()
    assert "[governance.refused]" in result.exception.explain()


def test_closing_asks_first_and_can_be_repeated(
    shell: Shell, settings: Settings, audit_service: AuditProcess, files: NetworkFiles
) -> None:
    shell.said("apply", str(files.place))
    assert shell.run("project", "close", "early-start", answer="n\n").exit_code == 1
    assert "provisioned" in shell.said("project", "show", "early-start")
    home = settings.state_dir / "homes" / "early-start" / "ravi.img"
    home.parent.mkdir(parents=True)
    home.write_bytes(b"rows")
    said = shell.said("project", "close", "early-start", "--yes")
    assert "is now closed. Destroyed: 1 home." in said
    assert not home.exists()
    assert "is already closed" in shell.said("project", "close", "early-start", "--yes")
    assert shell.run("project", "close", "nothing", "--yes").exit_code == 1


def test_signing_keeps_the_text_and_takes_the_place_of_a_lapsed_signature(
    shell: Shell, files: NetworkFiles
) -> None:
    file = files.path(DSA)
    files.replace(DSA, "title: What", "# a remark\ntitle: Just what")
    text = file.read_text().partition("signatures:")[0]
    assert shell.said("agreement", "show", str(file)).count("signature lapsed") == 4
    for party in ("cscu", "dol", "hub", "recipient"):
        options = ("--party", party, "--name", "An Officer", "--date", "2026-01-02")
        said = shell.said("agreement", "sign", str(file), *options)
        assert said == f"{party} signed {body_sha256(read(file, name='dsa').data)}\n"
    assert file.read_text().partition("signatures:")[0] == text
    shown = shell.said("agreement", "show", str(file))
    assert shown.count("signed by An Officer on 2026-01-02") == 4
    assert not files.compiled().unsigned["dsa-credential-pay"]


def test_signing_dates_itself_today_and_adds_the_block_where_none_is(
    shell: Shell, files: NetworkFiles
) -> None:
    files.update(DSA, signatures=None)
    shell.said("agreement", "sign", str(files.path(DSA)), "--party", "dol", "--name", "An Officer")
    assert "not signed" in shell.said("agreement", "show", str(files.path(DSA)))
    assert len(files.compiled().unsigned["dsa-credential-pay"]) == 3


@pytest.mark.parametrize("party", ["dss", "nobody"])
def test_nobody_signs_who_is_no_party(shell: Shell, files: NetworkFiles, party: str) -> None:
    before = files.text(DSA)
    words = ("agreement", "sign", str(files.path(DSA)), "--party", party, "--name", "X")
    result = shell.run(*words)
    assert result.exit_code == 1
    assert "is no party" in str(result.exception)
    assert files.text(DSA) == before


def test_signatures_in_the_middle_of_a_file_are_not_rewritten(
    shell: Shell, files: NetworkFiles
) -> None:
    files.path(DSA).write_text(files.text(DSA) + "mode: row-level\n")
    files.replace(
        DSA, "destruction: key-destruction\nmode: row-level", "destruction: key-destruction"
    )
    words = ("agreement", "sign", str(files.path(DSA)), "--party", "dol", "--name", "X")
    assert "must be the last block" in str(shell.run(*words).exception)


@pytest.mark.parametrize("words", [("plan",), ("apply",), ("project",), ("agreement", "sign")])
def test_help_shows_examples(shell: Shell, words: tuple[str, ...]) -> None:
    assert "Examples:\n" in shell.said(*words, "--help")
