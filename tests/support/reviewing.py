"""The review site with everything real behind it, started once for many tests; its clock moves."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from starlette.applications import Starlette

from egress_review.custody import Piece
from egress_review.earlier.ledger import Entry, dump, load
from egress_review.model import FileKind, Note, Request, Standing, State
from egress_review.render import MARK, write_csv
from egress_review.sdc.tables import ROWS
from egress_review.store import add_request, change
from egress_review.web import make_site
from enclave.events import Action, Event
from enclave.settings import Settings
from enclave.web.oidc import IdentityProvider
from enclave.web.sessions import WebSessions
from tests.support.audit import AuditProcess
from tests.support.idp import IdentityProviderProcess
from tests.support.ports import free_port
from tests.support.review import PEOPLE, World, review_world
from tests.support.web import Clock, Visitor, running


@dataclass
class ReviewSite:
    """The site on a port, what stands behind it, and a browser without a screen for it."""

    world: World
    idp: IdentityProviderProcess
    clock: Clock
    audit_service: AuditProcess
    app: Starlette

    @property
    def url(self) -> str:
        return self.world.settings.review_url

    def visitor(self, person: str) -> Visitor:
        made = Visitor(self.app, self.idp)
        made.log_in(person)
        return made

    def actions(self) -> list[str]:
        """Return the actions audit has logged so far."""
        return [str(fact["action"]) for fact in self.audit_service.facts()]


@contextmanager
def review_site() -> Iterator[ReviewSite]:
    """Serve the review site of a small enclave until the block ends."""
    place = Path(tempfile.mkdtemp(prefix="enc-review-"))
    idp = IdentityProviderProcess({id: {"name": p.name} for id, p in PEOPLE.items()}).start()
    settings = Settings(
        state_dir=place / "s",
        run_dir=place / "r",
        oidc_issuer=idp.issuer,
        review_url=f"http://review.localhost:{free_port()}",
    )
    service = AuditProcess(settings).start()
    try:
        with service.client() as audit, review_world(service.settings, audit) as world:
            yield from _serving(world, idp, service)
    finally:
        service.stop()
        idp.stop()
        shutil.rmtree(place, ignore_errors=True)


def _serving(
    world: World, idp: IdentityProviderProcess, service: AuditProcess
) -> Iterator[ReviewSite]:
    clock = Clock()
    app = make_site(
        world.settings,
        world.service,
        sessions=WebSessions(world.store.engine, clock=clock),
        provider=IdentityProvider(world.settings),
    )
    with running(app):
        yield ReviewSite(world, idp, clock, service, app)


LONG = "Bartholomew-Maximilian Featherstonehaugh-Cholmondeley "


def enlarged(world: World, request: Request, rows: int) -> Request:
    """Return a request in review whose table is replaced by one of this many rows."""
    service = world.service
    assert request.shown, request.sentence
    entry = load(service.custody.open(request.id, Piece.LEDGER))
    sample = entry.table.cells[0]
    cells = tuple(
        replace(
            sample,
            mark=(n, n),
            key=(f"={LONG} {n}", "=x"),
            level=frozenset({0, 1}),
            persons=8 + n % 60,
        )
        for n in range(rows)
    )
    hidden = frozenset(range(0, rows, 7)) | frozenset(range(0, rows, 31))
    bounds = {n: {"rows": (1.0, float("inf") if n % 2 else 30.0)} for n in hidden}
    reasons: dict[int, tuple[str, ...]] = {n: ("threshold",) for n in range(0, rows, 7)}
    table = replace(
        entry.table,
        dimensions=("county", "industry"),
        measures=(ROWS,),
        cells=cells,
        hidden=hidden,
        primary=frozenset(reasons),
    )
    entry = Entry(table, reasons, bounds, numbers=(False, False, True), labels=(0, 1))
    lines = [[f"{LONG} {n}", "x", str(8 + n % 60)] for n in range(rows)]
    shown = [[*line[:2], MARK if n in hidden else line[2]] for n, line in enumerate(lines)]
    header = ["county", "industry", "n"]
    full, protected = write_csv(header, lines), write_csv(header, shown)
    service.custody.keep(request.id, Piece.FULL, full)
    service.custody.keep(request.id, Piece.PROTECTED, protected)
    service.custody.keep(request.id, Piece.LEDGER, dump(entry))
    changed = replace(
        request,
        title=LONG * 3,
        shown=service.custody.commit(request.id, full, protected),
        files=(replace(request.files[0], name=LONG.replace(" ", "-") + "table.csv"),),
        summary={**request.summary, "rows": rows, "hidden": len(hidden)},
    )
    with world.store.record(world.audit, Event(Action.OUTPUT_PROTECTED, actor="egress")) as held:
        change(held, changed)
    return changed


def unverified(
    world: World, request: Request, name: str, kind: FileKind, content: bytes
) -> Request:
    """Return a request in review whose file is replaced by one that nobody could recompute."""
    file = replace(
        request.files[0],
        name=name,
        kind=kind,
        drawn_from="pay.csv" if kind is FileKind.PLOT else "",
        standing=Standing.UNVERIFIED,
        notes=(Note("not-understood", "The query computes something that is not counted yet."),),
        summary={},
    )
    for piece in (Piece.FULL, Piece.PROTECTED):
        world.service.custody.keep(request.id, piece, content)
    changed = replace(request, files=(file,))
    shown = world.service.custody.commit(request.id, content, content)
    changed = replace(changed, shown=shown)
    with world.store.record(world.audit, Event(Action.OUTPUT_PROTECTED, actor="egress")) as held:
        change(held, changed)
    return changed


@contextmanager
def many(world: World, like: Request, count: int) -> Iterator[None]:
    """Put copies of a request into the queue, an hour apart, until the block ends.

    Nothing but the lists can show them: they have no files.
    """
    made = [
        replace(
            like,
            id=f"{n:016x}",
            title=f"{LONG if n % 50 == 0 else 'Pay by county, table'} {n}",
            submitted_at=like.submitted_at - timedelta(hours=n),
        )
        for n in range(count)
    ]
    with world.store.record(world.audit, Event(Action.OUTPUT_SUBMITTED, actor="egress")) as held:
        for one in made:
            add_request(held, one)
    yield
    with world.store.record(world.audit, Event(Action.OUTPUT_WITHDRAWN, actor="egress")) as held:
        for one in made:
            change(held, replace(one, state=State.WITHDRAWN))
