"""`python -m hub_config.proxy`: runs the proxy in the foreground until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from enclave.settings import Settings
from hub_config import places
from hub_config.proxy.app import command_app, keep_saving, public_app, workspace_app
from hub_config.proxy.ledger import Ledger
from hub_config.proxy.routes import Routes


async def serve(settings: Settings) -> None:
    """Serve browsers, the hub and workspaces until told to stop."""
    state = places.state(settings)
    domain = urlsplit(settings.hub_url).hostname or "localhost"
    routes = Routes(state / "routes.json", domain=domain)
    ledger = Ledger(state / "bytes.json")
    async with contextlib.AsyncExitStack() as stack:
        public = await _run(stack, public_app(settings, routes, ledger))
        for listener in listeners(settings.hub_url):
            await web.SockSite(public, listener).start()
        command = await _run(stack, command_app(settings, routes, ledger))
        await _unix(command, places.proxy_socket(settings), 0o600)
        workspace = await _run(stack, workspace_app(settings, routes, ledger))
        await _unix(workspace, places.workspace_api(settings) / "hub.sock", 0o666)
        saving = asyncio.create_task(keep_saving(ledger))
        stack.callback(saving.cancel)
        logging.getLogger(__name__).info("proxy answers on %s", settings.hub_url)
        await _told_to_stop()


def listeners(url: str) -> list[socket.socket]:
    """Return listening sockets for a site: both loopbacks for `*.localhost`, else everywhere."""
    parts = urlsplit(url)
    local = (parts.hostname or "").endswith("localhost")
    places_ = [(socket.AF_INET, "127.0.0.1" if local else "0.0.0.0"), (socket.AF_INET6, "::1")]  # noqa: S104 - only when told to serve the network
    if not local:
        places_[1] = (socket.AF_INET6, "::")
    found = []
    for family, host in places_:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            listener.bind((host, parts.port or 80))
        except OSError:
            listener.close()
            if family == socket.AF_INET:
                raise
            continue  # a machine without IPv6
        listener.listen(128)
        found.append(listener)
    return found


async def _run(stack: contextlib.AsyncExitStack, app: web.Application) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


async def _unix(runner: web.AppRunner, path: Path, mode: int) -> None:
    path.unlink(missing_ok=True)  # what a killed predecessor left
    await web.UnixSite(runner, str(path)).start()
    os.chmod(path, mode)


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    asyncio.run(serve(Settings()))
