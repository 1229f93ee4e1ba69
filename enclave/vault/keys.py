"""Project keys: one random 256-bit key a project, wrapped at rest, destroyed at its end.

For making every copy of a project's extract unreadable by destroying one small file. Never writes
an unwrapped project key to disk, never derives one project's key from another's or from the root
key (a derived key could not be destroyed), and never makes a key again once it was destroyed.

The root key lies in a file only the vault may read. On a host with a hardware token or a key
service that file belongs there; docs/explanation/linkage.md says what is not protected without.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from enclave.durable import sync_directory, write_once
from enclave.errors import Invalid, KeyMissing
from enclave.settings import Settings

KEY_BYTES = 32
NONCE_BYTES = 12  # 96 bits, NIST SP 800-38D 5.2.1.1
_PROJECT_ID = re.compile(r"[a-z][a-z0-9-]{0,29}")
_NO_KEY = "An administrator makes it with `enclave project build`, or restores it."


def create(settings: Settings, project: str, *, used: bool = False) -> str:
    """Make the project's key unless it has one; return its fingerprint.

    `used` says that something lies there which it opens. Raises KeyMissing if the key that opened
    it is gone, and if the project's was destroyed: a closed project gets no second key.
    """
    if _tombstone(settings, project).exists():
        raise _destroyed(project)
    if not _path(settings, project).exists():
        if used:
            raise KeyMissing(
                f"The key of project {project} is gone, and its extract opens with no other.",
                hint="Restore it from its sealed copy. Where there is none the extract is lost: "
                f"take `extracts/{project}` away, build again, and move the project to that.",
            )
        key = secrets.token_bytes(KEY_BYTES)
        sealed = seal(_root(settings), key, context=_context(project))
        record = {"project": project, "fingerprint": fingerprint(key), "wrapped": _text(sealed)}
        write_once(_path(settings, project), json.dumps(record).encode())
    return fingerprint(load(settings, project))


def load(settings: Settings, project: str) -> bytes:
    """Return the project's 32-byte key. Raises KeyMissing if there is none or it does not open."""
    if _tombstone(settings, project).exists():
        raise _destroyed(project)
    try:
        record = json.loads(_path(settings, project).read_bytes())
        sealed = base64.b64decode(record["wrapped"], validate=True)
    except FileNotFoundError:
        raise KeyMissing(f"Project {project} has no key.", hint=_NO_KEY) from None
    except (ValueError, KeyError, TypeError):
        raise _damaged(project) from None
    try:
        return unseal(_root(settings), sealed, context=_context(project))
    except InvalidTag:
        raise _damaged(project) from None


def destroy(settings: Settings, project: str) -> str:
    """Destroy the project's key for good; return its fingerprint, `none` if it never had a key.

    Idempotent. The tombstone is written first, so that after a crash in between the key no longer
    opens, and a second call finishes the work.
    """
    tombstone, path = _tombstone(settings, project), _path(settings, project)
    if not tombstone.exists():
        record = {"project": project, "fingerprint": _recorded_fingerprint(path)}
        write_once(tombstone, json.dumps(record).encode())
    if path.exists():
        with path.open("r+b") as file:  # best effort: a flash disk may keep the old cells
            file.write(secrets.token_bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync_directory(path.parent)
    mark: str = json.loads(tombstone.read_bytes())["fingerprint"]
    return mark


def fingerprint(key: bytes) -> str:
    """Return 32 hex digits that name a key in the log without telling anything of it."""
    return hashlib.sha256(b"enclave key fingerprint\0" + key).hexdigest()[:32]


def derive(key: bytes, purpose: str) -> bytes:
    """Return the 32-byte subkey of a project key for one purpose (HKDF-SHA-256, RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"enclave/{purpose}/1".encode()).derive(key)


def seal(key: bytes, plain: bytes, *, context: bytes) -> bytes:
    """Return nonce and AES-256-GCM ciphertext; `context` must be given again to open it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def unseal(key: bytes, sealed: bytes, *, context: bytes) -> bytes:
    """Return what `seal` was given. Raises cryptography's InvalidTag if anything differs."""
    if len(sealed) < NONCE_BYTES:
        raise InvalidTag
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)


def room_key(path: Path, *, whose: str, used: bool) -> bytes:
    """Return a room's own 32-byte key, made at its first start; of two starters the first wins.

    `used` says that something lies there which it sealed: a new key would then open nothing, and
    seal what comes beside what nobody can open. Raises KeyMissing for one that is gone or damaged.
    """
    if not used and not path.exists():
        write_once(path, secrets.token_bytes(KEY_BYTES))
    key = path.read_bytes() if path.exists() else b""
    if len(key) != KEY_BYTES:
        state = "damaged" if path.exists() else "gone"
        raise KeyMissing(f"{whose} is {state}.", hint="Restore it from its sealed copy.")
    return key


def _root(settings: Settings) -> bytes:
    place = settings.state_dir / "keys"
    used = any(path.name != "root.key" for path in place.glob("*.key"))
    return room_key(place / "root.key", whose="The root key", used=used)


def _recorded_fingerprint(path: Path) -> str:
    try:
        return str(json.loads(path.read_bytes())["fingerprint"])
    except FileNotFoundError:
        return "none"
    except (ValueError, KeyError, TypeError):
        return "damaged"


def _path(settings: Settings, project: str) -> Path:
    # `root` would be the root key's own file; anything with a dot or slash another directory's.
    if project == "root" or not _PROJECT_ID.fullmatch(project):
        raise Invalid("A project id has lower-case letters, digits and dashes only.")
    return settings.state_dir / "keys" / f"{project}.key"


def _tombstone(settings: Settings, project: str) -> Path:
    return _path(settings, project).with_suffix(".destroyed")


def _context(project: str) -> bytes:
    return b"enclave/project-key/1\0" + project.encode()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _damaged(project: str) -> KeyMissing:
    return KeyMissing(
        f"The key of project {project} does not open.", hint="Its file or the root key was changed."
    )


def _destroyed(project: str) -> KeyMissing:
    return KeyMissing(
        f"The key of project {project} was destroyed; what it opened is unreadable for good.",
        hint="A new agreement under a new project id starts afresh.",
    )
