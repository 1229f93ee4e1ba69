"""What an auditor takes along: the entries a filter finds, the offline verifier, its last report.

Everything is logged before the first byte leaves, and sent in pieces: a download of a million
entries takes no more memory than one of a hundred.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from audit.log import LogReader
from audit.pyz import build
from audit.verifier.report import Setting, paper
from audit.web import asking
from audit.web.room import Room
from enclave.errors import NotFound
from enclave.web.app import Attachment

AT_ONCE = 500  # entries read and sent together
_MADE_HERE = """\
Made by the auditors' site, on the operator's own host, from a checkpoint that lies there: here the
operator's word covers itself. What convinces others is a report of verify.pyz, from a checkpoint
that you kept.

"""
NEAR = 4  # entries that lie this close are read in one go, what lies between them is left out


def events(room: Room, request: Request) -> Response:
    """Hand out the entries that fit the filters as JSON lines (OCSF), oldest first.

    Each line is an entry's text, byte for byte as it is hashed into the log.
    """
    asked = asking.wanted(request)
    with room.browse(request) as browser:
        found = browser.indices(asked, newest_first=False)
    room.look(request, "download", {"found": len(found), **asking.logged(asked)})
    return _file(_lines(room.log(), found), "events.jsonl", "application/x-ndjson")


def _lines(log: LogReader, found: Sequence[int]) -> Iterator[bytes]:
    """Yield the texts of these entries, in ascending order; closes the log at the end."""
    with closing(log):
        for start in range(0, len(found), AT_ONCE):
            yield b"".join(body + b"\n" for body in _bodies(log, found[start : start + AT_ONCE]))


def _bodies(log: LogReader, found: Sequence[int]) -> Iterator[bytes]:
    """Yield texts; one that retention has removed is left out."""
    wanted = set(found)
    spread = found[-1] - found[0] + 1
    spans = [(found[0], found[-1] + 1)] if spread <= NEAR * len(found) else _each(found)
    for begin, end in spans:
        for entry in log.entries(begin, end):
            if entry.index in wanted and entry.body is not None:
                yield entry.body


def _each(found: Sequence[int]) -> list[tuple[int, int]]:
    return [(index, index + 1) for index in found]


def verifier(room: Room, request: Request) -> Response:
    """Hand out the offline verifier: one file that needs nothing but Python."""
    room.look(request, "verifier")
    return Attachment(build(), "verify.pyz")


def report(room: Room, request: Request) -> Response:
    """Hand out the report of the last full verification on this site, to be filed."""
    room.auditors_only(request)
    room.look(request, "report")
    if room.report is None:
        raise NotFound(
            "Nothing has been verified on this site since it started.",
            hint="Press “Verify every entry” on the verification page first.",
        )
    at, found = room.report
    text = _MADE_HERE + paper([found], replace(Setting.here(()), at=at))
    return Attachment(text.encode(), "verification-report.txt", "text/plain")


def _file(pieces: Iterator[bytes], name: str, kind: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
    }
    return StreamingResponse(pieces, media_type=kind, headers=headers)
