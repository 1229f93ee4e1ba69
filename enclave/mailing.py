"""Sends a letter by mail, through the one server the operator has set.

Never sends in the clear over a network. Whom it may go to, whoever writes it decides.
"""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from enclave.errors import EnclaveError
from enclave.settings import Settings

SECONDS = 15.0


class NotSent(EnclaveError):
    """The mail server did not take a letter; it is tried again."""

    code = "mail.not-sent"
    status = 502


@dataclass(frozen=True, slots=True)
class Letter:
    """What to send: `id` is the same at every attempt, so that a copy can be told as one."""

    id: str
    to: str
    subject: str
    text: str


def send(settings: Settings, letter: Letter) -> None:
    """Send a letter; raises NotSent unless the server has taken it."""
    host = settings.smtp_host
    if not host:
        raise NotSent(
            "No mail server is set.", hint="The operator sets smtp_host and its neighbours."
        )
    if not settings.smtp_starttls and not _is_this_host(host):
        raise NotSent(
            "Mail is sent without TLS to this host's own server only.",
            hint="The operator switches smtp_starttls on, or names that server.",
        )
    try:
        message = _composed(settings, letter)
        with smtplib.SMTP(host, settings.smtp_port, timeout=SECONDS) as server:
            if settings.smtp_starttls:
                server.starttls(context=ssl.create_default_context())
            if settings.smtp_user:
                server.login(settings.smtp_user, _password(settings))
            server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotSent(f"The mail server did not take it ({_said(error)}).") from error


def _composed(settings: Settings, letter: Letter) -> EmailMessage:
    """Return the message; raises ValueError for a header that would begin another."""
    message = EmailMessage(policy=SMTP)
    domain = settings.smtp_from.rpartition("@")[2] or "localhost"
    message["From"] = settings.smtp_from
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{letter.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notice comes back
    message.set_content(letter.text)
    return message


def _password(settings: Settings) -> str:
    path = settings.smtp_password_file
    return path.read_text().strip() if path else ""


def _said(error: Exception) -> str:
    """Return what went wrong without anything the server wrote: it may repeat what it was sent."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"status {error.smtp_code}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "the recipient was refused"
    return type(error).__name__


def _is_this_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" and _resolves_here(host)


def _resolves_here(host: str) -> bool:
    known = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return all(ipaddress.ip_address(str(entry[4][0])).is_loopback for entry in known)
