"""Whose turn it is they are told by mail, and nothing of the data (SATRE 3.3, R22)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from egress_review import notices
from egress_review.notices import Notice
from egress_review.service import ReviewService
from enclave.model import Review
from tests.support.receivers import MailServer
from tests.support.review import PEOPLE, World

TITLE = "Seven people of Litchfield"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def mailing(world: World, mail: MailServer) -> World:
    update = {"smtp_host": "127.0.0.1", "smtp_port": mail.port, "smtp_starttls": False}
    settings = world.settings.model_copy(update=update)
    world.service = ReviewService(settings, world.store, world.audit)
    return world


def deliver(world: World, at: datetime | None = None) -> int:
    service = world.service
    return notices.deliver(service.settings, world.store, at=at or datetime.now(UTC))


def test_each_turn_is_told_to_who_has_it_with_a_link_and_no_word_of_the_data(
    mailing: World, mail: MailServer
) -> None:
    service = mailing.service
    service.choose_notices(PEOPLE["dirk"], [Notice.COMMENT])
    request = mailing.submit(title=TITLE)
    assert deliver(mailing) == 1  # nobody who does research in the project is told
    assert mail.recipients == ["dora@example.org"]
    service.comment(PEOPLE["dora"], request.id, "Only for us.", private=True)
    service.ask_for_changes(PEOPLE["dora"], request.id, TITLE, shown=request.shown)
    deliver(mailing)
    assert set(mail.recipients[1:]) == {"dirk@example.org", "rosa@example.org"}
    for letter in mail.letters:
        whole = letter.as_string()
        assert "Litchfield" not in whole
        assert f"/requests/{request.id}" in whole
    assert deliver(mailing) == 0


def test_no_mail_tells_a_blind_checker_that_another_has_spoken(
    mailing: World, mail: MailServer
) -> None:
    """Control: permissions.is_blind. Nor does any say what was found, or that it was."""
    mailing.agree(review=Review(0, 2, frozenset({"otto", "dirk"})))
    request = mailing.submit(title=TITLE)
    deliver(mailing)
    mail.letters.clear()
    mail.recipients.clear()
    for private in (False, True):
        mailing.service.comment(PEOPLE["otto"], request.id, f"Unfit, {private}.", private=private)
    mailing.service.find(PEOPLE["otto"], request.id, fit=True, shown=request.shown)
    deliver(mailing)
    assert "dirk@example.org" not in mail.recipients
    assert "dora@example.org" in mail.recipients
    mailing.service.comment(PEOPLE["dora"], request.id, "Whoever checks: take your time.")
    mailing.service.find(PEOPLE["dirk"], request.id, fit=True, shown=request.shown)
    mailing.service.comment(PEOPLE["otto"], request.id, "All are in.")
    deliver(mailing)
    assert mail.recipients.count("dirk@example.org") == 2
    assert not any("nfit" in letter.as_string() for letter in mail.letters)


def test_a_notice_that_was_not_taken_is_sent_again_later_as_the_same_one(
    mailing: World, mail: MailServer
) -> None:
    mail.refuses = "DATA"
    mailing.submit(title=TITLE)
    assert deliver(mailing) == 0
    mail.refuses = ""
    assert deliver(mailing) == 0
    assert deliver(mailing, datetime.now(UTC) + timedelta(minutes=5)) == 2
    assert len({letter["Message-ID"] for letter in mail.letters}) == 2


def test_without_a_mail_server_nothing_piles_up(world: World) -> None:
    world.submit()
    assert deliver(world, datetime.now(UTC) + timedelta(days=1)) == 0
    with world.store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM egress_notice").scalar() == 0
