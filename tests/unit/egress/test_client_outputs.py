"""What a researcher reads in a notebook of an output: every note, in words, and no traceback."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import enclave_client
import pandas
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


class Intake:
    """Something that answers on the intake's socket: with `said`, or by hanging up."""

    def __init__(self, path: Path):
        self.said = b""
        self.asked: list[str] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                with connection.makefile("rb") as request:
                    self.asked.append(request.readline().decode())
                    head = http.client.parse_headers(request)
                    request.read(int(head.get("Content-Length", 0)))
                connection.sendall(self.said)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def intake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Intake]:
    path = tmp_path / "intake.sock"
    monkeypatch.setenv("ENCLAVE_INTAKE_SOCKET", str(path))
    started = Intake(path)
    yield started
    started.close()


TABLE = pandas.DataFrame({"n": [1]})
TABLE.attrs["enclave.query"] = "q-0123456789abcdef"
CHANGES: list[Callable[[], object]] = [
    lambda: enclave_client.submit(TABLE, title="Pay"),
    lambda: enclave_client.comment("226c8984de1feb5b", "Look again."),
    lambda: enclave_client.withdraw("226c8984de1feb5b"),
]
READS: list[Callable[[], object]] = [
    enclave_client.outputs,
    lambda: enclave_client.check(TABLE, title="Pay"),
    lambda: enclave_client.differences("226c8984de1feb5b"),
    lambda: enclave_client.protected("226c8984de1feb5b"),
]


@pytest.mark.parametrize("act", CHANGES)
def test_a_service_that_ends_before_it_answers_may_have_what_was_sent(
    intake: Intake, act: Callable[[], object]
) -> None:
    """A request is stored before it is checked: killed in between, it is taken up again."""
    for intake.said in (b"", b"HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{"):
        with pytest.raises(Refused, match=r"Look at outputs\(\)") as refused:
            act()
        assert "Nothing was submitted" not in str(refused.value)


@pytest.mark.parametrize("act", READS)
def test_reading_again_is_always_safe(intake: Intake, act: Callable[[], object]) -> None:
    for intake.said in (b"", b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{{"):
        with pytest.raises(Refused, match="Nothing was submitted"):
            act()


@pytest.mark.parametrize("act", [*CHANGES, *READS])
def test_where_nobody_listens_nothing_was_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> None:
    monkeypatch.setenv("ENCLAVE_INTAKE_SOCKET", str(tmp_path / "gone.sock"))
    with pytest.raises(Refused, match="Nothing was submitted"):
        act()


@pytest.mark.parametrize("id", ["../../x y", "", "ä/ö?", "x\r\ny"])
def test_an_id_that_is_none_is_asked_for_as_it_is_and_not_found(intake: Intake, id: str) -> None:
    body = json.dumps({"code": "input.not-found", "explain": "There is no such request."}).encode()
    intake.said = b"HTTP/1.1 404 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    for act in (enclave_client.withdraw, enclave_client.differences, enclave_client.protected):
        with pytest.raises(Refused, match="no such request"):
            act(id)
    assert all(len(line.split("/")) == 5 + ("files" in line) for line in intake.asked)
