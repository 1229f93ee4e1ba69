"""A real oidc-provider-mock in a process of its own, with the people a test wants.

Run as a module it serves; imported it starts that process. It adds two things the package lacks
and real providers have: `auth_time`, and PKCE that is really checked.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

START_SECONDS = 20
TWO_FACTORS = ["pwd", "otp", "mfa"]


class IdentityProviderProcess:
    """Start, stop, and log people in without a browser."""

    def __init__(self, people: Mapping[str, Mapping[str, Any]], *, auth_time: bool = True):
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._people = {sub: {"amr": TWO_FACTORS, **claims} for sub, claims in people.items()}
        self._auth_time = auth_time
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> IdentityProviderProcess:
        """Start it and wait until it answers."""
        given = {"port": self.port, "people": self._people, "auth_time": self._auth_time}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.idp", json.dumps(given)],
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

    def set_claims(self, subject: str, **claims: Any) -> None:
        """Change what the provider says of a person from now on."""
        body = {"amr": TWO_FACTORS, **self._people.get(subject, {}), **claims}
        httpx2.put(f"{self.issuer}/users/{subject}", json=body).raise_for_status()

    def authorize(self, url: str, subject: str) -> str:
        """Press the button of one person on the provider's page; return where it redirects to."""
        answer = httpx2.post(url, data={"sub": subject}, follow_redirects=False)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])


def callback_query(location: str) -> dict[str, str]:
    """Return the query of a redirect as single values."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serve(given: Mapping[str, Any]) -> None:
    warnings.simplefilter("ignore")  # the package leans on a part of Authlib that will move
    import logging

    import oidc_provider_mock
    import werkzeug.serving
    from oidc_provider_mock import _app, _storage

    if given["auth_time"]:
        # a code lives for an instant here, so the time of its redemption is the log-in's
        _storage.AuthorizationCode.get_auth_time = lambda _self: int(time.time())
    _check_pkce(_app)
    users = [_storage.User(sub=sub, claims=dict(c)) for sub, c in given["people"].items()]
    app = oidc_provider_mock.app(user_claims=users)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    werkzeug.serving.make_server("127.0.0.1", given["port"], app, threaded=True).serve_forever()


def _check_pkce(module: Any) -> None:
    """Keep each code's challenge aside, and demand the verifier when the code is redeemed."""
    challenges: dict[str, str] = {}
    save = module.AuthorizationCodeGrant.save_authorization_code

    def saving(self: Any, code: str, request: Any) -> Any:
        challenges[code] = request.payload.data.get("code_challenge", "")
        return save(self, code, request)

    validate = module.AuthorizationCodeGrant.validate_token_request

    def validating(self: Any) -> Any:
        from authlib.oauth2.rfc6749.errors import InvalidGrantError
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        form = self.request.form
        wanted = challenges.get(form.get("code", ""), "")
        if wanted and create_s256_code_challenge(form.get("code_verifier", "")) != wanted:
            raise InvalidGrantError("code_verifier does not fit")
        return validate(self)

    module.AuthorizationCodeGrant.save_authorization_code = saving
    module.AuthorizationCodeGrant.validate_token_request = validating


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
