"""Unmodified clients against a real session socket, real inspector and engine, real audit (R48).

The examples of docs/how-to/clients.md are run as they stand there, and must print what it says.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import pyarrow as pa
import pytest
from pyarrow import flight

from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway.flight import SessionServer
from enclave.gateway.flight_messages import pack
from enclave.gateway.flight_metadata import type_name
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.gateway import ROSA, open_gateway, wait_until

PAGE = Path(__file__).parents[3] / "docs/how-to/clients.md"
SOCKET = "/run/enclave/gateway/gateway.sock"  # as the page has it
EXAMPLE = re.compile(r"^## (?P<title>[^\n]+)$|^```(?P<kind>python|r)\n(?P<code>.*?)^```\n+```text\n"
                     r"(?P<output>.*?)^```", re.MULTILINE | re.DOTALL)  # fmt: skip
ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range = -1"


@pytest.fixture(scope="module")
def service() -> Iterator[AuditProcess]:
    place = Path(tempfile.mkdtemp(prefix="enc-"))
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    started = AuditProcess(settings).start()
    yield started
    started.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def path(service: AuditProcess) -> Iterator[Path]:
    place = service.settings.run_dir / "rosa.sock"
    with (
        service.client() as audit,
        open_gateway(service.settings, audit) as gateway,
    ):
        server = SessionServer(gateway, ROSA, place)
        yield place
        server.close()


@pytest.fixture
def connection(path: Path) -> Iterator[adbc.Connection]:
    with adbc.connect(f"grpc+unix://{path}", autocommit=True) as opened:
        yield opened


def examples() -> Iterator[Any]:
    title = ""
    for found in EXAMPLE.finditer(PAGE.read_text()):
        if found["title"]:
            title = found["title"]
        else:
            yield pytest.param(found["kind"], found["code"], found["output"], id=title)


@pytest.mark.parametrize(("kind", "code", "output"), [*examples()])
def test_an_example_of_the_page_prints_what_the_page_says(
    path: Path, tmp_path: Path, kind: str, code: str, output: str
) -> None:
    if kind == "r" and shutil.which("Rscript") is None:
        pytest.skip("no R here: apt-get install r-base-core r-cran-reticulate")
    program = tmp_path / f"example.{kind}"
    program.write_text(code.replace(SOCKET, str(path)))
    command = ["Rscript", "--vanilla"] if kind == "r" else [sys.executable]
    given = {
        "ENCLAVE_GATEWAY_SOCKET": str(path),
        "RETICULATE_PYTHON": sys.executable,
        "PLOOMBER_STATS_ENABLED": "false",
        "IPYTHONDIR": str(tmp_path),
        "HOME": str(tmp_path),
        "MPLCONFIGDIR": str(tmp_path),
    }
    done = subprocess.run(
        [*command, program], cwd=tmp_path, env=os.environ | given, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wanted = "\n".join(" ".join(line.split()) for line in output.splitlines())
    said = "\n".join(" ".join(line.split()) for line in done.stdout.splitlines() if line.strip())
    assert wanted in said


def ask(connection: adbc.Connection, text: str, values: object = None) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        rows: list[tuple[object, ...]] = cursor.fetchall()
        return rows


def test_every_type_of_parameter_arrives_as_it_was(connection: adbc.Connection) -> None:
    values = (None, True, 2**40, 1.5, Decimal("2.50"), "O'Brien; --", date(2020, 2, 29),
              datetime(2020, 2, 29, 12, 30))  # fmt: skip
    assert ask(connection, "SELECT ?, ?, ?, ?, ?, ?, ?, ?", values) == [values]


def test_parameters_by_number_and_by_name(connection: adbc.Connection) -> None:
    text = "SELECT count(*) FROM wages WHERE year = $1 OR year = $1 + 1"
    assert ask(connection, text, (2021,)) == [(1600,)]
    text = "SELECT count(*) FROM wages WHERE county = $county AND year = $year"
    named = pa.record_batch({"year": [2021], "county": ["Tolland"]})
    assert ask(connection, text, named) == [(264,)]


def test_a_prepared_statement_takes_one_row_after_another(connection: adbc.Connection) -> None:
    with connection.cursor() as cursor:
        schema = cursor.adbc_prepare("SELECT count(*) FROM wages WHERE year = ? AND county = ?")
        assert schema.names == ["1", "2"]
        counts = []
        for year in (2021, 2022, 2023):
            cursor.execute("SELECT count(*) FROM wages WHERE year = ?", (year,))
            counts.append(cursor.fetchone())
    assert counts == [(800,), (800,), (0,)]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (pa.record_batch({"year": [2021, 2022]}), "One row of parameters"),
        ((b"\x00\xff",), "a type that no query can hold"),
        (([2021],), "a type that no query can hold"),
        ((2021, 2022), "wants one value"),
        ((), "wants"),
        ((float("nan"),), r"\[query\."),
    ],
)
def test_parameters_that_cannot_be_are_refused_with_a_sentence(
    connection: adbc.Connection, values: object, says: str
) -> None:
    with pytest.raises(adbc_driver_manager.Error, match=says):
        ask(connection, "SELECT count(*) FROM wages WHERE year = ?", values)


def test_a_parameter_is_held_to_what_a_literal_is_held_to(connection: adbc.Connection) -> None:
    """R78: a single person cannot be looked up by a parameter either."""
    person = ask(connection, "SELECT person_id FROM wages LIMIT 1")[0][0]
    with pytest.raises(adbc_driver_manager.Error, match=r"\[query\."):
        ask(connection, "SELECT wage FROM wages WHERE person_id = ?", (person,))
    with pytest.raises(adbc_driver_manager.Error, match=r"\[query\."):
        ask(connection, "SELECT ?? FROM wages", ("ssn",))


def test_the_standard_calls_say_what_there_is(connection: adbc.Connection) -> None:
    info = connection.adbc_get_info()
    assert info["vendor_version"].startswith("duckdb ")
    assert connection.adbc_current_catalog == "credential-pay"
    assert connection.adbc_current_db_schema == "main"
    assert connection.adbc_get_table_types() == ["table"]
    tree = connection.adbc_get_objects(depth="all").read_all().to_pylist()
    (schema,) = tree[0]["catalog_db_schemas"]
    tables = {table["table_name"]: table for table in schema["db_schema_tables"]}
    assert set(tables) == {"credentials", "wages"}
    columns = {column["column_name"]: column for column in tables["wages"]["table_columns"]}
    assert columns["wage"]["xdbc_type_name"] == "DECIMAL(18,2)"
    assert "secret" not in columns
    assert not {"ssn", "first_name"} & set(columns)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"table_name_filter": "w%"}, ["wages"]),
        ({"table_name_filter": "_ages"}, ["wages"]),
        ({"table_name_filter": "nope"}, []),
        ({"db_schema_filter": "main"}, ["credentials", "wages"]),
        ({"db_schema_filter": "other"}, []),
        ({"table_types_filter": ["TABLE", "VIEW"]}, ["credentials", "wages"]),
        ({"table_types_filter": ["VIEW"]}, []),
    ],
)
def test_listings_can_be_filtered(
    connection: adbc.Connection, filters: dict[str, object], names: list[str]
) -> None:
    tree = connection.adbc_get_objects(depth="tables", **filters).read_all().to_pylist()
    found = [
        table["table_name"]
        for catalog in tree
        for schema in catalog["catalog_db_schemas"] or []
        for table in schema["db_schema_tables"] or []
    ]
    assert found == names


def test_keys_are_asked_for_and_there_are_none(path: Path) -> None:
    with flight.FlightClient(f"grpc+unix://{path}") as client:
        for command in (
            sql.CommandGetPrimaryKeys(table="wages"),
            sql.CommandGetExportedKeys(table="wages"),
            sql.CommandGetImportedKeys(table="wages"),
            sql.CommandGetCrossReference(pk_table="wages", fk_table="credentials"),
        ):
            descriptor = flight.FlightDescriptor.for_command(pack(command))
            info = client.get_flight_info(descriptor)
            listed = client.do_get(info.endpoints[0].ticket).read_all()
            assert listed.num_rows == 0
            assert listed.schema == info.schema


def test_dictionary_comments_travel_with_the_schema(connection: adbc.Connection) -> None:
    schema = connection.adbc_get_table_schema("wages")
    town = schema.field("town").metadata
    assert town[b"ARROW:FLIGHT:SQL:REMARKS"].startswith(b"The town. Only to filter by. Granted by")
    assert town[b"enclave.clause"] == b"dsa-credential-pay, view wages, field town"
    assert schema.metadata[b"enclave.agency"] == b"dol"
    assert type_name(pa.date32()) == "DATE"
    assert type_name(pa.list_(pa.int8())) == "VARCHAR"


def test_a_connection_without_autocommit_works_and_warns_of_nothing(path: Path) -> None:
    with adbc.connect(f"grpc+unix://{path}") as connection:
        assert ask(connection, "SELECT count(*) FROM credentials") == [(100,)]
        connection.commit()
        connection.rollback()


def test_cancelling_before_the_first_row_stops_the_engine(
    connection: adbc.Connection, service: AuditProcess
) -> None:
    with connection.cursor() as cursor:
        cancelling = once_one_runs(service, cursor.adbc_cancel)
        with pytest.raises(adbc_driver_manager.Error, match=r"(?i)cancel"):
            cursor.execute(ENDLESS)
        cancelling.join()
    wait_until(lambda: no_query_is_open(service), "the query went on")
    assert service.facts()[-1]["detail"]["code"] == "query.client-gone"


def test_cancelling_by_its_ticket_stops_a_query_of_the_same_session(
    path: Path, service: AuditProcess
) -> None:
    ticket = pack(sql.TicketStatementQuery(statement_handle=ENDLESS.encode()))
    with flight.FlightClient(f"grpc+unix://{path}") as client:
        cancelled: list[bytes] = []

        def cancel() -> None:
            endpoint = sql.FlightEndpoint(ticket=sql.Ticket(ticket=ticket))
            info = sql.FlightInfo(endpoint=[endpoint])
            request = sql.CancelFlightInfoRequest(info=info).SerializeToString()
            (result,) = client.do_action(flight.Action("CancelFlightInfo", request))
            cancelled.append(result.body.to_pybytes())
            old = pack(sql.ActionCancelQueryRequest(info=info.SerializeToString()))
            (result,) = client.do_action(flight.Action("CancelQuery", old))

        cancelling = once_one_runs(service, cancel)
        with pytest.raises(flight.FlightError, match=r"\[query\.client-gone\]"):
            client.do_get(flight.Ticket(ticket)).read_all()
        cancelling.join()
    assert sql.CancelFlightInfoResult.FromString(cancelled[0]).status == 1
    wait_until(lambda: no_query_is_open(service), "the query went on")


def once_one_runs(service: AuditProcess, work: Callable[[], object]) -> threading.Thread:
    """Do something as soon as one query more has begun, on a slow machine as on a fast one."""
    before = begun(service)

    def wait() -> None:
        wait_until(lambda: begun(service) > before, "the query did not begin")
        work()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def begun(service: AuditProcess) -> int:
    return [fact["action"] for fact in service.facts()].count("query.intent")


def no_query_is_open(service: AuditProcess) -> bool:
    done = [fact["action"] for fact in service.facts()]
    return done.count("query.intent") == done.count("query.outcome")
