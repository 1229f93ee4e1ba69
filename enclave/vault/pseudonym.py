"""Project pseudonyms: one AES-256 block over a person id, under a key of that project alone.

For ids that mean the same person throughout one project and nothing anywhere else. A block cipher
is a permutation: no two persons of a project share a pseudonym, and only the key leads back. ECB's
weakness, equal blocks showing, cannot arise: each block is one random id and stands for itself.
Never logs a key, never sees who a person is.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from enclave.errors import Invalid
from enclave.vault import keys

ID_BYTES = 16


def pseudonym_key(project_key: bytes) -> bytes:
    """Return the 32-byte key of a project's pseudonyms; it dies with the project's key."""
    return keys.derive(project_key, "pseudonym")


def pseudonymise(ids: bytes, key: bytes) -> bytes:
    """Return the pseudonyms of person ids, both as 16-byte blocks one after another."""
    context = _cipher(ids, key).encryptor()
    return context.update(ids) + context.finalize()


def reidentify(pseudonyms: bytes, key: bytes) -> bytes:
    """Return the person ids behind pseudonyms, for holders of the key.

    Egress review tells by them that persons of two projects are the same; it keeps keyed hashes.
    """
    context = _cipher(pseudonyms, key).decryptor()
    return context.update(pseudonyms) + context.finalize()


def _cipher(blocks: bytes, key: bytes) -> Cipher[modes.ECB]:
    if len(blocks) % ID_BYTES or len(key) != keys.KEY_BYTES:
        raise Invalid("Ids are 16 bytes each, the key 32.")
    return Cipher(algorithms.AES256(key), modes.ECB())  # noqa: S305 - see the module's first lines
