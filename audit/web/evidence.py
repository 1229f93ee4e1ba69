"""The pages on the log's own evidence: what is checked, what to keep elsewhere, what it proves."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from audit.verify import verify
from audit.web.room import Room
from enclave.events import Action
from enclave.web.app import Attachment


def verification(room: Room, request: Request) -> Response:
    """Show the checkpoint, the last full verification, and how to verify without this site."""
    room.look(request, "verification")
    at, report = room.report or (None, None)
    return room.show(
        request,
        "verification.html",
        note=room.files.checkpoint.read_text(),
        key=room.files.public_key.read_text(),
        interval=room.settings.audit_checkpoint_seconds,
        report=report,
        report_age=None if at is None else time.time() - at,
    )


def verify_all(room: Room, request: Request) -> Response:
    """Re-hash every entry and check what entries mean together; then show the report."""
    room.watch.look()  # brings what this site has seen up to date
    report = verify(
        room.files.directory,
        checkpoint=room.watch.seen(),
        key=room.files.public_key.read_text(),
    )
    kept = {"entries": report.entries, "passed": report.passed}
    room.look(request, "verification", kept, action=Action.AUDIT_VERIFIED)
    room.report = (time.time(), report)
    return RedirectResponse("/verification#report", 303)


def checkpoint(room: Room, request: Request) -> Response:
    """Hand out the signed checkpoint, for the auditor to keep where the operator cannot reach."""
    room.look(request, "checkpoint")
    return Attachment(room.files.checkpoint.read_bytes(), "checkpoint", "text/plain")


def public_key(room: Room, request: Request) -> Response:
    """Hand out the public key."""
    room.look(request, "public-key")
    return Attachment(room.files.public_key.read_bytes(), "public.key", "text/plain")
