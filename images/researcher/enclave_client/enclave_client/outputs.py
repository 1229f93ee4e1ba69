"""Submit an output for release, and see what became of it (HTTP over the intake's Unix socket)."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas

from enclave_client.errors import Refused

SOCKET = "/run/enclave/egress/intake.sock"
SECONDS = 120.0  # protecting a large table takes the service a while


class _Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str):
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)


class Output:
    """One submitted output as the service describes it; `.status`, `.request` and `.answer`."""

    def __init__(self, answer: dict[str, Any]):
        self.answer = answer

    @property
    def status(self) -> str:
        """Return where the request stands."""
        return str(self.answer.get("status", ""))

    @property
    def request(self) -> str:
        """Return the request's id."""
        return str(self.answer.get("request", ""))

    @property
    def suppressed(self) -> pandas.DataFrame:
        """Return each hidden row's labels and why it is hidden."""
        rows = self.answer.get("suppressed", [])
        return pandas.DataFrame(
            [{"row": " · ".join(one["row"]), "why": ", ".join(one["why"])} for one in rows],
            columns=["row", "why"],
        )

    def __repr__(self) -> str:
        sentence = self.answer.get("sentence") or ""
        return f"{self.answer.get('title', '')}: {self.status} ({self.request}). {sentence}"

    def _repr_html_(self) -> str:
        title, sentence = escape(str(self.answer.get("title"))), self.answer.get("sentence") or ""
        waiting = ", ".join(str(agency).upper() for agency in self.answer.get("waiting_for", []))
        parts = [
            f"<h4>{title}: {escape(self.status)}</h4><p>{escape(str(sentence))}</p>",
            f"<p>Request <code>{escape(self.request)}</code></p>",
        ]
        if waiting:
            parts.append(f"<p>Waiting for {escape(waiting)}.</p>")
        if len(self.suppressed):
            parts.append(self.suppressed.to_html(index=False, border=0, escape=True))
        return "".join(parts)


def submit(
    output: str | Path | pandas.DataFrame,
    *,
    title: str,
    queries: Sequence[str | pandas.DataFrame] = (),
    context: str = "",
) -> Output:
    """Submit a table (a CSV file, or a DataFrame) together with the queries it was made from.

    `queries` takes query ids or the DataFrames that `query` returned; a DataFrame submitted as it
    came needs none. Returns what was hidden and why. Raises Refused.
    """
    if isinstance(output, pandas.DataFrame):
        name, content = "table.csv", output.to_csv(index=False).encode()
        queries = queries or [output]
    else:
        name, content = Path(output).name, Path(output).read_bytes()
    body = {
        "title": title,
        "context": context,
        "queries": [_query_id(one) for one in queries],
        "filename": name,
        "content_base64": base64.b64encode(content).decode(),
    }
    return Output(_call("POST", "/outputs", body))


def outputs() -> pandas.DataFrame:
    """Return this project's outputs that you submitted, newest first."""
    return pandas.DataFrame(_call("GET", "/outputs")["outputs"])


def withdraw(request: str) -> Output:
    """Take an output back before it is decided."""
    return Output(_call("POST", f"/outputs/{request}/withdraw", {}))


def _query_id(query: str | pandas.DataFrame) -> str:
    if isinstance(query, str):
        return query
    name = query.attrs.get("enclave.query")
    if not name:
        raise Refused("This table does not carry its query's id: give the id, `q-…`, instead.")
    return str(name)


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    connection = _Unix(os.environ.get("ENCLAVE_INTAKE_SOCKET", SOCKET))
    try:
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        raise Refused("The intake does not answer. Nothing was submitted; try again.") from None
    finally:
        connection.close()
    if "code" in answer:
        raise Refused(str(answer.get("explain") or answer.get("sentence")))
    return answer
