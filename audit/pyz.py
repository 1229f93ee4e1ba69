"""Builds `verify.pyz`: the offline verifier in one file that runs wherever Python does.

The same sources give the same bytes on every computer, so that an auditor can compare the file's
hash with one built elsewhere. Carries the modules named here and nothing else of ours.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

PURE = ("merkle", "ed25519", "keys", "note", "policy", "proof")
"""Modules of this package the verifier shares with the log it judges; all of them pure."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip file can hold
_FIRST_LINE = b"#!/usr/bin/env python3\n"
_MAIN = b"import sys\n\nfrom audit.verifier.main import main\n\nsys.exit(main())\n"
_PACKAGE = b'"""The offline verifier\'s modules."""\n'


def carried() -> dict[str, bytes]:
    """Return every file of the archive by its name."""
    here = Path(__file__).parent
    files = {"__main__.py": _MAIN, "audit/__init__.py": _PACKAGE}
    for name in PURE:
        files[f"audit/{name}.py"] = (here / f"{name}.py").read_bytes()
    for path in (here / "verifier").glob("*.py"):
        files[f"audit/verifier/{path.name}"] = path.read_bytes()
    return dict(sorted(files.items()))


def build() -> bytes:
    """Return the bytes of `verify.pyz`."""
    held = io.BytesIO()
    held.write(_FIRST_LINE)
    # Stored, not compressed: compressors differ from one version of zlib to the next.
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for name, content in carried().items():
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system = 3  # the same wherever it is built
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
    return held.getvalue()
