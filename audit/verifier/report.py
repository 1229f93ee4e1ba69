"""Says what was found: to a person, to a machine, and as a paper an auditor can file.

Never says more than was checked; what a log cannot prove is part of every report.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit import ed25519
from audit.verifier.checks import Check, Unreadable, counted, plain
from audit.verifier.engine import Report
from audit.verifier.sources import reason
from audit.verifier.trust import spoken_time

FORMAT = "enclave/verification/1"
LIMITS = (
    "That everything was written: a log shows that nothing in it was removed or changed, and a "
    "part of the system that never reported is not in it.",
    "Anything about entries newer than the newest checkpoint that somebody other than the "
    "operator holds.",
    "Anything at all if the operator and everyone who keeps checkpoints act together.",
    "The hour of an event: order is proved, times are the audit service's clock.",
)


@dataclass(frozen=True, slots=True)
class Setting:
    """When, where and with what a verification was made. `inputs` maps file names to SHA-256."""

    at: float
    host: str
    python: str
    signatures: str
    verifier: str
    inputs: dict[str, str]

    @classmethod
    def here(cls, inputs: Iterable[Path]) -> Setting:
        """Describe this computer and hash the inputs; raises Unreadable."""
        return cls(
            at=time.time(),
            host=plain(platform.node()),
            python=platform.python_version(),
            signatures=ed25519.arithmetic(),
            verifier=_own_hash(),
            inputs={plain(str(path)): sha256(path) for path in dict.fromkeys(inputs)},
        )


def _own_hash() -> str:
    """Return the hash of the file this runs from, or that it is installed and is no one file."""
    archive = getattr(__spec__.loader, "archive", None)
    return sha256(Path(archive)) if archive else "installed with the system, not one file"


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal; raises Unreadable."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unreadable(f"Cannot read {plain(str(path))}: {reason(error)}.") from error


def passed(reports: Iterable[Report]) -> bool:
    """Say whether everything passed, in every log of a chain."""
    return all(report.passed for report in reports)


def lines(reports: list[Report]) -> Iterator[str]:
    """Yield a report for a person, line by line."""
    for report in reports:
        if len(reports) > 1:
            origin = plain(report.origin) or "of no known origin"
            yield f"Log {plain(str(report.directory))} ({origin})"
        for check in report.checks:
            yield from _check(check)
        yield ""
    if passed(reports):
        for report in reports:
            yield f"VERIFIED: {counted(report.entries, 'entry')} of {plain(report.origin)}"
            yield f"  root {report.root}"
    else:
        wrong = sum(not check.passed for report in reports for check in report.checks)
        yield f"NOT VERIFIED: {wrong:,} of the questions above have a wrong answer."
        yield "  Keep this report, the log as it is, and your checkpoint."
    for report in reports:
        yield (
            "Covered by a checkpoint that is not the operator's word: "
            f"{counted(report.covered, 'entry')}; newer and exposed: {report.exposed:,}."
        )
    yield ""
    yield "What this cannot show:"
    yield from (f"- {limit}" for limit in LIMITS)


def _check(check: Check) -> Iterator[str]:
    mark = "WRONG" if check.wrong else "ok   " if check.checked else "open "
    yield f"{mark} {check.question} {check.answer}."
    yield from (f"        {place}" for place in check.wrong)
    yield from (f"      - {note}" for note in check.notes)


def paper(reports: list[Report], setting: Setting) -> str:
    """Return the report an auditor files: everything above, when, where, over which bytes."""
    head = [
        "Verification of an audit log",
        "",
        f"Result: {'VERIFIED' if passed(reports) else 'NOT VERIFIED'}, what was asked stands below",
        f"Made: {spoken_time(setting.at)} on {setting.host}, Python {setting.python}",
        f"Verifier, SHA-256: {setting.verifier}",
        f"Signatures checked by: {setting.signatures}",
        "Inputs, SHA-256:",
        *(f"  {digest}  {name}" for name, digest in setting.inputs.items()),
        "",
    ]
    foot = ["", "Auditor:                      Date:                 Signature:"]
    return "\n".join([*head, *lines(reports), *foot]) + "\n"


def as_json(reports: list[Report], setting: Setting | None = None) -> str:
    """Return the same for a machine."""
    found: dict[str, Any] = {
        "format": FORMAT,
        "verified": passed(reports),
        "logs": [_log(report) for report in reports],
        "cannot_show": list(LIMITS),
    }
    if setting is not None:
        found["setting"] = {
            "at": int(setting.at),
            "host": setting.host,
            "python": setting.python,
            "signatures": setting.signatures,
            "verifier_sha256": setting.verifier,
            "inputs_sha256": setting.inputs,
        }
    return json.dumps(found, indent=1) + "\n"


def _log(report: Report) -> dict[str, Any]:
    return {
        "directory": str(report.directory),
        "origin": report.origin,
        "entries": report.entries,
        "root": report.root,
        "covered": report.covered,
        "exposed": report.exposed,
        "verified": report.passed,
        "checks": [_check_json(check) for check in report.checks],
    }


def _check_json(check: Check) -> dict[str, Any]:
    return {
        "question": check.question,
        "answer": check.answer,
        "passed": check.passed,
        "checked": check.checked,
        "wrong": list(check.wrong),
        "notes": list(check.notes),
    }


def receipt_lines(checks: list[Check]) -> str:
    """Return what was found of a proof or certificate, for a person."""
    good = all(check.passed for check in checks)
    found = [line for check in checks for line in _check(check)]
    return "\n".join([*found, "", "VERIFIED." if good else "NOT VERIFIED.", ""])


def receipt_json(checks: list[Check]) -> str:
    """Return the same for a machine."""
    good = all(check.passed for check in checks)
    found = {"format": FORMAT, "verified": good, "checks": [_check_json(each) for each in checks]}
    return json.dumps(found, indent=1) + "\n"


class Bar:
    """A progress bar on stderr; silent unless that is a terminal and nobody asked for quiet."""

    _WIDTH = 30

    def __init__(self, *, quiet: bool):
        self._shown = not quiet and sys.stderr.isatty()
        self._begun = self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Show how far the reading is; at most ten times a second, and at the end."""
        now = time.monotonic()
        if not self._shown or (done < total and now - self._last < 0.1):
            return
        self._last = now
        filled = self._WIDTH * done // max(total, 1)
        bar = "#" * filled + "." * (self._WIDTH - filled)
        took = f"{now - self._begun:.0f} s"
        end = "\n" if done >= total else ""
        print(
            f"\rRe-hashing [{bar}] {done:,} of {total:,}, {took}",
            end=end,
            file=sys.stderr,
            flush=True,
        )
