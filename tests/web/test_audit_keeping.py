"""What the site says of texts that were removed, and how it hands out the logs of earlier years."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page

from audit.custody import AuditFiles, known_keys
from audit.keeper import keeping
from audit.log import open_reader
from audit.note import Checkpoint
from audit.retention import purge
from audit.rotation import rotate
from audit.web.app import add_filters, make_audit_app, make_site, routes
from audit.web.room import Room
from enclave.audit_client import AuditClient
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support import audit_story
from tests.support.audit import AuditProcess
from tests.support.axe import assert_accessible
from tests.support.browser import NARROW, WIDE, log_in, screenshot
from tests.support.idp import IdentityProviderProcess
from tests.support.rewrites import tamper
from tests.support.web import Visitor, serving

pytestmark = pytest.mark.browser

GROUND = "DSA credential-pay, clause 9.2: query texts are kept for ten days and no longer"


@pytest.fixture(scope="module")
def people() -> Iterator[IdentityProviderProcess]:
    claims = {id: {"name": person.name} for id, person in audit_story.PEOPLE.items()}
    process = IdentityProviderProcess(claims).start()
    yield process
    process.stop()


class Enclave:
    """A log with removed texts, perhaps after another that was closed, and its site."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.files = AuditFiles.of(settings)
        self.service = AuditProcess(settings).start()
        self.store = ControlStore(settings.database_url)
        self.client = AuditClient(settings, "audit-web")
        with closing(AuditClient(settings, "admin")) as admin:
            audit_story.enter_people(self.store, admin)

    def stop(self) -> None:
        self.client.close()
        self.store.close()
        self.service.stop()


def prepared(settings: Settings, people: IdentityProviderProcess) -> Settings:
    audit_story.tell(settings, days=30)
    ours = {"oidc_issuer": people.issuer, "audit_retention_days": 1}
    settings = settings.model_copy(update=ours)
    with keeping(settings, actor="host:adam") as hand:
        purge(hand, datetime.now(UTC).date() - timedelta(days=12), GROUND)
    return settings


@pytest.fixture
def enclave(settings: Settings, people: IdentityProviderProcess) -> Iterator[Enclave]:
    made = Enclave(prepared(settings, people))
    yield made
    made.stop()


@pytest.fixture
def next_year(settings: Settings, people: IdentityProviderProcess) -> Iterator[Enclave]:
    settings = prepared(settings, people)
    rotate(settings, actor="host:adam", origin=f"{settings.origin}/2031")
    made = Enclave(settings)
    yield made
    made.stop()


def visitor(enclave: Enclave, people: IdentityProviderProcess, who: str) -> Visitor:
    app = make_audit_app(enclave.settings, enclave.store, enclave.client)
    made = Visitor(app, people)
    made.log_in(who)
    return made


def test_an_entry_without_text_says_when_by_whom_and_on_which_ground(
    enclave: Enclave, people: IdentityProviderProcess
) -> None:
    alma = visitor(enclave, people, "alma")
    page = alma.get("/events/3").text
    assert GROUND in page
    assert "Removed on" in page
    assert "host:adam" in page
    with closing(open_reader(enclave.files.place)) as log:
        assert log.entry(3).body is None  # type: ignore[union-attr]
    assert "Verify this entry" in page
    proof = alma.get("/events/3/proof")
    assert proof.status_code == 200
    assert GROUND not in alma.get("/events/300").text  # this one still has its text
    for name in ("log", "first", "last", "before", "ground"):  # an operator rewrites the removal
        change = f"replace(CAST(body AS TEXT), '\"{name}\":', '\"{name}s\":')"
        at = "instr(CAST(body AS TEXT), '\"audit.purged\"')"
        tamper(enclave.files, f"UPDATE entry SET body = CAST({change} AS BLOB) WHERE {at}")
        answer = alma.get("/events/3")
        assert (answer.status_code, GROUND in answer.text) == (200, False), name


def test_closed_logs_are_listed_and_handed_out_to_who_may_see_everything(
    next_year: Enclave, people: IdentityProviderProcess
) -> None:
    alma = visitor(next_year, people, "alma")
    page = alma.get("/closed").text
    assert next_year.settings.origin in page
    name = next(iter(next_year.files.closed.iterdir())).name
    note = alma.get(f"/closed/{name}/checkpoint").text
    keys = known_keys(next_year.files.within(next_year.files.closed / name))
    checkpoint = Checkpoint.open(note, *keys)
    assert alma.get(f"/closed/{name}/public.keys").text.split() == [k.export() for k in keys]
    content = io.BytesIO(alma.get(f"/closed/{name}/log.tar").content)
    with tarfile.open(fileobj=content) as tar:
        assert any(member.name.endswith("checkpoint") for member in tar.getmembers())
    assert checkpoint.size > 100
    lines = alma.get(f"/closed/{name}/events.jsonl").text.splitlines()
    assert 0 < len(lines) < checkpoint.size  # some texts are removed
    assert {json.loads(line)["metadata"]["version"] for line in lines} == {"1.8.0"}
    looked = [fact["detail"] for fact in next_year.service.facts() if "file" in fact["detail"]]
    assert [each["file"] for each in looked] == [
        "checkpoint",
        "public.keys",
        "log.tar",
        "events.jsonl",
    ]


@pytest.mark.parametrize(
    "path", ["nothing/checkpoint", "{}/signing.key", "{}/log.db", "..%2f/signing.key", "{}/lock"]
)
def test_nothing_else_is_handed_out(
    next_year: Enclave, people: IdentityProviderProcess, path: str
) -> None:
    name = next(iter(next_year.files.closed.iterdir())).name
    alma = visitor(next_year, people, "alma")
    assert alma.get("/closed/" + path.format(name)).status_code == 404


def test_the_pages_can_be_read_by_everyone(page: Page, next_year: Enclave) -> None:
    room = Room(next_year.settings, next_year.store, next_year.client)
    running = serving(
        make_site,
        routes(room),
        settings=next_year.settings,
        store=next_year.store,
        audit=next_year.client,
        host="audit.localhost",
    )
    with running as app:
        add_filters(app)
        url = app.state.web.site.url
        page.goto(url)
        log_in(page, "alma")
        page.wait_for_url(f"{url}/**")
        for name, path in {"closed": "/closed", "begun": "/events/0"}.items():
            look(page, url + path, f"audit-keeping-{name}")


def look(page: Page, address: str, name: str) -> None:
    for width, size in (("wide", WIDE), ("narrow", NARROW)):
        page.set_viewport_size(size)
        page.goto(address)
        screenshot(page, f"{name}-{width}")
        assert_accessible(page)
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{address} is {overflow}px too wide"


def test_a_removed_text_s_page_can_be_read_by_everyone(page: Page, enclave: Enclave) -> None:
    room = Room(enclave.settings, enclave.store, enclave.client)
    running = serving(
        make_site,
        routes(room),
        settings=enclave.settings,
        store=enclave.store,
        audit=enclave.client,
        host="audit.localhost",
    )
    with running as app:
        add_filters(app)
        url = app.state.web.site.url
        page.goto(url)
        log_in(page, "alma")
        page.wait_for_url(f"{url}/**")
        look(page, f"{url}/events/3", "audit-keeping-removed")
