"""Attacks on what rounding, noise and differential privacy promise (R22)."""

from __future__ import annotations

from pathlib import Path

import pytest

from egress_review.custody import Custody
from egress_review.privacy_budget import PrivacyBudget, spending
from enclave.errors import AuditUnavailable
from tests.support.privacy import PROJECT, Receipts, make_store, question, settings_at


def test_no_answer_leaves_that_audit_has_no_receipt_for(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    audit = Receipts(tmp_path / "log", away=True)
    budget = PrivacyBudget(store, audit, Custody(settings_at(tmp_path)))
    with pytest.raises(AuditUnavailable):
        budget.answer(question("a"), lambda: b"drawn")
    found = spending(store, PROJECT)
    assert found is not None
    assert found.used == 0
    store.close()
