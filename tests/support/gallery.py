"""A small site that shows every part of our pages, and the people who visit it in tests."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from enclave.errors import Denied
from enclave.events import Action, Event
from enclave.model import Person, Role
from enclave.store import Appends, ControlStore, put
from enclave.web import charts, tables
from enclave.web.app import (
    Attachment,
    Site,
    flash,
    render,
    require_recent_login,
    signed_in,
)
from enclave.web.forms import with_form

LONG = "Bartholomew-Maximilian Featherstonehaugh-Cholmondeley von und zu " * 3
SCRIPT = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"

PEOPLE = {
    "dora": Person("dora", "Dora Diaz", "dora@dol.example", frozenset({Role.REVIEWER}), "dol"),
    "carl": Person("carl", "Carl Chen", "carl@cscu.example", frozenset({Role.REVIEWER}), "cscu"),
    "rosa": Person("rosa", "Rosa Rivera", "rosa@uni.example", frozenset({Role.RESEARCHER})),
    "long": Person("long", LONG, "long@dol.example", frozenset({Role.REVIEWER}), "dol"),
    "evil": Person("evil", SCRIPT, "evil@dol.example", frozenset({Role.REVIEWER}), "dol"),
}

NAV = (("Requests", "/table"), ("Activity", "/charts"), ("Parts", "/"))


def site(url: str, *, name: str = "review") -> Site:
    return Site(
        name=name,
        url=url,
        title="Egress review",
        nav=NAV,
        roles=frozenset({Role.REVIEWER}),
        templates=Path(__file__).parent / "gallery_templates",
    )


def enter_people(store: ControlStore, audit: Appends) -> None:
    """Enter the gallery's visitors into the control store."""
    event = Event(action=Action.AGREEMENT_APPLIED, actor="adam", detail={"people": len(PEOPLE)})
    with store.record(audit, event) as connection:
        for id, person in PEOPLE.items():
            put(connection, "person", id, person)


def leave(store: ControlStore, audit: Appends, id: str) -> None:
    """Take every role from a person."""
    gone = Person(id, PEOPLE[id].name, PEOPLE[id].email, frozenset())
    event = Event(action=Action.AGREEMENT_APPLIED, actor="adam")
    with store.record(audit, event) as connection:
        put(connection, "person", id, gone)


Item = tuple[int, str, str, float]
STATES = {"released": "good", "in review": "info", "rejected": "bad"}
COLUMNS: tuple[tables.Column[Item], ...] = (
    tables.Column(
        "number",
        "Number",
        lambda row: tables.Cell(f"R-{row[0]}", href=f"/confirm/{row[0]}"),
        sort=lambda row: row[0],
    ),
    tables.Column("title", "Title", lambda row: tables.Cell(row[1], note="table.csv")),
    tables.Column("state", "State", lambda row: tables.Cell(row[2], tone=STATES[row[2]])),
    tables.Column("share", "Suppressed", lambda row: row[3], numeric=True),
)
FILTERS: tuple[tables.Filter[Item], ...] = (
    tables.Filter("find", "Words in the title", keeps=tables.contains(lambda row: row[1])),
    tables.Filter(
        "state", "State", "select", tuple((s, s) for s in STATES), keeps=lambda row, v: row[2] == v
    ),
)


def items(count: int, *, title: str = "Median pay by credential") -> list[Item]:
    states = list(STATES)
    return [(n, f"{title} {n}", states[n % 3], float(n * 7 % 101)) for n in range(count)]


def _count(request: Request) -> int:
    return int(request.query_params.get("n", "12"))


def index(request: Request) -> Response:
    return render(request, "gallery_index.html", name=signed_in(request).name)


def table(request: Request) -> Response:
    title = LONG if "long" in request.query_params else "Median pay by credential"
    page = tables.of(
        items(_count(request), title=title),
        COLUMNS,
        tables.state(request, COLUMNS, sort="-number"),
        caption="Release requests",
        empty="No output has been submitted yet.",
        next_step=("How a researcher submits one", "/"),
        filters=FILTERS,
    )
    return render(
        request, "gallery_table.html", requests=page, crumbs=(("Start", "/"), ("Requests", None))
    )


def drawings(request: Request) -> Response:
    count = _count(request)
    agencies = [f"{LONG if 'long' in request.query_params else 'agency'} {n}" for n in range(count)]
    months = [f"2026-{n % 12 + 1:02}" for n in range(min(count, 48))]
    grid = {
        (a, m): (i * 5 + j * 3) % 17
        for i, a in enumerate(agencies[:60])
        for j, m in enumerate(months)
    }
    return render(
        request,
        "gallery_charts.html",
        charts=(
            charts.bars(
                "Queries by agency",
                [(a, (i * 37) % 91) for i, a in enumerate(agencies)],
                label="Agency",
                unit="queries",
            ),
            charts.timeline(
                "Queries by hour",
                [(f"h{n}", (n * 13) % 29) for n in range(count)],
                label="Hour",
                unit="queries",
            ),
            charts.heat_map(
                "Queries by agency and month",
                grid,
                rows=agencies,
                columns=months[:12],
                unit="queries",
            ),
        ),
    )


def denied(_request: Request) -> Response:
    raise Denied(
        "The column wages.employer_id is not among those your project may read.",
        clause="dsa-credential-pay, 4.2",
        hint="Ask for an amendment of the agreement, or leave the column out.",
    )


def boom(_request: Request) -> Response:
    raise RuntimeError("secret-detail-in-traceback")


def confirm(request: Request) -> Response:
    require_recent_login(request)
    return render(request, "gallery_confirm.html", number=request.path_params["number"])


def attachment(_request: Request) -> Response:
    return Attachment(b"<script>1</script>", 'pay "q1"\r\nSet-Cookie: a=b; ü.html', "text/html")


class Vote(BaseModel):
    model_config = ConfigDict(extra="forbid")
    shown: str
    comment: str = ""


class Saying(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    why: str = ""
    agency: str = ""


@with_form(Vote)
def vote(request: Request, form: Vote) -> Response:
    require_recent_login(request, back=f"/confirm/{request.path_params['number']}")
    flash(request, f"Your vote on {request.path_params['number']} was counted ({form.shown}).")
    return RedirectResponse("/table", 303)


@with_form(Saying)
def say(request: Request, form: Saying) -> Response:
    flash(request, form.text)
    return RedirectResponse("/", 303)


def any_method(request: Request) -> Response:
    flash(request, "changed by another method")
    return RedirectResponse("/", 303)


def routes() -> list[BaseRoute]:
    return [
        Route("/", index),
        Route("/table", table),
        Route("/charts", drawings),
        Route("/denied", denied),
        Route("/boom", boom),
        Route("/file", attachment),
        Route("/confirm/{number}", confirm),
        Route("/vote/{number}", vote, methods=["POST"]),
        Route("/say", say, methods=["POST"]),
        Route("/any", any_method, methods=["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]),
    ]
