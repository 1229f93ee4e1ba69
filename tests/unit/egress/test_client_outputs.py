"""What a researcher reads in a notebook of an output: every note, in words, and no traceback."""

from __future__ import annotations

from pathlib import Path

import enclave_client
import pytest
from enclave_client.errors import WIDTH, Refused
from enclave_client.outputs import Advice, Output

ANSWER = {
    "title": "Pay by <county>",
    "status": "protected",
    "request": "226c8984de1feb5b",
    "sentence": "No number is hidden.",
    "waiting_for": ["cscu", "dol"],
    "files": [
        {"name": "pay.csv", "standing": "recomputed", "notes": ["Off by 3."], "suppressed": []},
        {"name": "pay.png", "standing": "unverified", "notes": [], "suppressed": []},
    ],
}


def test_the_answer_says_what_was_noted_and_what_nobody_recomputed() -> None:
    output = Output(ANSWER)
    for shown in (repr(output), output._repr_html_()):
        assert "in review" in shown
        assert "pay.csv: Off by 3." in shown
        assert "reviewers judge by eye: pay.png" in shown
    assert "<county>" not in output._repr_html_()


def test_advice_is_one_list_without_marks_of_its_own() -> None:
    one = {"code": "a.b", "sentence": "No.", "next_step": "Do.", "stops": True}
    assert Advice({"advice": [one]})._repr_html_() == "<ul><li>No. Do. (needed)</li></ul>"


def test_a_file_that_is_not_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused, match="no file pay"):
        enclave_client.submit("pay.csv", title="Pay")


def test_a_refusal_is_shown_part_by_part_and_no_word_is_cut() -> None:
    columns = ", ".join(f"column_{n}" for n in range(20))
    said = f"Not that. [query.not-granted] Clause: dsa-pay, view wages. It grants: {columns}."
    lines = Refused(said)._render_traceback_()
    assert lines[:2] == ["Not given: Not that.", "Clause: dsa-pay, view wages."]
    assert lines[-1] == "[query.not-granted]"
    assert max(map(len, lines)) <= WIDTH
    assert " ".join(lines[2:-1]) == f"It grants: {columns}."
    assert Refused("Plain.")._render_traceback_() == ["Not given: Plain."]
