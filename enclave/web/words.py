"""How values are written on pages: numbers, times, counts. Never rounds what must be exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape


def number(value: float) -> str:
    """Write a number with thin groups: 1234567 as 1,234,567."""
    return f"{value:,}"


def when(seconds: float) -> Markup:
    """Write seconds since 1970 as a time element in UTC, to the second."""
    at = datetime.fromtimestamp(seconds, tz=UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        at.strftime("%Y-%m-%dT%H:%M:%SZ"), at.strftime("%Y-%m-%d %H:%M:%S UTC")
    )


def when_ms(milliseconds: float) -> Markup:
    """Write milliseconds since 1970 as a time element in UTC."""
    return when(milliseconds / 1000)


def count(value: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: 1 request, 2 requests."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def shortened(text: str, keep: int = 12) -> Markup:
    """Write the head of a long id; the whole stands in the title."""
    if len(text) <= keep:
        return escape(text)
    return Markup('<abbr class="enc-short" title="{}">{}…</abbr>').format(text, text[:keep])


FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": number,
    "when": when,
    "when_ms": when_ms,
    "count": count,
    "shortened": shortened,
}
