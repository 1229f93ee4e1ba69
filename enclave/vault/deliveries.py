"""Taking in what agencies deliver: checked, split at the door, stored as immutable versions.

Identifiers and content part here for good: two Delta tables, joined by nothing but a record key
drawn at random for this delivery, both in the order of that key. A version counts once the
control store lists it, which it does only with audit's receipt; whatever else lies on disk after a
crash is seen by no reader and swept away by the next delivery. Never keeps the delivered file.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from sqlalchemy import insert

from enclave import tables
from enclave.alone import alone
from enclave.errors import Conflict, Invalid, NotFound
from enclave.events import Action, Event, Receipt, Scalar, Verdict
from enclave.model import Dataset, FieldKind
from enclave.progress import steps
from enclave.settings import Settings
from enclave.store import Appends, ControlStore, DeliveryRow, now
from enclave.vault.dictionary import Refused, check

RECORD_KEY = "record_key"
RECORD_KEY_BYTES = 16
_KEEP_HISTORY = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
}


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """What the agency gets: `index` is the place in the audit log; None if it was stored before."""

    dataset: str
    version: int
    rows: int
    sha256: str
    index: int | None


@dataclass(slots=True)
class _Witness:
    """Passes events on to audit and keeps the receipts, which `ControlStore.record` does not."""

    audit: Appends
    receipts: list[Receipt] = field(default_factory=list)

    def append(self, event: Event) -> Receipt:
        self.receipts.append(self.audit.append(event))
        return self.receipts[-1]


def deliver(
    settings: Settings,
    store: ControlStore,
    audit: Appends,
    *,
    agency: str,
    dataset: str,
    path: Path,
    actor: str,
) -> DeliveryReceipt:
    """Take in one file (CSV with a header, or Parquet) whole, or refuse it whole.

    The same file as the dataset's newest version is not stored again. Raises Refused (after a
    DELIVERY_REFUSED event) if it does not fit its dictionary, NotFound for an unknown dataset or
    file, Invalid for another agency's dataset, AuditUnavailable with nothing stored.
    """
    known = store.datasets()
    described = known.get(dataset)
    if described is None:
        names = ", ".join(sorted(known)) or "none yet; `enclave apply` enters them"
        raise NotFound(f"There is no dataset “{dataset}”.", hint=f"Described are: {names}.")
    if described.agency != agency:
        raise Invalid(
            f"The dataset {dataset} is not one that {agency} delivers.",
            hint=f"Its agency is {described.agency}.",
        )
    if not path.is_file():
        raise NotFound("There is no file of that name.", hint="Give its whole path.")
    lock = settings.state_dir / "vault" / f"{dataset}.lock"
    with alone(lock, f"Another delivery of {dataset} is under way."), steps(3) as begin:
        begin("Checking against the dictionary")
        sha256 = fingerprint(path)
        registered = store.deliveries(dataset)
        if registered and registered[-1].sha256 == sha256:
            return _receipt(registered[-1], index=None)
        event = Event(Action.DELIVERY_STORED, actor, agencies=(agency,), datasets=(dataset,))
        rows = _checked(audit, replace(event, detail={"sha256": sha256}), path, described)
        if fingerprint(path) != sha256:
            raise Conflict("The file changed while it was read.", hint="Deliver it again.")
        begin("Storing identifiers and content apart")
        sweep(settings, dataset, registered)
        try:
            row = _write(settings, described, rows, version=len(registered) + 1, sha256=sha256)
            begin("Registering with a receipt")
            return _register(store, audit, event, row)
        except BaseException:
            sweep(settings, dataset, registered)
            raise


def current(store: ControlStore) -> Mapping[str, DeliveryRow]:
    """Return the newest registered delivery of every dataset that has one."""
    return {row.dataset: row for row in store.deliveries()}


def read(settings: Settings, delivery: DeliveryRow, kind: FieldKind) -> pa.Table:
    """Return one side of a registered delivery, record key included, in the record key's order.

    The record key is 16 bytes. Raises NotFound if the dataset has nothing of that kind.
    """
    version = _side(delivery, kind)
    if version is None:
        raise NotFound(f"The dataset {delivery.dataset} has no {kind.value} fields.")
    table = DeltaTable(place(settings, delivery.dataset, kind), version=version)
    return pa.table(table.to_pyarrow_table()).sort_by(RECORD_KEY)


def place(settings: Settings, dataset: str, kind: FieldKind) -> Path:
    """Return the directory of one side's Delta table."""
    zone = {FieldKind.IDENTIFIER: "identifiers", FieldKind.CONTENT: "content"}[kind]
    return settings.state_dir / "vault" / zone / dataset


def fingerprint(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(settings: Settings, dataset: str, registered: tuple[DeliveryRow, ...]) -> None:
    """Remove every data file on disk that no registered version holds."""
    for kind in FieldKind:
        where, kept = place(settings, dataset, kind), set[str]()
        for row in registered:
            version = _side(row, kind)
            if version is not None:
                uris = DeltaTable(where, version=version).file_uris()
                kept |= {Path(uri).name for uri in uris}
        for path in where.glob("*.parquet"):
            if path.name not in kept:
                path.unlink()


def _side(row: DeliveryRow, kind: FieldKind) -> int | None:
    """Return which version of one side's Delta table holds a delivery."""
    return row.identifiers_version if kind is FieldKind.IDENTIFIER else row.content_version


def _checked(audit: Appends, event: Event, path: Path, described: Dataset) -> pa.Table:
    try:
        return check(path, described)
    except Refused as refusal:
        detail: dict[str, Scalar] = {
            **event.detail,
            "rules": ",".join(sorted({finding.rule for finding in refusal.findings})),
            "findings": len(refusal.findings),
        }
        audit.append(
            replace(event, action=Action.DELIVERY_REFUSED, verdict=Verdict.DENIED, detail=detail)
        )
        raise


def _write(
    settings: Settings, described: Dataset, rows: pa.Table, *, version: int, sha256: str
) -> DeliveryRow:
    """Write both sides; until `_register` nobody sees them."""
    drawn = secrets.token_bytes(RECORD_KEY_BYTES * rows.num_rows)
    fixed = pa.Array.from_buffers(
        pa.binary(RECORD_KEY_BYTES), rows.num_rows, [None, pa.py_buffer(drawn)]
    )
    rows = rows.append_column(RECORD_KEY, fixed.cast(pa.binary())).sort_by(RECORD_KEY)
    versions = {kind: _write_side(settings, described, rows, kind) for kind in FieldKind}
    return DeliveryRow(
        dataset=described.id,
        version=version,
        agency=described.agency,
        rows=rows.num_rows,
        sha256=sha256,
        identifiers_version=versions[FieldKind.IDENTIFIER],
        content_version=versions[FieldKind.CONTENT],
        stored_at=now(),
    )


def _write_side(
    settings: Settings, described: Dataset, rows: pa.Table, kind: FieldKind
) -> int | None:
    columns = [field.name for field in described.fields if field.kind is kind]
    if not columns:
        return None
    where = place(settings, described.id, kind)
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_deltalake(
        where,
        rows.select([RECORD_KEY, *columns]),
        mode="overwrite",
        schema_mode="overwrite",
        configuration=_KEEP_HISTORY,
    )
    return DeltaTable(where).version()


def _register(
    store: ControlStore, audit: Appends, event: Event, row: DeliveryRow
) -> DeliveryReceipt:
    witness = _Witness(audit)
    detail: dict[str, Scalar] = {
        "sha256": row.sha256,
        "rows": row.rows,
        "version": row.version,
    }
    with store.record(witness, replace(event, detail=detail)) as connection:
        values = {name: getattr(row, name) for name in row.__dataclass_fields__}
        connection.execute(insert(tables.deliveries).values(values))
    return _receipt(row, index=witness.receipts[-1].index)


def _receipt(row: DeliveryRow, *, index: int | None) -> DeliveryReceipt:
    return DeliveryReceipt(row.dataset, row.version, row.rows, row.sha256, index)
