"""A real oidc-provider-mock in a process of its own, with the people a test wants.

What that process runs is idp_server.py.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.support.ports import free_port

START_SECONDS = 60
TWO_FACTORS = ["pwd", "otp", "mfa"]


class IdentityProviderProcess:
    """Start, stop, and log people in without a browser."""

    def __init__(self, people: Mapping[str, Mapping[str, Any]]):
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._people = {sub: {"amr": TWO_FACTORS, **claims} for sub, claims in people.items()}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> IdentityProviderProcess:
        """Start it and wait until it answers."""
        given = {"port": self.port, "people": self._people}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.idp_server", json.dumps(given)],
            env={**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"},
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the identity provider did not start")
            time.sleep(0.05)
        return self

    def answers(self) -> bool:
        with socket.socket() as probe, suppress(OSError):
            probe.connect(("127.0.0.1", self.port))
            return True
        return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def authorize(self, url: str, subject: str) -> str:
        """Press the button of one person on the provider's page; return where it redirects to."""
        answer = httpx2.post(url, data={"sub": subject}, follow_redirects=False)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])


def callback_query(location: str) -> dict[str, str]:
    """Return the query of a redirect as single values."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
