"""The demo's identity provider: `python -m hub_config.idp`. A stand-in for a state's real one.

OpenID Connect with the control store's people and no passwords: whoever reaches the page may be
anyone on it. Never used where real data is; a real enclave points `oidc_issuer` elsewhere.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask
from authlib.oauth2.rfc6749.errors import InvalidGrantError
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from werkzeug.serving import make_server

from enclave.model import Person
from enclave.settings import Settings
from enclave.store import ControlStore

TWO_FACTORS = ("pwd", "otp", "mfa")  # RFC 8176 2: how a person proved who they are
STRANGERS: Mapping[str, Mapping[str, Any]] = {
    # Known here and unknown to the enclave; and one who has no second factor.
    "mallory": {"name": "Mallory Moss (no role)", "amr": TWO_FACTORS},
    "nora": {"name": "Nora Novak (no second factor)", "amr": ("pwd",)},
}


def claims(person: Person) -> dict[str, Any]:
    """Return what the provider says of a person who used two factors."""
    return {
        "name": person.name,
        "email": person.email,
        "groups": sorted(role.value for role in person.roles),
        "amr": list(TWO_FACTORS),
    }


def accounts(store: ControlStore) -> dict[str, dict[str, Any]]:
    """Return everyone's claims by subject: the store's people, then the two strangers."""
    known = {person.id: claims(person) for person in store.people().values()}
    strangers = {
        sub: {"email": f"{sub}@elsewhere.example", "groups": [], **given, "amr": list(given["amr"])}
        for sub, given in STRANGERS.items()
    }
    return known | strangers


def application(settings: Settings, store: ControlStore) -> flask.Flask:
    """Return the provider: one client with our secret, sites' own callbacks only, PKCE checked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package leans on a part of Authlib that will move
        from oidc_provider_mock import _app, _storage, init_app  # noqa: PLC0415 - a test library, only where the stand-in runs

    _storage.AuthorizationCode.get_auth_time = _now  # a code is redeemed as soon as it is made
    app = flask.Flask(
        "enclave_idp", template_folder=str(Path(__file__).parent / "templates" / "idp")
    )
    app.secret_key = os.urandom(16)
    init_app(app, require_client_registration=True)
    _require_pkce(_app)
    client = _client(settings, _storage)

    @app.before_request
    def admit() -> flask.typing.ResponseReturnValue | None:
        """Bring people up to date; nobody edits them or registers clients from outside."""
        known = accounts(store)
        storage = flask.g.oidc_provider_mock_storage
        storage.store_client(client)
        for sub, said in known.items():
            storage.store_user(_storage.User(sub=sub, claims=said))
        flask.g.accounts = known
        path, form = flask.request.path, flask.request.form
        if path.startswith("/users") or path == "/oauth2/clients":
            return "There is no such page.", 404
        if path == "/oauth2/authorize" and form.get("sub", "") not in {"", *known}:
            return "There is no such account.", 400
        return None

    @app.context_processor
    def people() -> dict[str, Any]:
        return {"accounts": flask.g.accounts}

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    return app


def _client(settings: Settings, storage: Any) -> Any:
    sites = {_origin(url) for url in (settings.hub_url, settings.review_url, settings.audit_url)}

    class OurClient(storage.Client):
        """The enclave's registration."""

        def check_redirect_uri(self, redirect_uri: str) -> bool:
            return _origin(redirect_uri) in sites

    return OurClient(
        id=settings.oidc_client_id,
        secret=settings.oidc_client_secret,
        redirect_uris=storage.ClientAllowAny(),
        allowed_scopes=storage.Client.SCOPES_SUPPORTED,
        token_endpoint_auth_method=storage.ClientAllowAny(),
    )


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return (parts.scheme, parts.netloc)


def _now(self: Any) -> int:
    return int(time.time())


def _require_pkce(module: Any) -> None:
    """Have a code redeemed only with the verifier of its challenge (RFC 7636 4.6)."""
    grant = module.AuthorizationCodeGrant
    if getattr(grant, "enclave_pkce", False):
        return
    challenges: dict[str, str] = {}
    save, validate = grant.save_authorization_code, grant.validate_token_request

    def save_with_challenge(self: Any, code: str, request: Any) -> Any:
        challenges[code] = request.payload.data.get("code_challenge", "")
        return save(self, code, request)

    def validate_with_verifier(self: Any) -> Any:
        form = self.request.form
        challenge = challenges.pop(form.get("code", ""), "")
        if challenge and create_s256_code_challenge(form.get("code_verifier", "")) != challenge:
            raise InvalidGrantError("The code verifier does not fit.")
        return validate(self)

    grant.save_authorization_code = save_with_challenge
    grant.validate_token_request = validate_with_verifier
    grant.enclave_pkce = True


def main() -> None:
    """Serve until SIGTERM."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback only, see docs/decisions/0081
    settings = Settings()
    parts = urlsplit(settings.oidc_issuer)
    app = application(settings, ControlStore(settings.database_url))
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server(parts.hostname or "127.0.0.1", parts.port or 80, app, threaded=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
