"""Files made to carry something past a reviewer, or to hurt what reads them: none does either.

Each file is refused with a sentence, or what leaves of it holds nothing of what it hid; which, is
written down below. Few of them go through the real child process in every run; all of them do with
ENCLAVE_HOSTILE=all (make nightly).
"""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from collections import Counter

import pyarrow.parquet as pq
import pytest
from PIL import Image

from egress_review.errors import OutputRefused
from egress_review.files import sandbox
from egress_review.files.child import FORMS
from egress_review.files.model import Picture, Prose, Read, Sheet
from egress_review.files.names import safe_name
from egress_review.files.reading import clean, read
from egress_review.files.writing import write
from enclave.errors import EnclaveError
from tests.data.egress.hidden import HIDDEN, SECRET
from tests.data.egress.hostile import Hostile, hostile_files
from tests.support.parsing import parse_here

ALL = os.environ.get("ENCLAVE_HOSTILE") == "all"
FILES = hostile_files()
# What they hide stays behind; what is left of them is a plain table, plot, summary or text.
_HARMLESS = """
    workbook-unused-string workbook-author workbook-header workbook-number-format
    parquet-metadata parquet-field-metadata parquet-unused-category
    png-words-of-a-language png-named-palette png-provenance
    png-text png-packed-text png-text-bomb png-exif png-profile png-private-chunk png-data-bomb
    png-under-glass png-last-bits png-extra-pixels
    pdf-unseen-text pdf-white-text pdf-text-off-page pdf-covered-text pdf-author
    pdf-stream-nobody-draws pdf-comment pdf-earlier-version
    pdf-layer-off pdf-description pdf-spoken-instead pdf-named-place
    text-blanks-that-speak text-ends-that-speak summary-digits-that-speak
"""
HARMLESS = _HARMLESS.split()
# In every run through a child process: one of each kind, and whatever is too much for a process.
_IN_A_CHILD = """
    workbook-formula workbook-unused-string workbook-lying-size parquet-metadata parquet-long-text
    png-last-bits pdf-script pdf-unseen-text pdf-draws-itself
"""
IN_A_CHILD = _IN_A_CHILD.split()
BLANK = ("under-glass",)  # nothing of it is to be seen
NIGHTLY = ("pdf-slow",)


def left_of(found: Read, name: str) -> bytes:
    """Return what would leave of a file of which nothing has to be hidden."""
    if isinstance(found, Sheet):
        return write(found.columns, found.rows, name)
    return clean(found)


def inside(content: bytes) -> bytes:
    """Return all that is in a file: its bytes, its parts, its metadata."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return content + b"".join(archive.read(name) for name in archive.namelist())
    if content.startswith(b"PAR1"):
        shape = pq.ParquetFile(io.BytesIO(content))
        return content + repr((shape.metadata.metadata, shape.schema_arrow.metadata)).encode()
    if content.startswith(b"\x89PNG"):
        with Image.open(io.BytesIO(content)) as picture:
            return content + picture.tobytes() + _low_bits(picture)
    return content


def _low_bits(picture: Image.Image) -> bytes:
    bits = "".join(str(value & 1) for value in picture.getchannel("R").tobytes())
    return bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits), 8))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_hostile_file_is_refused_or_leaves_without_what_it_hid(
    file: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R22, R36. 265 files; none is accepted with what it hides, none ends the service."""
    if str(file) in NIGHTLY and not ALL:
        pytest.skip("takes a minute: ENCLAVE_HOSTILE=all")
    if not ALL and str(file) not in IN_A_CHILD:
        monkeypatch.setattr(sandbox, "parse", parse_here)
    try:
        name = safe_name(file.name)
        found = read(name, file.content)
    except OutputRefused as refused:
        assert str(file) not in HARMLESS, refused.sentence
        assert refused.sentence
        assert SECRET not in refused.explain()
        return
    assert str(file) in HARMLESS, found
    left = left_of(found, name)
    assert not any(word in inside(left) for word in (HIDDEN, b"8731", b"Musterfrau"))
    assert left != file.content
    if isinstance(found, Picture):
        assert not any(word in inside(found.png) for word in (HIDDEN, b"8731"))
        if file.id in BLANK:
            assert set(Image.open(io.BytesIO(found.png)).tobytes()) == {255}
    if isinstance(found, Prose):
        assert set(found.text) <= set("word \n")
        assert "  " not in found.text
        assert " \n" not in found.text


def test_the_corpus_has_what_it_says() -> None:
    families = Counter(file.family for file in FILES)
    print(f"\n{len(FILES)} hostile files: {dict(families)}; {len(HARMLESS)} leave as harmless ones")
    assert len(FILES) == len({str(file) for file in FILES}) == 265
    assert len(families) == 8
    assert set(HARMLESS) | set(IN_A_CHILD) | set(NIGHTLY) <= {str(file) for file in FILES}


# The child -------------------------------------------------------------------------------------


MISBEHAVE = {
    "crash": "import os; os.abort()",
    "loop": "while True: pass",
    "memory": "held = []\nwhile True: held.append(bytearray(10**7))",
    "flood": "import os\nwhile True: os.write(1, b'x' * 10**6)",
    "no-answer": "pass",
    "garbage": "import os; os.write(1, b'{\\xff')",
    "half-an-answer": "import os; os.write(1, b'{\"columns\": [1]')",
    "not-an-object": "import os; os.write(1, b'[1]\\n')",
    "deep-answer": "import os; os.write(1, b'[' * 10**6)",
}
MAY_NOT = {
    "write": "open('/tmp/enclave-was-here', 'w').write('x')",
    "read": "open('/etc/hostname').read()",
    "connect": "import socket; socket.socket(socket.AF_UNIX)",
    "call": "import socket; socket.socket(socket.AF_INET)",
    "fork": "import os; os.fork()",
    "program": "import os; os.execv('/bin/true', ['true'])",
    "pipe": "import os; os.pipe()",
    "environment": "import os; assert set(os.environ) <= {'LC_CTYPE'}; raise OSError",
    "files-listed": "import os; os.listdir('/')",
}
CONFINED = """
import socket, sys
from egress_review.files import child
child.bound(2)
child.confine()
"""


def run(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(sandbox, "_command", lambda form: [*sandbox.PYTHON, "-c", program])
    sandbox.parse("png", b"content")


@pytest.mark.parametrize("how", MISBEHAVE)
def test_a_reader_that_fails_refuses_the_file_and_nothing_else(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: sandbox.parse and child.bound."""
    monkeypatch.setattr(sandbox, "MOST_ANSWER", 10**7)
    with pytest.raises(OutputRefused, match="could not be read within the limits"):
        run(monkeypatch, CONFINED + MISBEHAVE[how])


@pytest.mark.parametrize("what", MAY_NOT)
def test_a_reader_taken_over_reaches_no_file_socket_or_program(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: child.confine. The program answers that it failed, which is what is asserted."""
    body = "\n    ".join(MAY_NOT[what].split("; "))
    program = (
        f"{CONFINED}\ntry:\n    {body}\nexcept OSError:\n    answer = b'{{\"held\": 1}}'\n"
        "else:\n    answer = b'{\"held\": 0}'\nimport os; os.write(1, answer + b'\\n')"
    )
    monkeypatch.setattr(sandbox, "_command", lambda form: [*sandbox.PYTHON, "-c", program])
    assert sandbox.parse("png", b"content").said == {"held": 1}


def test_a_reader_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: the deadline of sandbox._run: sleeping takes no processor time."""
    monkeypatch.setattr(sandbox, "SECONDS", 0.5)
    with pytest.raises(OutputRefused, match="limits"):
        run(monkeypatch, "import time; time.sleep(600)")


def test_where_a_reader_cannot_be_confined_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: child.main answers CANNOT_CONFINE before it reads a byte."""
    program = (
        "from egress_review.files import child\n"
        "def none(*a, **k): raise OSError('no filters')\n"
        "child.seccomp.install = none\n"
        "import sys; sys.exit(child.main('png'))"
    )
    with pytest.raises(EnclaveError, match="cannot confine"):
        run(monkeypatch, program)


def test_every_form_has_a_limit_of_time() -> None:
    assert all(0 < seconds < sandbox.SECONDS for _, seconds in FORMS.values())


def test_reading_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_here("xlsx", next(f.content for f in FILES if str(f) == "workbook-author"))
