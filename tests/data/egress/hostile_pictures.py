"""PNG and PDF files that hide something or hurt what reads them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image, PngImagePlugin

from tests.data.egress.hidden import HIDDEN, SECRET
from tests.data.egress.hostile_books import zipped

# Pictures --------------------------------------------------------------------------------------


def picture(side: int = 64) -> Image.Image:
    made = Image.new("RGB", (side, side), "white")
    for place in range(side):
        made.putpixel((place, place), (200, 30, 30))
    return made


def png(image: Image.Image | None = None, **more: Any) -> bytes:
    out = io.BytesIO()
    (image or picture()).save(out, "PNG", **more)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def with_chunk(kind: bytes, body: bytes) -> bytes:
    good = png()
    return good[:33] + chunk(kind, body) + good[33:]


def sized(width: int, height: int, data: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    idat = zlib.compress(data or b"\0" * 1000)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", idat) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def under_glass() -> bytes:
    """Return a picture whose transparent pixels have a message in their colours."""
    made = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    for place, byte in enumerate(HIDDEN * 20):
        made.putpixel((place % 64, place // 64), (byte, byte, byte, 0))
    return png(made)


def last_bits() -> bytes:
    """Return a picture whose lowest bits spell a message."""
    made = picture()
    bits = "".join(f"{byte:08b}" for byte in HIDDEN)
    for place, bit in enumerate(bits * 4):
        x, y = place % 64, place // 64
        red, green, blue = made.getpixel((x, y))
        made.putpixel((x, y), (red & 0xFE | int(bit), green, blue))
    return png(made)


def pngs() -> Iterator[tuple[str, bytes]]:
    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", SECRET)
    frames = [picture(), picture(32).resize((64, 64))]
    yield "text", png(pnginfo=said)
    yield "packed-text", with_chunk(b"zTXt", b"c\0\0" + zlib.compress(HIDDEN))
    yield "words-of-a-language", with_chunk(b"iTXt", b"c\0\0\0\0\0" + HIDDEN)
    yield "named-palette", with_chunk(b"sPLT", HIDDEN + b"\0\x08")
    yield "provenance", with_chunk(b"caBX", HIDDEN)
    yield "text-bomb", with_chunk(b"zTXt", b"c\0\0" + zlib.compress(b"A" * 20_000_000))
    yield "exif", with_chunk(b"eXIf", b"MM\0*" + HIDDEN)
    yield "profile", with_chunk(b"iCCP", b"p\0\0" + zlib.compress(HIDDEN * 50))
    yield "private-chunk", with_chunk(b"prVt", HIDDEN)
    yield "unknown-critical", with_chunk(b"PRVT", HIDDEN)
    yield "moving", png(save_all=True, append_images=frames)
    yield "after-the-end", png() + HIDDEN
    yield "archive-after", png() + zipped({"a.csv": HIDDEN})
    yield "script-before", b"<script>" + png()
    yield "pixel-bomb", sized(60_000, 60_000)
    yield "wide-bomb", sized(2**31 - 1, 1)
    yield "data-bomb", sized(64, 64, b"\0" * 20_000_000)
    yield "no-data", sized(64, 64, b"x")
    yield "wrong-sum", png()[:-1] + b"x"
    yield "cut", png()[:-20]
    yield "no-head", b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b"")
    yield "under-glass", under_glass()
    yield "last-bits", last_bits()
    yield "extra-pixels", sized(64, 64, b"\0" * (64 * 193) + HIDDEN)


# PDF -------------------------------------------------------------------------------------------


def pdf(
    *,
    catalog: str = "",
    page: str = "",
    draw: str = "1 0 0 RG 5 w 20 20 m 180 180 l S",
    more: Sequence[str] = (),
    trailer: str = "",
    box: str = "0 0 200 200",
    pages: int = 1,
) -> bytes:
    """Return a PDF; `more` are objects from number 6 on."""
    kids = " ".join(["3 0 R"] * pages)
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents 4 0 R "
        f"/Resources << /Font << /F 5 0 R >> /XObject << /X 6 0 R >> >> {page} >>",
        f"<< /Length {len(draw)} >>\nstream\n{draw}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        *more,
    ]
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n"
    end += f"<< /Size {size} /Root 1 0 R {trailer}>>\n"
    return out + end.encode() + f"startxref\n{len(out)}\n%%EOF\n".encode()


def pdfs() -> Iterator[tuple[str, bytes]]:
    script = f"<< /S /JavaScript /JS (app.alert\\('{SECRET}'\\)) >>"
    tree = "/Names << /JavaScript << /Names [(a) 6 0 R] >> >>"
    files = "/Names << /EmbeddedFiles << /Names [(a.csv) 6 0 R] >> >>"
    spec = "<< /Type /Filespec /F (a.csv) /EF << /F 7 0 R >> >>"
    held = f"<< /Type /EmbeddedFile /Length {len(HIDDEN)} >>\nstream\n{SECRET}\nendstream"
    field = f"<< /FT /Tx /T (a) /V ({SECRET}) /Type /Annot /Subtype /Widget /Rect [0 0 9 9] >>"
    itself = (
        "<< /Type /XObject /Subtype /Form /BBox [0 0 200 200] "
        "/Resources << /XObject << /X 6 0 R >> >> /Length 11 >>\nstream\n/X Do /X Do\nendstream"
    )
    seen = "1 0 0 RG 5 w 20 20 m 180 180 l S "
    yield "script", pdf(catalog=tree, more=[script])
    yield "script-on-opening", pdf(catalog="/OpenAction 6 0 R", more=[script])
    yield "program-on-opening", pdf(catalog="/OpenAction << /S /Launch /F (calc.exe) >>")
    yield "attachment", pdf(catalog=files, more=[spec, held])
    yield (
        "form",
        pdf(catalog="/AcroForm << /Fields [6 0 R] >>", page="/Annots [6 0 R]", more=[field]),
    )
    yield "xfa-form", pdf(catalog=f"/AcroForm << /XFA (<x>{SECRET}</x>) /Fields [] >>")
    yield (
        "note",
        pdf(
            page=f"/Annots [<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /Contents ({SECRET}) >>]"
        ),
    )
    yield (
        "link",
        pdf(
            page=f"/Annots [<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] "
            f"/A << /S /URI /URI (http://x/{SECRET}) >> >>]"
        ),
    )
    yield "two-pages", pdf(pages=2)
    yield "no-page", pdf(pages=0)
    yield (
        "encrypted",
        pdf(trailer="/Encrypt << /Filter /Standard /V 1 /R 2 /O (x) /U (y) /P -4 >> "),
    )
    yield "unseen-text", pdf(draw=f"{seen} BT /F 12 Tf 3 Tr 20 100 Td ({SECRET}) Tj ET")
    yield "white-text", pdf(draw=f"{seen} 1 1 1 rg BT /F 12 Tf 20 100 Td ({SECRET}) Tj ET")
    yield "text-off-page", pdf(draw=f"{seen} BT /F 12 Tf 900 900 Td ({SECRET}) Tj ET")
    yield (
        "covered-text",
        pdf(draw=f"BT /F 12 Tf 20 100 Td ({SECRET}) Tj ET 1 1 1 rg 0 0 200 200 re f {seen}"),
    )
    yield "author", pdf(trailer="/Info 6 0 R ", more=[f"<< /Author ({SECRET}) >>"])
    yield (
        "stream-nobody-draws",
        pdf(more=[f"<< /Length {len(HIDDEN)} >>\nstream\n{SECRET}\nendstream"]),
    )
    layers = "/OCProperties << /OCGs [6 0 R] /D << /OFF [6 0 R] >> >>"
    yield "layer-off", pdf(catalog=layers, more=[f"<< /Type /OCG /Name ({SECRET}) >>"])
    told = f"<< /Type /Metadata /Subtype /XML /Length {len(HIDDEN)} >>\nstream\n{SECRET}\nendstream"
    yield "description", pdf(catalog="/Metadata 6 0 R", more=[told])
    figure = f"<< /S /Figure /Alt ({SECRET}) >>"
    yield "spoken-instead", pdf(catalog=f"/StructTreeRoot << /Type /StructTreeRoot /K {figure} >>")
    yield "named-place", pdf(catalog=f"/Names << /Dests << /Names [({SECRET}) 3 0 R] >> >>")
    yield "comment", pdf().replace(b"xref\n0", b"%" + HIDDEN + b"\nxref\n0", 1)
    yield "earlier-version", pdf(draw=f"BT /F 12 Tf ({SECRET}) Tj ET") + pdf()
    yield "draws-itself", pdf(draw="/X Do", more=[itself])
    yield "huge-page", pdf(box="0 0 900000 900000")
    yield "tiny-page", pdf(box="0 0 1 1")
    yield "archive-after", pdf() + zipped({"a.csv": HIDDEN})
    yield "script-before", b"<script>" + pdf()
    yield "slow", pdf(draw="q " + "0 0 200 200 re f " * 250_000 + "Q")
    yield "noise", b"%PDF-1.7\n" + bytes(range(256)) * 300 + b"\n%%EOF\n"
