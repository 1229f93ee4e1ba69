"""Who may enter the hub: researchers of the control store who showed a second factor.

The identity provider says who someone is and how they proved it; what they may do here is the
store's to say, asked again at each refresh. Nobody is an administrator of the hub: an
administrator's page could otherwise act inside a researcher's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthLogoutHandler
from tornado import web
from typing_extensions import override

from enclave.errors import AuditUnavailable, Denied
from enclave.events import Action, Event, Verdict
from enclave.model import Role
from enclave.web.login import NOBODY
from enclave.web.oidc import Identity
from hub_config.workspace import Hands

log = logging.getLogger(__name__)

ENTERING = frozenset({Role.RESEARCHER})


def second_factor(said: Mapping[str, Any]) -> bool:
    """Say whether the provider's claims show more than a password."""
    methods = said.get("amr") or []
    return Identity(
        subject=str(said.get("sub", "")),
        authenticated_at=0,
        methods=frozenset([methods] if isinstance(methods, str) else map(str, methods)),
        level=said.get("acr"),
    ).used_second_factor


def check_may_enter(
    person: str, said: Mapping[str, Any], roles: Iterable[Role], *, require_mfa: bool
) -> None:
    """Raise `Denied` unless these claims and roles open the hub (SATRE 3.2.04, R21)."""
    if require_mfa and not second_factor(said):
        raise Denied(
            "Your log-in did not show a second factor.",
            hint="Log in again with your authenticator app or security key.",
        )
    if not ENTERING & set(roles):
        raise Denied(
            f"The account {person} is not a researcher's.",
            hint="Reviewers and auditors have sites of their own; ask the enclave's administrator.",
        )


class EnclaveAuthenticator(GenericOAuthenticator):
    """OpenID Connect log-in whose every outcome is an event."""

    hands: ClassVar[Hands]

    @override
    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        said = auth_model["auth_state"][self.user_auth_state_key]
        person = str(auth_model["name"])
        try:
            roles = await asyncio.to_thread(self._roles, person)
            check_may_enter(person, said, roles, require_mfa=self.hands.settings.require_mfa)
        except Denied as denied:
            await self.log_login(person, Verdict.DENIED, code=denied.code, sentence=denied.sentence)
            raise web.HTTPError(denied.status, denied.explain()) from denied
        await self.log_login(person, Verdict.ALLOWED)
        return auth_model

    @override
    async def check_allowed(self, username: str, auth_model: dict[str, Any] | None) -> bool:
        """Return whether the person is a researcher; `update_auth_model` has logged the outcome."""
        return bool(ENTERING & await asyncio.to_thread(self._roles, username))

    @override
    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> bool:
        """Return whether the log-in still stands: a role taken away ends it within minutes."""
        return bool(ENTERING & await asyncio.to_thread(self._roles, user.name))

    @override
    async def get_token_info(self, handler: Any, params: Any) -> Any:
        """Return the provider's answer; one that it does not give is logged as a failed log-in."""
        try:
            return await super().get_token_info(handler, params)
        except Exception:
            await self.log_login(NOBODY, Verdict.FAILED, code="hub.provider-failed")
            raise

    def _roles(self, person: str) -> frozenset[Role]:
        known = self.hands.store.people().get(person)
        return known.roles if known else frozenset()

    async def log_login(self, person: str, verdict: Verdict, **detail: str) -> None:
        """Append the log-in; without a receipt nobody enters."""
        event = Event(Action.LOGIN, actor=person, verdict=verdict, detail={"site": "hub", **detail})
        try:
            await asyncio.to_thread(self.hands.audit.append, event)
        except AuditUnavailable as error:
            raise web.HTTPError(error.status, error.explain()) from error


class LoggedCallback(OAuthCallbackHandler):
    """Logs a log-in that was refused before anybody could say who it was."""

    @override
    async def get(self) -> None:
        try:
            self.check_arguments()
        except web.HTTPError:
            await self.authenticator.log_login(NOBODY, Verdict.DENIED, code="hub.login-refused")
            raise
        await super().get()


class LoggedLogout(OAuthLogoutHandler):
    """Logs a log-out, which only takes rights away and so never waits for audit."""

    @override
    async def handle_logout(self) -> None:
        if self.current_user:
            event = Event(Action.LOGOUT, actor=self.current_user.name, detail={"site": "hub"})
            try:
                await asyncio.to_thread(EnclaveAuthenticator.hands.audit.append, event)
            except AuditUnavailable:
                log.warning("a log-out could not be logged: audit is away")
        await super().handle_logout()


EnclaveAuthenticator.callback_handler = LoggedCallback
EnclaveAuthenticator.logout_handler = LoggedLogout
