"""Project extracts: a project's approved views as encrypted Parquet under the project's key.

For handing one project exactly what its agreement approved, in files that are worthless without
the key. Each file has a random key of its own, wrapped under the project's; the manifest is
authenticated; project, view and epoch are bound into every file, so that no file can stand in for
another. Never holds a person id, a record key or an identifier; never writes a key unwrapped.

On disk: `extracts/<project>/<epoch>/<view>.parquet` and `manifest.json` beside them. An epoch
without a manifest is not there.
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

from enclave.errors import KeyMissing, NotFound, Unavailable
from enclave.settings import Settings
from enclave.vault import keys

MANIFEST = "manifest.json"
ROW_GROUP_ROWS = 128 * 1024
_BUILD_AGAIN = "Build the project's extract again."

ViewFactory = Callable[[], pa.RecordBatchReader]


class _File(BaseModel):
    """One view's line in the manifest; `wrapped` is its data key under the project's key."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    view: str
    rows: int
    wrapped: str


class _Manifest(BaseModel):
    """What the extract holds; `mac` covers every other field."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    project: str
    epoch: int
    policy_sha256: str
    files: tuple[_File, ...]
    mac: str = ""


@dataclass(frozen=True, slots=True)
class Extract:
    """An opened extract. Each call of `views[name]()` is a fresh reader over that view.

    Rows stand in order of `person_id` (canonical UUID text, the project's pseudonym), which is the
    first column; the others have their dictionary's Arrow types (`dictionary.ARROW`).
    """

    project: str
    epoch: int
    policy_sha256: str
    views: Mapping[str, ViewFactory]
    rows: Mapping[str, int]


def write_extract(
    settings: Settings,
    project: str,
    key: bytes,
    *,
    epoch: int,
    policy_sha256: str,
    views: Mapping[str, pa.Table],
) -> Path:
    """Write one epoch of a project's extract durably; return its directory.

    The manifest is written last: until then `open_extract` does not see the epoch. An unfinished
    or unregistered directory of the same epoch is replaced.
    """
    place = _epoch_directory(settings, project, epoch)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)
    files = tuple(
        _write_view(place, key, name=name, table=table, context=_context(project, name, epoch))
        for name, table in sorted(views.items())
    )
    draft = _Manifest(project=project, epoch=epoch, policy_sha256=policy_sha256, files=files)
    manifest = draft.model_copy(update={"mac": _mac(key, draft)})
    write_durably(place / MANIFEST, manifest.model_dump_json(indent=1).encode())
    keys.sync_directory(place.parent)
    return place


def open_extract(
    settings: Settings, project: str, key: bytes, *, epoch: int | None = None
) -> Extract:
    """Open a project's extract: the given epoch (as the control store registers it) or the newest.

    Raises NotFound if there is none, KeyMissing if the key does not open it, Unavailable if the
    manifest was changed. Changed data files raise when they are read.
    """
    number = epoch if epoch is not None else max(epochs(settings, project), default=None)
    if number is None:
        raise NotFound(f"Project {project} has no extract.", hint=_BUILD_AGAIN)
    place = _epoch_directory(settings, project, number)
    manifest = _read_manifest(place / MANIFEST, key, project=project, epoch=number)
    views: dict[str, ViewFactory] = {}
    for file in manifest.files:
        context = _context(project, file.view, number)
        secret = _unwrap(key, file, context=context)
        views[file.view] = partial(_read_view, place / f"{file.view}.parquet", secret, context)
    return Extract(
        project=project,
        epoch=number,
        policy_sha256=manifest.policy_sha256,
        views=views,
        rows={file.view: file.rows for file in manifest.files},
    )


def epochs(settings: Settings, project: str) -> tuple[int, ...]:
    """Return the finished epochs of a project's extract, oldest first."""
    root = settings.state_dir / "extracts" / project
    found = (path.parent.name for path in root.glob(f"*/{MANIFEST}"))
    return tuple(sorted(int(name) for name in found if name.isdecimal()))


def remove_epochs(settings: Settings, project: str, *, keep: int | None = None) -> None:
    """Remove a project's extract files, all but the epoch to keep. Open readers keep their file."""
    root = settings.state_dir / "extracts" / project
    for path in root.iterdir() if root.is_dir() else ():
        if path.name != str(keep):
            (path / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(path)


def write_durably(path: Path, body: bytes) -> None:
    """Write a file whole or not at all, mode 0600, and make it survive a power cut."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    keys.sync_directory(path.parent)


def write_encrypted(path: Path, table: pa.Table, *, secret: bytes, context: bytes) -> None:
    """Write a table as Parquet, AES-256-GCM over footer and every column, and sync it.

    `context` is bound as the AAD prefix and not stored: a reader must know what it asks for.
    """
    properties = encryption.create_encryption_properties(
        secret, aad_prefix=context, store_aad_prefix=False
    )
    with path.open("xb") as file:
        pq.write_table(
            table,
            file,
            compression="zstd",
            row_group_size=ROW_GROUP_ROWS,
            encryption_properties=properties,
        )
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o600)


def open_encrypted(path: Path, *, secret: bytes, context: bytes) -> pq.ParquetFile:
    """Open what `write_encrypted` wrote. Raises Unavailable if key, context or bytes differ."""
    properties = encryption.create_decryption_properties(secret, aad_prefix=context)
    try:
        return pq.ParquetFile(path, decryption_properties=properties)
    except (OSError, pa.ArrowException):
        raise Unavailable("A file of the extract does not open.", hint=_BUILD_AGAIN) from None


def _write_view(place: Path, key: bytes, *, name: str, table: pa.Table, context: bytes) -> _File:
    secret = secrets.token_bytes(keys.KEY_BYTES)
    write_encrypted(place / f"{name}.parquet", table, secret=secret, context=context)
    sealed = keys.seal(keys.derive(key, "extract-file"), secret, context=context)
    return _File(view=name, rows=table.num_rows, wrapped=base64.b64encode(sealed).decode())


def _read_view(path: Path, secret: bytes, context: bytes) -> pa.RecordBatchReader:
    file = open_encrypted(path, secret=secret, context=context)
    return pa.RecordBatchReader.from_batches(file.schema_arrow, _batches(file))


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    with file:
        yield from file.iter_batches(batch_size=ROW_GROUP_ROWS)


def _unwrap(key: bytes, file: _File, *, context: bytes) -> bytes:
    try:
        sealed = base64.b64decode(file.wrapped, validate=True)
        return keys.unseal(keys.derive(key, "extract-file"), sealed, context=context)
    except (InvalidTag, ValueError):
        raise Unavailable("A file of the extract does not open.", hint=_BUILD_AGAIN) from None


def _read_manifest(path: Path, key: bytes, *, project: str, epoch: int) -> _Manifest:
    try:
        manifest = _Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(f"Project {project} has no such extract.", hint=_BUILD_AGAIN) from None
    except ValidationError:
        raise Unavailable("The extract's manifest was changed.", hint=_BUILD_AGAIN) from None
    if not hmac.compare_digest(_mac(key, manifest), manifest.mac):
        # A wrong key and a changed manifest look alike from here.
        raise KeyMissing(f"The key does not open the extract of project {project}.")
    if (manifest.project, manifest.epoch) != (project, epoch):
        raise Unavailable("The extract's manifest is another one's.", hint=_BUILD_AGAIN)
    return manifest


def _mac(key: bytes, manifest: _Manifest) -> str:
    body = json.dumps(manifest.model_dump(exclude={"mac"}), sort_keys=True).encode()
    return hmac.digest(keys.derive(key, "extract-manifest"), body, hashlib.sha256).hex()


def _context(project: str, view: str, epoch: int) -> bytes:
    return json.dumps(["enclave/extract/1", project, view, epoch]).encode()


def _epoch_directory(settings: Settings, project: str, epoch: int) -> Path:
    return settings.state_dir / "extracts" / project / str(epoch)
