"""What the agreement says of a query, without running it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from enclave_client.gateway import Parameters, fetch

_HEADINGS = {
    "sentence": "In a sentence",
    "reason": "Because",
    "clause": "Clause",
    "hint": "What to do",
    "view": "Views",
    "column": "Columns and their use",
    "agency": "Agencies",
    "runs": "What would run",
    "code": "Code",
}


class Explanation:
    """A verdict with its reasons: `.verdict`, `.code`, and `.says(item)` for everything else."""

    def __init__(self, items: list[tuple[str, str]]):
        self.items = items

    @property
    def verdict(self) -> str:
        """Return `allowed`, `rewritten` or `denied`."""
        return next(iter(self.says("verdict")), "")

    @property
    def code(self) -> str:
        """Return the stable code of the verdict."""
        return next(iter(self.says("code")), "")

    def says(self, item: str) -> list[str]:
        """Return everything that is said of one item, as `reason`, `column` or `clause`."""
        return [says for name, says in self.items if name == item and says]

    def __repr__(self) -> str:
        lines = [f"The query would be {self.verdict}."]
        for _, heading, said in self._sections():
            lines.append(f"{heading}: {'; '.join(said)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        sections = "".join(
            f"<dt style='font-weight:bold;margin-top:.5em'>{heading}</dt>"
            + "".join(f"<dd style='margin-left:1.5em'>{_marked(item, one)}</dd>" for one in said)
            for item, heading, said in self._sections()
        )
        return (
            f"<section aria-label='What the agreement says'><h4>The query would be "
            f"{escape(self.verdict)}</h4><dl>{sections}</dl></section>"
        )

    def _sections(self) -> Iterator[tuple[str, str, list[str]]]:
        """Yield what has something to say; where all is allowed there is nothing to do."""
        for item, heading in _HEADINGS.items():
            said = self.says(item)
            if said and not (item == "hint" and self.verdict == "allowed"):
                yield item, heading, said


def explain(sql: str, parameters: Parameters | None = None) -> Explanation:
    """Return what the agreement says of a query. Nothing is run; that it was asked is logged.

    Raises Refused when the gateway cannot answer.
    """
    table = fetch(f"EXPLAIN POLICY {sql}", parameters, progress=False)
    items, says = table.column("item").to_pylist(), table.column("says").to_pylist()
    return Explanation([(str(i), str(s or "")) for i, s in zip(items, says, strict=True)])


def _marked(item: str, text: str) -> str:
    said = escape(text)
    return f"<pre style='white-space:pre-wrap'>{said}</pre>" if item == "runs" else said
