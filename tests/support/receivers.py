"""A real mail server and a real HTTP receiver on the loopback, for alerts; both can misbehave."""

from __future__ import annotations

import email
import socketserver
import ssl
import threading
from contextlib import ExitStack
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.tls import Served


class MailServer:
    """Takes mail by SMTP (RFC 5321), with STARTTLS and a log-in where asked for."""

    def __init__(self, *, tls: Served | None = None, refuses: str = ""):
        self.letters: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.logins: list[str] = []
        self.refuses = refuses  # the verb that is answered with 451
        self.tls = tls
        ours = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                ours.converse(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def converse(self, at: Any) -> None:
        with ExitStack() as open_ones:
            self._converse(at, open_ones)

    def _converse(self, at: Any, open_ones: ExitStack) -> None:
        lines, out = at.rfile, at.wfile
        out.write(b"220 ready\r\n")
        while line := lines.readline():
            verb = line.split(None, 1)[0].decode().upper() if line.strip() else ""
            if verb == self.refuses:
                out.write(b"451 not now\r\n")
            elif verb == "EHLO":
                more = b"250-STARTTLS\r\n" if self.tls else b""
                out.write(b"250-here\r\n" + more + b"250 AUTH PLAIN\r\n")
            elif verb == "STARTTLS" and self.tls:
                out.write(b"220 go\r\n")
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.tls.certificate, self.tls.key)
                try:
                    wrapped = context.wrap_socket(at.connection, server_side=True)
                except OSError:
                    return  # whoever called does not trust us
                open_ones.enter_context(wrapped)
                lines = open_ones.enter_context(wrapped.makefile("rb"))
                out = open_ones.enter_context(wrapped.makefile("wb", buffering=0))
            elif verb == "AUTH":
                self.logins.append(line.split()[2].decode())
                out.write(b"235 welcome\r\n")
            elif verb == "RCPT":
                self.recipients.append(line.decode().partition("<")[2].partition(">")[0])
                out.write(b"250 ok\r\n")
            elif verb == "DATA":
                out.write(b"354 go on\r\n")
                self._take(lines)
                out.write(b"250 taken\r\n")
            elif verb == "QUIT":
                out.write(b"221 bye\r\n")
                return
            else:
                out.write(b"250 ok\r\n")

    def _take(self, lines: Any) -> None:
        read = []
        while (line := lines.readline()) not in (b".\r\n", b""):
            read.append(line)
        self.letters.append(email.message_from_bytes(b"".join(read), policy=default))


class Receiver:
    """Takes posts; `status` is what it answers, `location` where it redirects to."""

    def __init__(self, *, status: int = 204, location: str = "", tls: Served | None = None):
        self.status, self.location = status, location
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ours.posts.append((self.path, dict(self.headers), body))
                self.send_response(ours.status)
                if ours.location:
                    self.send_header("Location", ours.location)
                self.end_headers()

            def do_GET(self) -> None:
                ours.posts.append((self.path, dict(self.headers), b""))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        scheme = "http"
        if tls is not None:
            scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{scheme}://{self.host}/alerts"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def key_file(place: Path) -> Path:
    """Write a key that signs webhooks."""
    place.write_bytes(bytes(range(32)))
    return place
