"""Each release has every agency's vote and no researcher's; nothing else is downloaded.

An agency votes by a person of its own, all on one version, whom the log does not name as a
researcher of the project at that time; a file is the same at each download.

An output may be on its way when its log is closed: what a log says that followed another is judged
once that other is known. Where it was not given, or retention has removed the text of a submission,
it says how much could not be judged; it never takes that for granted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from audit.verifier.checks import Check, Findings, counted
from audit.verifier.facts import Facts, strict_json

CERTIFICATE = "certificate.json"  # differs from download to download: it carries fresh proofs
VOTES = frozenset({b"output.voted", b"output.rejected"})
RIGHTS = frozenset({b"access.granted", b"access.revoked"})


@dataclass(slots=True)
class _Output:
    """One output on its way: its author, and each agency's latest approval by whom."""

    author: bytes | None = None
    project: str = ""
    agencies: set[str] = field(default_factory=set)  # as it was submitted: a release needs them all
    votes: dict[str, tuple[bytes, str]] = field(default_factory=dict)  # who, on which version
    released: str | None = None  # what the release says its files are
    files: dict[str, str] = field(default_factory=dict)  # downloaded: their SHA-256 by name


class Outputs:
    """A release has the vote of every agency and no researcher's; nothing else is downloaded."""

    def __init__(self) -> None:
        self._outputs: dict[str, _Output] = {}
        self._researchers: dict[str, set[bytes]] = {}  # of each project, as the log has told so far
        self._wrong = Findings()
        self._left = Findings()
        self._releases = self._beyond = 0
        self._later: list[tuple[int, Facts, bool]] = []  # what waits, and whether texts were gone
        self._is_cut = False  # whether a log before this one was not given
        self.removed = False
        self.waits = False  # for the log before this one

    def take(self, index: int, facts: Facts) -> None:
        """Learn from one event, now or once the log before is known."""
        if self.waits:
            self._later.append((index, facts, self.removed))
        else:
            self._take(index, facts)

    def follow(self, older: Outputs | None) -> None:
        """Go on from what the log before said; None: it was not given."""
        if not self.waits:
            return
        self.waits = False
        if older is not None:
            self._outputs, self._researchers = older._outputs, older._researchers
        self._is_cut = older is None or older._is_cut or older.removed
        for index, facts, removed in self._later:
            self.removed = removed
            self._take(index, facts)
        self._later.clear()

    def _learn(self, facts: Facts) -> None:
        """Learn from one event whom a project's agreement names as a researcher, or no longer."""
        try:
            detail = strict_json(facts[9])
        except ValueError:
            return  # a text that is no event is found elsewhere
        if detail.get("project"):  # without one it is of a role
            named = self._researchers.setdefault(str(detail["project"]), set())
            change = named.add if facts[2] == b"access.granted" else named.discard
            change(str(detail.get("person")).encode(errors="surrogatepass"))  # a text may say any

    def _take(self, index: int, facts: Facts) -> None:
        action, place = facts[2], f"entry {index:,}"
        if action in RIGHTS:
            self._learn(facts)
        if not action.startswith(b"output."):
            return
        try:
            detail, agencies = strict_json(facts[9]), strict_json(facts[4])
        except ValueError:
            self._wrong.add(f"{place}: its detail cannot be read")
            return
        output = self._outputs.setdefault(str(detail.get("request")), _Output())
        if action == b"output.submitted":
            self._submit(place, output, facts, detail)
            output.agencies = set(map(str, agencies))
        elif action == b"output.withdrawn":
            output.votes.clear()
        elif action in VOTES:
            self._vote(place, output, facts, detail)
        elif action == b"output.released":
            self._release(place, output, facts, detail, agencies)
        elif action == b"output.downloaded":
            self._check_download(place, output, detail)

    def _submit(self, place: str, output: _Output, facts: Facts, detail: dict[str, Any]) -> None:
        if output.author not in (None, facts[1]):
            self._wrong.add(f"{place}: submitted again, by another person")
        output.author, output.project = facts[1], str(detail.get("project") or "")
        output.votes.clear()  # they were on something else

    def _vote(self, place: str, output: _Output, facts: Facts, detail: dict[str, Any]) -> None:
        """Take an agency's decision; a later one replaces its earlier one."""
        if output.released is not None:
            self._wrong.add(f"{place}: voted on after its release")
        if facts[1] in self._researchers.get(output.project, ()):
            self._wrong.add(f"{place}: a researcher of the project voted on it")
        agency = str(detail.get("agency"))
        output.votes.pop(agency, None)
        if detail.get("decision") == "approve" and facts[3] == b"allowed":
            output.votes[agency] = facts[1], str(detail.get("shown"))

    def _release(
        self, place: str, output: _Output, facts: Facts, detail: dict[str, Any], agencies: list[Any]
    ) -> None:
        if facts[3] != b"allowed":
            self._wrong.add(f"{place}: a release that was refused")
            return
        self._releases += 1
        self._check_release(place, output, agencies)
        said, before = str(detail.get("sha256")), output.released
        if before is not None and before != said:
            self._wrong.add(f"{place}: released again, with other files")
        output.released = said

    def _check_download(self, place: str, output: _Output, detail: dict[str, Any]) -> None:
        if output.released is None:
            if self._is_beyond(output):
                self._beyond += 1
            else:
                self._left.add(f"{place}: downloaded, and not released before")
        name, sha256 = str(detail.get("file")), detail.get("sha256")
        if name == CERTIFICATE or sha256 is None:
            return
        if output.files.setdefault(name, str(sha256)) != str(sha256):
            self._left.add(f"{place}: another file than at an earlier download")

    def _check_release(self, place: str, output: _Output, agencies: list[Any]) -> None:
        if self._is_beyond(output):
            self._beyond += 1  # how it came to be released is not here, nor its submission
            return
        needed = sorted(output.agencies.union(map(str, agencies)))
        missing = [agency for agency in needed if agency not in output.votes]
        if missing or not agencies:
            lacking = ", ".join(missing) or "any agency"
            self._wrong.add(f"{place}: released without the vote of {lacking}")
        people = [person for person, _ in output.votes.values()]
        if output.author is None:
            self._wrong.add(f"{place}: released without having been submitted")
        elif output.author in people:
            self._wrong.add(f"{place}: its author voted on it")
        if len(set(people)) != len(people):
            self._wrong.add(f"{place}: one person voted for several agencies")
        if len({shown for _, shown in output.votes.values()}) > 1:
            self._wrong.add(f"{place}: the agencies voted on different versions")

    def _is_beyond(self, output: _Output) -> bool:
        """Say whether an output's submission may be where nobody can read it here."""
        return output.author is None and (self.removed or self._is_cut)

    def checks(self) -> tuple[Check, ...]:
        """Return the answers."""
        self.follow(None)
        remark = (
            f"{self._beyond:,} releases and downloads could not be judged: retention removed the "
            "texts of their submissions, or these are in a log before this one that was not given"
        )
        notes = (remark,) if self._beyond else ()
        return (
            self._wrong.answer(
                "Does each release have the vote of every agency, and no researcher's?",
                f"yes, {counted(self._releases, 'release')}",
                notes,
            ),
            self._left.answer("Was nothing downloaded that was not released?", "nothing was"),
        )
