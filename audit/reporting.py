"""Shows an offline verification in a terminal: a progress bar, then questions and answers."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from audit.verify import Report, verify

LIMITS = (
    "This shows that nothing was removed or changed since the checkpoint you kept. It cannot show "
    "that everything was written, and entries newer than your checkpoint rest on the operator's "
    "word until you keep a newer one."
)


def run_verification(directory: Path, *, checkpoint: Path, key: Path) -> bool:
    """Verify, print the report, return whether everything passed."""
    console = Console(stderr=False, highlight=False)
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*shown, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("Re-hashing entries", total=None)
        report = verify(
            directory,
            checkpoint=checkpoint.read_text(),
            key=key.read_text(),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _print(console, report)
    return report.passed


def _print(console: Console, report: Report) -> None:
    for check in report.checks:
        mark = "[green]ok   [/]" if check.passed else "[red]WRONG[/]"
        console.print(f"{mark} {check.question} {check.answer}.")
        for place in check.wrong:
            console.print(f"      {place}", markup=False)
    if report.passed:
        console.print(f"\n[bold green]Verified[/]: {report.entries:,} entries, root {report.root}")
    else:
        console.print("\n[bold red]NOT verified.[/] Keep this output, the log and your checkpoint.")
    console.print(f"\n{LIMITS}")
