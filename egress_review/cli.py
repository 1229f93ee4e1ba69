"""`egress-review`: runs the intake and the review site in one process."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress

import click

from egress_review.custody import Custody
from egress_review.gauges import answering
from egress_review.intake import Intake
from egress_review.methods.proving import checked
from egress_review.service import ReviewService
from egress_review.store import ReviewStore
from egress_review.web import make_site
from enclave import presence
from enclave.audit_client import AuditClient
from enclave.errors import EnclaveError
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.terminal import sentences
from enclave.web.serve import server

log = logging.getLogger("egress_review")

SECONDS_BETWEEN_RETRIES = 30.0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def egress_review() -> None:
    """Review what leaves the enclave."""


@egress_review.command()
def serve() -> None:
    """Take outputs in from workspaces and show them to reviewers, until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    settings = Settings()
    with presence.running(settings, "egress"), AuditClient(settings, "egress") as audit:
        control = ControlStore(settings.database_url)
        asyncio.run(_serve(settings, ReviewService(settings, control, audit)))
        control.close()


@egress_review.command()
def destroy() -> None:
    """Destroy the originals of requests that ended long enough ago."""
    settings = Settings()
    with AuditClient(settings, "egress") as audit:
        control = ControlStore(settings.database_url)
        count = ReviewService(settings, control, audit).destroy()
        control.close()
    click.echo(f"The originals of {count} request{'' if count == 1 else 's'} are destroyed.")


@egress_review.command()
@click.argument("request_id", metavar="REQUEST")
def verify(request_id: str) -> None:
    """Check, without a solver, that no hidden number of a request's tables can be worked out."""
    settings = Settings()
    control = ControlStore(settings.database_url)
    request, custody = ReviewStore(control.engine).request(request_id), Custody(settings)
    for number in request.tables():
        name = request.files[number - 1].name
        click.echo(f"{name}: {checked(custody, request_id, file=number)}")
    control.close()


async def _serve(settings: Settings, service: ReviewService) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has stopped; we still have sockets to close
        loop.add_signal_handler(number, lambda: None)
    await asyncio.to_thread(service.recover)
    intake = Intake(settings, service)
    await intake.start()
    retries = asyncio.create_task(_retry(service))
    try:
        async with answering(service):
            await server(make_site(settings, service)).serve()
    finally:
        retries.cancel()
        with suppress(asyncio.CancelledError):
            await retries
        await intake.stop()


async def _retry(service: ReviewService) -> None:
    """Do in the background what time brings: releases that were late, originals to destroy."""
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_RETRIES)
        for due in (service.finish_releases, service.destroy, service.deliver_notices):
            try:
                await asyncio.to_thread(due)
            except EnclaveError as error:
                log.warning("%s", error.explain())
            except Exception as error:  # the task's edge; no more of it: it may hold values
                log.error("%s failed: %s", due.__name__, type(error).__name__)


def main() -> None:
    """Run the command; an `EnclaveError` becomes one sentence."""
    with sentences():
        egress_review()
