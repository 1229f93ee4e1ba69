"""File names: which kind a name promises, and the one plain form a name is kept in.

A name decides only how the bytes are read; bytes that are something else are refused then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from egress_review.errors import OutputRefused
from egress_review.model import FileKind

MODEL_ENDING = ".model.json"
KINDS: Mapping[str, FileKind] = {
    **dict.fromkeys((".csv", ".parquet", ".xlsx", ".json"), FileKind.TABLE),
    **dict.fromkeys((".png", ".pdf"), FileKind.PLOT),
    **dict.fromkeys((".md", ".txt"), FileKind.TEXT),
    **dict.fromkeys((".py", ".r", ".sql", ".do", ".sas", ".jl", ".stan"), FileKind.TEXT),
    MODEL_ENDING: FileKind.MODEL,
}
MOST_LETTERS = 80
_KEEP = re.compile(r"[^A-Za-z0-9._-]+")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)
_LAST = "Submit its numbers as a table (.csv, .xlsx, .parquet, .json) or the plot as .png or .pdf."
_INSTEAD: Mapping[str, str] = {
    ".svg": "An SVG can carry scripts and data points; save the plot as .png or .pdf.",
    ".html": "A web page can carry scripts and whole data sets; submit its tables and plots.",
    ".htm": "A web page can carry scripts and whole data sets; submit its tables and plots.",
    ".ipynb": "A notebook keeps every printed row; submit its code as .py and its tables as .csv.",
    ".pkl": "A pickle can hold anything and runs when it is opened; write a .csv or .parquet.",
    ".pickle": "A pickle can hold anything and runs when it is opened; write a .csv or .parquet.",
    ".joblib": "A fitted model can hold its training data; submit summarise(results) instead.",
    ".pt": "A fitted model can hold its training data; submit summarise(results) instead.",
    ".onnx": "A fitted model can hold its training data; submit summarise(results) instead.",
    ".rds": "R's own format can hold anything; write a .csv with write.csv().",
    ".rdata": "R's own format can hold anything; write a .csv with write.csv().",
    ".dta": "Stata's own format keeps labels and notes; write a .csv with export delimited.",
    ".sav": "SPSS's own format keeps labels and notes; write a .csv.",
    ".xls": "The old Excel format cannot be read safely; save it as .xlsx.",
    ".xlsm": "A workbook with macros is a program; save it as .xlsx.",
    ".xlsb": "A binary workbook cannot be read safely; save it as .xlsx.",
    ".ods": "Save the sheet as .xlsx or .csv.",
    ".zip": "Submit the files of an archive one by one, in one request.",
    ".gz": "Submit the file unpacked.",
    ".tar": "Submit the files of an archive one by one, in one request.",
    ".7z": "Submit the files of an archive one by one, in one request.",
    ".jpg": "Save the plot as .png: JPEG files carry more than a picture.",
    ".jpeg": "Save the plot as .png: JPEG files carry more than a picture.",
    ".gif": "Save the plot as .png.",
    ".tif": "Save the plot as .png.",
    ".docx": "Submit the text as .md or .txt and its tables as files of their own.",
    ".pptx": "Submit the plots as .png or .pdf and the tables as files of their own.",
    ".log": "A log prints rows as it goes; write what is to be published as a table or as .txt.",
    ".tsv": "Write the table as .csv.",
    ".feather": "Write the table as .parquet.",
    ".h5": "Write the table as .parquet.",
    ".db": "Write each table as .parquet or .csv.",
    ".sqlite": "Write each table as .parquet or .csv.",
}


def kind_of(name: str) -> FileKind:
    """Return what a file of this name is. Raises `OutputRefused`, saying what to send instead."""
    return KINDS[ending(name)]


def ending(name: str) -> str:
    """Return the ending a name is read by, in small letters. Raises `OutputRefused`."""
    low = name.lower()
    if low.endswith(MODEL_ENDING) and len(low) > len(MODEL_ENDING):
        return MODEL_ENDING
    found = PurePosixPath(low).suffix
    if found not in KINDS:
        raise OutputRefused(
            f"Files of the type {_shown(found)} cannot be released.",
            hint=_INSTEAD.get(found, _LAST),
        )
    return found


def safe_name(filename: str) -> str:
    """Return a file name of plain characters without a path.

    Raises `OutputRefused` unless it has one known ending and something before it.
    """
    name = PurePosixPath(filename.replace("\\", "/")).name
    name = _KEEP.sub("-", name).strip("-.")
    last = ending(name)
    stem = name[: -len(last)].strip("-.")
    if not stem:
        raise OutputRefused("The file has no name before its ending.", hint="Give it a name.")
    if "." in stem:
        raise OutputRefused(
            "The file's name has more than one ending, so it is not plain what it is.",
            hint=f"Name it {stem.replace('.', '-')[:MOST_LETTERS]}{last}.",
        )
    if _DEVICES.fullmatch(stem):
        raise OutputRefused(
            "The file's name is that of a device on some systems.", hint="Give it another name."
        )
    return stem[: MOST_LETTERS - len(last)] + last


def _shown(suffix: str) -> str:
    clean = "".join(c for c in suffix if c.isascii() and c.isalnum())[:12]
    return f".{clean}" if clean else "without an ending"
