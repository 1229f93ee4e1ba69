"""The verifier's command line: `log` for a whole log, `proof` for one entry's receipt.

Exit codes: 0 everything passed, 1 something is wrong, 2 nothing could be checked. Whatever it is
given, the answer is a report or one sentence.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from audit.merkle import leaf_hash
from audit.note import NoteError
from audit.verifier.chain import verify_chain
from audit.verifier.checks import Unreadable, plain
from audit.verifier.engine import OPEN_SECONDS, Question, open_source
from audit.verifier.receipt import check_receipt
from audit.verifier.report import (
    Bar,
    Setting,
    as_json,
    lines,
    paper,
    passed,
    receipt_json,
    receipt_lines,
)
from audit.verifier.sources import read_small, read_text, reason
from audit.verifier.trust import Trust

PASSED, WRONG, UNCHECKED = 0, 1, 2
_JOBS = 8  # processes at most: reading is then as quick as a disk


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `verify.pyz`; return its exit code. Never raises."""
    return _guarded(lambda: _everything().parse_args(arguments))


def run_command(name: str, program: str, arguments: Sequence[str]) -> int:
    """Run one command under another program's name; return its exit code. Never raises."""
    return _guarded(lambda: command(name, program).parse_args(arguments))


def _guarded(parse: Callable[[], argparse.Namespace]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Millions of small tuples and nothing that goes in circles: looking for such is for nothing.
    collects = gc.isenabled()
    gc.disable()
    try:
        options = parse()
        code: int = options.run(options)
        sys.stdout.flush()
    except (Unreadable, NoteError) as error:
        code = _say(f"{str(error).rstrip('.')}.")
    except KeyboardInterrupt:
        code = _say("Stopped: nothing is proved.")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read the report has gone
        code = UNCHECKED
    except MemoryError:
        code = _say("There is too little memory here: nothing is proved.")
    except Exception as error:  # this is the process's edge
        kind = type(error).__name__
        code = _say(f"The verifier itself failed ({kind}: {error}): nothing is proved.")
    finally:
        if collects:
            gc.enable()
    return code


def _say(sentence: str) -> int:
    print(plain(sentence[:1].upper() + sentence[1:]), file=sys.stderr)
    return UNCHECKED


def _formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, width=96)


def _everything() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify.pyz",
        description="Verify an audit log offline, believing nobody but the keys and checkpoints "
        "that you kept yourself.",
        epilog=_CODES,
        formatter_class=_formatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (add, summary) in _COMMANDS.items():
        add(commands.add_parser(name, help=summary, epilog=_CODES, formatter_class=_formatter))
    return parser


def command(name: str, program: str) -> argparse.ArgumentParser:
    """Return the parser of one command under another program's name."""
    parser = argparse.ArgumentParser(prog=program, epilog=_CODES, formatter_class=_formatter)
    _COMMANDS[name][0](parser)
    return parser


def _add_trust(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--key", type=Path, action="append", default=[], metavar="FILE",
        help="a public key of the log that you kept; may be given more than once")  # fmt: skip
    add("--policy", type=Path, metavar="FILE",
        help="the policy lodged with the agreement: logs, witnesses and their quorum")  # fmt: skip
    add("--json", action="store_true", help="print the report for a machine")


def _add_log(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Re-hash every entry, compare with the checkpoints you kept, and check what entries mean "
        "together. DIRECTORY is a copy of the audit service's directory, or an export."
    )
    add = parser.add_argument
    add("directory", type=Path, metavar="DIRECTORY")
    add("--checkpoint", type=Path, action="append", default=[], metavar="FILE",
        help="a signed checkpoint that you kept; may be given more than once")  # fmt: skip
    _add_trust(parser)
    add("--older", type=Path, action="append", default=[], metavar="DIRECTORY",
        help="a closed log that this one followed, the newest first; those in DIRECTORY/closed "
        "are found without")  # fmt: skip
    add("--report", type=Path, metavar="FILE",
        help="write the report, with date, computer and hashes; JSON with --json")  # fmt: skip
    add("--quiet", action="store_true", help="no progress bar, and no report unless it is wrong")
    add("--open-minutes", type=float, default=OPEN_SECONDS / 60, metavar="N",
        help="a query that began so long before the last entry may still be running "
        "(default: %(default)g)")  # fmt: skip
    add("--jobs", type=int, default=min(os.cpu_count() or 1, _JOBS), metavar="N",
        help="processes to read with (default: %(default)s)")  # fmt: skip
    parser.set_defaults(run=run_log)


def _add_proof(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Check that an entry is in the log: its proof leads to a checkpoint that a key of yours "
        "has signed. With a released file and its certificate: that the proofs in it belong to it."
    )
    add = parser.add_argument
    add("proof", type=Path, metavar="FILE", help="a tlog-proof, or a certificate holding some")
    _add_trust(parser)
    add("--entry", type=Path, metavar="FILE", help="the entry's exact bytes")
    add("--leaf", metavar="HEX", help="or the entry's leaf, as its receipt names it")
    add("--released", type=Path, metavar="PATH",
        help="a released file of a certificate, or the folder of all of them")  # fmt: skip
    add("--log", type=Path, metavar="DIRECTORY",
        help="a verified copy of the log, where a certificate's entries are read")  # fmt: skip
    parser.set_defaults(run=run_proof)


def trusted(options: argparse.Namespace) -> Trust:
    """Read the keys and the policy; raises Unreadable."""
    if not options.key and not options.policy:
        raise Unreadable("Give --key or --policy: without a key of yours nothing can be believed.")
    policy = read_small(options.policy) if options.policy else None
    try:
        trust = Trust.of([read_text(path) for path in options.key], policy)
    except (NoteError, UnicodeError) as error:
        raise Unreadable(f"A key or the policy cannot be read: {plain(str(error))}.") from error
    if not trust.keys:  # nothing is wrong with the log then: it cannot be asked
        raise Unreadable("The policy names no log (a line `log …`): give the log's key with --key.")
    return trust


def run_log(options: argparse.Namespace) -> int:
    """Verify a log and those it followed; raises Unreadable."""
    trust = trusted(options)
    if not options.checkpoint and not (trust.policy and trust.policy.needs_witnesses):
        raise Unreadable(
            "Give --checkpoint, or a policy with witnesses: a log is compared with what somebody "
            "other than its operator has kept."
        )
    if not options.directory.is_dir():
        name = plain(str(options.directory))
        raise Unreadable(f"The copy is no directory (a tar file is unpacked first): {name}")
    kept = {_name(path, options.checkpoint): read_text(path) for path in options.checkpoint}
    question = Question(
        options.directory, trust, kept, options.open_minutes * 60, max(1, options.jobs)
    )
    reports = verify_chain(question, options.older, Bar(quiet=options.quiet))
    good = passed(reports)
    setting = None
    if options.report or options.json:
        setting = Setting.here(_inputs(options) if options.report else [])
    shown = as_json(reports, setting) if options.json else "\n".join(lines(reports)) + "\n"
    if options.report and setting:
        _write(options.report, shown if options.json else paper(reports, setting))
    if not options.quiet or not good:
        sys.stdout.write(shown)
    return PASSED if good else WRONG


def run_proof(options: argparse.Namespace) -> int:
    """Check a proof or a certificate; raises Unreadable."""
    leaf = None
    if options.entry:
        leaf = leaf_hash(read_small(options.entry))
    elif options.leaf:
        try:
            leaf = bytes.fromhex(options.leaf)
        except ValueError as error:
            raise Unreadable("A leaf is 64 hexadecimal digits.") from error
    checks = check_receipt(
        read_small(options.proof),
        trusted(options),
        leaf=leaf,
        released=options.released,
        log=options.log,
    )
    sys.stdout.write(receipt_json(checks) if options.json else receipt_lines(checks))
    return PASSED if all(check.passed for check in checks) else WRONG


def _name(path: Path, paths: list[Path]) -> str:
    if len(paths) == 1:
        return "your checkpoint"
    return f"your checkpoint {paths.index(path) + 1} ({plain(path.name)})"


def _inputs(options: argparse.Namespace) -> list[Path]:
    files = [*options.checkpoint, *options.key]
    files += [options.policy] if options.policy else []
    source = open_source(options.directory)
    files += source.inputs()
    source.close()
    return files


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, errors="backslashreplace")
    except OSError as error:
        raise Unreadable(f"The report cannot be written: {reason(error)}.") from error


_CODES = "Exit code 0: everything passed. 1: something is wrong. 2: nothing could be checked."
_COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], str]] = {
    "log": (_add_log, "verify a whole log"),
    "proof": (_add_proof, "verify the proof that one entry is in the log, or a certificate"),
}
