"""The demo's witness: it stands in for another party, on the same machine, and says so by its name.

Shows how the pieces fit, and proves nothing against whoever runs the demo: they hold its key. A
real witness runs elsewhere (docs/how-to/witness.md). Never used outside the demo.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from enclave.errors import Unavailable
from enclave.programs import ours
from enclave.settings import Settings

NAME = "stand-in-for-auditors-office"
_KEY_NAME = "demo.example/stand-in-for-another-party"
_OURS = "# Written by `enclave demo up`"
_POLICY = f"""\
{_OURS}, each time anew; without this line it is kept as it is.
# This witness runs on the same machine as the log it watches and stands in for another party's:
# it shows how cosigning works, and protects from nobody here.
witness {NAME} %s http://127.0.0.1:%s
quorum {NAME}
"""


def port(settings: Settings) -> int:
    """Return where the demo's witness listens: next to the stand-in identity provider."""
    return (urlsplit(settings.oidc_issuer).port or 8003) + 1


def home(settings: Settings) -> Path:
    """Return the directory of the stand-in's own things."""
    return settings.state_dir / "demo" / "witness"


def appoint(settings: Settings) -> str:
    """Make the stand-in's key and name it in the log's policy, unless there is another policy."""
    policy = settings.audit_policy or settings.audit_dir / "policy"
    is_ours = not policy.exists() or policy.read_text().startswith(_OURS)
    if settings.audit_policy is not None or not is_ours:
        return f"policy {policy}"
    home(settings).mkdir(parents=True, exist_ok=True, mode=0o700)
    key = str(home(settings) / "witness.key")
    argv = (ours("audit"), "witness", "key", key, "--name", _KEY_NAME)
    made = subprocess.run(argv, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Unavailable(f"The demo's witness has no key: {made.stderr.strip()}")
    settings.audit_dir.mkdir(parents=True, exist_ok=True)
    policy.write_text(_POLICY % (made.stdout.strip(), port(settings)))
    return NAME


def run(settings: Settings) -> None:
    """Become the witness once the log has a public key; returns never."""
    keys = settings.audit_dir / "public.keys"
    while not keys.exists():
        time.sleep(0.1)
    store = home(settings) / "witness.db"
    first = () if store.exists() else ("--first-time",)
    argv = (
        ours("audit"),
        "witness",
        "serve",
        *("--store", str(store)),
        *("--key", str(home(settings) / "witness.key")),
        *("--log-key", str(keys)),
        *("--listen", f"127.0.0.1:{port(settings)}"),
        *first,
    )
    os.execv(argv[0], argv)  # noqa: S606


if __name__ == "__main__":
    run(Settings())
