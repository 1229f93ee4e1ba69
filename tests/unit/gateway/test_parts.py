"""The engine's lock, the worker's confinement, the generated protocol, the workspace's client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import enclave_client
import pandas
import pytest
from enclave_client import gateway as client
from enclave_client.magic import sql as sql_magic

from enclave.gateway import identity
from enclave.gateway.engine_duckdb import open_engine
from enclave.gateway.flight import SessionServer
from enclave.gateway.service import Gateway
from enclave.model import Session
from enclave.settings import Settings
from enclave.vault import extract
from tests.support.extracts import make_extract
from tests.support.gateway import (
    PROJECT,
    ROSA,
    GatewayProcess,
    make_policy,
    make_tables,
)

ROOT = Path(__file__).parents[3]
GATEWAY = ROOT / "enclave" / "gateway"


def test_the_generated_protocol_is_fresh(tmp_path: Path) -> None:
    out = (f"--python_out={tmp_path}", f"--pyi_out={tmp_path}")
    source = ("-I", str(GATEWAY), str(GATEWAY / "flight_sql.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", *out, *source]
    subprocess.run(command, check=True)
    for name in ("flight_sql_pb2.py", "flight_sql_pb2.pyi"):
        assert (tmp_path / name).read_bytes() == (GATEWAY / name).read_bytes(), f"compile {name}"


@pytest.fixture
def engine(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    key = make_extract(settings, PROJECT, make_tables(), make_policy())
    opened = open_engine(extract.open_extract(settings, PROJECT, key), policy=make_policy())
    yield opened
    opened.close()


def test_no_name_leads_to_the_rows(engine: duckdb.DuckDBPyConnection) -> None:
    assert engine.execute("SELECT count(*) FROM wages").fetchall() == [(1600,)]
    mine = [link for link in Path("/proc/self/fd").iterdir() if _points_to_extract(link)]
    assert mine  # it is open here …
    assert all("(deleted)" in str(link.readlink()) for link in mine)  # … and named nowhere


def _points_to_extract(link: Path) -> bool:
    try:
        return "extract.duckdb" in str(link.readlink())
    except OSError:
        return False


def test_the_worker_has_no_network_no_capability_and_no_way_to_gain_one(
    rosa: Session, served: GatewayProcess
) -> None:
    (worker,) = served.workers()
    facts = dict(
        line.split(":\t", maxsplit=1)
        for line in Path(f"/proc/{worker}/status").read_text().splitlines()
        if ":\t" in line
    )
    assert facts["NoNewPrivs"] == "1"
    assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
    devices = Path(f"/proc/{worker}/net/dev").read_text()
    assert [line.split(":")[0].strip() for line in devices.splitlines()[2:]] == ["lo"]
    limits = Path(f"/proc/{worker}/limits").read_text()
    assert "Max core file size        0 " in limits
    command = (
        Path(f"/proc/{worker}/cmdline").read_bytes() + Path(f"/proc/{worker}/environ").read_bytes()
    )
    assert b"key" not in command.lower().replace(b"keyring", b"").replace(b"monkey", b"")
    assert facts["Uid"].split() == [str(identity.FIRST)] * 4
    assert facts["NSpid"].split()[-1] == "1"
    assert facts["Seccomp"] == "2"
    assert rosa.id


# The workspace's client ---------------------------------------------------------------------------


@pytest.fixture
def workspace(
    gateway: Gateway, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SessionServer]:
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    path = settings.run_dir / "gateway.sock"
    monkeypatch.setenv("ENCLAVE_GATEWAY_SOCKET", str(path))
    server = SessionServer(gateway, ROSA, path)
    yield server
    server.close()


def test_the_client_returns_a_frame_that_carries_its_query(workspace: SessionServer) -> None:
    frame = enclave_client.query(
        "SELECT year, count(*) AS n FROM wages GROUP BY year ORDER BY year"
    )
    assert frame["n"].tolist() == [800, 800]
    assert frame.attrs["enclave.query"].startswith("q-")
    assert workspace.session is ROSA


def test_the_client_shows_a_refusal_as_one_sentence_with_the_clause(
    workspace: SessionServer,
) -> None:
    with pytest.raises(enclave_client.Refused) as refusal:
        sql_magic("SELECT ssn FROM wages")
    shown = "\n".join(refusal.value._render_traceback_())
    assert shown.startswith("Not given: The agreement does not grant the column ssn of wages.")
    assert "dsa-credential-pay, view wages" in shown
    assert "FlightSQL" not in shown
    assert "Detail" not in shown


def test_the_catalogue_shows_labels_agencies_and_clauses(workspace: SessionServer) -> None:
    listed = enclave_client.catalogue()
    assert list(listed.views) == ["credentials", "wages"]
    html = listed._repr_html_()
    for part in (
        "The wage",
        "DOL",
        "CSCU",
        "dsa-credential-pay, view wages, field wage",
        "filter-only",
    ):
        assert part in html
    assert "secret" not in html
    assert "wages" in repr(listed)


def test_the_client_says_so_when_there_is_no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "WAIT_SECONDS", 0.0)
    with pytest.raises(enclave_client.Refused, match="not there"):
        enclave_client.connect("/nowhere/gateway.sock")


def test_a_submission_needs_the_query_it_was_made_from() -> None:
    with pytest.raises(enclave_client.Refused, match="query's id"):
        enclave_client.submit(pandas.DataFrame({"n": [1]}), title="Numbers")


def test_the_welcome_notebook_runs_from_top_to_bottom(
    workspace: SessionServer, gateway: Gateway
) -> None:
    """Every cell that asks something is run as it stands; plotting is the image's own test."""
    place = ROOT / "images" / "researcher" / "notebooks" / "welcome.ipynb"
    cells = [c for c in json.loads(place.read_text())["cells"] if c["cell_type"] == "code"]
    names: dict[str, object] = {}
    for cell in cells:
        text = "".join(cell["source"])
        if text.startswith("%%sql"):
            sql_magic("", text.split("\n", maxsplit=1)[1])
        elif "matplotlib" not in text:
            exec(compile(text, cell["id"], "exec"), names)
    assert isinstance(names["table"], pandas.DataFrame)


def test_a_socket_that_was_taken_away_is_noticed(
    workspace: SessionServer, settings: Settings
) -> None:
    assert workspace.is_reachable()
    (settings.run_dir / "gateway.sock").unlink()
    assert not workspace.is_reachable()
