"""What every workspace has in common, however it is isolated.

Opens the session before anything starts and closes it after everything has ended; says which
directories a workspace sees; waits for the server's own socket; ends what is idle, and what was
closed from outside. The server's name is the project's id. Never starts a process itself:
`spawner` and `bubblewrap` do.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar, TypeVar

from jupyterhub.spawner import Spawner, SpawnException
from jupyterhub.utils import maybe_future
from sqlalchemy.exc import SQLAlchemyError
from tornado import web
from traitlets import Unicode
from typing_extensions import override

from enclave.errors import Denied, EnclaveError, NotFound
from enclave.model import Policy
from enclave.sessions import close_session, directory, find, log_denial, open_session
from enclave.settings import Settings
from enclave.store import Appends, ControlStore
from hub_config import homes, places, projects
from hub_config.sockets import accepts, url_of

T = TypeVar("T")
POLL_SECONDS = 0.025
SURE_SECONDS = 60.0  # a workspace in use is heard of every half minute
AGAIN = "Open it again; if it happens again, tell the operating group."
INSIDE = Path("/run/enclave")
HOME = Path("/home/researcher")
PORT = 8888  # never listened on; the server refuses a socket beside any other number


@dataclass(frozen=True, slots=True)
class Limits:
    """The most one workspace may use: bytes, processors, processes, hours."""

    memory: int = 2 * 1024**3
    processors: float = 1.0
    processes: int = 256
    files: int = 4096
    scratch: int = 256 * 1024**2
    idle: timedelta = timedelta(hours=1)
    longest: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Hands:
    """What a workspace needs of the enclave: its settings, the control store, audit."""

    settings: Settings
    store: ControlStore
    audit: Appends
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Mount:
    """One directory of the host that a workspace sees, and where."""

    source: Path
    target: Path
    writable: bool = False


def mounts(settings: Settings, session: str, home: Path) -> tuple[Mount, ...]:
    """Return everything of the host a workspace sees: four socket directories and a home."""
    base = directory(settings, session).resolve()
    return (
        Mount(home, HOME, writable=True),
        Mount(base / "server", INSIDE / "server", writable=True),
        Mount(base / "gateway", INSIDE / "gateway"),
        Mount(base / "egress", INSIDE / "egress"),
        Mount(places.workspace_api(settings).resolve(), INSIDE / "hub"),
    )


class Workspace(Spawner):
    """A spawner whose servers are sessions of the enclave.

    `configure` sets `hands` on the class: traitlets would copy it, and audit's line cannot be.
    """

    hands: ClassVar[Hands]
    session = Unicode("")
    _ending = False
    _overdue_since: float | None = None

    # The session -------------------------------------------------------------------------------

    async def open(self) -> str:
        """Open the session this server is, with its home, and return its id.

        Raises `SpawnException` with the sentence the researcher reads: 403 where no agreement lets
        them, 503 where a part of the enclave does not answer. Both are logged by `open_session`.
        """
        try:
            session = await self._aside(
                lambda: open_session(
                    self.hands.store,
                    self.hands.audit,
                    self.hands.settings,
                    person=self.user.name,
                    project=self.name,
                )
            )
            self.session = session.id
            await self._aside(self._prepare)
        except EnclaveError as error:
            raise refusal(error) from error
        return self.session

    def _prepare(self) -> None:
        server = places.server_socket(self.hands.settings, self.session).parent
        if os.geteuid() == 0:
            os.chown(server, places.RESEARCHER_UID, places.RESEARCHER_UID)
        self.home = homes.open_home(self.hands.settings, person=self.user.name, project=self.name)

    async def close(self, reason: str = "ended") -> None:
        """Close the session and take the home away; says in the log what did not work."""
        hands, session, self.session = self.hands, self.session, ""
        try:
            if session:
                await self._aside(
                    lambda: close_session(
                        hands.store, hands.audit, hands.settings, session=session, reason=reason
                    )
                )
            await self._aside(
                lambda: homes.close_home(hands.settings, person=self.user.name, project=self.name)
            )
        except EnclaveError as error:
            self.log.error("%s: %s", self._log_name, error.explain())

    @override
    async def run_pre_spawn_hook(self) -> None:
        await maybe_future(super().run_pre_spawn_hook())
        await self.open()

    @override
    async def run_post_stop_hook(self) -> None:
        await maybe_future(super().run_post_stop_hook())
        await self.close()

    async def _aside(self, work: Callable[[], T]) -> T:
        """Run blocking work beside the event loop, which serves everyone else meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(None, work)

    # What the hub remembers over a restart -------------------------------------------------------

    @override
    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "session": self.session}

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.session = state.get("session", "")

    @override
    def clear_state(self) -> None:
        """Forget the process, but not the session: closing it comes after, in the stop hook."""
        session = self.session
        super().clear_state()
        self.session = session

    # The page ------------------------------------------------------------------------------------

    @override
    async def get_options_form(self) -> str:
        """Return what opening this project means, or the choice where none is named yet."""
        store, person = self.hands.store, self.user.name
        if not self.name:
            policies = await self._aside(lambda: projects.open_to(store, person))
            return projects.menu(policies, person=person, base=self.hub.base_url)
        try:
            policy = await self._aside(self._chosen)
        except EnclaveError as error:
            raise refusal(error) from error
        return projects.form(policy)

    def _chosen(self) -> Policy:
        """Return the policy of the project that is to be opened; a refusal is logged."""
        hands, person = self.hands, self.user.name
        try:
            return projects.choose(hands.store, person, self.name)
        except Denied as denied:
            log_denial(hands.audit, denied, person=person, project=self.name)
            raise

    @override
    def options_from_form(self, form_data: dict[str, list[str]]) -> dict[str, Any]:
        """Take nothing from the form: the project is the server's name, checked at opening."""
        return {}

    # The next class in line isolates; the base class wants to see these three here.

    @override
    async def start(self) -> Any:
        return await super().start()

    @override
    async def stop(self, now: bool = False) -> None:
        await super().stop(now)

    @override
    async def poll(self) -> Any:
        return await super().poll()

    # Running -------------------------------------------------------------------------------------

    @property
    def listening(self) -> Path:
        """Where this session's server listens, seen from the host."""
        return places.server_socket(self.hands.settings, self.session)

    @override
    def get_args(self) -> list[str]:
        return [*super().get_args(), f"--ServerApp.sock={INSIDE}/server/server.sock"]

    async def until_ready(self, ended: Callable[[], Awaitable[object]]) -> str:
        """Wait until the server accepts connections and return its address.

        `ended` tells whether it has died instead (anything but None); then raises `SpawnException`.
        Looks every 25 ms: the hub's own waiting backs off for seconds (measured).
        """
        for turn in range(int(self.start_timeout / POLL_SECONDS)):
            if accepts(self.listening):
                return url_of(self.listening)
            if turn % 20 == 19 and (status := await ended()) is not None:
                self.log.error("%s ended while starting: %s", self._log_name, status)
                raise SpawnException(f"The workspace ended while starting. {AGAIN}", reason="ended")
            await asyncio.sleep(POLL_SECONDS)
        raise SpawnException(f"The workspace did not start in time. {AGAIN}", reason="timeout")

    async def end_if_due(self) -> bool:
        """End this workspace if it may not go on; return whether it was ended just now.

        Both spawners ask at every poll, after they found it running.
        """
        revoked = await self.revoked()
        why = "its session was closed" if revoked else self.due()
        if why is None or self._ending:
            return False
        self.log.info("Stopping %s: %s", self._log_name, why)
        self._ending = True
        try:
            await self.stop(now=revoked)
            await self.close(why)
        finally:
            self._ending = False
        return True

    async def revoked(self) -> bool:
        """Say whether the control store no longer lists this session as open (R3: at once).

        A store that cannot be read takes nobody's work away: gateway and egress are then closed
        to the workspace or not, as they last read.
        """
        if self.pending in ("spawn", "stop"):
            return False
        try:
            await self._aside(lambda: find(self.hands.store, self.session))
        except NotFound:
            return True
        except (EnclaveError, SQLAlchemyError) as error:
            self.log.warning("%s: its session cannot be looked up: %s", self._log_name, error)
        return False

    def due(self) -> str | None:
        """Say why this workspace has been overdue for `SURE_SECONDS`, or None.

        By a clock that nobody sets: when the host's is set forward, or the host slept, all are
        idle for a moment, until whoever works there is heard of again.
        """
        why, now = self.overdue(), monotonic()
        if why is None:
            self._overdue_since = None
            return None
        if self._overdue_since is None:
            self._overdue_since = now
        return why if now - self._overdue_since >= SURE_SECONDS else None

    def overdue(self) -> str | None:
        """Say why this workspace should end by the host's clock, or None.

        A workspace may report activity of its own making, so a longest time stands beside it.
        """
        orm = self.orm_spawner
        now = datetime.now(UTC).replace(tzinfo=None)
        if orm is None or orm.started is None or self.pending:
            return None
        if now - orm.started > self.hands.limits.longest:
            return "open for too long"
        if now - max(orm.last_activity or orm.started, orm.started) > self.hands.limits.idle:
            return "idle"
        return None


def refusal(error: EnclaveError) -> web.HTTPError:
    """Return the hub's exception that shows an error's sentence with its status."""
    exception: web.HTTPError = SpawnException(
        error.explain(), reason=error.code, status_code=error.status
    )
    return exception
