"""An identity provider under the attacker's hand: signs whatever ID token a test wants."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from typing_extensions import override


class Forger:
    """Serves discovery, keys and a token endpoint; `claims` override an honest token's."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "honest"}, private=True)
        self.other_key = RSAKey.generate_key(2048, {"kid": "honest"}, private=True)
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.algorithm = "RS256"
        self.with_other_key = False
        self.nonce = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Forger:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, authorization_url: str, **query: str) -> str:
        """Return the redirect with which this provider answers a log-in that was begun."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(authorization_url).query).items()}
        self.nonce = asked["nonce"]
        given = {"code": "c", "state": asked["state"], **query}
        return "/oidc/callback?" + "&".join(f"{k}={v}" for k, v in given.items())

    def token(self) -> str:
        """Return the ID token as the test wants it; an override of None drops a claim."""
        now = int(time.time())
        honest = {
            "iss": self.issuer,
            "aud": "enclave",
            "sub": "dora",
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": self.nonce,
            "amr": ["pwd", "otp"],
        }
        claims = {k: v for k, v in {**honest, **self.claims}.items() if v is not None}
        if self.algorithm in ("none", "HS256"):
            return _without_key(claims, self.algorithm)
        key = self.other_key if self.with_other_key else self.key
        header = {"alg": self.algorithm, "kid": "honest"}
        return jwt.encode(header, claims, key, algorithms=[self.algorithm])

    def _documents(self) -> Mapping[str, Any]:
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                **self.metadata,
            },
            "/jwks": {"keys": [self.key.as_dict(private=False)]},
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        forger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._say(forger._documents().get(self.path, {}))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                token = {"access_token": "a", "token_type": "Bearer", "id_token": forger.token()}
                self._say(token)

            def _say(self, body: Mapping[str, Any]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            @override
            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def _without_key(claims: Mapping[str, Any], algorithm: str) -> str:
    """A token as somebody makes it who has no private key, but may know the client's secret."""
    header = {"alg": algorithm, "kid": "honest"}
    signed = ".".join(_coded(json.dumps(part).encode()) for part in (header, claims))
    if algorithm == "none":
        return f"{signed}."
    return f"{signed}.{_coded(hmac.digest(b'enclave-demo', signed.encode(), 'sha256'))}"


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
