"""Reads a submitted file by the kind its name promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from egress_review.errors import OutputRefused
from egress_review.files import pictures, summary
from egress_review.files.model import MOST_BYTES, Model, Picture, Prose, Read, Sheet
from egress_review.files.names import MODEL_ENDING, ending
from egress_review.files.prose import read_prose
from egress_review.files.tables import read_csv, read_json, read_parquet, read_xlsx

_TABLES: Mapping[str, Callable[[bytes], Sheet]] = {
    ".csv": read_csv,
    ".json": read_json,
    ".xlsx": read_xlsx,
    ".parquet": read_parquet,
}
_OTHERS: Mapping[str, Callable[[str, bytes], Read]] = {
    ".png": pictures.read_png,
    ".pdf": pictures.read_pdf,
    MODEL_ENDING: summary.read_model,
}


def read(name: str, content: bytes) -> Read:
    """Return what is in a file, and nothing that cannot be seen.

    Raises `OutputRefused` with a sentence, or `Unavailable` when this host cannot confine the
    program that would read it.
    """
    if len(content) > MOST_BYTES:
        raise OutputRefused(
            f"The file has {len(content):,} bytes; at most {MOST_BYTES:,} can be reviewed.",
            hint="Group more coarsely, or submit the table in parts.",
        )
    last = ending(name)
    if last in _TABLES:
        return _TABLES[last](content)
    return _OTHERS.get(last, read_prose)(name, content)


def clean(content: Picture | Model | Prose) -> bytes:
    """Return what leaves of a file that is not a table: written anew from what was read."""
    match content:
        case Picture():
            return pictures.clean(content)
        case Model():
            return summary.clean(content)
        case Prose():
            return content.text.encode()
