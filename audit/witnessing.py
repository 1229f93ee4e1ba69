"""The commands of the other party, and what is handed to it: witness, export.

Imports stay inside the commands that need them: a witness runs without the audit service, and the
audit service, which starts by way of this module, without a witness.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import click

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PATH = click.Path(dir_okay=False, path_type=Path)


@click.group()
def witness() -> None:
    """Cosign another party's audit log, and remember what it was."""


@witness.command("key")
@click.argument("file", type=_PATH)
@click.option("--name", required=True, help="Who you are: an address without https://.")
@click.option("--ml-dsa", is_flag=True, help="An ML-DSA-44 key instead of Ed25519.")
def make_key(file: Path, name: str, ml_dsa: bool) -> None:
    """Make a witness's key in FILE and print the public half, for the log's policy.

    An existing FILE is kept: then its public half is printed.
    """
    from audit.keys import COSIGNATURE, ML_DSA_44, NoteError, Signer

    try:
        if not file.exists():
            made = Signer.generate(name, ML_DSA_44 if ml_dsa else COSIGNATURE).export()
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as out:
                out.write(made + "\n")
                out.flush()
                os.fsync(out.fileno())
        click.echo(Signer.parse(file.read_text()).verifier.export())
    except NoteError as error:
        raise click.ClickException(f"{error}.".capitalize()) from error


@witness.command("serve")
@click.option("--store", required=True, type=_PATH, help="Where the witness remembers.")
@click.option("--key", required=True, multiple=True, type=_FILE, help="The witness's own key.")
@click.option("--log-key", required=True, multiple=True, type=_FILE, help="The log's public keys.")
@click.option("--listen", default="127.0.0.1:8470", show_default=True, help="host:port")
@click.option("--first-time", is_flag=True, help="Begin a new memory. Never with a key in use.")
def serve_witness(
    store: Path, key: tuple[Path, ...], log_key: tuple[Path, ...], listen: str, first_time: bool
) -> None:
    """Answer `add-checkpoint` (C2SP tlog-witness) until SIGTERM.

    Speaks plain HTTP: put a TLS proxy before it when the log is on another machine.
    """
    from audit.keys import NoteError
    from audit.witness import Witness, make_server, own_key, read_keys
    from audit.witness_store import Store, WitnessStopped

    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():  # without a host it would listen to the whole network
        raise click.ClickException("--listen is host:port, as 127.0.0.1:8470.")
    try:
        signers = tuple(own_key(path) for path in key)
        server = make_server(
            Witness(Store(store, first_time=first_time), signers, read_keys(log_key)),
            host.strip("[]"),
            int(port),
        )
    except (WitnessStopped, NoteError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except (OSError, OverflowError) as error:
        raise click.ClickException(f"The witness cannot listen on {listen}: {error}.") from error
    except sqlite3.Error as error:
        raise click.ClickException(f"The witness's memory {store}: {error}.") from error
    signal.signal(signal.SIGTERM, lambda *_: _stop(server.shutdown))
    click.echo(f"cosigning as {', '.join(signer.name for signer in signers)} on {listen}", err=True)
    with server:
        server.serve_forever()


def _stop(shutdown: object) -> None:
    assert callable(shutdown)
    threading.Thread(target=shutdown).start()  # it waits for the loop that this signal interrupts


@witness.command("show")
@click.option("--store", required=True, type=_FILE, help="Where the witness remembers.")
@click.option("--checkpoints", is_flag=True, help="Print the newest checkpoints whole.")
def show(store: Path, checkpoints: bool) -> None:
    """Print what was cosigned last, and what was refused. Exit code 1 if anything was refused.

    A refusal kept here bears the log's own signature. One with another root for the same size is
    evidence by itself that the log was forked; one with a wrong proof asks for the log's answer.
    """
    from audit.witness_store import Store

    seen, refused = Store(store).all()
    for each in seen:
        click.echo(f"{each.origin}: {each.size} entries, cosigned {_clock(each.at)}")
        if checkpoints:
            click.echo(each.note)
    for refusal in refused:
        click.echo(
            f"REFUSED {_clock(refusal.at)}: {refusal.origin}, {refusal.size} entries: "
            f"{refusal.reason}\n{refusal.note}"
        )
    sys.exit(1 if refused else 0)


def _clock(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@click.command("export")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--signed", is_flag=True, help="Up to the newest checkpoint, cosigned or not.")
def export_log(directory: Path, signed: bool) -> None:
    """Write the log to DIRECTORY as C2SP tlog-tiles, or bring DIRECTORY up to date.

    Up to the newest checkpoint that the witnesses' quorum has cosigned, if there is one.
    """
    from audit.custody import AuditFiles
    from audit.log import open_reader
    from audit.publication import export_extras, newest_note
    from audit.tiles import export
    from enclave.settings import Settings

    settings = Settings()
    files = AuditFiles.of(settings)
    note = files.checkpoint.read_text() if signed else newest_note(files)
    reader = open_reader(files.place)
    done = 0
    try:
        with click.progressbar(
            length=max(1, reader.count()), label="entries", file=sys.stderr
        ) as bar:

            def progress(reached: int, total: int) -> None:
                nonlocal done
                bar.length = total
                bar.update(reached - done)
                done = reached

            result = export(
                reader, note, directory, extras=export_extras(settings, files), progress=progress
            )
    finally:
        reader.close()
    click.echo(f"{result.size} entries; {result.written} files written")
    if result.bare:
        click.echo(
            f"{result.bare} bundles cannot be given as the format says: {result.removed} of their "
            "entries were removed by retention or are too long. What is left is in the sidecar."
        )
