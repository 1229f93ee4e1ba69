"""Where an output comes from, as a picture and as a list: agency, dataset, view, columns, query.

Drawn on the server as plain geometry; colours are CSS classes. Names only: no value of any row.
What does not fit the picture is said below it and stands whole in the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from enclave.model import Lineage, View
from enclave.web.words import count

LAYERS = ("Agencies", "Datasets", "Views", "Columns", "Queries", "Output")
MOST_IN_A_LAYER = 14
BOX, ROW, GAP, TOP, LETTERS = 156, 34, 46, 30, 20


@dataclass(frozen=True, slots=True)
class Box:
    """One thing of the picture: its words, cut and whole, and where it stands."""

    text: str
    whole: str
    layer: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """The picture: boxes, the lines between them, layer headings and what was left out."""

    width: int
    height: int
    heads: tuple[tuple[str, int], ...]
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    left_out: int
    description: str


@dataclass(frozen=True, slots=True)
class Source:
    """One view of the list: whose it is, what it was made of, and which columns were read."""

    agency: str
    dataset: str
    view: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Everything an output comes from; `asked` holds (query, SQL, columns it read).

    `outputs` maps each file to the queries it was made from.
    """

    outputs: Mapping[str, Sequence[str]]
    sources: tuple[Source, ...]
    asked: tuple[tuple[str, str, tuple[str, ...]], ...]
    drawing: Drawing


def origin(
    lineages: Sequence[Lineage],
    views: Mapping[str, View],
    agencies: Mapping[str, str],
    outputs: Mapping[str, Sequence[str]],
) -> Origin:
    """Return where the outputs come from; `outputs` maps a file to the queries it was made from.

    `views` are the policy's; one that has left it is shown by its name alone.
    """
    read = sorted({column for one in lineages for column in one.columns})
    names = sorted({view for one in lineages for view in one.views})
    sources = tuple(_source(name, views.get(name), agencies, read) for name in names)
    asked = tuple((one.query, one.sql, tuple(sorted(one.columns))) for one in lineages)
    return Origin(outputs, sources, asked, _draw(sources, asked, outputs))


def _source(
    name: str, view: View | None, agencies: Mapping[str, str], read: Iterable[str]
) -> Source:
    columns = tuple(column for column in read if column.rpartition(".")[0] == name)
    if view is None:
        return Source("not in the agreement any more", "unknown", name, columns)
    return Source(agencies.get(view.agency, view.agency), view.dataset, name, columns)


def _draw(
    sources: Sequence[Source],
    asked: Sequence[tuple[str, str, tuple[str, ...]]],
    outputs: Mapping[str, Sequence[str]],
) -> Drawing:
    edges: list[tuple[tuple[int, str], tuple[int, str]]] = []
    for one in sources:
        edges.append(((0, one.agency), (1, one.dataset)))
        edges.append(((1, one.dataset), (2, one.view)))
        edges += [((2, one.view), (3, column)) for column in one.columns]
    for query, _, columns in asked:
        edges += [((3, column), (4, query)) for column in columns]
    edges += [((4, query), (5, file)) for file, queries in outputs.items() for query in queries]
    said = (
        f"{count(len(sources), 'view')}, {count(len(asked), 'query', 'queries')}, "
        f"{count(len(outputs), 'file')}."
    )
    return _laid_out(dict.fromkeys(edges), tuple(outputs), said)


def _laid_out(
    edges: Iterable[tuple[tuple[int, str], tuple[int, str]]],
    outputs: tuple[str, ...],
    description: str,
) -> Drawing:
    edges = list(edges)
    layers = [
        tuple(dict.fromkeys(name for edge in edges for at, name in edge if at == layer))
        for layer in range(len(LAYERS) - 1)
    ]
    layers.append(outputs)  # a text comes from no query
    tallest = max(1, *(min(len(names), MOST_IN_A_LAYER) for names in layers))
    boxes = {
        (layer, name): _box(name, layer, place, min(len(names), MOST_IN_A_LAYER), tallest)
        for layer, names in enumerate(layers)
        for place, name in enumerate(names[:MOST_IN_A_LAYER])
    }
    drawn = [(boxes[a], boxes[b]) for a, b in edges if a in boxes and b in boxes]
    return Drawing(
        width=len(LAYERS) * BOX + (len(LAYERS) - 1) * GAP,
        height=TOP + tallest * ROW + 6,
        heads=tuple((name, place * (BOX + GAP)) for place, name in enumerate(LAYERS)),
        boxes=tuple(boxes.values()),
        lines=tuple(_line(a, b) for a, b in drawn),
        left_out=sum(max(0, len(names) - MOST_IN_A_LAYER) for names in layers),
        description=description,
    )


def _box(name: str, layer: int, place: int, count: int, tallest: int) -> Box:
    # a layer of few boxes stands in the middle of the tallest
    y = TOP + int((tallest - count) * ROW / 2) + place * ROW
    text = name.rpartition(".")[2] if layer == 3 else name
    cut = text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
    return Box(cut, name, layer, layer * (BOX + GAP), y)


def _line(a: Box, b: Box) -> str:
    """Return a curve from a box's right edge to the next one's left edge."""
    y1, y2 = a.y + ROW // 2 - 3, b.y + ROW // 2 - 3
    x1, x2 = a.x + BOX, b.x
    bend = (x2 - x1) // 2
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
