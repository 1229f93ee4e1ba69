"""Webhooks as an attacker would use them: to reach what only this host can reach (SSRF)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from audit import webhook
from audit.webhook import NotDelivered, post, resolve, target
from enclave.errors import Invalid
from enclave.settings import Settings
from tests.support.receivers import Receiver, key_file
from tests.support.tls import make_certificate

LISTED = (
    "hooks.example, 10.1.2.3:8443, 127.0.0.1:9009, [::1]:9009, localhost:9009, odd.example:8080"
)


@pytest.fixture
def ours(settings: Settings) -> Settings:
    settings.state_dir.mkdir(parents=True)
    key = key_file(settings.state_dir / "key")
    return settings.model_copy(
        update={"alert_webhook_hosts": LISTED, "alert_webhook_key_file": key}
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/a?b=c",
        "https://HOOKS.example:443/",
        "https://10.1.2.3:8443",
        "http://127.0.0.1:9009/x",
        "http://[::1]:9009/",
        "http://localhost:9009/",
    ],
)
def test_what_is_listed_may_be_used(ours: Settings, url: str) -> None:
    assert target(ours, url)


@pytest.mark.parametrize(
    "url",
    [
        # other hosts, other ports, other names of the same
        "https://evil.example/", "https://hooks.example.evil.example/", "https://hooks.example:22/",
        "https://evilhooks.example/", "https://hooks.example./", "http://hooks.example/",
        "http://odd.example:8080/", "https://hooks.example:0443x/", "https://hooks.example:99999/",
        # a user that looks like the host, and the other way about
        "https://hooks.example@evil.example/", "https://evil.example@hooks.example/",
        "https://hooks.example:443@evil.example/", "https://evil.example#@hooks.example/",
        "https://hooks.example\\@evil.example/", "https://hooks.example%2f@evil.example/",
        # this host and its neighbours, in every spelling
        "http://127.0.0.1/", "http://127.0.0.1:80/", "http://127.1:9009/", "http://0.0.0.0:9009/",
        "http://2130706433:9009/", "http://0x7f000001:9009/", "http://017700000001:9009/",
        "http://[::ffff:127.0.0.1]:9009/", "http://[::]:9009/", "http://localhost:8000/",
        "http://169.254.169.254/latest/meta-data/", "https://[fe80::1%25eth0]/",
        "http://localtest.me:9009/", "http://127.0.0.1.nip.io:9009/",
        # other ways in
        "file:///etc/passwd", "gopher://127.0.0.1:9009/_x", "ftp://hooks.example/",
        "//hooks.example/", "hooks.example", "", "https:///x", "https://", "https:hooks.example",
        "unix:///run/enclave/audit/admin/log.sock", "javascript:alert(1)",
        # a line that ends early
        "https://hooks.example/\r\nHost: evil.example", "https://hooks.example/\nX: y",
        "https://hooks.example/a b", "https://hooks.example/\x00", "\thttps://hooks.example/",
        "https://hooks.example\t/", "https://hooks\n.example/",
        # letters that look like others
        "https://ho\u03bfks.example/", "https://hooks\u3002example/", "https://hooks.example\uff0fx/",
        "https://hooks.example/" + "a" * 500,
    ],
)  # fmt: skip
def test_what_is_not_listed_is_refused_however_it_is_spelt(ours: Settings, url: str) -> None:
    with pytest.raises(Invalid):
        target(ours, url)


def test_nothing_is_listed_at_first(settings: Settings) -> None:
    for url in ("https://hooks.example/", "http://127.0.0.1:9009/", "https:///"):
        with pytest.raises(Invalid):
            target(settings, url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1",
        "::ffff:169.254.169.254", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255",
    ],
)  # fmt: skip
def test_a_listed_name_that_comes_to_mean_this_host_is_not_followed(
    ours: Settings, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(NotDelivered):
        resolve(target(ours, "https://hooks.example/"))
    good = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443)), *answers]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: good)
    with pytest.raises(NotDelivered):
        resolve(target(ours, "https://hooks.example/"))


def test_this_hosts_own_name_may_not_lead_away(
    ours: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 9009))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: away)
    with pytest.raises(NotDelivered):
        resolve(target(ours, "http://localhost:9009/"))


def test_the_connection_goes_to_the_address_that_was_checked(
    ours: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = ours.model_copy(update={"alert_webhook_hosts": f"localhost:{receiver.port}"})
    asked: list[str] = []
    genuine = socket.getaddrinfo

    def once(host: str, *more: object, **named: object) -> object:
        asked.append(host)
        return genuine("127.0.0.1" if host == "localhost" else host, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", once)
    post(listed, f"http://localhost:{receiver.port}/x", b"{}", id="m")
    assert asked.count("localhost") == 1
    assert receiver.posts[0][1]["Host"] == f"localhost:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(ours: Settings, receiver: Receiver, status: int) -> None:
    inner = Receiver()
    receiver.status, receiver.location = status, inner.url
    listed = ours.model_copy(update={"alert_webhook_hosts": f"{receiver.host},{inner.host}"})
    with pytest.raises(NotDelivered, match=str(status)):
        post(listed, receiver.url, b"{}", id="m")
    inner.close()
    assert inner.posts == []


def test_no_proxy_of_the_environment_is_asked(
    ours: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):  # tests.conftest excepts the loopback
        monkeypatch.delenv(name)
    listed = ours.model_copy(update={"alert_webhook_hosts": receiver.host})
    post(listed, receiver.url, b"{}", id="m")
    assert len(receiver.posts) == 1


def test_a_certificate_of_another_authority_is_refused_before_anything_is_sent(
    ours: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = make_certificate(ours.state_dir)
    receiver = Receiver(tls=tls)
    listed = ours.model_copy(update={"alert_webhook_hosts": receiver.host})
    with pytest.raises(NotDelivered, match="SSLCertVerificationError"):
        post(listed, receiver.url, b"{}", id="m")
    assert receiver.posts == []
    authority = ours.state_dir / "authority.pem"
    authority.write_text(tls.authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    post(listed, receiver.url, b"{}", id="m")
    receiver.close()
    assert len(receiver.posts) == 1


def test_a_receiver_that_drips_is_cut_off(ours: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))
    cut: list[bool] = []

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            for _ in range(600):  # a minute
                try:
                    connection.sendall(b"H")
                except OSError:
                    cut.append(True)
                    return
                time.sleep(0.1)

    thread = threading.Thread(target=drip)
    thread.start()
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    listed = ours.model_copy(update={"alert_webhook_hosts": host})
    with pytest.raises(NotDelivered):
        post(listed, f"http://{host}/", b"{}", id="m")
    thread.join()
    listener.close()
    assert cut
