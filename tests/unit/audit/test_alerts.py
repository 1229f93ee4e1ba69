"""Alerts: told at least once, to those who may know, holding nothing that must not leave."""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from audit import alerts
from audit.alerts import Withheld, _only_one, telling
from audit.custody import AuditFiles
from audit.mailing import Letter, send
from audit.outbox import MOST_LINES, Message
from audit.saved import Channel, Rule, Trigger, checked_name, now_ms
from audit.search import Wanted
from audit.sending import deliver, letter
from audit.watch import Level, Standing
from audit.web.memory import ALL, Memory
from audit.webhook import NotDelivered, key_for, post, sign
from enclave.errors import AuditUnavailable, Invalid
from enclave.events import Action, Event, Verdict
from enclave.model import Person, Role
from enclave.settings import Settings
from tests.support.child import Child
from tests.support.receivers import MailServer, Receiver, key_file
from tests.support.tls import make_certificate
from tests.support.watching import Watched, denied, watching


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def watched(settings: Settings, mail: MailServer, receiver: Receiver) -> Iterator[Watched]:
    settings.audit_dir.mkdir(parents=True)
    ours = settings.model_copy(
        update={
            "smtp_host": "127.0.0.1", "smtp_port": mail.port, "smtp_starttls": False,
            "alert_webhook_hosts": receiver.host, "alert_interval_seconds": 0.0,
            "alert_webhook_key_file": key_file(settings.state_dir / "key"),
        }
    )  # fmt: skip
    with watching(ours) as made:
        yield made


def test_a_rule_tells_of_what_happens_after_it_and_of_nothing_before(
    watched: Watched, mail: MailServer
) -> None:
    watched.happen(denied())
    rule = watched.rule()
    at = watched.happen(Event(Action.LOGIN, "rosa"), denied())
    watched.alerts.look()
    (told,) = mail.letters
    assert mail.recipients == ["alma@audit.example"]
    assert told["Subject"] == "Enclave audit: Denied on wages"
    text = told.get_content()
    assert f"Entry {at - 1}: query denied in credential-pay." in text
    assert f"{watched.settings.audit_url}/events/{at - 1}" in text
    assert f"/alerts/{rule.id}" in text
    watched.alerts.look()
    assert len(mail.letters) == 1
    assert watched.book.states() == ["raised", "taken"]


def test_a_message_holds_no_value_no_query_no_clause_and_no_person(
    watched: Watched, mail: MailServer, receiver: Receiver
) -> None:
    watched.rule(asked={"words": "employer_id"}, name="Refusals")
    watched.rule(asked={"words": "employer_id"}, name="Refusals", url=receiver.url)
    watched.happen(denied())
    watched.alerts.look()
    texts = [mail.letters[0].as_string(), receiver.posts[0][2].decode()]
    for text in texts:
        assert "credential-pay" in text
        for secret in ("employer_id", "SELECT", "views.wages", "rosa", "Rivera", "not-approved"):
            assert secret not in text
    events = [str(e.detail) for e in watched.book.events if e.action is Action.AUDIT_ALERTED]
    assert events
    assert not any("employer" in text or "@" in text for text in events)


def test_many_hits_are_one_message_and_an_interval_has_only_one(
    watched: Watched, mail: MailServer
) -> None:
    slow = watched.settings.model_copy(update={"alert_interval_seconds": 3600.0})
    watched.room.settings = slow
    watched.rule()
    watched.happen(*(denied(number=n) for n in range(1000)))
    for _ in range(3):
        watched.alerts.look()
        watched.happen(*(denied(number=n) for n in range(1000, 1010)))
    (told,) = mail.letters
    assert told["Subject"].endswith("(1,000)")
    assert told.get_content().count("/events/") == MOST_LINES
    assert "and 980 more." in told.get_content()
    watched.room.settings = watched.settings
    watched.alerts.look()
    assert [told["Subject"][-6:] for told in mail.letters[1:]] == ["s (30)"]


def test_a_receiver_that_fails_is_tried_again_with_the_same_message(
    watched: Watched, receiver: Receiver
) -> None:
    rule = watched.rule(url=receiver.url)
    watched.happen(denied())
    receiver.status = 500
    watched.alerts.look()
    watched.happen(denied(number=1))
    watched.alerts.look()  # too early for another attempt, and no second message before the first
    (kept,) = watched.outbox.messages(rule.id)
    assert (kept.attempts, kept.sent, len(receiver.posts)) == (1, None, 1)
    assert kept.trouble == "The receiver answered with status 500."
    assert kept.again > now_ms()
    receiver.status = 200
    watched.outbox.failed(kept.id, "still", 0)
    watched.alerts.look()
    watched.alerts.look()
    ids = [json.loads(body)["id"] for _, _, body in receiver.posts]
    assert ids[0] == ids[1] != ids[2]
    assert "failed" in watched.book.states()


def test_pauses_grow_and_end_at_an_hour(watched: Watched, receiver: Receiver) -> None:
    receiver.status = 500
    rule = watched.rule(url=receiver.url)
    watched.happen(denied())
    pauses = []
    for _ in range(12):
        before = now_ms()
        watched.alerts.look()
        (kept,) = watched.outbox.messages(rule.id)
        pauses.append((kept.again - before) // 1000)
        watched.outbox.failed(kept.id, "soon", 0)
    assert pauses == sorted(pauses)
    assert pauses[0] < 60
    assert 3590 <= pauses[-1] <= 3660


def test_without_a_receipt_nothing_is_told_and_nothing_is_lost(
    watched: Watched, mail: MailServer
) -> None:
    watched.rule()
    watched.happen(denied())
    watched.book.is_away = True
    watched.alerts.look()
    assert mail.letters == []
    watched.book.is_away = False
    watched.alerts.look()
    assert len(mail.letters) == 1


def test_that_the_log_is_refused_is_told_even_when_it_takes_no_entry(
    watched: Watched, mail: MailServer
) -> None:
    watched.alerts.look()  # whatever the state is at first, it is known now
    watched.rule(trigger=Trigger.UNVERIFIED)
    watched.rule()
    watched.happen(denied())
    files = AuditFiles.of(watched.settings)
    genuine = files.checkpoint.read_text()
    files.checkpoint.write_text(genuine.replace("enclave.demo/audit\n", "other\n", 1))
    watched.book.is_away = True
    watched.alerts.look()
    watched.alerts.look()
    (told,) = mail.letters
    assert told["Subject"] == "Enclave audit: The log's state of verification has changed"
    assert "/verification" in told.get_content()
    assert "/events/" not in told.get_content()
    assert watched.book.states() == []
    watched.book.is_away = False
    files.checkpoint.write_text(genuine)
    for _ in range(3):
        watched.alerts.look()
    # the refusal, then that it is over, then the entry that waited; each with its entry in the log
    assert len(mail.letters) == 3
    assert watched.book.states().count("raised") == 3


def test_before_the_start_is_taken_only_that_the_log_cannot_be_verified_is_told(
    watched: Watched, mail: MailServer
) -> None:
    """The site waits for audit, over a control store that may be an older one."""
    watched.alerts.look()
    watched.rule(trigger=Trigger.UNVERIFIED)
    watched.rule()
    watched.happen(denied())
    withheld = Withheld(watched.book)
    watched.room.audit = withheld
    watched.alerts.look()
    assert mail.letters == []
    AuditFiles.of(watched.settings).checkpoint.write_text("another\n")
    watched.alerts.look()
    (told,) = mail.letters
    assert told["Subject"] == "Enclave audit: The log's state of verification has changed"
    assert watched.book.states() == []
    withheld.open()
    watched.alerts.look()
    assert len(mail.letters) == 2  # the entry, which waited


def test_what_the_site_itself_found_wrong_is_told_as_well(
    watched: Watched, mail: MailServer
) -> None:
    """Roots and signatures may agree while a text was rewritten: only a verification sees that."""
    watched.alerts.look()
    watched.rule(trigger=Trigger.UNVERIFIED)
    watched.alerts.look()
    assert mail.letters == []
    watched.room.memory.note(ALL)
    watched.alerts.look()
    (told,) = mail.letters
    assert told["Subject"] == "Enclave audit: The log's state of verification has changed"


def test_the_bar_is_not_green_before_it_is_known_what_was_found_earlier(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = watched.room
    monkeypatch.setattr(room.watch, "look", lambda: Standing(Level.GREEN, "Verified", "All of it."))
    with monkeypatch.context() as building:
        building.setattr(room.index, "keep_level", lambda most: 1)
        assert room.standing().level is Level.AMBER
        watched.alerts._state_of_verification([])
        assert watched.outbox.mood() == "green"  # else two mails at each start beside a long log
    assert room.standing().level is Level.GREEN
    room.memory.note(ALL)
    watched.alerts._state_of_verification([])
    assert watched.outbox.mood() == "red"


def test_what_passes_while_older_failures_are_recalled_clears_them_as_well() -> None:
    """Control: Memory's lock; else the bar stayed red over a log that has just verified."""
    memory = Memory()
    passing = threading.Thread(target=memory.clear)
    failed = Mock(detail={"page": ALL, "passed": False}, time=1_760_000_000_000)

    def find(asked: Wanted, **_: int) -> list[Mock]:
        if not passing.ident:
            passing.start()
            passing.join(timeout=0.2)  # it waits; without the lock it ends at once
        return [failed] if asked.action == Action.AUDIT_VERIFIED else []

    memory.recall(Mock(find=find, count=lambda asked: 1))
    passing.join()
    assert memory.sentence() is None


def test_an_anomaly_is_told_once_however_it_grows(watched: Watched, mail: MailServer) -> None:
    watched.rule(trigger=Trigger.ANOMALY)
    for number in range(3):
        watched.happen(*(denied(number=100 * number + n) for n in range(8)))
        watched.alerts.look()
    watched.room.files.findings.unlink()
    watched.alerts.look()
    texts = [told.get_content() for told in mail.letters]
    assert sum(text.count("Many refusals in a short time.") for text in texts) == 1
    assert "/anomalies/" in "".join(texts)
    assert "rosa" not in "".join(texts)


def test_an_alert_raises_no_alert(watched: Watched, mail: MailServer) -> None:
    watched.rule(asked={"lookups": "yes"}, name="Everything")
    watched.happen(Event(Action.AUDIT_ALERTED, "alerts"))
    watched.alerts.look()
    assert mail.letters == []
    watched.happen(Event(Action.LOGIN, "rosa"))
    watched.alerts.look()
    assert len(mail.letters) == 1


def test_a_rule_that_is_off_or_deleted_tells_nothing_more(
    watched: Watched, mail: MailServer
) -> None:
    event = Event(Action.AUDIT_RULE_CHANGED, "alma")
    off, gone = watched.rule(), watched.rule()
    size = watched.happen(denied())
    watched.alerts.collect()
    watched.room.saved.switch_rule(watched.book, event, off.id, at=None)
    watched.room.saved.delete_search(watched.book, event, gone.search or "")
    watched.alerts.look()
    assert mail.letters == []
    watched.room.saved.switch_rule(watched.book, event, off.id, at=size)
    watched.alerts.look()
    assert mail.letters == []
    watched.happen(denied(number=1))
    watched.alerts.look()
    assert len(mail.letters) == 1


def test_a_change_without_a_receipt_is_no_change(watched: Watched) -> None:
    rule = watched.rule()
    watched.book.is_away = True
    event = Event(Action.AUDIT_RULE_CHANGED, "alma")
    saved = watched.room.saved
    for change in (
        lambda: saved.switch_rule(watched.book, event, rule.id, at=None),
        lambda: saved.delete_rule(watched.book, event, rule.id),
        lambda: saved.delete_search(watched.book, event, rule.search or ""),
        lambda: saved.share_search(watched.book, event, rule.search or "", shared=True),
        lambda: saved.save_rule(watched.book, event, rule),
    ):
        with pytest.raises((AuditUnavailable, Exception)):
            change()
    assert saved.rules() == [rule]
    assert [search.shared for search in saved.searches()] == [False]


def test_whatever_is_killed_when_each_entry_is_told_at_least_once(
    watched: Watched, receiver: Receiver
) -> None:
    watched.rule(url=receiver.url)
    wanted, told = set(), set()
    child = Child()
    for round in range(5):
        size = watched.happen(*(denied(number=20 * round + n) for n in range(4)))
        wanted |= {f"/events/{index}" for index in range(size - 4, size)}
        child.spawn(
            [sys.executable, "-m", "tests.support.alerting"], watched.settings.environment()
        )
        before, deadline = len(receiver.posts), time.monotonic() + 30
        while len(receiver.posts) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.003 * round)  # at another step of what follows
        child.kill()
    for _ in range(3):
        watched.alerts.look()
    for _, _, body in receiver.posts:
        told |= {entry["link"].partition("8002")[2] for entry in json.loads(body)["entries"]}
    assert told == wanted


def test_neither_a_mistake_of_ours_nor_a_directory_that_is_away_ends_the_alerts(
    watched: Watched, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for alerts would not see that they have ended."""
    watched.rule(url=receiver.url)
    watched.happen(denied())
    ours = watched.alerts
    ours.collect()
    stop, tries = threading.Event(), iter([OSError(errno.ENOENT, "gone"), None])

    @contextmanager
    def away_at_first(_: AuditFiles) -> Iterator[bool]:
        if (error := next(tries)) is not None:
            raise error
        yield True

    def mistake() -> None:
        raise KeyError("a mistake of ours")

    taken = ours.send

    def send() -> None:
        taken()
        stop.set()

    monkeypatch.setattr(alerts, "_only_one", away_at_first)
    monkeypatch.setattr(alerts, "LOOK_SECONDS", 0)
    mistake.__name__, send.__name__ = "collect", "send"
    monkeypatch.setattr(ours, "collect", mistake)
    monkeypatch.setattr(ours, "send", send)
    ours.run(stop)
    assert len(receiver.posts) == 1


def test_two_sites_do_not_both_tell(watched: Watched) -> None:
    with _only_one(watched.room.files) as first, _only_one(watched.room.files) as second:
        assert (first, second) == (True, False)
    with telling(watched.alerts):
        while _is_free(watched):
            time.sleep(0.05)
    assert _is_free(watched)


def _is_free(watched: Watched) -> bool:
    with _only_one(watched.room.files) as is_ours:
        return is_ours


# Mail -----------------------------------------------------------------------------------------

LETTER = Letter("id-1", "alma@audit.example", "Subject", "text\n")


@pytest.mark.parametrize("refuses", ["MAIL", "RCPT", "DATA", "EHLO"])
def test_a_server_that_refuses_is_no_delivery(settings: Settings, refuses: str) -> None:
    server = MailServer(refuses=refuses)
    ours = settings.model_copy(
        update={"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_starttls": False}
    )
    if refuses != "EHLO":  # then HELO is tried, and that one may work
        with pytest.raises(NotDelivered):
            send(ours, LETTER)
    server.close()


def test_mail_goes_over_tls_to_a_server_whose_certificate_is_checked(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = make_certificate(tmp_path)
    server = MailServer(tls=tls)
    password = tmp_path / "password"
    password.write_text("hidden\n")
    ours = settings.model_copy(
        update={
            "smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_user": "enclave",
            "smtp_password_file": password,
        }
    )  # fmt: skip
    with pytest.raises(NotDelivered, match="SSLCertVerificationError"):
        send(ours, LETTER)
    assert server.letters == server.logins == []
    authority = tmp_path / "authority.pem"
    authority.write_text(tls.authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    send(ours, LETTER)
    server.close()
    (told,) = server.letters
    assert told["Message-ID"] == "<id-1@localhost>"
    assert told["Auto-Submitted"] == "auto-generated"
    assert len(server.logins) == 1


def test_a_server_without_tls_gets_nothing_unless_it_is_this_host(
    settings: Settings, mail: MailServer
) -> None:
    at = {"smtp_host": "127.0.0.1", "smtp_port": mail.port}
    with pytest.raises(NotDelivered):
        send(settings.model_copy(update=at), LETTER)  # it does not offer STARTTLS
    for host in ("mail.example", "10.0.0.1"):
        away = settings.model_copy(update={**at, "smtp_host": host, "smtp_starttls": False})
        with pytest.raises(NotDelivered, match="without TLS"):
            send(away, LETTER)
    assert mail.letters == []


def test_no_name_breaks_out_of_a_mails_header(settings: Settings, mail: MailServer) -> None:
    ours = settings.model_copy(
        update={"smtp_host": "127.0.0.1", "smtp_port": mail.port, "smtp_starttls": False}
    )
    for to, subject in (("a@b\nBcc: x@y", "s"), ("a@b", "s\r\nBcc: x@y")):
        with pytest.raises(NotDelivered):
            send(ours, Letter("id", to, subject, "text"))
    assert mail.recipients == []


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * 121, "a\x00b", "SSN 123-45-6789", "123 45 6789", "a\u202eb"]
)
def test_a_name_that_must_not_travel_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        checked_name(name)


def test_a_name_on_several_lines_becomes_one(watched: Watched) -> None:
    assert checked_name("Denied\r\nBcc: a@b") == "Denied Bcc: a@b"
    watched.rule()
    watched.happen(denied())
    watched.alerts.collect()
    watched.alerts.gather()
    (message,) = watched.outbox.unsent()
    assert letter(watched.settings, message, "Name", "a@b").subject == "Enclave audit: Name"


# Webhooks -------------------------------------------------------------------------------------


def test_a_webhook_is_signed_with_a_key_of_that_host_alone(
    watched: Watched, receiver: Receiver
) -> None:
    post(watched.settings, receiver.url, b"{}", id="m-1")
    ((path, headers, body),) = receiver.posts
    assert (path, body, headers["Enclave-Alert"]) == ("/alerts", b"{}", "m-1")
    fields = dict(part.split("=") for part in headers["Enclave-Signature"].split(","))
    key = key_for(watched.settings, receiver.host)
    mac = hmac.new(key, fields["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert mac == fields["v1"]
    assert key != key_for(watched.settings, "127.0.0.1:1")
    assert sign(key, b"{}", int(fields["t"])) != sign(key, b"[]", int(fields["t"]))


def test_without_a_key_nothing_is_posted(watched: Watched, receiver: Receiver) -> None:
    short = watched.settings.state_dir / "short"
    short.write_bytes(b"x" * 31)
    for file in (None, short, short.with_name("missing")):
        ours = watched.settings.model_copy(update={"alert_webhook_key_file": file})
        with pytest.raises(NotDelivered):
            post(ours, receiver.url, b"{}", id="m")
    assert receiver.posts == []


def test_a_failed_verdict_marks_what_was_not_taken(watched: Watched, receiver: Receiver) -> None:
    receiver.status = 503
    watched.rule(url=receiver.url)
    watched.happen(denied())
    watched.alerts.look()
    verdicts = {e.detail["state"]: e.verdict for e in watched.book.events if "state" in e.detail}
    assert verdicts == {"raised": Verdict.ALLOWED, "failed": Verdict.FAILED}


@pytest.mark.parametrize("roles", [frozenset[Role](), frozenset({Role.RESEARCHER})])
def test_what_was_written_for_somebody_whose_role_is_gone_is_not_handed_over(
    settings: Settings, mail: MailServer, roles: frozenset[Role]
) -> None:
    """A message may wait: between its making and its delivery a right may end."""
    ours = settings.model_copy(
        update={"smtp_host": "127.0.0.1", "smtp_port": mail.port, "smtp_starttls": False}
    )
    message = Message("m", "r", 0, (("Entry 1.", "/events/1"),), 1, True, 0, 0, None, None)
    rule = Rule("r", "alma", Trigger.ANOMALY, None, Channel.MAIL, "", True, 0, 0)
    alma = Person("alma", "Alma", "alma@audit.example", frozenset({Role.AUDITOR}))
    deliver(ours, message, rule, "Anomalies", alma)
    assert len(mail.letters) == 1
    for owner in (replace(alma, roles=roles), None):
        with pytest.raises(NotDelivered, match="may not see the log any more"):
            deliver(ours, message, rule, "Anomalies", owner)
    assert len(mail.letters) == 1
