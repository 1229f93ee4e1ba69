"""Submit an output for release, and see what became of it (HTTP over the intake's Unix socket)."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas

from enclave_client.errors import Refused

SOCKET = "/run/enclave/egress/intake.sock"
CHECK = "/outputs/check"
AWAY = "The intake does not answer. Nothing was submitted; try again in a minute."
CUT_OFF = (
    "The intake has not answered, so nobody here knows whether it has what you sent. Look at "
    "outputs() in a minute, and send it again only if it is not there."
)
IN_WORDS = {
    "submitted": "being checked",
    "protected": "in review",
    "returned": "changes asked for",
}  # what the review site calls them; the other states have names that say it
SECONDS = 120.0  # protecting a large table takes the service a while

Offered = str | Path | pandas.DataFrame | Sequence[str | Path | pandas.DataFrame]
Queries = Sequence[str | pandas.DataFrame] | Mapping[str, Sequence[str | pandas.DataFrame]]


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
        """Return each hidden row's file, labels, and why it is hidden."""
        return pandas.DataFrame(
            [
                {"file": name, "row": " · ".join(one["row"]), "why": ", ".join(one["why"])}
                for name, rows in self._hidden()
                for one in rows
            ],
            columns=["file", "row", "why"],
        )

    def _hidden(self) -> list[tuple[str, list[dict[str, Any]]]]:
        files = [one for one in self.answer.get("files", []) if isinstance(one, dict)]
        return [(str(one["name"]), one["suppressed"]) for one in files]

    @property
    def notes(self) -> list[str]:
        """Return what the check says of each file, and which files nobody could recompute."""
        files = [one for one in self.answer.get("files", []) if isinstance(one, dict)]
        said = [f"{one['name']}: {note}" for one in files for note in one.get("notes", [])]
        by_eye = [str(one["name"]) for one in files if one.get("standing") == "unverified"]
        if by_eye:
            said.append(f"Not recomputed, so reviewers judge by eye: {', '.join(by_eye)}.")
        return said

    def __repr__(self) -> str:
        head = f"{self.answer.get('title', '')}: {IN_WORDS.get(self.status, self.status)}"
        sentence = self.answer.get("sentence") or ""
        return "\n".join([f"{head} ({self.request}). {sentence}".strip(), *self.notes])

    def _repr_html_(self) -> str:
        title, sentence = escape(str(self.answer.get("title"))), self.answer.get("sentence") or ""
        state = escape(IN_WORDS.get(self.status, self.status))
        parts = [f"<h4>{title}: {state}</h4><p>{escape(str(sentence))}</p>"]
        if self.notes:
            parts.append(f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in self.notes)}</ul>")
        waiting = ", ".join(str(agency).upper() for agency in self.answer.get("waiting_for", []))
        if waiting:
            parts.append(
                f"<p>Waiting for {escape(waiting)}. What they say and decide stands on the review "
                "site, and <code>outputs()</code> lists it here.</p>"
            )
        parts.append(f"<p>Request <code>{escape(self.request)}</code></p>")
        if len(self.suppressed):
            parts.append(self.suppressed.to_html(index=False, border=0, escape=True))
        return "".join(parts)


class Advice:
    """What an output would be sent back for; `.answer` is the service's whole answer."""

    def __init__(self, answer: dict[str, Any]):
        self.answer = answer

    @property
    def table(self) -> pandas.DataFrame:
        """Return each reason, what to do, and whether it has to be done before submitting."""
        columns = ["code", "sentence", "next_step", "stops"]
        return pandas.DataFrame(self.answer.get("advice", []), columns=columns)

    @property
    def ready(self) -> bool:
        """Whether nothing has to be done first."""
        return not self.table["stops"].any()

    def __repr__(self) -> str:
        return "\n".join(f"- {line}" for line in self._said())

    def _repr_html_(self) -> str:
        return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in self._said())}</ul>"

    def _said(self) -> list[str]:
        said = [
            f"{one.sentence} {one.next_step}{' (needed)' if one.stops else ''}"
            for one in self.table.itertuples()
        ]
        known = str(self.answer.get("lineage") or "")
        return [*(said or ["Nothing that it would be sent back for."]), *known.splitlines()]


def submit(
    output: Offered,
    *,
    title: str,
    queries: Queries = (),
    drawn_from: str | Mapping[str, str] = "",
    context: str = "",
    replaces: str = "",
) -> Output:
    """Submit a file, several, or every file of a folder; a DataFrame stands for its CSV table.

    `queries` are the queries the tables were made from: ids, or the DataFrames `query` returned; a
    mapping from file names gives each file its own. A DataFrame submitted as it came needs none.
    `drawn_from` names the table a plot shows, or maps plots to tables; where there is one table
    alone it is that. `replaces` is the request that this is a new version of. Returns what was
    hidden and why. Raises Refused.
    """
    files = _files(output, queries, drawn_from)
    body = {"title": title, "context": context, "files": files, "replaces": replaces}
    return Output(_call("POST", "/outputs", body))


def check(
    output: Offered,
    *,
    title: str,
    queries: Queries = (),
    drawn_from: str | Mapping[str, str] = "",
    context: str = "",
) -> Advice:
    """Say what an output would be sent back for, without submitting it. Takes what `submit` takes.

    Which rows would be hidden is said by `submit`: nothing is recomputed here. Raises Refused.
    """
    files = _files(output, queries, drawn_from)
    body = {"title": title, "context": context, "files": files}
    return Advice(_call("POST", CHECK, body))


def _files(
    output: Offered, queries: Queries, drawn_from: str | Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return each file as the intake takes it."""
    named = _named(output)
    tables = [name for name, _ in named if kind_of(name) == "table"]
    only = tables[0] if len(tables) == 1 else ""
    files: list[dict[str, Any]] = []
    for name, one in named:
        kind = kind_of(name)
        file: dict[str, Any] = {"name": name, "kind": kind, "content_base64": _content(one)}
        if kind in ("table", "model"):
            file["queries"] = _queries_of(name, one, queries)
        if kind == "plot":
            given = drawn_from if isinstance(drawn_from, str) else drawn_from.get(name, "")
            file["drawn_from"] = given or only
        files.append(file)
    return files


def kind_of(name: str) -> str:
    """Return what a file is taken for, by its name: table, plot, model or text."""
    lower = name.lower()
    if lower.endswith(".model.json"):
        return "model"
    if lower.endswith((".csv", ".parquet", ".xlsx", ".json")):
        return "table"
    return "plot" if lower.endswith((".png", ".pdf")) else "text"


def _named(output: Offered) -> list[tuple[str, Path | pandas.DataFrame]]:
    """Return each file with its name; a folder stands for the files in it."""
    if isinstance(output, (str, Path)):
        path = Path(output)
        output = sorted(path.iterdir()) if path.is_dir() else [path]
    elif isinstance(output, pandas.DataFrame):
        output = [output]
    named: list[tuple[str, Path | pandas.DataFrame]] = []
    for one in output:
        if isinstance(one, pandas.DataFrame):
            frames = sum(isinstance(each, pandas.DataFrame) for _, each in named)
            named.append((f"table-{frames + 1}.csv" if frames else "table.csv", one))
            continue
        path = Path(one)
        if path.is_dir():
            raise Refused(f"{path.name} is a folder: submit its files, or it alone.")
        if not path.is_file():
            raise Refused(f"There is no file {path}. Files are looked for in {Path.cwd()}.")
        named.append((path.name, path))
    if not named:
        raise Refused("There is no file to submit.")
    return named


def _content(one: Path | pandas.DataFrame) -> str:
    frame = isinstance(one, pandas.DataFrame)
    content = one.to_csv(index=False).encode() if frame else one.read_bytes()
    return base64.b64encode(content).decode()


def _queries_of(name: str, one: Path | pandas.DataFrame, queries: Queries) -> list[str]:
    given = queries.get(name, ()) if isinstance(queries, Mapping) else queries
    if not len(given) and isinstance(one, pandas.DataFrame):
        given = [one]
    return [_query_id(each) for each in given]


def outputs() -> pandas.DataFrame:
    """Return this project's outputs that you submitted, newest first."""
    listed = _call("GET", "/outputs")["outputs"]
    return pandas.DataFrame(
        [{**one, "status": IN_WORDS.get(one["status"], one["status"])} for one in listed]
    )


def comment(request: str, text: str) -> Output:
    """Say something to the reviewers of an output; never write a hidden number."""
    return Output(_call("POST", f"/outputs/{_id(request)}/comment", {"text": text}))


def differences(request: str) -> pandas.DataFrame:
    """Return what has changed in an output since its last version and its last release."""
    rows = [
        {
            "file": one["file"],
            "beside": one["beside"],
            "row": " · ".join(change["labels"]),
            "column": column,
            "before": before,
            "now": now,
        }
        for one in _call("GET", f"/outputs/{_id(request)}/difference")["differences"]
        for change in one["changes"] or ()
        for column, before, now in change["cells"]
    ]
    return pandas.DataFrame(rows, columns=["file", "beside", "row", "column", "before", "now"])


def protected(request: str, name: str = "table.csv") -> bytes:
    """Return a file of an output as it would leave: what a plot has to be drawn from.

    A table that was refused only for its plot is handed back too. Raises Refused.
    """
    return _fetch(f"/outputs/{_id(request)}/files/{quote(name, safe='')}")


def withdraw(request: str) -> Output:
    """Take an output back before it is decided."""
    return Output(_call("POST", f"/outputs/{_id(request)}/withdraw", {}))


def _id(request: str) -> str:
    """Return a request's id as a part of an address: what is none of ours is then not found."""
    return quote(str(request), safe="") or "none"


def _query_id(query: str | pandas.DataFrame) -> str:
    if isinstance(query, str):
        return query
    name = query.attrs.get("enclave.query")
    if not name:
        raise Refused("This table does not carry its query's id: give the id, `q-…`, instead.")
    return str(name)


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(_exchange(method, path, body)[1])
    except ValueError:
        raise Refused(_away(method, path)) from None
    if "code" in answer:
        raise Refused(str(answer.get("explain") or answer.get("sentence")))
    return answer


def _fetch(path: str) -> bytes:
    status, content = _exchange("GET", path, None)
    if status == http.client.OK:
        return content
    try:
        raise Refused(str(json.loads(content)["explain"]))
    except (ValueError, KeyError, TypeError):
        raise Refused(AWAY) from None


def _exchange(method: str, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
    connection = _Unix(os.environ.get("ENCLAVE_INTAKE_SOCKET", SOCKET))
    content = json.dumps(body) if body is not None else None
    with closing(connection):
        try:
            connection.connect()
        except OSError:
            raise Refused(AWAY) from None
        try:
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, ValueError, http.client.HTTPException):
            raise Refused(_away(method, path)) from None


def _away(method: str, path: str) -> str:
    """Return what is known of a request that was sent and not answered: whether it did anything."""
    return AWAY if method == "GET" or path == CHECK else CUT_OFF
