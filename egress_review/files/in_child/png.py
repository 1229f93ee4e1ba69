"""PNG in the child: pixels on white, without transparency and without their last bits."""

from __future__ import annotations

import io

from PIL import Image

from egress_review.errors import OutputRefused
from egress_review.files.model import MOST_PIXELS

Image.MAX_IMAGE_PIXELS = MOST_PIXELS


def warm() -> None:
    """Have Pillow load what it loads late, while files can still be opened."""
    Image.preinit()
    out = io.BytesIO()
    Image.new("P", (2, 2)).save(out, "PNG")
    read(out.getvalue())


def read(content: bytes) -> tuple[dict[str, object], bytes]:
    """Return width and height, and the pixels as red, green, blue. Raises `OutputRefused`."""
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise OutputRefused(f"The picture has more than {MOST_PIXELS:,} pixels.")
            return plain(picture)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        raise OutputRefused("The file is not readable as a PNG picture.") from None


def plain(picture: Image.Image) -> tuple[dict[str, object], bytes]:
    """Return a picture as it looks on white paper, each colour in 32 steps.

    What stands under transparent pixels goes, and what differences too small to see could say.
    """
    seen = picture.convert("RGBA")
    paper = Image.new("RGBA", seen.size, "white")
    flat = Image.alpha_composite(paper, seen).convert("RGB").point(_step)
    return {"width": flat.width, "height": flat.height}, flat.tobytes()


def _step(value: int) -> int:
    return value & 0xF8 | value >> 5
