"""oidc-provider-mock as the tests run it: `python -m tests.support.idp_server JSON`.

Adds two things the package lacks and real providers have: `auth_time`, and PKCE that is checked.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

import oidc_provider_mock
import werkzeug.serving
from authlib.oauth2.rfc6749.errors import InvalidGrantError
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from oidc_provider_mock import _app, _storage

_challenges: dict[str, str] = {}


class CheckedGrant(_app.AuthorizationCodeGrant):  # type: ignore[misc]
    """The package's code grant, with RFC 7636 enforced."""

    def save_authorization_code(self, code: str, request: Any) -> Any:
        _challenges[code] = request.payload.data.get("code_challenge", "")
        return super().save_authorization_code(code, request)

    def validate_token_request(self) -> Any:
        form = self.request.form
        wanted = _challenges.get(form.get("code", ""), "")
        if wanted and create_s256_code_challenge(form.get("code_verifier", "")) != wanted:
            raise InvalidGrantError("code_verifier does not fit")
        return super().validate_token_request()


def serve(given: Mapping[str, Any]) -> None:
    """Serve until the process is ended."""
    # a code lives for an instant here, so the time of its redemption is the log-in's
    _storage.AuthorizationCode.get_auth_time = lambda _self: int(time.time())
    _app.AuthorizationCodeGrant = CheckedGrant
    users = [_storage.User(sub=sub, claims=dict(c)) for sub, c in given["people"].items()]
    app = oidc_provider_mock.app(user_claims=users)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    werkzeug.serving.make_server("127.0.0.1", given["port"], app, threaded=True).serve_forever()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
