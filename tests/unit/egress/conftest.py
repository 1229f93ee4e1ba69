"""Egress review's fixtures."""

from tests.support.review_fixtures import egress_audit, world

__all__ = ["egress_audit", "world"]
