"""Posts an alert to a host that the operator has listed, signed, and to nowhere else.

The address comes from a form, so it is treated as an attack: the host must be on the list, the
connection goes to the very address that was checked, redirects are not followed, no proxy is asked,
and the answer is looked at no further than its status.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from enclave.errors import EnclaveError, Invalid
from enclave.settings import Settings

SECONDS = 10.0  # for one call from its beginning to its end
SIGNATURE = "Enclave-Signature"
LEAST_KEY = 32  # bytes
MOST_ADDRESS = 500  # letters of an address
# A path and a query in plain ASCII: nothing that could end the request's line or begin another.
_TARGET = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotDelivered(EnclaveError):
    """An alert was not taken; it is tried again."""

    code = "audit.alert-not-delivered"
    status = 502


@dataclass(frozen=True, slots=True)
class Target:
    """Where to post: a listed host and port, by TLS unless it is this host's loopback."""

    host: str
    port: int
    tls: bool
    path: str

    @property
    def name(self) -> str:
        """Return host:port, as the list names it."""
        return f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the address itself says that it is this host's own."""
        literal = _literal(self.host)
        return self.host == "localhost" or (literal is not None and literal.is_loopback)


def target(settings: Settings, url: str) -> Target:
    """Return where a webhook leads; raises Invalid for one that may not be used."""
    found = _parsed(url)
    if not found.tls and not found.is_loopback:
        raise Invalid("A webhook must begin with https://.", hint="http is for this host alone.")
    if found.name not in _listed(settings):
        raise Invalid(
            "This host is not on the list of hosts that alerts may be posted to.",
            hint="The operator lists it in the setting alert_webhook_hosts, with its port.",
        )
    return found


def _parsed(url: str) -> Target:
    wrong = Invalid("This is no address that alerts can be posted to.")
    if len(url) > MOST_ADDRESS or not url.isascii() or not url.isprintable() or " " in url:
        raise wrong
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    # what urlsplit makes of it must be all of it: no user, no fragment, nothing left out
    bare = parts.netloc.rsplit(":", 1)[0] if port is not None else parts.netloc
    rest = url.partition("://")[2].removeprefix(parts.netloc)
    if parts.scheme not in ("https", "http") or not _HOST.fullmatch(bare):
        raise wrong
    if not _TARGET.fullmatch(rest):
        raise wrong
    tls = parts.scheme == "https"
    return Target(bare.strip("[]").lower(), port or (443 if tls else 80), tls, rest or "/")


def _listed(settings: Settings) -> frozenset[str]:
    """Return the listed hosts, each with its port (443 unless it says another)."""
    entries = [entry.strip().lower() for entry in settings.alert_webhook_hosts.split(",")]
    with_port = re.compile(r":\d+$")
    return frozenset(
        (entry if with_port.search(entry) else f"{entry}:443").replace("[", "").replace("]", "")
        for entry in entries
        if entry
    )


def resolve(found: Target) -> str:
    """Return the address to connect to; raises NotDelivered for one no listed host should have.

    A name that is not this host's own must not lead to it, nor to the link-local addresses where
    clouds keep their credentials, whatever the name server says today.
    """
    try:
        known = socket.getaddrinfo(found.host, found.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotDelivered("The host's name could not be resolved.") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in known]
    for address in addresses:
        if _is_odd(address) or _real(address).is_loopback is not found.is_loopback:
            raise NotDelivered("The host's name leads to an address that alerts never go to.")
    return str(addresses[0])


def _real(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one only wraps."""
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _is_odd(address: Address) -> bool:
    real = _real(address)
    if real.is_loopback:
        return False  # judged by itself; ::1 lies in a reserved block
    return real.is_link_local or real.is_multicast or real.is_unspecified or real.is_reserved


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def key_for(settings: Settings, name: str) -> bytes:
    """Return a host's signing key, derived so that no receiver can sign as another.

    Raises NotDelivered where the setting names no file with a key.
    """
    try:
        path = settings.alert_webhook_key_file
        master = path.read_bytes() if path else b""
    except OSError as error:
        raise NotDelivered("The key that signs webhooks cannot be read.") from error
    if len(master) < LEAST_KEY:
        raise NotDelivered(
            "There is no key to sign webhooks with.",
            hint="The operator sets alert_webhook_key_file to a file of at least 32 bytes.",
        )
    return hmac.digest(master, b"enclave webhook\0" + name.lower().encode(), hashlib.sha256)


def sign(key: bytes, body: bytes, at: int) -> str:
    """Return the signature's header: the time in seconds, and HMAC-SHA256 over time and body."""
    mac = hmac.digest(key, f"{at}.".encode() + body, hashlib.sha256).hex()
    return f"t={at},v1={mac}"


def post(settings: Settings, url: str, body: bytes, *, id: str) -> None:
    """Post a signed body; raises Invalid or NotDelivered unless the receiver answers 2xx."""
    found = target(settings, url)
    key, address = key_for(settings, found.name), resolve(found)
    headers = {
        "Content-Type": "application/json",
        "Enclave-Alert": id,
        SIGNATURE: sign(key, body, int(time.time())),
    }
    try:
        status = _call(found, address, body, headers)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotDelivered(f"The receiver did not answer ({type(error).__name__}).") from error
    if not 200 <= status < 300:
        # a redirect is no answer: where it leads nobody has listed
        raise NotDelivered(f"The receiver answered with status {status}.")


def _call(found: Target, address: str, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection(found.host, found.port, timeout=SECONDS)
    connection.sock = socket.create_connection((address, found.port), timeout=SECONDS)
    # one drop every nine seconds would keep each read within its own time
    end = threading.Timer(SECONDS, _hang_up, (connection,))
    end.daemon = True
    end.start()
    try:
        with closing(connection):
            if found.tls:
                _secure(connection, found.host)
            connection.request("POST", found.path, body, headers)
            return connection.getresponse().status
    finally:
        end.cancel()


def _secure(connection: http.client.HTTPConnection, host: str) -> None:
    """Put TLS around the connection; the certificate must be the host's."""
    context = ssl.create_default_context()
    wrapped = context.wrap_socket(
        connection.sock, server_hostname=host, do_handshake_on_connect=False
    )
    connection.sock = wrapped
    wrapped.do_handshake()


def _hang_up(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):  # it may just have ended by itself
        connection.sock.shutdown(socket.SHUT_RDWR)
