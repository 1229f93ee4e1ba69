"""Egress review's own refusals, in the house's one tree of errors. Never carries a data value."""

from __future__ import annotations

from enclave.errors import Conflict, Denied, EnclaveError

# A fault of our own in a computation: nothing passes for it, and another try would end alike.
FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


class OutputRefused(EnclaveError):
    """The output cannot go to review as it is; the sentence says what would be possible."""

    code = "output.refused"
    status = 422


class NotItsAnswer(OutputRefused):
    """The table is not what its query answers, or that could not be worked out.

    Where every agency of the agreement takes such tables, a person may look at it (`kinds`).
    """


class OwnProject(Denied):
    """A reviewer is named as a researcher in the agreement: they do not decide on its outputs."""

    code = "review.own-project"


class NoReviewer(Conflict):
    """An agency has nobody who could decide on the output: it would wait for ever."""

    code = "review.no-reviewer"


class BudgetSpent(EnclaveError):
    """The agreement's privacy budget does not pay for another answer."""

    code = "privacy.budget-spent"
    status = 422
