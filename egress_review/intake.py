"""Takes outputs in from workspaces: one Unix socket a session, so the path says who speaks.

The sockets under R/sessions/*/egress are kept equal to the control store's open sessions: at the
start, at every `sync` on the control socket, and after a crash. Never believes a name in a body.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from egress_review import permissions, policy
from egress_review.model import FileKind, OutputFile, Request, State
from egress_review.readiness import advice, known
from egress_review.service import ReviewService, suppressed_rows, waiting_for
from egress_review.submission import MOST_FILES, MOST_TOGETHER, Handed, Submission
from enclave.errors import EnclaveError, Invalid, NotFound
from enclave.model import Session
from enclave.settings import Settings

log = logging.getLogger(__name__)

MOST_BODY = MOST_TOGETHER * 4 // 3 + 256 * 1024  # base64 of the largest files, and their words
MOST_LISTED = 200
SERVICE = web.AppKey("service", ReviewService)
SESSION = web.AppKey("session", Session)
TURN = web.AppKey("turn", asyncio.Lock)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _FileBody(BaseModel):
    """What every file of a submission has."""

    model_config = ConfigDict(extra="forbid")

    name: str
    content_base64: str


class TableBody(_FileBody):
    """A table, and the queries it was made from."""

    kind: Literal[FileKind.TABLE]
    queries: list[str] = Field(max_length=100)


class PlotBody(_FileBody):
    """A picture, and the table of the same submission it was drawn from."""

    kind: Literal[FileKind.PLOT]
    drawn_from: str


class ModelBody(_FileBody):
    """A regression's summary, and the queries that answered what it was fitted to."""

    kind: Literal[FileKind.MODEL]
    queries: list[str] = Field(max_length=100)


class TextBody(_FileBody):
    """Words or code; made from no query that could be named."""

    kind: Literal[FileKind.TEXT]


FileBody = Annotated[TableBody | PlotBody | ModelBody | TextBody, Field(discriminator="kind")]


class OutputBody(BaseModel):
    """The body of `POST /outputs`: each file says what kind it is, and is taken for no other."""

    model_config = ConfigDict(extra="forbid")

    title: str
    context: str = ""
    files: list[FileBody] = Field(min_length=1, max_length=MOST_FILES)
    replaces: str = ""


class CommentBody(BaseModel):
    """The body of `POST /outputs/{id}/comment`."""

    model_config = ConfigDict(extra="forbid")

    text: str


def make_intake(service: ReviewService, session: Session) -> web.Application:
    """Return the intake of one session: what it can see is its own person's in its project."""
    app = web.Application(client_max_size=MOST_BODY, middlewares=[_sentences, _in_turn])
    app[SERVICE], app[SESSION], app[TURN] = service, session, asyncio.Lock()
    app.add_routes(
        [
            web.post("/outputs", _submit),
            web.get("/outputs", _list),
            web.get("/outputs/{id}", _show),
            web.post("/outputs/check", _advise),
            web.get("/outputs/{id}/files/{name}", _hand_back),
            web.get("/outputs/{id}/difference", _difference),
            web.post("/outputs/{id}/comment", _comment),
            web.post("/outputs/{id}/withdraw", _withdraw),
        ]
    )
    return app


class Intake:
    """The open sockets of all sessions, and the control socket that is told of changes."""

    def __init__(self, settings: Settings, service: ReviewService):
        self._settings, self._service = settings, service
        self._open: dict[str, web.AppRunner] = {}
        self._turn = asyncio.Lock()
        self._control: asyncio.Server | None = None

    async def start(self) -> None:
        """Open the control socket and every session's intake."""
        path = self._settings.run_dir / "egress" / "control.sock"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._control = await asyncio.start_unix_server(self._answer, path)
        path.chmod(0o600)
        await self.sync()

    async def stop(self) -> None:
        """Close every socket."""
        if self._control is not None:
            self._control.close()
        for session in list(self._open):
            await self._close(session)

    async def sync(self) -> None:
        """Make the sockets equal to the store's open sessions."""
        async with self._turn:
            sessions = await asyncio.to_thread(self._service.control.sessions)
            wanted = {session.id: session for session in sessions}
            for gone in self._open.keys() - wanted.keys():
                await self._close(gone)
            for session in wanted.values():
                if session.id not in self._open or not self._path(session.id).exists():
                    await self._serve(session)

    async def _serve(self, session: Session) -> None:
        await self._close(session.id)
        path = self._path(session.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        runner = web.AppRunner(make_intake(self._service, session), access_log=None)
        await runner.setup()
        await web.UnixSite(runner, str(path)).start()
        path.chmod(0o666)  # the directory is mounted into that session's container alone
        self._open[session.id] = runner

    async def _close(self, session: str) -> None:
        runner = self._open.pop(session, None)
        if runner is not None:
            await runner.cleanup()
            self._path(session).unlink(missing_ok=True)

    def _path(self, session: str) -> Path:
        return self._settings.run_dir / "sessions" / session / "egress" / "intake.sock"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = "error The only word understood here is sync."
        if (await reader.readline()).strip() == b"sync":
            try:
                await self.sync()
                answer = "ok"
            except (EnclaveError, OSError) as error:
                log.exception("sync")
                answer = f"error The intake sockets cannot be opened ({type(error).__name__})."
        writer.write(f"{answer}\n".encode())
        await writer.drain()
        writer.close()


# Handlers --------------------------------------------------------------------------------------


@web.middleware
async def _sentences(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every refusal into its sentence, and everything unforeseen into one without detail."""
    try:
        return await handler(request)
    except EnclaveError as error:
        return _error(error)
    except web.HTTPRequestEntityTooLarge:
        return _error(Invalid(f"Together the files are larger than {MOST_TOGETHER:,} bytes."))
    except web.HTTPException as error:
        return _error(
            NotFound("The intake has no such address.")
            if error.status == 404
            else Invalid("The intake cannot read this request.")
        )
    except Exception:
        log.exception("intake")
        return web.json_response(
            {"code": "egress.unexpected", "sentence": "The intake failed; nothing was released."},
            status=500,
        )


@web.middleware
async def _in_turn(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Hear one submission of a session at a time, and read none before its turn.

    Else one session could fill the memory, and take every thread that the others are answered by.
    """
    if request.method != "POST":
        return await handler(request)
    async with request.app[TURN]:
        return await handler(request)


def _error(error: EnclaveError) -> web.Response:
    body = {
        "code": error.code,
        "sentence": error.sentence,
        "hint": error.hint,
        "clause": error.clause,
        "explain": error.explain(),
    }
    return web.json_response(body, status=error.status)


async def _submit(request: web.Request) -> web.Response:
    submission = _submission(await request.read())
    service, session = request.app[SERVICE], request.app[SESSION]
    made = await asyncio.to_thread(service.submit, session, submission)
    answer = await asyncio.to_thread(describe, service, made)
    return web.json_response(answer, status=422 if made.state is State.REFUSED else 201)


async def _advise(request: web.Request) -> web.Response:
    """Say what it would be sent back for, as far as the files tell; nothing is stored."""
    submission = _submission(await request.read())
    found = await asyncio.to_thread(advice, submission)
    service, session = request.app[SERVICE], request.app[SESSION]
    told = await asyncio.to_thread(known, service.settings, session, submission)
    return web.json_response({"advice": [asdict(one) for one in found], "lineage": told})


def _submission(body: bytes) -> Submission:
    try:
        read = OutputBody.model_validate_json(body)
        files = tuple(Handed(_claimed(one), _decoded(one)) for one in read.files)
    except (ValidationError, binascii.Error):
        raise Invalid("This is not a submission as the workspace's submit() sends it.") from None
    return Submission(read.title, read.context, files, read.replaces)


def _claimed(body: FileBody) -> OutputFile:
    return OutputFile(
        name=body.name,
        kind=body.kind,
        queries=tuple(getattr(body, "queries", ())),
        drawn_from=getattr(body, "drawn_from", ""),
    )


def _decoded(body: FileBody) -> bytes:
    return base64.b64decode(body.content_base64, validate=True)


async def _list(request: web.Request) -> web.Response:
    service, session = request.app[SERVICE], request.app[SESSION]
    mine = await asyncio.to_thread(
        lambda: service.reviews.requests(person=session.person, project=session.project)
    )
    latest = list(reversed(mine))[:MOST_LISTED]
    return web.json_response({"outputs": [_outline(one) for one in latest]})


async def _show(request: web.Request) -> web.Response:
    found = await asyncio.to_thread(_own, request)
    answer = await asyncio.to_thread(describe, request.app[SERVICE], found)
    return web.json_response(answer)


async def _hand_back(request: web.Request) -> web.Response:
    """Give a protected file back to its author, who is inside and has the unprotected one."""
    found = await asyncio.to_thread(_own, request)
    service, name = request.app[SERVICE], request.match_info["name"]
    content = await asyncio.to_thread(service.handed_back, found, name)
    return web.Response(body=content, content_type="application/octet-stream")


async def _difference(request: web.Request) -> web.Response:
    found = await asyncio.to_thread(_own, request)
    differences = await asyncio.to_thread(request.app[SERVICE].own_difference, found)
    return web.json_response({"differences": [asdict(one) for one in differences]})


async def _comment(request: web.Request) -> web.Response:
    service, session = request.app[SERVICE], request.app[SESSION]
    try:
        body = CommentBody.model_validate_json(await request.read())
    except ValidationError:
        raise Invalid("This is not a comment as the workspace sends it.") from None
    found = await asyncio.to_thread(_own, request)
    person = await asyncio.to_thread(service.control.person, session.person)
    await asyncio.to_thread(service.comment, person, found.id, body.text)
    return web.json_response(_outline(found))


async def _withdraw(request: web.Request) -> web.Response:
    service, session = request.app[SERVICE], request.app[SESSION]
    found = await asyncio.to_thread(_own, request)
    person = await asyncio.to_thread(service.control.person, session.person)
    withdrawn = await asyncio.to_thread(service.withdraw, person, found.id)
    return web.json_response(_outline(withdrawn))


def _own(request: web.Request) -> Request:
    """Return a request of this session's person in this session's project, or nothing."""
    service, session = request.app[SERVICE], request.app[SESSION]
    found = service.reviews.request(request.match_info["id"])
    permissions.check_see(service.control.person(session.person), found)
    if (found.person, found.project) != (session.person, session.project):
        raise NotFound("There is no such request.", hint="Your list shows what you may open.")
    return found


def _outline(request: Request) -> dict[str, object]:
    return {
        "request": request.id,
        "status": request.state.value,
        "title": request.title,
        "files": [one.name for one in request.files],
        "submitted_at": request.submitted_at.isoformat(timespec="seconds"),
        "sentence": request.sentence,
    }


def describe(service: ReviewService, request: Request) -> dict[str, object]:
    """Return what the researcher is told, inside, of a request of their own.

    In the workspace the researcher has the unprotected table, so why each row is hidden is said
    here; the released file does not tell one reason from another.
    """
    votes = service.reviews.votes(request.id)
    body = _outline(request) | {
        "agencies": list(request.agencies),
        "approved_by": [vote.agency for vote in votes if vote.approve],
        "waiting_for": list(waiting_for(request, votes)) if request.agencies else [],
        "replaces": request.replaces,
        "turn": policy.TURN.get(request.state, ""),
        "comments": [
            {"person": said.person, "text": said.text, "round": said.round}
            for said in service.thread(service.control.person(request.person), request.id)
            if said.text
        ],
        "review_url": f"/requests/{request.id}",
    }
    if request.shown:
        body |= {
            "summary": dict(request.summary),
            "files": [_of_file(service, request, n) for n in range(1, len(request.files) + 1)],
            "sentence": request.sentence or _told(request),
        }
    return body


def _of_file(service: ReviewService, request: Request, number: int) -> dict[str, object]:
    one = request.files[number - 1]
    recomputed = number in request.tables()
    return {
        "name": one.name,
        "kind": one.kind.value,
        "standing": one.standing.value,
        "notes": [note.sentence for note in one.notes],
        "suppressed": suppressed_rows(service, request, file=number) if recomputed else [],
    }


def _told(request: Request) -> str:
    said = request.summary
    if not said["hidden"]:
        changed = any(one.summary.get("method", "suppress") != "suppress" for one in request.files)
        what = "The agreement has numbers changed by chance, none is" if changed else "No number is"
        leaves = "the file is" if len(request.files) == 1 else "the files are"
        return (
            f"{what} hidden. {_names(request.agencies)} will now decide; "
            f"{leaves} released when all of them have agreed."
        )
    return (
        f"{said['hidden']} of {said['rows']} rows are hidden: {said['primary']} because of the "
        f"agencies' rules (fewer than {said['safe_threshold']} people, or one of them dominates) "
        f"and {said['complementary']} so that those cannot be worked out from the rest. "
        f"{_names(request.agencies)} will now decide."
    )


def _names(agencies: tuple[str, ...]) -> str:
    return ", ".join(agency.upper() for agency in agencies)
