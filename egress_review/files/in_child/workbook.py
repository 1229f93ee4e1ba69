"""XLSX in the child: one visible sheet of values; whatever else a workbook can hold is refused.

Our own look at every part comes first; openpyxl then reads the values of what is left.
"""

from __future__ import annotations

import codecs
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

import openpyxl
import openpyxl.reader.excel
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from openpyxl.utils.exceptions import InvalidFileException

from egress_review.errors import OutputRefused
from egress_review.files.in_child.values import text
from egress_review.files.model import MOST_COLUMNS, MOST_ROWS
from egress_review.files.workbook import write_xlsx

HINT = "Save the values alone: to_excel(..., index=False), or in Excel a new sheet by Paste Values."
_WORKBOOK_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_SHEET_WORDS = """worksheet sheetPr tabColor outlinePr pageSetUpPr dimension sheetViews sheetView
    selection pane sheetFormatPr cols col sheetData row c v is t r rPr b i u sz color rFont name
    family charset scheme vertAlign strike pageMargins printOptions pageSetup headerFooter oddHeader
    oddFooter ignoredErrors ignoredError phoneticPr"""
_SHEET_PARTS = frozenset(_SHEET_WORDS.split())
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ElementTree.ParseError,
    DefusedXmlException,
    InvalidFileException,
    OSError,  # a codec that would have to be loaded
)
_NAMED: Mapping[str, str] = {
    "f": "formulas",
    "hyperlink": "links",
    "mergeCell": "merged cells, which can hide others",
    "mergeCells": "merged cells, which can hide others",
    "autoFilter": "a filter, which can hide rows",
    "conditionalFormatting": "conditional formats, which can hide values",
    "dataValidation": "drop-down lists, which hold values of their own",
    "drawing": "drawings or pictures",
    "legacyDrawing": "comments or drawings",
    "tablePart": "table objects",
    "definedName": "named ranges, which can hold values",
    "externalReference": "links to other workbooks",
    "extLst": "extensions, which can hold more than the sheet shows",
}


def warm() -> None:
    """Have every library load what it loads late, while files can still be opened."""
    for name in ("cp437", "utf-8", "utf-16", "latin-1"):
        codecs.lookup(name)
    read(write_xlsx(["a"], [["1"], ["b"]]))


def read(content: bytes) -> tuple[dict[str, object], bytes]:
    """Return columns and rows. Raises `OutputRefused`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _look(archive)
        return {"columns": (found := _values(content))[0], "rows": found[1:]}, b""
    except _UNREADABLE:
        raise OutputRefused("The file is not readable as an Excel workbook.", hint=HINT) from None
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError):
        # openpyxl meets what the format does not allow with whatever its code happens to raise
        raise OutputRefused("The workbook is damaged.", hint=HINT) from None


def _look(archive: zipfile.ZipFile) -> None:
    for name in archive.namelist():
        root = ElementTree.fromstring(archive.read(name), forbid_dtd=True)
        if name.endswith(".rels"):
            _check_links(root)
        elif name == "xl/workbook.xml":
            _check_workbook(root)
        elif name.startswith("xl/worksheets/"):
            _check_sheet(root)
        elif name == "[Content_Types].xml":
            _check_types(root)


def _elements(root: Element) -> Iterator[tuple[str, Element]]:
    for element in root.iter():
        yield str(element.tag).rpartition("}")[2], element


def _check_types(root: Element) -> None:
    kinds = {element.get("ContentType", "") for _, element in _elements(root)}
    if any("macro" in kind.lower() or "vba" in kind.lower() for kind in kinds):
        raise _has("macros")
    if _WORKBOOK_TYPE not in kinds:
        raise OutputRefused("The file is not a plain Excel workbook.", hint=HINT)


def _check_links(root: Element) -> None:
    for _, element in _elements(root):
        if element.get("TargetMode", "").lower() == "external":
            raise _has("links to something outside it")


def _check_workbook(root: Element) -> None:
    sheets = []
    for tag, element in _elements(root):
        if tag in _NAMED and tag != "extLst":  # Excel notes its own version there
            raise _has(_NAMED[tag])
        if tag == "sheet":
            sheets.append(element.get("state", "visible"))
    if len(sheets) != 1:
        raise OutputRefused(
            f"The workbook has {len(sheets)} sheets, hidden ones counted; it must have one.",
            hint="Submit each sheet as a file of its own.",
        )
    if sheets != ["visible"]:
        raise _has("a hidden sheet")


def _check_sheet(root: Element) -> None:
    for tag, element in _elements(root):
        if tag in _NAMED:
            raise _has(_NAMED[tag])
        if tag not in _SHEET_PARTS:
            raise _has("more than values")
        if tag in ("row", "col") and _is_hidden(element):
            raise _has("hidden rows or columns")
        if tag == "c" and element.get("t") == "e":
            raise _has("cells with an error in them")


def _is_hidden(element: Element) -> bool:
    narrow = element.get("ht", element.get("width", "1"))
    return element.get("hidden", "0") in ("1", "true") or float(narrow) <= 0


def _values(content: bytes) -> list[list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=True, keep_links=False
        )
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        found = []
        for row in sheet.iter_rows(values_only=True):
            found.append([text(value) for value in row])
            _check_size(found)
    while found and not any(found[-1]):
        found.pop()
    return _squared(found)


def _check_size(found: list[list[str]]) -> None:
    if len(found) > MOST_ROWS + 1 or len(found[-1]) > 2 * MOST_COLUMNS:
        raise OutputRefused(
            f"The sheet has more than {MOST_ROWS:,} rows or {MOST_COLUMNS} columns.",
            hint="Group more coarsely, and begin in cell A1.",
        )


def _squared(found: list[list[str]]) -> list[list[str]]:
    """Return rows as wide as the widest: blank cells are left out of the format."""
    if not found:
        raise OutputRefused("The sheet is empty.", hint="It needs a line of column names.")
    width = max((place + 1 for row in found for place, cell in enumerate(row) if cell), default=0)
    return [(row + [""] * width)[:width] for row in found]


def _has(what: str) -> OutputRefused:
    return OutputRefused(f"The workbook has {what}.", hint=HINT)
