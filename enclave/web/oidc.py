"""Asks the identity provider who somebody is, and believes only what it signed.

OpenID Connect's code flow with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636, RFC 9700).
Never keeps a token, never takes a role from the provider, never talks to another host than the
issuer's.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from enclave.settings import Settings
from enclave.web.errors import LoginFailed, ProviderAway
from enclave.web.headers import origin_of
from enclave.web.sessions import Attempt

# asymmetric only: with HS256 whoever knows the client secret could sign
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
SKEW_SECONDS = 60
TIMEOUT_SECONDS = 5.0
KEEP_SECONDS = 3600
_log = logging.getLogger(__name__)

SCOPE = "openid profile email"

# RFC 8176 names methods, not strength: two of different kinds, or the provider's own word `mfa`
_KNOWLEDGE = frozenset({"pwd", "pin", "kba"})
_POSSESSION = frozenset({"otp", "hwk", "swk", "sms", "tel", "sc", "pop"})
_INHERENCE = frozenset({"face", "fpt", "iris", "retina", "vbm"})
_STRONG_LEVELS = frozenset(
    {
        "https://refeds.org/profile/mfa",
        "http://idmanagement.gov/ns/assurance/aal/2",
        "http://idmanagement.gov/ns/assurance/aal/3",
        "http://schemas.openid.net/pape/policies/2007/06/multi-factor",
    }
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the provider's signed token says. `authenticated_at` is 0 where it does not say."""

    subject: str
    authenticated_at: int
    methods: frozenset[str]
    level: str | None

    @property
    def used_second_factor(self) -> bool:
        """Whether the log-in used two kinds of proof."""
        kinds = (_KNOWLEDGE, _POSSESSION, _INHERENCE)
        several = sum(1 for kind in kinds if self.methods & kind) > 1
        return several or "mfa" in self.methods or self.level in _STRONG_LEVELS


class IdentityProvider:
    """One OpenID provider, found by its issuer URL; its metadata and keys are kept for an hour."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time):
        self._issuer = settings.oidc_issuer.rstrip("/")
        self._client_id = settings.oidc_client_id
        self._client_secret = settings.oidc_client_secret
        self._clock = clock
        self._tls = ssl.create_default_context()  # the host's own trust store
        self._kept: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def authorization_url(self, attempt: Attempt, *, redirect_uri: str) -> str:
        """Return where to send the browser; raises `ProviderAway`."""
        extra = {"prompt": "login", "max_age": "0"} if attempt.again else {}
        with self._client() as client:
            url, _ = client.create_authorization_url(
                self._endpoint("authorization_endpoint"),
                state=attempt.state,
                code_verifier=attempt.verifier,
                nonce=attempt.nonce,
                redirect_uri=redirect_uri,
                scope=SCOPE,
                **extra,
            )
        return str(url)

    def logout_url(self) -> str | None:
        """Return where the person can end the provider's own session, if it offers that."""
        try:
            return self._endpoint("end_session_endpoint")
        except ProviderAway:
            return None

    def redeem(self, code: str, attempt: Attempt, *, redirect_uri: str) -> Identity:
        """Trade the code for an ID token and return what it proves.

        Raises `LoginFailed` where the token does not hold, `ProviderAway` where none comes.
        """
        try:
            with self._client() as client:
                answer = client.fetch_token(
                    self._endpoint("token_endpoint"),
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=attempt.verifier,
                    redirect_uri=redirect_uri,
                )
        except OAuthError as error:
            _log.warning("a code was refused: %s", error.error)
            raise LoginFailed(
                "The identity provider did not accept this log-in.", hint="Log in once more."
            ) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise _away() from error
        return self._identity(answer, attempt)

    def _identity(self, answer: Mapping[str, Any], attempt: Attempt) -> Identity:
        raw = answer.get("id_token")
        try:
            token = self._decode(raw if isinstance(raw, str) else "")
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": self._issuer},
                    "aud": {"essential": True, "value": self._client_id},
                },
                params={
                    "nonce": attempt.nonce,
                    "client_id": self._client_id,
                    "access_token": answer.get("access_token"),
                },
            )
            claims.validate(now=int(self._clock()), leeway=SKEW_SECONDS)
        except (JoseError, ValueError) as error:
            _log.warning("an ID token was refused: %s", type(error).__name__)
            raise LoginFailed(
                "The identity provider's token does not prove who you are.",
                hint="Log in once more; if it happens again, tell the operating group.",
            ) from error
        return _read(claims)

    def _decode(self, raw: str) -> jwt.Token:
        try:
            return jwt.decode(raw, self._keys(), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            # the provider may have changed its keys since we last looked
            self._kept.pop(self._endpoint("jwks_uri"), None)
            return jwt.decode(raw, self._keys(), algorithms=ALGORITHMS)

    def _keys(self) -> KeySet:
        return KeySet.import_key_set(dict(self._get(self._endpoint("jwks_uri"))))  # type: ignore[arg-type]

    def _endpoint(self, name: str) -> str:
        metadata = self._get(f"{self._issuer}/.well-known/openid-configuration")
        url = str(metadata.get(name, ""))
        # the issuer's metadata must be its own, and must not send us to somebody else's host
        if metadata.get("issuer") != self._issuer or origin_of(url) != origin_of(self._issuer):
            raise _away()
        return url

    def _get(self, url: str) -> Mapping[str, Any]:
        at, kept = self._kept.get(url, (0.0, {}))
        if kept and self._clock() - at < KEEP_SECONDS:
            return kept
        try:
            with httpx2.Client(
                timeout=TIMEOUT_SECONDS, trust_env=False, verify=self._tls
            ) as client:
                body = client.get(url).raise_for_status().json()
        except (httpx2.HTTPError, ValueError) as error:
            raise _away() from error
        if not isinstance(body, dict):
            raise _away()
        self._kept[url] = (self._clock(), body)
        return body

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            client_id=self._client_id,
            client_secret=self._client_secret,
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            verify=self._tls,
        )


def _read(claims: Mapping[str, Any]) -> Identity:
    methods = claims.get("amr") or []
    return Identity(
        subject=str(claims["sub"]),
        authenticated_at=int(claims.get("auth_time") or 0),
        methods=frozenset(str(method) for method in methods),
        level=claims.get("acr"),
    )


def _away() -> ProviderAway:
    return ProviderAway(
        "The identity provider does not answer as it should, so nobody can log in.",
        hint="Try again in a minute; if it stays so, tell the operating group.",
    )
