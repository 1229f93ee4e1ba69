"""Ask the project's gateway over the workspace's one data socket (Arrow Flight SQL)."""

from __future__ import annotations

import os
import re
import time
from html import escape
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import pandas

SOCKET = "/run/enclave/gateway/gateway.sock"
WAIT_SECONDS = 60.0  # the gateway opens the extract when it starts
_LABEL, _ROLE, _CLAUSE = b"enclave.label", b"enclave.role", b"enclave.clause"
_WRAPPING = re.compile(r"^[A-Z_]+: (?:\[FlightSQL\] )?|\.? Detail: \w+ \(.*\)$", re.DOTALL)


class Refused(Exception):
    """The enclave says no, or cannot answer now: one sentence, its code, and what to do next."""

    def _render_traceback_(self) -> list[str]:
        return [f"Not given: {self}"]


def connect(path: str | None = None) -> adbc.Connection:
    """Return a DBAPI connection to the gateway; pandas, polars and SQLAlchemy can use it too.

    Waits a minute for the gateway to come up. Raises Refused if it does not.
    """
    socket = Path(path or os.environ.get("ENCLAVE_GATEWAY_SOCKET", SOCKET))
    deadline = time.monotonic() + WAIT_SECONDS
    while not socket.exists():
        if time.monotonic() > deadline:
            raise Refused("The gateway is not there. If it stays away, tell the administrator.")
        time.sleep(0.2)
    return adbc.connect(f"grpc+unix://{socket}", autocommit=True)


def query(sql: str) -> pandas.DataFrame:
    """Ask one query; return its answer, with the query's id in `.attrs["enclave.query"]`.

    Raises Refused with the clause of the agreement that forbids it.
    """
    with connect() as connection, connection.cursor() as cursor:
        try:
            cursor.execute(sql)
            table = cursor.fetch_arrow_table()
        except adbc_driver_manager.Error as error:
            raise Refused(_WRAPPING.sub("", str(error))) from None
    frame: pandas.DataFrame = table.to_pandas()
    frame.attrs["enclave.query"] = (table.schema.metadata or {}).get(b"enclave.query", b"").decode()
    return frame


class Catalogue:
    """The project's views: `.views` maps each to a DataFrame of its columns."""

    def __init__(self, project: dict[str, str], views: dict[str, pandas.DataFrame]):
        self.project, self.views = project, views

    def __repr__(self) -> str:
        parts = [f"{name}\n{frame.to_string(index=False)}" for name, frame in self.views.items()]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        head = (
            f"<h3>{escape(self.project.get('title', ''))}</h3>"
            f"<p>{escape(self.project.get('purpose', ''))}<br>Agreement "
            f"<b>{escape(self.project.get('agreement', ''))}</b>, in force until "
            f"{escape(self.project.get('ends', ''))}. What is not listed here is not granted.</p>"
        )
        return head + "".join(_view_html(name, frame) for name, frame in self.views.items())


def catalogue() -> Catalogue:
    """Return the project's views and their dictionary: labels, agency, and the granting clause."""
    project: dict[str, str] = {}
    views: dict[str, pandas.DataFrame] = {}
    with connect() as connection:
        for name in _names(connection):
            schema = connection.adbc_get_table_schema(name)
            about = {key.decode(): value.decode() for key, value in schema.metadata.items()}
            for key in ("project", "title", "purpose", "agreement", "ends"):
                project[key] = about.get(f"enclave.{key}", "")
            views[name] = _columns(schema)
            views[name].attrs.update(about)
    return Catalogue(project, views)


def _names(connection: adbc.Connection) -> list[str]:
    listed = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
    return [
        table["table_name"]
        for catalog in listed
        for schema in catalog["catalog_db_schemas"]
        for table in schema["db_schema_tables"]
    ]


def _columns(schema: Any) -> pandas.DataFrame:
    rows = [
        {
            "column": field.name,
            "type": str(field.type),
            "meaning": (field.metadata or {}).get(_LABEL, b"").decode(),
            "use": (field.metadata or {}).get(_ROLE, b"").decode(),
            "granted by": (field.metadata or {}).get(_CLAUSE, b"").decode(),
        }
        for field in schema
    ]
    return pandas.DataFrame(rows)


def _view_html(name: str, frame: pandas.DataFrame) -> str:
    label = escape(frame.attrs.get("enclave.label", ""))
    agency = escape(frame.attrs.get("enclave.agency", "").upper())
    table = frame.to_html(index=False, border=0, escape=True)
    return f"<h4><code>{escape(name)}</code>: {label} ({agency})</h4>{table}"
