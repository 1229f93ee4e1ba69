"""PDF in the child: one page drawn as a picture; programs, forms and attachments are refused."""

from __future__ import annotations

import re

import pypdfium2
from pypdfium2 import raw

from egress_review.errors import OutputRefused
from egress_review.files.in_child.png import plain
from egress_review.files.model import MOST_PIXELS

DOTS_AN_INCH, POINTS_AN_INCH = 150, 72
_ALONE = "Save each plot alone, as the plotting library writes it."
# A plot starts nothing when it is opened. Packed objects are not searched: nothing of them leaves.
_STREAM = re.compile(rb"stream\r?\n.*?endstream", re.DOTALL)
_STARTS = re.compile(rb"/(OpenAction|AA|Launch|JavaScript|JS|RichMedia|SubmitForm|ImportData)\b")
LEAST_POINTS, MOST_POINTS = 20, 14_400  # ISO 32000-1, annex C


def warm() -> None:
    """Have both libraries load what they load late, while files can still be opened."""
    document = pypdfium2.PdfDocument.new()
    page = document.new_page(100, 100)
    plain(page.render().to_pil())


def read(content: bytes) -> tuple[dict[str, object], bytes]:
    """Return width and height, and the pixels as red, green, blue. Raises `OutputRefused`."""
    if _STARTS.search(_STREAM.sub(b"", content)):
        raise OutputRefused("The PDF starts a program or script when it is opened.", hint=_ALONE)
    try:
        document = pypdfium2.PdfDocument(content)
        _check_inert(document)
        return _draw(document)
    except (pypdfium2.PdfiumError, ValueError):
        raise OutputRefused(
            "The file is not readable as PDF.", hint="Save the plot again, without a password."
        ) from None


def _check_inert(document: pypdfium2.PdfDocument) -> None:
    found = (
        (len(document) != 1, "has other than one page"),
        (document.get_formtype() != raw.FORMTYPE_NONE, "has a form"),
        (document.count_attachments() > 0, "has files attached"),
        (raw.FPDFDoc_GetJavaScriptActionCount(document) != 0, "has a script"),
    )
    for is_so, what in found:
        if is_so:
            raise OutputRefused(f"The PDF {what}.", hint=_ALONE)


def _draw(document: pypdfium2.PdfDocument) -> tuple[dict[str, object], bytes]:
    page = document[0]
    width, height = page.get_size()
    if not all(LEAST_POINTS <= side <= MOST_POINTS for side in (width, height)):
        raise OutputRefused("The PDF's page is too small or too large for a plot.")
    if raw.FPDFPage_GetAnnotCount(page) > 0:
        raise OutputRefused("The PDF has notes, links or buttons on its page.")
    scale = min(DOTS_AN_INCH / POINTS_AN_INCH, (MOST_PIXELS * 0.98 / (width * height)) ** 0.5)
    drawn = page.render(scale=scale, may_draw_forms=False, draw_annots=False)
    return plain(drawn.to_pil())
