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
    with audit_service.client("egress") as client:
        yield client


@pytest.fixture
def world(settings: Settings, egress_audit: AuditClient) -> Iterator[World]:
    """An enclave up to its door."""
    with review_world(settings, egress_audit) as made:
        yield made
