"""The logs that were closed before this one: their last checkpoints, keys, and the logs themselves.

For those who see every entry. Lists and hands out: the site's own search is of the present log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from audit.closed import ClosedLog, closed_logs
from audit.custody import LogRefused
from audit.log import open_reader
from audit.publication import newest_note
from audit.tiles import stream
from audit.web.room import Room
from enclave.errors import NotFound, Unavailable
from enclave.web import tables, words
from enclave.web.app import Attachment
from enclave.web.tables import Cell, Column

_NOT_KEPT = {"Cache-Control": "no-store"}
LEAD = (
    "Once a year a log is closed and the next begins with its last checkpoint. A closed log "
    "cannot be signed again: its private key was deleted."
)


def listing(room: Room, request: Request) -> Response:
    """List the closed logs, the newest first."""
    room.auditors_only(request)
    room.look(request, "closed-logs")
    shown: list[Column[ClosedLog]] = [
        Column("closed", "Closed", lambda each: words.when(each.closed_at), lambda e: e.closed_at),
        Column("log", "Log (origin)", lambda each: each.checkpoint.origin),
        Column(
            "entries", "Entries", lambda each: f"{each.checkpoint.size:,}",
            lambda each: each.checkpoint.size, numeric=True,
        ),
        _file("checkpoint", "Last checkpoint", "checkpoint"),
        _file("keys", "Public keys", "public.keys"),
        _file("events", "Events (OCSF)", "events.jsonl"),
        _file("whole", "Whole log", "log.tar"),
    ]  # fmt: skip
    at = tables.state(request, shown, sort="-closed")
    table = tables.of(
        _logs(room),
        shown,
        at,
        caption="Closed logs",
        empty="No log has been closed yet: this one is the first.",
    )
    return room.show(request, "subjects.html", table=table, heading="Closed logs", lead=LEAD)


def _file(name: str, title: str, file: str) -> Column[ClosedLog]:
    def cell(each: ClosedLog) -> Cell:
        return Cell(file, f"/closed/{quote(each.name, safe='')}/{file}")

    return Column(name, title, cell, sortable=False)


def _logs(room: Room) -> list[ClosedLog]:
    try:
        return closed_logs(room.files)
    except (LogRefused, OSError, ValueError) as error:
        raise Unavailable(
            "A closed log cannot be read.", hint="Perhaps one is being closed: try again."
        ) from error


def file(room: Room, request: Request) -> Response:
    """Hand out one file of a closed log."""
    room.auditors_only(request)
    name, wanted = request.path_params["name"], request.path_params["file"]
    makers: dict[str, Callable[[ClosedLog], Response]] = {
        "checkpoint": lambda each: _text(newest_note(each.files), "checkpoint"),
        "public.keys": lambda each: _text(each.files.public_keys.read_text(), "public.keys"),
        "events.jsonl": _lines,
        "log.tar": _tar,
    }
    found = next((each for each in _logs(room) if each.name == name), None)
    if found is None or wanted not in makers:
        raise NotFound("There is no such closed log or file.", hint="The list shows what exists.")
    room.look(request, "closed-log", {"log": found.checkpoint.origin, "file": wanted})
    return makers[wanted](found)


def _text(text: str, name: str) -> Response:
    return Attachment(text.encode(), name, "text/plain")


def _lines(each: ClosedLog) -> Response:
    """Send every text there still is, as it was logged, one a line."""
    reader = open_reader(each.files.place)

    def pieces() -> Iterator[bytes]:
        with closing(reader):
            for entry in reader.entries():
                if entry.body is not None:
                    yield entry.body + b"\n"

    kept = {"Content-Disposition": 'attachment; filename="events.jsonl"', **_NOT_KEPT}
    return StreamingResponse(pieces(), media_type="application/jsonl", headers=kept)


def _tar(each: ClosedLog) -> Response:
    reader = open_reader(each.files.place)

    def pieces() -> Iterator[bytes]:
        with closing(reader):
            keys = each.files.public_keys.read_bytes()
            yield from stream(reader, newest_note(each.files), extras={"public.keys": keys})

    kept = {"Content-Disposition": 'attachment; filename="log.tar"', **_NOT_KEPT}
    return StreamingResponse(pieces(), media_type="application/x-tar", headers=kept)
