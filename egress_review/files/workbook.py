"""Writes a workbook of one sheet by hand: numbers, and text in place; no formula, no metadata.

A library would add who wrote it and when. Used on what egress review itself recomputed.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

from egress_review.render import MARK

Rows = Sequence[Sequence[str]]
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_EXACT_DIGITS = 15  # a spreadsheet keeps no more of a number
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    "</Types>",
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="Table" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship '
    f'Id="r1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def write_xlsx(columns: Sequence[str], rows: Rows) -> bytes:
    """Return a workbook of one sheet: numbers as numbers, everything else as inline text."""
    numeric = numeric_columns(columns, rows)
    lines = [_row([(name, False) for name in columns])]
    lines += [_row(list(zip(row, numeric, strict=True))) for row in rows]
    sheet = f'<worksheet xmlns="{_SPREADSHEET}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for part, body in (*_PARTS.items(), ("xl/worksheets/sheet1.xml", sheet)):
            info = zipfile.ZipInfo(part)  # its date is always 1980-01-01
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, _HEAD + body)
    return out.getvalue()


def _row(cells: Sequence[tuple[str, bool]]) -> str:
    return f"<row>{''.join(_cell(text, is_number=number) for text, number in cells)}</row>"


def _cell(text: str, *, is_number: bool) -> str:
    if not text:
        return "<c/>"
    if is_number and NUMBER.fullmatch(text) and sum(map(str.isdigit, text)) <= _EXACT_DIGITS:
        return f"<c><v>{text}</v></c>"
    shown = escape(_NO_XML.sub("\ufffd", text))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{shown}</t></is></c>'


def numeric_columns(columns: Sequence[str], rows: Rows) -> list[bool]:
    """Say which columns hold numbers, marks and blanks only; 007 is not a number but a code."""
    return [is_numeric([row[place] for row in rows]) for place in range(len(columns))]


def is_numeric(cells: Sequence[str]) -> bool:
    """Say whether a column holds numbers, the mark and blanks only."""
    left = [cell for cell in cells if cell and cell != MARK]
    return bool(left) and all(NUMBER.fullmatch(cell) for cell in left)
