"""A small real extract for other rooms' tests: real key, real encrypted Parquet, real manifest."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import pyarrow as pa

from enclave.model import Policy
from enclave.settings import Settings
from enclave.vault import extract, keys


def make_extract(
    settings: Settings,
    project: str,
    views: Mapping[str, pa.Table],
    policy: Policy | str = "",
    epoch: int = 1,
) -> bytes:
    """Write `views` (person_id first) as the project's extract; return the project's key.

    `policy` is what the extract says it was built from: a policy's hash, or a Policy (then its
    agreement's hash is used).
    """
    keys.create(settings, project)
    key = keys.load(settings, project)
    sha256 = policy if isinstance(policy, str) else policy.agreement_sha256
    extract.write_extract(
        settings, project, key, epoch=epoch, policy_sha256=sha256, views=dict(views)
    )
    return key


def pseudonyms(count: int) -> list[str]:
    """Return `count` pseudonyms in ascending order, the same ones every time."""
    return sorted(str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))) for number in range(count))
