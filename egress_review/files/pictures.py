"""The readers of plots: PNG and PDF become pixels in a child process, and a PNG of our writing.

Text chunks, profiles, times, layers, scripts and everything else beside the pixels stay behind.
What a picture shows only a person can judge; pixels in 32 steps a colour can still carry a message.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from egress_review.errors import OutputRefused
from egress_review.files import sandbox
from egress_review.files.model import MOST_PIXELS, Picture

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS"})
_MOVING = frozenset({b"acTL", b"fcTL", b"fdAT"})
LEAST_SIDE = 16
PDF_DOTS_AN_INCH = 150


def read_png(name: str, content: bytes) -> Picture:
    """Return the pixels of a PNG file. Raises `OutputRefused`."""
    return _of_child(name, "png", _needed(content))


def read_pdf(name: str, content: bytes) -> Picture:
    """Return the one page of a PDF file as pixels. Raises `OutputRefused`."""
    if not content.startswith(b"%PDF-") or not content.rstrip(b"\r\n \x00").endswith(b"%%EOF"):
        raise OutputRefused("The file is not a PDF from its first byte to its last.")
    return _of_child(name, "pdf", content)


def clean(picture: Picture) -> bytes:
    """Return the picture in the format of its name: PNG, or PDF of one page with that picture."""
    return _as_pdf(picture) if picture.name.lower().endswith(".pdf") else picture.png


def _of_child(name: str, form: str, content: bytes) -> Picture:
    answer = sandbox.parse(form, content)
    width, height = answer.said.get("width"), answer.said.get("height")
    if not isinstance(width, int) or not isinstance(height, int):
        raise OutputRefused("The file does not hold a picture.")
    if min(width, height) < LEAST_SIDE or width * height > MOST_PIXELS:
        raise OutputRefused(
            f"The picture has {width} by {height} pixels; it can have {MOST_PIXELS:,} in all.",
            hint="Save it with fewer dots an inch.",
        )
    if len(answer.rest) != width * height * 3:
        raise OutputRefused("The file does not hold a whole picture.")
    return Picture(name, width, height, _as_png(width, height, answer.rest))


# PNG (ISO/IEC 15948) ---------------------------------------------------------------------------


def _needed(content: bytes) -> bytes:
    """Return the file with only the chunks that make pixels. Raises `OutputRefused`."""
    chunks = [(kind, body) for kind, body in _chunks(content) if kind in _NEEDED]
    if [kind for kind, _ in chunks if kind in (b"IHDR", b"IEND")] != [b"IHDR", b"IEND"]:
        raise _no_png()
    width, height = struct.unpack(">II", chunks[0][1][:8]) if len(chunks[0][1]) == 13 else (0, 0)
    if chunks[0][0] != b"IHDR" or not 0 < width * height <= MOST_PIXELS:
        raise OutputRefused(
            f"The picture says it has {width} by {height} pixels; {MOST_PIXELS:,} in all are read.",
            hint="Save it with fewer dots an inch.",
        )
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not content.startswith(_SIGNATURE):
        raise _no_png()
    at = len(_SIGNATURE)
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if content[at : at + 12 + length] != _chunk(kind, body) or len(body) != length:
            raise _no_png()
        if kind in _MOVING:
            raise OutputRefused("The picture moves.", hint="Save one picture a file.")
        if kind not in _NEEDED and not kind[0] & 0x20:
            raise _no_png()
        yield kind, body
        at += 12 + length
        if kind == b"IEND" and at != len(content):
            raise OutputRefused("The file goes on after the end of its picture.")


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return len(body).to_bytes(4) + kind + body + check.to_bytes(4)


def _as_png(width: int, height: int, pixels: bytes) -> bytes:
    stride = width * 3
    rows = b"".join(b"\x00" + pixels[y * stride : (y + 1) * stride] for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in parts)


def _no_png() -> OutputRefused:
    return OutputRefused("The file is not a PNG picture from its first byte to its last.")


# PDF (ISO 32000-1): a page that is one picture -------------------------------------------------


def _as_pdf(picture: Picture) -> bytes:
    """Return a PDF of one page; the compressed rows of our own PNG are its picture."""
    data = b"".join(body for kind, body in _chunks(picture.png) if kind == b"IDAT")
    wide, high = (side * 72 / PDF_DOTS_AN_INCH for side in (picture.width, picture.height))
    draw = f"q {wide:.2f} 0 0 {high:.2f} 0 0 cm /P Do Q".encode()
    shape = f"/Width {picture.width} /Height {picture.height} /BitsPerComponent 8"
    predictor = f"/Predictor 15 /Colors 3 /Columns {picture.width}"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {wide:.2f} {high:.2f}] /Contents 4 0 R "
        "/Resources << /XObject << /P 5 0 R >> >> >>".encode(),
        _stream(b"", draw),
        _stream(
            f"/Type /XObject /Subtype /Image {shape} /ColorSpace /DeviceRGB "
            f"/Filter /FlateDecode /DecodeParms << {predictor} >> ".encode(),
            data,
        ),
    )
    return _numbered(objects)


def _stream(entries: bytes, data: bytes) -> bytes:
    return b"<< %s/Length %d >>\nstream\n%s\nendstream" % (entries, len(data), data)


def _numbered(objects: tuple[bytes, ...]) -> bytes:
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    tail = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n"
    return bytes(out) + tail % (size, table, size) + b"startxref\n%d\n%%%%EOF\n" % len(out)
