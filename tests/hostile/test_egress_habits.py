"""Tables and texts in analysts' habits: bad ones are told why, good ones are not stopped (R22).

The files alone are judged, as they are where no query can be recomputed; what the service does with
that is `test_egress_corpus`'s to show.
"""

from __future__ import annotations

import contextlib

import pytest

from egress_review.errors import OutputRefused
from egress_review.files.model import Prose
from egress_review.files.precheck import Advice, Offered, Outcome, precheck
from egress_review.files.reading import read
from tests.data.egress.habits import BAD_TABLES, BAD_TEXTS, GOOD_TABLES, GOOD_TEXTS

CONTEXT = "Wages of graduates of public colleges in 2024, for table 3 of the workforce report."
VALUES = ("078", "example.com", "51234", "198223", "Jane")  # what no sentence may repeat


def stopping(text: str) -> list[Advice]:
    offered = Offered("a.csv", read("a.csv", text.encode()), queries=1)
    outcome = Outcome(recomputed=False, threshold=11)
    found = precheck("Graduates by county", CONTEXT, [offered], {"a.csv": outcome})
    return [one for one in found if one.stops]


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_stopped_and_told_why(name: str) -> None:
    code, text = BAD_TABLES[name]
    found = stopping(text)
    assert code in [one.code for one in found]
    assert not any(value in str(found) for value in VALUES if value not in text.split("\n")[0])


@pytest.mark.parametrize("name", GOOD_TABLES)
def test_a_good_table_is_not_stopped(name: str) -> None:
    assert stopping(GOOD_TABLES[name]) == []


def test_packed_bytes_in_pieces_are_refused() -> None:
    piece = "VuaW9uLDQzMTIyLjk4CkJvbHRvbiw2M"
    text = "\n".join(f'    "{piece[n:]}{piece[:n]}"' for n in range(4))
    with pytest.raises(OutputRefused, match="nobody can read"):
        read("a.py", f"DATA = (\n{text}\n)\n".encode())


def test_many_decimals_are_no_pseudonym() -> None:
    assert stopping(f"county,n\nHartford,120.{'0' * 32}\n") == []


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_a_bad_text_is_refused_and_told_why(name: str) -> None:
    words, text = BAD_TEXTS[name]
    with pytest.raises(OutputRefused, match=words) as refused:
        read(f"a.{name.rpartition('.')[2]}", text.encode())
    assert not any(value in refused.value.explain() for value in VALUES)


@pytest.mark.parametrize("name", GOOD_TEXTS)
def test_a_good_text_is_not_refused(name: str) -> None:
    assert isinstance(read(f"a.{name.rpartition('.')[2]}", GOOD_TEXTS[name].encode()), Prose)


@pytest.mark.parametrize(
    "line",
    [
        "No two persons share a pseudonym; rows that join two people do not count.",
        "Buckets of hash(person_id) (0103) hold at most 65,535 bytes.",
    ],
)
def test_sentences_about_anybody_are_not_refused(line: str) -> None:
    assert isinstance(read("a.md", f"{line}\n".encode()), Prose)


@pytest.mark.parametrize("name", ["a.md", "a.py"])
@pytest.mark.parametrize(
    "line",
    [" " * 990 + "|", "9 " * 495, "1," * 495, "a-" * 495, "x@" * 495, "0.0" * 330, "n=" * 495],
)
def test_lines_made_to_keep_a_search_busy_end(name: str, line: str) -> None:
    """Some searches took minutes for the first of them before what they match was bounded."""
    with contextlib.suppress(OutputRefused):
        read(name, f"{line}\n".encode() * 20)


@pytest.mark.parametrize(
    "said", ["Wages of 078-05-1120", "Of 3f2504e0-4f89-11d3-9a0c-0305e82c3301"]
)
def test_words_of_a_request_that_name_a_person_stop_it(said: str) -> None:
    offered = Offered("a.csv", read("a.csv", b"county,n\nHartford,120\n"))
    for title, context in ((said, CONTEXT), ("Wages by county", f"{CONTEXT} {said}")):
        found = precheck(title, context, [offered], {})
        assert [one.code for one in found if one.stops] == ["redaction.persons"]
        assert "078" not in str(found)


@pytest.mark.parametrize(
    ("title", "context"),
    [
        ("Graduates by county", "Fixed the things you mentioned."),
        ("Graduates by county", "I need this by Friday for a meeting, urgent!"),
        ("Output 4", "Output number four, ready to go."),
        ("Lorem ipsum", "dolor sit amet"),
    ],
)
def test_words_that_only_ask_say_nothing(title: str, context: str) -> None:
    offered = Offered("a.csv", read("a.csv", b"county,n\nHartford,120\n"))
    assert [one.code for one in precheck(title, context, [offered], {})] == ["context.missing"]


@pytest.mark.parametrize(
    "content",
    [b"county,grp_cd,n\nHartford,1,120\n", b",n\n0,120\n1,131\n", b"county,n,\nHartford,120,x\n"],
)
def test_columns_without_a_name_that_says_anything_stop(content: bytes) -> None:
    found = precheck("Graduates", CONTEXT, [Offered("a.csv", read("a.csv", content))], {})
    assert [one.code for one in found if one.stops] == ["context.columns"]
