"""Encrypted bundles: a few tables as Parquet files under one project's key, with their manifest.

For files that are worthless without the key and cannot be passed off as others. Each file has a
random data key of its own, wrapped under the project's; the manifest is authenticated; what the
bundle is, whose and of when is bound into every file. Never writes a key unwrapped, never shows a
bundle before it is whole: the manifest is written last.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag
from pyarrow.parquet import encryption
from pydantic import BaseModel, ConfigDict, ValidationError

from enclave.durable import sync_directory, write_durably
from enclave.errors import KeyMissing, NotFound, Unavailable
from enclave.vault import keys

MANIFEST = "manifest.json"
BATCH_ROWS = 128 * 1024
_BUILD_AGAIN = "Build the project's extract again."

TableFactory = Callable[[], pa.RecordBatchReader]


@dataclass(frozen=True, slots=True)
class Label:
    """What a bundle is: its kind (`extract`, `crosswalk`), whose, and which of several in time."""

    kind: str
    project: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle. Each call of `tables[name]()` is a fresh reader over that table."""

    policy_sha256: str
    tables: Mapping[str, TableFactory]
    rows: Mapping[str, int]


class _File(BaseModel):
    """One table's line in the manifest; `wrapped` is its data key under the project's key."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    rows: int
    wrapped: str


class _Manifest(BaseModel):
    """What the bundle holds; `mac` covers every other field."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: str
    project: str
    epoch: int
    policy_sha256: str
    files: tuple[_File, ...]
    mac: str = ""


def write(
    place: Path, key: bytes, label: Label, *, policy_sha256: str, tables: Mapping[str, pa.Table]
) -> None:
    """Write a bundle durably into the directory `place`, in place of whatever was there."""
    (place / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)
    files = tuple(
        _write_table(place, key, label, name=name, table=table)
        for name, table in sorted(tables.items())
    )
    draft = _Manifest(
        kind=label.kind,
        project=label.project,
        epoch=label.epoch,
        policy_sha256=policy_sha256,
        files=files,
    )
    manifest = draft.model_copy(update={"mac": _mac(key, draft)})
    write_durably(place / MANIFEST, manifest.model_dump_json(indent=1).encode())
    sync_directory(place.parent)


def read(place: Path, key: bytes, label: Label) -> Bundle:
    """Open the bundle in `place`.

    Raises NotFound if there is none, KeyMissing if the key does not open it (a changed manifest
    looks the same from here), Unavailable if it is damaged or another one than `label` says. A
    changed data file raises when it is read.
    """
    manifest = _read_manifest(place / MANIFEST, key, label)
    return Bundle(
        policy_sha256=manifest.policy_sha256,
        tables={
            file.name: partial(_read_table, place, _unwrap(key, label, file), label, file.name)
            for file in manifest.files
        },
        rows={file.name: file.rows for file in manifest.files},
    )


def _write_table(place: Path, key: bytes, label: Label, *, name: str, table: pa.Table) -> _File:
    secret, context = secrets.token_bytes(keys.KEY_BYTES), _context(label, name)
    properties = encryption.create_encryption_properties(
        secret, aad_prefix=context, store_aad_prefix=False
    )
    with (place / f"{name}.parquet").open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        pq.write_table(
            table,
            file,
            compression="zstd",
            row_group_size=BATCH_ROWS,
            encryption_properties=properties,
        )
        file.flush()
        os.fsync(file.fileno())
    sealed = keys.seal(keys.derive(key, "bundle-file"), secret, context=context)
    return _File(name=name, rows=table.num_rows, wrapped=base64.b64encode(sealed).decode())


def _read_table(place: Path, secret: bytes, label: Label, name: str) -> pa.RecordBatchReader:
    properties = encryption.create_decryption_properties(secret, aad_prefix=_context(label, name))
    try:
        file = pq.ParquetFile(place / f"{name}.parquet", decryption_properties=properties)
    except (OSError, pa.ArrowException):
        raise _damaged() from None
    return pa.RecordBatchReader.from_batches(file.schema_arrow, _batches(file))


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    with file:
        yield from file.iter_batches(batch_size=BATCH_ROWS)


def _unwrap(key: bytes, label: Label, file: _File) -> bytes:
    try:
        sealed = base64.b64decode(file.wrapped, validate=True)
        return keys.unseal(
            keys.derive(key, "bundle-file"), sealed, context=_context(label, file.name)
        )
    except (InvalidTag, ValueError):
        raise _damaged() from None


def _read_manifest(path: Path, key: bytes, label: Label) -> _Manifest:
    try:
        manifest = _Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(
            f"Project {label.project} has no such {label.kind}.", hint=_BUILD_AGAIN
        ) from None
    except ValidationError:
        raise _damaged() from None
    if not hmac.compare_digest(_mac(key, manifest), manifest.mac):
        raise KeyMissing(
            f"The key does not open the {label.kind} of project {label.project}.",
            hint="Restore the key that it was made with from its sealed copy, or build again.",
        )
    if Label(manifest.kind, manifest.project, manifest.epoch) != label:
        raise _damaged()
    return manifest


def _mac(key: bytes, manifest: _Manifest) -> str:
    body = json.dumps(manifest.model_dump(exclude={"mac"}), sort_keys=True).encode()
    return hmac.digest(keys.derive(key, "bundle-manifest"), body, hashlib.sha256).hex()


def _context(label: Label, name: str) -> bytes:
    return json.dumps(["enclave/bundle/1", label.kind, label.project, label.epoch, name]).encode()


def _damaged() -> Unavailable:
    return Unavailable("An encrypted file was changed or damaged.", hint=_BUILD_AGAIN)
