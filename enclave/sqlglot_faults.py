"""What sqlglot raises of a text that it does not understand, wherever it reads one.

Beside its own errors it lets out what its builders raise on a text that is no SQL, as a TypeError
on `->` or `x ->]` (found by fuzzing).
"""

from __future__ import annotations

from sqlglot.errors import SqlglotError

FAULTS = (SqlglotError, TypeError, ValueError, AttributeError, LookupError, AssertionError)
