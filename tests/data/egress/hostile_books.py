"""Workbooks and Parquet files that hide something or hurt what reads them."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.data.egress.hidden import HIDDEN, SECRET

# Workbooks -------------------------------------------------------------------------------------

SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.{}+xml"
ROWS = (
    '<row r="1"><c t="inlineStr"><is><t>county</t></is></c><c t="inlineStr"><is><t>n</t></is></c>'
    '</row><row r="2"><c t="inlineStr"><is><t>Hartford</t></is></c><c><v>120</v></c></row>'
)


def sheet(rows: str = ROWS, *, before: str = "", after: str = "") -> str:
    return (
        f'<worksheet xmlns="{SPREADSHEET}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'
    )


def links(*targets: tuple[str, str, str], extra: str = "") -> str:
    made = "".join(
        f'<Relationship Id="{id}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for id, kind, target in targets
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{made}{extra}</Relationships>'


def book_parts() -> dict[str, str]:
    """Return the parts of a plain workbook of one sheet."""
    kinds = "".join(
        f'<Override PartName="{part}" ContentType="{SHEET_TYPE.format(kind)}"/>'
        for part, kind in (
            ("/xl/workbook.xml", "sheet.main"),
            ("/xl/worksheets/sheet1.xml", "worksheet"),
        )
    )
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
        f'relationships+xml"/>{kinds}</Types>',
        "_rels/.rels": links(("r1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{SPREADSHEET}" xmlns:r="{RELATIONS}"><sheets>'
        '<sheet name="T" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": links(("r1", "worksheet", "worksheets/sheet1.xml")),
        "xl/worksheets/sheet1.xml": sheet(),
    }


def zipped(parts: Mapping[str, str | bytes] | Sequence[tuple[str, str | bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items() if isinstance(parts, Mapping) else parts:
            archive.writestr(name, body)
    return out.getvalue()


def book(**changed: str | bytes) -> bytes:
    """Return a workbook with parts replaced or added; `__` stands for / and `_X_` for a dot."""
    parts: dict[str, str | bytes] = dict(book_parts())
    names = {"types": "[Content_Types].xml", "book": "xl/workbook.xml",
             "sheet": "xl/worksheets/sheet1.xml", "rels": "xl/_rels/workbook.xml.rels"}  # fmt: skip
    parts |= {names.get(name, name): body for name, body in changed.items()}
    return zipped(parts)


def workbook_with(part: str, body: str | bytes = f"<a>{SECRET}</a>") -> bytes:
    return zipped({**book_parts(), part: body})


def two_sheets(state: str) -> bytes:
    parts = book_parts()
    second = f'<sheet name="S" sheetId="2" {state} r:id="r2"/></sheets>'
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace("</sheets>", second)
    parts["xl/_rels/workbook.xml.rels"] = links(
        ("r1", "worksheet", "worksheets/sheet1.xml"), ("r2", "worksheet", "worksheets/sheet2.xml")
    )
    parts["xl/worksheets/sheet2.xml"] = sheet(ROWS.replace("Hartford", SECRET))
    return zipped(parts)


def unused_string() -> bytes:
    parts = book_parts()
    kind = SHEET_TYPE.format("sharedStrings")
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(
        "</Types>", f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    )
    parts["xl/_rels/workbook.xml.rels"] = links(
        ("r1", "worksheet", "worksheets/sheet1.xml"), ("r2", "sharedStrings", "sharedStrings.xml")
    )
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{SPREADSHEET}"><si><t>{SECRET}</t></si></sst>'
    return zipped(parts)


def entities(*, outside: bool = False, coding: str = "utf-8") -> bytes:
    rule = (
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        if outside
        else f'<!DOCTYPE x [<!ENTITY a "{"A" * 1000}">'
        + "".join(f'<!ENTITY {b} "{f"&{a};" * 20}">' for a, b in ("ab", "bc", "cd", "de"))
        + "]>"
    )
    body = sheet(ROWS.replace("Hartford", "&a;" if outside else "&e;"))
    text = f'<?xml version="1.0" encoding="{coding}"?>{rule}{body}'
    return workbook_with("xl/worksheets/sheet1.xml", text.encode(coding))


def lying_size() -> bytes:
    """Return a workbook whose directory says a part is small when it unpacks to 35 MB."""
    content = bytearray(book(sheet=sheet(ROWS) + " " * 35_000_000))
    size = len(sheet(ROWS)) + 35_000_000
    return bytes(content.replace(struct.pack("<I", size), struct.pack("<I", 5_000)))


def encrypted_part() -> bytes:
    content = bytearray(book())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 8] |= 1
        at = content.find(b"PK\x01\x02", at + 1)
    return bytes(content)


def workbooks() -> Iterator[tuple[str, bytes]]:
    validation = f'<dataValidation><formula1>"{SECRET}"</formula1></dataValidation>'
    hidden_row = ROWS + f'<row r="3" hidden="1"><c t="inlineStr"><is><t>{SECRET}</t></is></c></row>'
    named = f"<definedNames><definedName name='n'>\"{SECRET}\"</definedName></definedNames>"
    macro = SHEET_TYPE.format("sheet.main").replace(
        "openxmlformats-officedocument.spreadsheetml.sheet.main", "ms-excel.sheet.macroEnabled.main"
    )
    plain = book_parts()
    yield "second-sheet", two_sheets("")
    yield "hidden-sheet", two_sheets('state="hidden"')
    yield "very-hidden-sheet", two_sheets('state="veryHidden"')
    yield (
        "only-sheet-hidden",
        book(book=plain["xl/workbook.xml"].replace("sheetId", 'state="hidden" sheetId')),
    )
    yield (
        "formula",
        book(sheet=sheet(ROWS.replace("<v>120", f'<f>HYPERLINK("http://x/{SECRET}")</f><v>120'))),
    )
    yield (
        "array-formula",
        book(sheet=sheet(ROWS.replace("<v>120", '<f t="array" ref="B2">1+1</f><v>120'))),
    )
    yield "hidden-row", book(sheet=sheet(hidden_row))
    yield "flat-row", book(sheet=sheet(hidden_row.replace('hidden="1"', 'ht="0" customHeight="1"')))
    yield (
        "hidden-column",
        book(sheet=sheet(before='<cols><col min="2" max="2" hidden="true"/></cols>')),
    )
    yield "narrow-column", book(sheet=sheet(before='<cols><col min="2" max="2" width="0"/></cols>'))
    yield "merged", book(sheet=sheet(after='<mergeCells><mergeCell ref="A1:B2"/></mergeCells>'))
    yield "filter", book(sheet=sheet(after='<autoFilter ref="A1:B2"/>'))
    yield "validation", book(sheet=sheet(after=validation))
    yield "extension", book(sheet=sheet(after=f"<extLst><ext uri='x'>{SECRET}</ext></extLst>"))
    yield "unknown-element", book(sheet=sheet(after=f"<webPublishItems>{SECRET}</webPublishItems>"))
    yield from _speaking()
    yield "error-cell", book(sheet=sheet(ROWS.replace("<c><v>120", '<c t="e"><v>#REF!')))
    yield (
        "named-value",
        book(book=plain["xl/workbook.xml"].replace("</workbook>", named + "</workbook>")),
    )
    yield (
        "macro-type",
        book(types=plain["[Content_Types].xml"].replace(SHEET_TYPE.format("sheet.main"), macro)),
    )
    away = f'<Relationship Id="r9" Type="x" Target="http://x/{SECRET}" TargetMode="External"/>'
    one = ("r1", "worksheet", "worksheets/sheet1.xml")
    yield "outside-link", book(rels=links(one, extra=away))
    yield "entity-bomb", entities()
    yield "outside-entity", entities(outside=True)
    yield "entity-in-utf16", entities(coding="utf-16")
    yield "unused-string", unused_string()
    yield "author", workbook_with("docProps/core.xml")
    for part in (
        "xl/vbaProject.bin", "xl/externalLinks/externalLink1.xml", "xl/comments1.xml",
        "xl/media/image1.png", "xl/drawings/drawing1.xml", "xl/embeddings/oleObject1.bin",
        "xl/pivotCache/pivotCacheRecords1.xml", "xl/charts/chart1.xml", "xl/tables/table1.xml",
        "xl/connections.xml", "xl/calcChain.xml", "xl/activeX/activeX1.bin", "customXml/item1.xml",
        "docProps/custom.xml", "xl/worksheets/_rels/sheet1.xml.rels", "../../etc/cron.d/x",
        "notes.txt",
    ):  # fmt: skip
        yield "part-" + part.rpartition("/")[2].partition(".")[0], workbook_with(part)
    yield "zip-bomb", book(sheet=sheet() + " " * 35_000_000)
    yield "lying-size", lying_size()
    yield (
        "many-parts",
        zipped({**book_parts(), **{f"xl/theme/theme{n}.xml": "<a/>" for n in range(90)}}),
    )
    yield "encrypted", encrypted_part()
    yield "trailing", book() + b"PK" + HIDDEN
    yield "prefix", b"MZ" + HIDDEN + book()
    yield "comment", commented()
    yield "far-cell", book(sheet=sheet('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'))
    yield "not-xml", book(sheet=b"\xff\xfe\x00" + HIDDEN)
    yield "deep-xml", book(sheet=sheet("<row>" * 200_000))
    yield "no-archive", b"PK\x03\x04" + HIDDEN


def _speaking() -> Iterator[tuple[str, bytes]]:
    """Yield workbooks whose looks say what their cells do not."""
    header = f"<headerFooter><oddHeader>{SECRET}</oddHeader></headerFooter>"
    yield "header", book(sheet=sheet(after=header))
    inside = f'<hyperlinks><hyperlink ref="A1" location="{SECRET}"/></hyperlinks>'
    yield "link-inside", book(sheet=sheet(after=inside))
    coloured = f"<conditionalFormatting sqref='B2'>{SECRET}</conditionalFormatting>"
    yield "conditional-format", book(sheet=sheet(after=coloured))
    forms = f"<numFmts count='1'><numFmt numFmtId='164' formatCode=';;;\"{SECRET}\"'/></numFmts>"
    styles = f'<styleSheet xmlns="{SPREADSHEET}">{forms}</styleSheet>'
    yield "number-format", workbook_with("xl/styles.xml", styles)


def commented() -> bytes:
    out = io.BytesIO(book())
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = HIDDEN
    return out.getvalue()


# Parquet ---------------------------------------------------------------------------------------


def parquet(table: pa.Table, **more: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **more)
    return out.getvalue()


def parquets() -> Iterator[tuple[str, bytes]]:
    plain = pa.table({"county": ["Hartford", "Tolland"], "n": [120, 40]})
    words = pa.DictionaryArray.from_arrays(pa.array([0, 1]), ["Hartford", "Tolland", SECRET])
    good = parquet(plain)
    yield "metadata", parquet(plain.replace_schema_metadata({"note": SECRET}))
    field = pa.field("county", pa.string(), metadata={"note": SECRET})
    marked = pa.schema([field, pa.field("n", pa.int64())])
    yield "field-metadata", parquet(plain.cast(marked))
    yield "unused-category", parquet(pa.table({"county": words, "n": [120, 40]}))
    yield "gap", good[:-4] + HIDDEN + good[-4:]
    yield "list-column", parquet(pa.table({"county": ["a"], "n": [[SECRET]]}))
    yield "struct-column", parquet(pa.table({"county": [{"x": SECRET}], "n": [1]}))
    yield "bytes-column", parquet(pa.table({"county": pa.array([HIDDEN], pa.binary()), "n": [1]}))
    yield (
        "zoned-times",
        parquet(pa.table({"t": pa.array([0], pa.timestamp("us", "UTC")), "n": [1]})),
    )
    yield "many-rows", parquet(pa.table({"n": pa.nulls(500_000, pa.int64())}))
    yield "many-columns", parquet(pa.table({f"c{n}": [1] for n in range(60)}))
    yield "bidi", parquet(pa.table({"county": ["A\u202eB"], "n": [1]}))
    yield (
        "long-text",
        parquet(pa.table({"county": ["A" * 40_000_000], "n": [1]}), compression="zstd"),
    )
    yield "encrypted", b"PARE" + good[4:-4] + b"PARE"
    yield "torn", good[: len(good) // 2] + b"PAR1"
    yield "wild-footer", b"PAR1" + b"\x15\xff" * 40 + struct.pack("<I", 80) + b"PAR1"
    yield "trailing", good + HIDDEN
    yield "prefix", b"<html>" + good
