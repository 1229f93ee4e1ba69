"""The pages on the log's own evidence: what is checked, what to keep elsewhere, what it proves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from audit.custody import known_keys
from audit.publication import export_extras, lodged_policy, newest_note
from audit.tiles import stream
from audit.verify import verify
from audit.web.memory import ALL
from audit.web.room import Room
from enclave.web.app import Attachment


def verification(room: Room, request: Request) -> Response:
    """Show who has cosigned the log, what to keep of it, and how to verify without this site."""
    room.look(request, "verification")
    # the report names entries by number, those of every agency
    at, report = (None, None) if room.scope(request) else room.report or (None, None)
    return room.show(
        request,
        "verification.html",
        note=newest_note(room.files),
        policy=lodged_policy(room.settings, room.files).decode(errors="replace"),
        clock_now=time.time(),
        late=room.settings.audit_cosign_late_seconds,
        key=room.files.public_key.read_text(),
        interval=room.settings.audit_checkpoint_seconds,
        report=report,
        report_age=None if at is None else time.time() - at,
    )


def verify_all(room: Room, request: Request) -> Response:
    """Re-hash every entry and check what entries mean together; then show the report."""
    room.auditors_only(request)
    room.watch.look()  # brings what this site has seen up to date
    report = verify(
        room.files.directory,
        checkpoint=room.watch.seen(),
        key="\n".join(key.export() for key in known_keys(room.files)),
        place=room.files.place,
    )
    kept = {"entries": report.entries, "passed": report.passed}
    room.verified(request, ALL, kept, wrong=not report.passed)
    room.report = (time.time(), report)
    return RedirectResponse("/verification#report", 303)


def checkpoint(room: Room, request: Request) -> Response:
    """Hand out the newest cosigned checkpoint, to be kept where the operator cannot reach."""
    room.look(request, "checkpoint")
    return Attachment(newest_note(room.files).encode(), "checkpoint", "text/plain")


def policy(room: Room, request: Request) -> Response:
    """Hand out the policy: the log's keys, its witnesses, their quorum."""
    room.look(request, "policy")
    return Attachment(lodged_policy(room.settings, room.files), "policy", "text/plain")


def export(room: Room, request: Request) -> Response:
    """Hand out the whole log as C2SP tlog-tiles in one tar file, made while it is sent."""
    room.auditors_only(request)
    room.look(request, "export")
    reader = room.log()

    def pieces() -> Iterator[bytes]:
        with closing(reader):
            extras = export_extras(room.settings, room.files)
            yield from stream(reader, newest_note(room.files), extras=extras)

    kept = {"Content-Disposition": 'attachment; filename="log.tar"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces(), media_type="application/x-tar", headers=kept)


def public_key(room: Room, request: Request) -> Response:
    """Hand out the public key."""
    room.look(request, "public-key")
    return Attachment(room.files.public_key.read_bytes(), "public.key", "text/plain")
