"""Witnesses for tests: real ones over HTTP in this process, and the policy that names them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from audit.custody import AuditFiles, load_signer
from audit.keys import COSIGNATURE, Signer, Verifier
from audit.witness import Witness, make_server
from audit.witness_store import Store
from enclave.settings import Settings
from tests.support.ports import free_port


class RunningWitness:
    """One witness that answers on a port of its own; `stop` and `start` keep its memory."""

    def __init__(
        self,
        home: Path,
        name: str,
        logs: Sequence[Verifier],
        *,
        kind: int = COSIGNATURE,
        clock: Callable[[], float] | None = None,
    ):
        self.name = name
        self.signer = Signer.generate(f"{name}.example/witness", kind)
        self.store = Store(home / f"{name}.db", first_time=True)
        self.witness = Witness(self.store, (self.signer,), tuple(logs))
        if clock is not None:
            self.witness.clock = clock
        self._port = free_port()  # none that the kernel gives away while it is stopped
        self.start()

    def start(self) -> None:
        """Listen; again on the same port if it has listened before."""
        self._server = make_server(self.witness, "127.0.0.1", self._port)
        self._port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    @property
    def line(self) -> str:
        """Its line of a policy."""
        return (
            f"witness {self.name} {self.signer.verifier.export()} http://127.0.0.1:{self._port}/w\n"
        )


@contextmanager
def witnesses(
    home: Path, names: str, logs: Sequence[Verifier], **options: object
) -> Iterator[list[RunningWitness]]:
    """Run one witness for each letter of `names`."""
    running = [RunningWitness(home, name, logs, **options) for name in names]  # type: ignore[arg-type]
    try:
        yield running
    finally:
        for witness in running:
            witness.stop()


def log_keys(settings: Settings) -> tuple[Verifier, ...]:
    """Return the public keys of an enclave's log, made now if there is no log yet."""
    files = AuditFiles.of(settings)
    files.directory.mkdir(parents=True, exist_ok=True)
    return load_signer(files, settings.origin).verifiers


def write_policy(settings: Settings, running: Sequence[RunningWitness], needed: str) -> Path:
    """Write the policy that asks for `needed` (all, any or a number) of the witnesses."""
    path = settings.audit_dir / "policy"
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = "".join(f"log {key.export()}\n" for key in log_keys(settings))
    members = " ".join(witness.name for witness in running)
    lines = "".join(witness.line for witness in running)
    path.write_text(f"{keys}{lines}group all-of-them {needed} {members}\nquorum all-of-them\n")
    return path
