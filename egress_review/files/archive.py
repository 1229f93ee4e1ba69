"""A look at a workbook's archive before anything is unpacked: what is in it and how large.

Reads the directory only; the parts are read in the child. Never unpacks.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Mapping

from egress_review.errors import OutputRefused

MOST_PARTS = 30
MOST_UNPACKED = 30 * 1024 * 1024
MOST_TIMES = 100  # how many times its packed size one part may unpack to
_END = b"PK\x05\x06"
_END_BYTES = 22
_ENCRYPTED = 0x1
_PLAIN = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/(core|app)\.xml|xl/(workbook|styles|sharedStrings)"
    r"\.xml|xl/_rels/workbook\.xml\.rels|xl/theme/theme\d\.xml|xl/worksheets/sheet\d+\.xml"
)
_WHAT: Mapping[str, str] = {
    "vba": "macros",
    "macros": "macros",
    "activex": "controls",
    "ctrlprops": "controls",
    "externallinks": "links to other workbooks",
    "connections": "connections to other data",
    "querytables": "connections to other data",
    "pivot": "a pivot table, which keeps the rows it was made from",
    "comments": "comments",
    "persons": "comments",
    "media": "pictures",
    "drawings": "drawings or pictures",
    "charts": "charts, which keep their data",
    "embeddings": "embedded files",
    "calcchain": "formulas",
    "tables": "table objects",
    "customxml": "data beside its sheet",
    "custom.xml": "properties of its own",
    "printersettings": "printer settings",
    "worksheets/_rels": "links or drawings on its sheet",
    "chartsheets": "a chart sheet",
}
HINT = "Save the values alone: to_excel(..., index=False), or in Excel a new sheet by Paste Values."


def check(content: bytes) -> None:
    """Raise `OutputRefused` unless the bytes are one archive of the parts of a plain workbook."""
    _check_ends(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError):
        raise OutputRefused("The file is not readable as an Excel workbook.", hint=HINT) from None
    if len(parts) > MOST_PARTS or len({part.filename.lower() for part in parts}) < len(parts):
        raise OutputRefused("The workbook has too many parts or one part twice.", hint=HINT)
    for part in parts:
        _check_part(part)
    if sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise _too_large()
    if sum(part.filename.startswith("xl/worksheets/") for part in parts) != 1:
        raise OutputRefused(
            "The workbook does not have exactly one sheet.",
            hint="Submit each sheet as a file of its own.",
        )


def _check_ends(content: bytes) -> None:
    """Refuse what stands before or after the archive: the same bytes could be another file too."""
    end = content.rfind(_END)
    if not content.startswith(b"PK\x03\x04") or end < 0 or end != len(content) - _END_BYTES:
        raise OutputRefused("The file is not an Excel workbook from its first byte to its last.")
    size, start = struct.unpack("<II", content[end + 12 : end + 20])
    if start + size != end:
        raise OutputRefused("The file is not an Excel workbook from its first byte to its last.")


def _check_part(part: zipfile.ZipInfo) -> None:
    if not _PLAIN.fullmatch(part.filename):
        low = part.filename.lower()
        what = next((say for word, say in _WHAT.items() if word in low), "parts beside its sheet")
        raise OutputRefused(f"The workbook has {what}.", hint=HINT)
    packed = part.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if part.flag_bits & _ENCRYPTED or not packed:
        raise OutputRefused("The workbook is encrypted or packed in an unusual way.", hint=HINT)
    small = part.file_size <= 64 * 1024
    if not small and part.file_size > MOST_TIMES * max(1, part.compress_size):
        raise _too_large()


def _too_large() -> OutputRefused:
    return OutputRefused(
        "The workbook unpacks to more than can be reviewed.", hint="Group more coarsely."
    )
