"""One value of a typed format as the one text it has in a table."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal

from egress_review.errors import OutputRefused


def text(value: object) -> str:
    """Return a value's text; missing ones are blank, midnights are dates."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time() and value.tzinfo is None
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, str | int | float):
        return str(value)
    raise OutputRefused("A cell holds something that is neither a number nor text.")
