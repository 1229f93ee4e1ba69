"""Where linkage lays a project's crosswalk and the vault picks it up, encrypted all the while.

For the one hand-over between the linkage zone and the analysis zone: a table a dataset, with the
vault's record key and the project's pseudonym (16 bytes each). Never holds anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from enclave.errors import Invalid
from enclave.model import PERSON_ID
from enclave.settings import Settings
from enclave.vault import bundle
from enclave.vault.bundle import Label
from enclave.vault.deliveries import RECORD_KEY

COLUMNS = (RECORD_KEY, PERSON_ID)


def write(
    settings: Settings,
    project: str,
    key: bytes,
    *,
    policy_sha256: str,
    tables: Mapping[str, pa.Table],
) -> None:
    """Write the project's crosswalk in place of the last. Raises Invalid for other columns."""
    if any(tuple(table.schema.names) != COLUMNS for table in tables.values()):
        raise Invalid("A crosswalk holds record keys and pseudonyms only.")
    label = Label("crosswalk", project, 0)
    bundle.write(_place(settings, project), key, label, policy_sha256=policy_sha256, tables=tables)


def read(
    settings: Settings, project: str, key: bytes, *, policy_sha256: str
) -> Mapping[str, pa.Table]:
    """Return the project's crosswalk, a table a dataset.

    Raises NotFound if there is none, Invalid if it was made under another policy, KeyMissing,
    Unavailable as bundles do.
    """
    found = bundle.read(_place(settings, project), key, Label("crosswalk", project, 0))
    if found.policy_sha256 != policy_sha256:
        raise Invalid(
            "The crosswalk was made under another policy.", hint="Publish it again, then build."
        )
    return {name: table().read_all() for name, table in found.tables.items()}


def _place(settings: Settings, project: str) -> Path:
    return settings.state_dir / "crosswalks" / project
