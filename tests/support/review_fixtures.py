"""Fixtures of egress review, imported by the tests that need them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from enclave.audit_client import AuditClient
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.review import World, review_world


@pytest.fixture
def egress_audit(audit_service: AuditProcess) -> Iterator[AuditClient]:
    """An audit client that speaks as egress."""
    with audit_service.client() as client:
        yield client


@pytest.fixture
def world(
    settings: Settings, egress_audit: AuditClient, control_url: str | None
) -> Iterator[World]:
    """An enclave up to its door."""
    chosen = settings.model_copy(update={"control_url": control_url})
    with review_world(chosen, egress_audit) as made:
        yield made
