"""Makes the files of `tests/data/egress/corpus.py` in a small enclave, submits them, and judges.

An output is `stopped` with the code that stopped it, or goes to its reviewers. What goes there is
looked at once more by what the corpus itself knows: each row of too few people must be hidden.
"""

from __future__ import annotations

import io
import json
import random
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from egress_review.custody import Piece
from egress_review.files.model import Sheet
from egress_review.files.names import kind_of
from egress_review.files.reading import read
from egress_review.model import FileKind, OutputFile, Request, State
from egress_review.readiness import ready
from egress_review.render import MARK
from egress_review.submission import Handed, Submission
from enclave.errors import EnclaveError
from tests.data.egress.corpus import Case, Part
from tests.support.review import AGENCIES, PEOPLE, World

Frame = pd.DataFrame
AGENCY = {"wages": "dol", "credentials": "cscu"}


@dataclass(frozen=True)
class Judged:
    """What became of one output: why it was stopped, or that it went to review, and what showed."""

    case: Case
    stopped: str
    shows: tuple[str, ...] = ()

    @property
    def caught(self) -> bool:
        """Whether no person has to see to it: it was stopped, or nothing bad of it would leave."""
        needs = self.case.reason == "unrounded or small counts" and self.case.id.startswith("small")
        return bool(self.stopped) or (needs and not self.shows)


def judge(world: World, case: Case) -> Judged:
    """Submit an output as the intake takes it, and take it back."""
    first = _submit(world, case.after, case) if case.after else None
    try:
        request = world.service.submit(world.session(), ready(_submission(world, case)))
        stopped = request.sentence if request.state is State.REFUSED else ""
    except EnclaveError as error:
        return Judged(case, error.sentence)
    finally:
        _take_back(world, first)
    shows = () if stopped else tuple(_shown_small(world, case, request))
    _take_back(world, None if stopped else request)
    return Judged(case, stopped, shows)


def _submit(world: World, sql: str, case: Case) -> Request:
    return world.submit(sql, title=case.title, context=case.context)


def _take_back(world: World, request: Request | None) -> None:
    if request is not None and request.state is State.PROTECTED:
        world.service.withdraw(PEOPLE["rosa"], request.id)


def _submission(world: World, case: Case) -> Submission:
    return Submission(case.title, case.context, tuple(_handed(world, p) for p in case.parts))


def _handed(world: World, part: Part) -> Handed:
    query, answer = "", pd.DataFrame({"county": ["Hartford", "Tolland"], "n": [120, 40]})
    if part.sql:
        agency = AGENCY["credentials" if "credentials" in part.sql else "wages"]
        who = "rosa" if part.mine else "ravi"
        query, content = world.ask(part.sql, person=who, agencies=(agency,))
        answer = pd.read_csv(io.BytesIO(content))
    made = EDITS[part.edit](answer, part.name)
    try:
        kind = kind_of(part.name)
    except EnclaveError:
        kind = FileKind.TABLE
    named = (query,) if query and kind in (FileKind.TABLE, FileKind.MODEL) else ()
    file = OutputFile(part.name, kind, named, part.drawn_from)
    return Handed(file, made if isinstance(made, bytes) else written(made, part.name))


def written(frame: Frame, name: str) -> bytes:
    """Return a table as pandas writes it in the format of a name."""
    out = io.BytesIO()
    if name.endswith(".xlsx"):
        frame.to_excel(out, index=False)
    elif name.endswith(".parquet"):
        mixed = frame.astype({c: "str" for c in frame if frame[c].dtype == object})
        mixed.to_parquet(out, index=False)
    elif name.endswith(".json"):
        out.write(frame.to_json(orient="records").encode())
    else:
        out.write(frame.to_csv(index=False).encode())
    return out.getvalue()


def _shown_small(world: World, case: Case, request: Request) -> list[str]:
    """Return the labels of rows that describe too few people and are not hidden."""
    found: list[str] = []
    if case.id.startswith("good-asked"):  # labels worked out in ways that are not undone here
        return found
    for number, part in enumerate(case.parts, start=1):
        if not part.sql or kind_of(part.name) is not FileKind.TABLE:
            continue
        agency = AGENCY["credentials" if "credentials" in part.sql else "wages"]
        least = AGENCIES[agency].rules.safe_threshold
        small = {key for key, people in _people(world, part.sql).items() if people < least}
        released = read(
            "a.csv", world.service.custody.open(request.id, Piece.PROTECTED, file=number)
        )
        assert isinstance(released, Sheet)
        for row in released.rows:
            labels = tuple(cell for cell in row if cell != MARK)
            if MARK not in row and any(row[: len(key)] == key for key in small):
                found.append(" / ".join(labels))
    return found


def _people(world: World, sql: str) -> Mapping[tuple[str, ...], int]:
    """Return how many distinct persons each row of a query describes, by its labels."""
    count = r"\1count(DISTINCT person_id) AS people FROM"
    asked = re.sub(r"(SELECT (?:\w+, )+).*? FROM", count, sql, count=1)
    frame = pd.read_csv(io.BytesIO(world.answer(asked)), dtype=str, keep_default_na=False)
    return {tuple(row[:-1]): int(row[-1]) for row in frame.itertuples(index=False, name=None)}


# What researchers do to a table before they submit it ------------------------------------------


def _small(frame: Frame, mark: str, least: int = 11) -> Frame:
    made = frame.copy()
    made["n"] = made["n"].astype(object).where(made["n"] >= least, mark)
    return made


def _rounded(frame: Frame) -> Frame:
    return frame.assign(n=(frame.n / 5).round().astype(int) * 5)


def _bars(_: Frame, name: str) -> bytes:
    image = Image.new("RGB", (400, 300), "white")
    pen = ImageDraw.Draw(image)
    for place, height in enumerate((120, 200, 80)):
        pen.rectangle((60 + 100 * place, 260 - height, 120 + 100 * place, 260), fill=(0, 80, 160))
    out = io.BytesIO()
    image.save(out, name.rpartition(".")[2])
    return out.getvalue()


def _column(name: str, value: Callable[[int], str]) -> Callable[[Frame, str], Frame]:
    return lambda frame, _: frame.assign(**{name: [value(n) for n in range(len(frame))]})


def _only(name: str) -> Callable[[Frame, str], Frame]:
    dice = random.Random(name)
    return lambda frame, _: frame[["county"]].assign(
        **{name: [round(dice.uniform(0.1, 0.9), 4) for _ in range(len(frame))]}
    )


def _summary(_: Frame, __: str) -> bytes:
    parameters = [{"name": n, "estimate": 1.25, "standard_error": 0.5} for n in ("const", "age")]
    body = {
        "form": "enclave/model/1",
        "family": "ols",
        "outcome": "pay",
        "n": 320,
        "residual_dof": 318,
        "parameters": parameters,
        "dummies": [],
    }
    return json.dumps(body).encode()


_PROSE = "# Methods\n\nWe counted graduates in 2024 and left out schools that closed.\n"
_CODE = "x <- 1\n# group by institution, then count\n"
EDITS: Mapping[str, Callable[[Frame, str], Frame | bytes]] = {
    "": lambda frame, _: frame,
    "round": lambda frame, _: _rounded(frame),
    "round-and-share": lambda frame, _: _rounded(frame).assign(share=frame.n / frame.n.sum()),
    "share": lambda frame, _: frame.assign(share=frame.n / frame.n.sum()),
    "percent": lambda frame, _: frame.drop(columns="n").assign(pct=100 * frame.n / frame.n.sum()),
    "ratio": lambda frame, _: frame.assign(mean_pay=frame.pay / frame.n),
    "cut": lambda frame, _: frame[frame.n > 2],
    "star-small": lambda frame, _: _small(frame, "*"),
    "less-than": lambda frame, _: _small(frame, "<11"),
    "redact-some": lambda frame, _: _small(frame, "[REDACTED]", 5),
    "blank-words": lambda frame, _: _small(frame, "suppressed"),
    "range": lambda frame, _: _small(frame, "1-10"),
    "star-but-total": lambda frame, _: pd.concat(
        [_small(frame, "*"), pd.DataFrame({"county": ["all"], "n": [frame.n.sum()]})]
    ),
    "ids": _column("person_id", lambda n: str(uuid.UUID(int=n + 2**64))),
    "names": _column("full_name", lambda n: f"Ann Example {n}"),
    "emails": _column("contact", lambda n: f"ann{n}@example.org"),
    "numbers": _column("note", lambda n: f"{n + 100:03d}-45-{n + 6789:04d}"),
    "birthdays": _column("date_of_birth", lambda n: f"1990-01-{n + 1:02d}"),
    "means-only": _only("mean_pay"),
    "median-only": _only("median_pay"),
    "shares-only": _only("share"),
    "rates-only": _only("rate"),
    "sd-only": _only("sd_pay"),
    "as-r-writes-it": lambda frame, _: frame.fillna("NA"),
    "wide": lambda frame, _: frame.pivot(
        index="institution", columns="credential", values="n"
    ).reset_index(),
    "with-percent": lambda frame, _: frame.assign(
        pct=(100 * frame.n / frame.n.sum()).map("{:.1f}%".format)
    ),
    "one-more": lambda frame, _: frame.assign(n=frame.n + np.eye(1, len(frame), dtype=int)[0]),
    "printed": lambda frame, _: frame.to_string().encode(),
    "bars": _bars,
    "words": lambda _, __: b"anything",
    "regression": _summary,
    "code": lambda _, __: _CODE.encode(),
    "prose": lambda _, __: _PROSE.encode(),
}
