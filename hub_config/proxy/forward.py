"""Carries one request, or one WebSocket, to where its route leads and the answer back.

Streams both ways and keeps nothing. Reaches workspaces through pinned sockets only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from html import escape
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web
from aiohttp.client_exceptions import UnixClientConnectorError
from aiohttp.client_proto import ResponseHandler
from typing_extensions import override
from yarl import URL

from enclave.errors import Denied
from hub_config.proxy import rules
from hub_config.proxy.ledger import Ledger
from hub_config.proxy.routes import Route
from hub_config.sockets import path_of, pinned

CHUNK = 1 << 16
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Enclave: workspaces</title>
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto;
padding: 0 1rem; }}</style></head>
<body><main><h1>This cannot be shown</h1><p>{sentence}</p>
<p><a href="{home}">Your projects</a></p></main></body></html>
"""


class PinnedConnector(aiohttp.TCPConnector):
    """Connects `http+unix` addresses through `pinned`, others as aiohttp does."""

    allowed_protocol_schema_set = frozenset({"http", "https", "http+unix"})

    @override
    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        path = path_of(f"{req.url.scheme}://{req.url.host}")
        if path is None:
            return await super()._create_connection(req, traces, timeout)
        loop = asyncio.get_running_loop()
        try:
            with pinned(path) as name:
                factory = partial(ResponseHandler, loop)
                _, protocol = await loop.create_unix_connection(factory, name)
        except OSError as error:
            raise UnixClientConnectorError(str(path), req.connection_key, error) from error
        return protocol


def client() -> aiohttp.ClientSession:
    """Return the session that speaks to hub and workspaces: no cookies, no limits of its own."""
    return aiohttp.ClientSession(
        # Each request looks at its socket anew: a kept connection would outlive what was checked.
        connector=PinnedConnector(limit=0, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )


def address(route: Route, raw_path: str) -> URL:
    """Return the address of a raw path at the route's target, escapes kept as they came."""
    target = route.target.rstrip("/")
    path = path_of(target)
    # The hub keeps a port beside every host that it remembers, and writes 80 behind a socket's.
    base = target if path is None else target.removesuffix(":80")
    return URL(base + raw_path, encoded=True)


async def carry(
    request: web.Request, route: Route, *, session: aiohttp.ClientSession, ledger: Ledger
) -> web.StreamResponse:
    """Answer a request from its route; 503 where the other side is away or not what it was."""
    try:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await _carry_socket(request, route, session, ledger)
        return await _carry_request(request, route, session, ledger)
    except (aiohttp.ClientError, Denied) as error:
        away = "It does not answer just now. Try again in a moment."
        return told(request, 503, error.explain() if isinstance(error, Denied) else away)


def told(request: web.Request, status: int, sentence: str) -> web.Response:
    """Return a sentence of the proxy's own: a page for a person, plain text for a script."""
    headers = {"Retry-After": "2"} if status == 503 else {}
    if request.headers.get("Sec-Fetch-Mode") != "navigate":
        return web.Response(status=status, text=sentence, headers=headers)
    home = escape(f"{request.app['hub_url']}/hub/home", quote=True)
    page = _PAGE.format(sentence=escape(sentence), home=home)
    return web.Response(status=status, text=page, content_type="text/html", headers=headers)


async def _carry_request(
    request: web.Request, route: Route, session: aiohttp.ClientSession, ledger: Ledger
) -> web.StreamResponse:
    async with session.request(
        request.method,
        address(route, request.raw_path),
        headers=_onward(request),
        data=_body(request, route, ledger) if request.can_read_body else None,
        allow_redirects=False,
    ) as answer:
        domain = request.app["domain"]
        headers = rules.response_headers(
            answer.headers.items(), workspace=route.workspace, domain=domain
        )
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        response.headers.extend(headers)
        await response.prepare(request)
        async for chunk in answer.content.iter_chunked(CHUNK):
            ledger.count(route.owner, sent=len(chunk))
            await response.write(chunk)
        await response.write_eof()
        return response


async def _body(request: web.Request, route: Route, ledger: Ledger) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_chunked(CHUNK):
        ledger.count(route.owner, received=len(chunk))
        yield chunk


def _onward(request: web.Request) -> list[tuple[str, str]]:
    host = request.host
    port = host.partition(":")[2] or ("443" if request.scheme == "https" else "80")
    return [
        *rules.request_headers(request.headers.items()),
        ("X-Forwarded-For", request.remote or "unknown"),
        ("X-Forwarded-Host", host),
        ("X-Forwarded-Proto", request.scheme),
        ("X-Forwarded-Port", port),
    ]


async def _carry_socket(
    request: web.Request, route: Route, session: aiohttp.ClientSession, ledger: Ledger
) -> web.StreamResponse:
    asked = request.headers.get("Sec-WebSocket-Protocol", "")
    protocols = [word.strip() for word in asked.split(",") if word.strip()]
    headers = [(k, v) for k, v in _onward(request) if not k.lower().startswith("sec-websocket-")]
    try:
        inner = await session.ws_connect(
            address(route, request.raw_path),
            headers=dict(headers),
            protocols=protocols,
            max_msg_size=0,
            autoclose=False,
            autoping=False,
        )
    except aiohttp.WSServerHandshakeError as refused:
        return web.Response(status=refused.status, text="The server refused the WebSocket.")
    async with inner:
        chosen = [inner.protocol] if inner.protocol else []
        outer = web.WebSocketResponse(
            protocols=chosen, max_msg_size=0, autoclose=False, autoping=False
        )
        await outer.prepare(request)
        await _exchange(outer, inner, partial(ledger.count, route.owner))
        return outer


async def _exchange(outer: Any, inner: Any, count: Any) -> None:
    """Pass messages both ways until either side closes, then close the other."""
    there = asyncio.create_task(_pump(outer, inner, lambda size: count(received=size)))
    back = asyncio.create_task(_pump(inner, outer, lambda size: count(sent=size)))
    await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
    for task in (there, back):
        task.cancel()
    await asyncio.gather(there, back, return_exceptions=True)
    await asyncio.gather(outer.close(), inner.close(), return_exceptions=True)


async def _pump(source: Any, sink: Any, count: Any) -> None:
    async for message in source:
        match message.type:
            case WSMsgType.TEXT:
                count(len(message.data))
                await sink.send_str(message.data)
            case WSMsgType.BINARY:
                count(len(message.data))
                await sink.send_bytes(message.data)
            case WSMsgType.PING:
                await sink.ping(message.data)
            case WSMsgType.PONG:
                await sink.pong(message.data)
            case WSMsgType.CLOSE:
                await sink.close(code=message.data or 1000)
                return
            case _:
                return
