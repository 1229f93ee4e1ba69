"""The service on PostgreSQL: what a server that goes away, or comes back as less, leads to.

What the store itself keeps and refuses is in test_log.py, for both databases.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from audit.custody import AuditFiles, LogRefused, kept_checkpoint, open_log, sign_checkpoint
from audit.log import Sender, open_reader, open_writer
from audit.note import Verifier
from audit.store import StoreError
from enclave.audit_client import AuditClient
from enclave.errors import AuditRefused, AuditUnavailable
from enclave.events import Action, Event
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.postgres import Postgres

pytestmark = pytest.mark.postgres
LOGIN = Event(Action.LOGIN, "rosa")


@pytest.fixture
def there(settings: Settings, postgres: Postgres) -> Settings:
    """Settings of an enclave whose log lies in a new database."""
    return settings.model_copy(update={"audit_database_url": postgres.database()})


@pytest.fixture
def service(there: Settings) -> Iterator[AuditProcess]:
    running = AuditProcess(there).start()
    yield running
    running.stop()


def actors(settings: Settings) -> list[str]:
    with closing(open_reader(settings)) as log:
        return [entry.sender.source for entry in log.entries()]


def patiently(client: AuditClient, event: Event) -> int:
    """Append once the service can again."""
    for _ in range(40):
        try:
            return client.append(event).index
        except AuditUnavailable:
            time.sleep(0.1)
    raise AssertionError("the service did not recover")


def test_events_have_receipts_refusals_and_signed_checkpoints_as_in_sqlite(
    there: Settings, service: AuditProcess
) -> None:
    with service.client("gateway") as client:
        receipt = client.append(Event(Action.QUERY_INTENT, "rosa", intent="q"))
        client.append(Event(Action.QUERY_OUTCOME, "rosa", intent="q"))
        with pytest.raises(AuditRefused):
            client.append(Event(Action.QUERY_OUTCOME, "rosa", intent="q"))
    assert service.stop() == 0
    files = AuditFiles.of(there)
    assert not files.log.exists()
    checkpoint = kept_checkpoint(files, Verifier.parse(files.public_key.read_text()))
    with closing(open_reader(there)) as log:
        assert checkpoint.size == log.count() > receipt.index + 2
        assert log.root(checkpoint.size) == checkpoint.root
        assert log.intent("q") == (receipt.index, receipt.index + 1)


def test_while_the_server_is_away_nothing_has_a_receipt_and_afterwards_it_goes_on(
    there: Settings, service: AuditProcess, postgres: Postgres
) -> None:
    with service.client("hub", timeout=5) as client:
        before = client.append(LOGIN).index
        with postgres.away(str(there.audit_database_url)), pytest.raises(AuditUnavailable):
            client.append(LOGIN)
        after = patiently(client, LOGIN)
    assert after > before
    assert service.ended() is None
    assert service.stop() == 0
    numbers = actors(there)
    assert numbers.count("hub") >= 2


def test_a_second_service_elsewhere_is_kept_away(there: Settings, tmp_path: Path) -> None:
    """Control: the advisory lock in audit.postgres; the lock on the directory is another host's."""
    assert there.audit_database_url is not None
    with closing(open_writer(there)):
        elsewhere = AuditFiles(tmp_path, database=there.audit_database_url)
        with pytest.raises(StoreError, match="already writes"):
            open_writer(elsewhere.place)
    open_writer(there).close()


def test_a_database_put_back_to_an_older_state_is_not_opened(
    there: Settings, postgres: Postgres
) -> None:
    files = AuditFiles.of(there)
    log, signers = open_log(files, there.origin)
    with closing(log):
        with log.write() as batch:
            batch.add(b"{}", Sender("admin", "i", 0))
        sign_checkpoint(log, files, signers)
    older = AuditFiles(files.directory, database=postgres.database())
    open_writer(older.place).close()  # tables, and nothing in them
    with pytest.raises(LogRefused, match="its last checkpoint covers 1"):
        open_log(older, there.origin)


def test_a_key_is_not_made_anew_for_a_database_that_holds_a_log(there: Settings) -> None:
    files = AuditFiles.of(there)
    log, _ = open_log(files, there.origin)
    log.close()
    files.signing_key.unlink()
    with pytest.raises(LogRefused, match="signing key is not"):
        open_log(files, there.origin)


def test_without_a_server_nothing_is_begun(there: Settings, postgres: Postgres) -> None:
    """Whether a log exists cannot be known, so no key and no checkpoint are made for a new one."""
    files = AuditFiles.of(there)
    url = str(there.audit_database_url)
    with postgres.away(url), pytest.raises(StoreError):
        open_log(files, there.origin)
    assert not files.signing_key.exists()
    assert not files.checkpoint.exists()


def test_a_role_that_does_not_own_the_tables_can_append_and_cannot_drop_a_trigger(
    there: Settings,
) -> None:
    open_writer(there).close()
    url = str(there.audit_database_url)
    role = f"audit_{make_url(url).database}"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as owner:
        for statement in (
            f"CREATE ROLE {role} LOGIN",
            f"GRANT SELECT, INSERT, UPDATE ON entry, tile, intent TO {role}",
            f"GRANT SELECT, INSERT ON checkpoint TO {role}",
            f"GRANT SELECT, UPDATE ON head TO {role}",
        ):
            owner.execute(statement.encode())
    theirs = url.replace("postgres@", f"{role}@")
    with closing(open_writer(theirs)) as log:
        with log.write() as batch:
            batch.add(b"{}", Sender("admin", "i", 0))
        log.keep_checkpoint(1, "note")
        assert log.count() == 1
    with psycopg.connect(theirs.replace("+psycopg", ""), autocommit=True) as connection:
        for attack in ("DROP TRIGGER entry_same ON entry", "TRUNCATE entry", "DELETE FROM tile"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(attack.encode())
