"""The private keys that sign one log's checkpoints together, and the file they are kept in.

While a key is being replaced, the old and the new one sign side by side, so that whoever holds
either can verify. Never reads or writes a file, and has an empty repr: keys do not belong in
tracebacks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from audit.note import ML_DSA_44, NoteError, Signer, Verifier, sign_note


@dataclass(frozen=True, slots=True, repr=False)
class _Held:
    """A private key and, while another replaces it, the end of its time (seconds since 1970)."""

    signer: Signer
    until: float | None = None

    def line(self) -> str:
        end = "" if self.until is None else f" {self.until:.0f}"
        return f"{self.signer.export()}{end}\n"


class Signers:
    """The private keys that sign a log's checkpoints together, all under the log's origin.

    The newest first. A key that is being replaced signs beside its successor until its time ends.
    """

    def __init__(self, held: Iterable[_Held], *, clock: Callable[[], float] | None = None):
        self._held, self._clock = tuple(held), clock or time.time
        names = {each.signer.name for each in self._held}
        if len(names) != 1 or self._held[0].until is not None:
            raise NoteError("the keys are not those of one log")
        (self.name,) = names

    @classmethod
    def of(cls, *signers: Signer) -> Signers:
        """Return keys of which none is being replaced."""
        return cls(_Held(signer) for signer in signers)

    @classmethod
    def parse(cls, text: str) -> Signers:
        """Read a key file: a private key a line, behind it when its time ends; raises NoteError."""
        held = []
        for line in filter(None, text.split("\n")):
            key, _, until = line.partition(" ")
            if until and not until.isdigit():
                raise NoteError("a key's end is a number of seconds")
            held.append(_Held(Signer.parse(key), float(until) if until else None))
        return cls(held)

    def export(self) -> str:
        """Return the text of the key file, which nobody else may read."""
        return "".join(each.line() for each in self._held)

    @property
    def verifier(self) -> Verifier:
        """The newest key's public half: the one to hand to an auditor."""
        return self._held[0].signer.verifier

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The public halves of all of them, those whose time has ended included."""
        return tuple(each.signer.verifier for each in self._held)

    @property
    def expired(self) -> bool:
        """Whether a key is left whose time has ended."""
        return any(each.until is not None and each.until <= self._clock() for each in self._held)

    def sign(self, text: str) -> str:
        """Return the note over `text`, signed by every key whose time has not ended."""
        return sign_note(text, [each.signer for each in self._current()])

    def _current(self) -> list[_Held]:
        now = self._clock()
        return [each for each in self._held if each.until is None or each.until > now]

    def drop_expired(self) -> None:
        """Forget the keys whose time has ended."""
        self._held = tuple(self._current())

    def replaced_by(self, new: Signers, until: float) -> Signers:
        """Return the new keys with these beside them until `until`, or until their own earlier end.

        A key that was already being replaced keeps its end.
        """
        old = (_Held(each.signer, min(until, each.until or until)) for each in self._held)
        return Signers((*new._held, *old), clock=self._clock)


def generate(origin: str, *, ml_dsa: bool = False) -> Signers:
    """Return new keys for a log: Ed25519, and ML-DSA-44 beside it if wanted."""
    second = [Signer.generate(origin, ML_DSA_44)] if ml_dsa else []
    return Signers.of(Signer.generate(origin), *second)
