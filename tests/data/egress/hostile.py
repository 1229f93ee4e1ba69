"""Files made to carry something past a reviewer, or to hurt what reads them, by family.

All are generated; `SECRET` stands for what they hide. None is a file of a person.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from tests.data.egress.hidden import CSV, HIDDEN, SECRET
from tests.data.egress.hostile_books import book, parquet, parquets, workbooks, zipped
from tests.data.egress.hostile_pictures import pdf, pdfs, picture, png, pngs
from tests.data.egress.hostile_texts import summaries, tables, texts


@dataclass(frozen=True)
class Hostile:
    """One file; `id` says what is wrong with it."""

    family: str
    id: str
    name: str
    content: bytes

    def __str__(self) -> str:
        return f"{self.family}-{self.id}"


# Names and kinds -------------------------------------------------------------------------------


def others() -> Iterator[tuple[str, str, bytes]]:
    svg = f"<svg xmlns='http://www.w3.org/2000/svg'><script>{SECRET}</script></svg>".encode()
    for name in (
        "a.svg", "a.html", "a.htm", "a.xhtml", "a.pkl", "a.joblib", "a.pt", "a.npy", "a.ipynb",
        "a.zip", "a.tar.gz", "a.7z", "a.rds", "a.RData", "a.dta", "a.sav", "a.xls", "a.xlsm",
        "a.xlsb", "a.ods", "a.docx", "a.jpg", "a.gif", "a.exe", "a.sh", "a.js", "a.db", "a.tsv",
        "a.log", "a",
    ):  # fmt: skip
        yield "type-" + name.replace(".", "-"), name, svg
    for id, name in (
        ("double-ending", "pay.html.csv"),
        ("program-ending", "pay.csv.exe"),
        ("device", "con.csv"),
        ("device-two", "LPT1.xlsx"),
        ("nul", "pay.csv\x00.svg"),
        ("only-ending", ".csv"),
        ("nothing", ""),
        ("turned", "pay\u202evsc.exe"),
        ("dots", "..csv"),
        ("archive-ending", "pay.tar.csv"),
        ("path", "../../../etc/cron.d/pay.sh"),
        ("windows-path", "C:\\windows\\system32\\x.dll"),
    ):
        yield "name-" + id, name, CSV
    for id, name, content in (
        ("svg-as-png", "a.png", svg),
        ("html-as-csv", "a.xlsx", b"<html>" + HIDDEN),
        ("csv-as-workbook", "a.xlsx", CSV),
        ("old-workbook", "a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + HIDDEN * 50),
        ("document-as-workbook", "a.xlsx", zipped({"word/document.xml": HIDDEN})),
        ("pickle-as-parquet", "a.parquet", pickle.dumps(SECRET)),
        ("workbook-as-csv", "a.csv", book()),
        ("pdf-as-png", "a.png", pdf()),
        ("png-as-pdf", "a.pdf", png()),
        ("jpeg-as-png", "a.png", jpeg()),
        ("parquet-as-json", "a.json", parquet(pa.table({"n": [1]}))),
        ("gzip-as-csv", "a.csv", b"\x1f\x8b\x08" + HIDDEN),
        ("pickle-as-text", "a.txt", pickle.dumps(SECRET)),
        ("larger-than-all", "a.csv", b"n\n" + b"1\n" * 3_000_000),
    ):
        yield "disguise-" + id, name, content


def jpeg() -> bytes:
    out = io.BytesIO()
    picture().save(out, "JPEG")
    return out.getvalue()


def _of(family: str, name: str, make: Callable[[], Iterator[tuple[str, bytes]]]) -> list[Hostile]:
    return [Hostile(family, id, name, content) for id, content in make()]


def _named(family: str, make: Callable[[], Iterator[tuple[str, str, bytes]]]) -> list[Hostile]:
    return [Hostile(family, id, name, content) for id, name, content in make()]


def hostile_files() -> list[Hostile]:
    """Return every hostile file."""
    return [
        *_of("workbook", "pay.xlsx", workbooks),
        *_of("parquet", "pay.parquet", parquets),
        *_of("png", "pay.png", pngs),
        *_of("pdf", "pay.pdf", pdfs),
        *_named("text", texts),
        *_named("table", tables),
        *_named("summary", summaries),
        *_named("kind", others),
    ]
