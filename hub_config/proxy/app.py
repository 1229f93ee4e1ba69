"""Wires the proxy: what browsers reach, what the hub commands, what workspaces may ask the hub."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from enclave.settings import Settings
from hub_config import places
from hub_config.proxy import forward, rules
from hub_config.proxy.ledger import Ledger
from hub_config.proxy.routes import Route, Routes

log = logging.getLogger(__name__)

SAVE_SECONDS = 5
WORKSPACE_REFUSAL = (
    "Files do not leave a workspace this way: submit them for review with "
    "enclave_client.submit(). [egress.only-by-review]"
)
HUB_REFUSAL = "This page of the hub is switched off here: nobody makes tokens or administers it."
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def public_app(settings: Settings, routes: Routes, ledger: Ledger) -> web.Application:
    """Return what browsers reach: every request passes the rules, every answer carries a policy."""
    app = web.Application()
    _share(app, settings, routes, ledger)
    app.router.add_get("/healthz", _healthy)
    app.router.add_route("*", "/{path:.*}", _browse)
    app.on_response_prepare.append(_put_policy)
    return app


def command_app(settings: Settings, routes: Routes, ledger: Ledger) -> web.Application:
    """Return the routing interface for the hub, and the ledger; every call shows the token."""
    app = web.Application(middlewares=[_require_token])
    _share(app, settings, routes, ledger)
    app["token"] = places.secret(settings, "proxy.token")
    app.router.add_get("/api/routes{path:/?}", _list)
    app.router.add_post("/api/routes{path:/?.*}", _add)
    app.router.add_delete("/api/routes{path:/?.*}", _remove)
    app.router.add_get("/api/ledger", _show_ledger)
    return app


def workspace_app(settings: Settings, routes: Routes, ledger: Ledger) -> web.Application:
    """Return what every workspace sees of the hub: four calls, the token decides for whom."""
    app = web.Application()
    _share(app, settings, routes, ledger)
    app.router.add_route("*", "/{path:.*}", _ask_hub)
    return app


def _share(app: web.Application, settings: Settings, routes: Routes, ledger: Ledger) -> None:
    parts = urlsplit(settings.hub_url)
    app["domain"] = parts.hostname
    app["hub_url"] = settings.hub_url
    app["workspaces"] = f"{parts.scheme}://*.{parts.netloc}"
    app["routes"], app["ledger"] = routes, ledger
    app.cleanup_ctx.append(_session)


async def _session(app: web.Application) -> AsyncIterator[None]:
    app["session"] = forward.client()
    yield
    await app["session"].close()


async def keep_saving(ledger: Ledger) -> None:
    """Write the ledger every few seconds, and once more at the end.

    A full disk ends nothing: the counts stay here and are written once there is room.
    """
    try:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            try:
                ledger.save()
            except OSError as error:
                log.warning("the bytes are counted but cannot be written down: %s", error)
    finally:
        with contextlib.suppress(OSError):
            ledger.save()


# Browsers --------------------------------------------------------------------------------------


async def _browse(request: web.Request) -> web.StreamResponse:
    path = rules.segments(request.raw_path.partition("?")[0])
    if path is None:
        return forward.told(request, 400, "This address has a form that is not accepted.")
    route = request.app["routes"].find(_host(request), path)
    if route is None:
        return _nowhere(request)
    request["route"] = route
    if rules.refuses(path, request.query.keys(), workspace=route.workspace):
        return forward.told(request, 403, WORKSPACE_REFUSAL if route.workspace else HUB_REFUSAL)
    return await _carry(request, route)


def _nowhere(request: web.Request) -> web.StreamResponse:
    """Answer for a workspace that does not run: people are led home, scripts are told."""
    if request.app["routes"].hub() is None:
        return forward.told(request, 503, "The hub is starting. Try again in a moment.")
    if request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate":
        return web.HTTPSeeOther(f"{request.app['hub_url']}/hub/home")
    return forward.told(request, 404, "Nothing runs here.")


def _host(request: web.Request) -> str:
    return request.host.partition(":")[0].lower()


async def _carry(request: web.Request, route: Route) -> web.StreamResponse:
    app = request.app
    return await forward.carry(request, route, session=app["session"], ledger=app["ledger"])


async def _put_policy(request: web.Request, response: web.StreamResponse) -> None:
    route = request.get("route")
    workspace = route is not None and route.workspace
    policy = rules.policy(workspace=workspace, workspaces=request.app["workspaces"])
    response.headers["Content-Security-Policy"] = policy
    response.headers.update(rules.ALWAYS)


async def _healthy(request: web.Request) -> web.StreamResponse:
    return web.Response(text="ok")


# Workspaces ------------------------------------------------------------------------------------


async def _ask_hub(request: web.Request) -> web.StreamResponse:
    path = rules.segments(request.raw_path.partition("?")[0])
    if path is None or not rules.workspace_may_call(request.method, path):
        return web.json_response({"message": "Not for a workspace."}, status=403)
    hub = request.app["routes"].hub()
    if hub is None:
        return web.json_response({"message": "The hub is starting."}, status=503)
    return await _carry(request, hub)


# The hub ---------------------------------------------------------------------------------------


@web.middleware
async def _require_token(request: web.Request, handler: Handler) -> web.StreamResponse:
    shown = request.headers.get("Authorization", "")
    if not hmac.compare_digest(shown.encode(), f"token {request.app['token']}".encode()):
        return web.Response(status=403, text="The proxy's token is needed.")
    return await handler(request)


async def _list(request: web.Request) -> web.StreamResponse:
    return web.json_response(request.app["routes"].listing())


async def _add(request: web.Request) -> web.StreamResponse:
    request.app["routes"].add(request.match_info["path"], await request.json())
    return web.Response(status=201)


async def _remove(request: web.Request) -> web.StreamResponse:
    known = request.app["routes"].remove(request.match_info["path"])
    return web.Response(status=204 if known else 404)


async def _show_ledger(request: web.Request) -> web.StreamResponse:
    return web.json_response(request.app["ledger"].listing())
