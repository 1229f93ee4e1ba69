"""Tables that sort, filter and turn pages by plain links and forms: no script needed.

Two ways in: `of` cuts rows that are all in memory, `page_of` shows rows the room has cut itself.
Never runs a query and never trusts a query string: what it does not know falls back to the default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request

Row = TypeVar("Row")
SIZES = (25, 50, 100)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text and how it is shown; `tone` makes it a tag, `code` sets a fixed font."""

    text: str
    href: str | None = None
    tone: Literal["neutral", "info", "good", "warn", "bad"] | None = None
    code: bool = False
    note: str | None = None


Content = str | int | float | Markup | Cell | None


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column: what it shows of a row, and what it is sorted by (the cell's text unless given)."""

    name: str
    title: str
    cell: Callable[[Row], Content]
    sort: Callable[[Row], Any] | None = None
    numeric: bool = False
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class Filter(Generic[Row]):
    """One field of the form above a table; its value stands in the address under `name`.

    `keeps` says whether a row stays, given the value; leave it out where the room filters itself.
    """

    name: str
    label: str
    kind: Literal["text", "select", "date", "datetime-local"] = "text"
    choices: tuple[tuple[str, str], ...] = ()
    keeps: Callable[[Row, str], bool] | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What the address asks of a table: order, page, size and filters. Pages count from 1."""

    path: str
    query: Mapping[str, str]
    sort: str
    descending: bool
    page: int
    size: int
    prefix: str = ""

    @property
    def offset(self) -> int:
        """How many rows come before this page."""
        return (self.page - 1) * self.size

    def value(self, name: str) -> str:
        """Return what the address says for a filter, or the empty string."""
        return self.query.get(name, "")

    def link(self, **changes: str | int | None) -> str:
        """Return the address with some parameters changed; None drops one."""
        named = {f"{self.prefix}{name}": value for name, value in changes.items()}
        merged = {**self.query, **named}
        kept = {name: str(value) for name, value in merged.items() if value not in (None, "")}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def sort_link(self, column: str) -> str:
        """Return the address that sorts by a column, or turns its order round."""
        down = self.sort == column and not self.descending
        return self.link(sort=f"-{column}" if down else column, page=None)


@dataclass(frozen=True, slots=True)
class Table:
    """A page of a table, ready for the macro `table` of tables.html."""

    id: str
    caption: str
    columns: tuple[Column[Any], ...]
    rows: tuple[tuple[Content, ...], ...]
    total: int
    state: State
    filters: tuple[Filter[Any], ...]
    empty: str
    next_step: tuple[str, str] | None

    @property
    def pages(self) -> int:
        """How many pages there are: at least one."""
        return max(1, ceil(self.total / self.state.size))

    @property
    def span(self) -> str:
        """Say which rows these are: 26 to 50 of 10,000."""
        first, last = self.state.offset + 1, self.state.offset + len(self.rows)
        return f"{first:,}{f' to {last:,}' if last > first else ''} of {self.total:,}"

    @property
    def is_filtered(self) -> bool:
        """Whether a filter is set, so that "nothing here" is no whole truth."""
        return any(self.state.value(filter.name) for filter in self.filters)

    @property
    def cleared(self) -> str:
        """Return the address without filters."""
        names = {filter.name for filter in self.filters}
        query = {k: v for k, v in self.state.query.items() if k not in names}
        return replace(self.state, query=query).link(page=None)

    @property
    def hidden(self) -> tuple[tuple[str, str], ...]:
        """Return the parameters the filter form must carry along."""
        own = {filter.name for filter in self.filters} | {f"{self.state.prefix}page"}
        return tuple((k, v) for k, v in self.state.query.items() if k not in own)

    @property
    def slots(self) -> tuple[int | None, ...]:
        """Return the page numbers to offer; None is a gap."""
        return page_slots(self.state.page, self.pages)


def page_slots(page: int, pages: int) -> tuple[int | None, ...]:
    """Return at most seven slots: first, last, this one and its neighbours, gaps as None."""
    if pages <= 7:
        return tuple(range(1, pages + 1))
    if page <= 4:
        return (1, 2, 3, 4, 5, None, pages)
    if page >= pages - 3:
        return (1, None, *range(pages - 4, pages + 1))
    return (1, None, page - 1, page, page + 1, None, pages)


def state(
    request: Request, columns: Sequence[Column[Any]], *, sort: str | None = None, prefix: str = ""
) -> State:
    """Read a table's state from the address. `sort` is the default: a column, `-` turns it round.

    `prefix` keeps two tables on one page apart.
    """
    query = {name: value for name, value in request.query_params.items() if value}
    sortable = {column.name for column in columns if column.sortable}
    asked = query.get(f"{prefix}sort", "")
    chosen = asked if asked.lstrip("-") in sortable else (sort or columns[0].name)
    size = _whole(query.get(f"{prefix}size"), SIZES[0])
    return State(
        path=_asked_path(request),
        query=query,
        sort=chosen.lstrip("-"),
        descending=chosen.startswith("-"),
        page=max(1, _whole(query.get(f"{prefix}page"), 1)),
        size=size if size in SIZES else SIZES[0],
        prefix=prefix,
    )


def _asked_path(request: Request) -> str:
    """Return the path as it was asked: a name in it may hold `?`, `#` or `..`, written out."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return raw.decode("latin-1")


def of(
    rows: Sequence[Row],
    columns: Sequence[Column[Row]],
    at: State,
    *,
    caption: str,
    empty: str,
    next_step: tuple[str, str] | None = None,
    filters: Sequence[Filter[Row]] = (),
) -> Table:
    """Return the asked page of rows that are all in memory, filtered and sorted here."""
    kept = [row for row in rows if _stays(row, filters, at)]
    column = next(column for column in columns if column.name == at.sort)
    kept.sort(key=lambda row: _sort_key(column, row), reverse=at.descending)
    last = max(1, ceil(len(kept) / at.size))
    at = replace(at, page=min(at.page, last))
    return page_of(
        kept[at.offset : at.offset + at.size],
        columns,
        at,
        total=len(kept),
        caption=caption,
        empty=empty,
        next_step=next_step,
        filters=filters,
    )


def page_of(  # noqa: PLR0913 - what a page of a table consists of
    rows: Sequence[Row],
    columns: Sequence[Column[Row]],
    at: State,
    *,
    total: int,
    caption: str,
    empty: str,
    next_step: tuple[str, str] | None = None,
    filters: Sequence[Filter[Row]] = (),
) -> Table:
    """Return a page whose rows the room has already filtered, sorted and cut (`at.offset`)."""
    return Table(
        id=at.prefix.rstrip("-_") or "table",
        caption=caption,
        columns=tuple(columns),
        rows=tuple(tuple(column.cell(row) for column in columns) for row in rows),
        total=total,
        state=at,
        filters=tuple(filters),
        empty=empty,
        next_step=next_step,
    )


def contains(*texts: Callable[[Row], str]) -> Callable[[Row, str], bool]:
    """Return a filter rule: the words stand, in any case, in one of these texts of the row."""

    def keeps(row: Row, words: str) -> bool:
        wanted = words.casefold()
        return any(wanted in text(row).casefold() for text in texts)

    return keeps


def _stays(row: Row, filters: Sequence[Filter[Row]], at: State) -> bool:
    rules = ((filter.keeps, at.value(filter.name)) for filter in filters)
    return all(keeps(row, value) for keeps, value in rules if keeps is not None and value)


def _sort_key(column: Column[Row], row: Row) -> tuple[bool, Any]:
    content = column.cell(row) if column.sort is None else column.sort(row)
    value = content.text if isinstance(content, Cell) else content
    # what is missing stands last
    return (value is None, in_order(value) if isinstance(value, str) else (value or 0))


def in_order(text: str) -> tuple[tuple[int, str], ...]:
    """Return what a text is sorted by: without regard to case, and 2 before 10."""
    parts = re.split("([0-9]+)", text.casefold())  # every second one is a number
    return tuple(
        (len(number), number) if at % 2 and (number := part.lstrip("0")) else (0, part)
        for at, part in enumerate(parts)
    )


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else default
