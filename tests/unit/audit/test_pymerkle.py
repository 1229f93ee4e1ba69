"""Our tree against pymerkle's, which shares no line with it: development only, and only when asked.

pymerkle is under the GPL, pins an old dependency and says of itself that it was not audited, so it
is no part of the product nor of its locked environment. With ENCLAVE_PYMERKLE set (make nightly),
this makes a throw-away environment for it; about a minute.
"""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path

import pytest

from audit.merkle import consistency_proof, inclusion_proof, verify_consistency
from tests.unit.audit.trees import Leaves

pytestmark = pytest.mark.skipif(
    "ENCLAVE_PYMERKLE" not in os.environ, reason="a development cross-check: set ENCLAVE_PYMERKLE"
)

SIZES = (1, 2, 3, 7, 8, 9, 31, 64, 65, 100)
_PROGRAM = """
import json, sys
from pymerkle import InmemoryTree
tree = InmemoryTree(algorithm="sha256")
for n in range(100):
    tree.append_entry(b"entry %d" % n)
sizes = json.loads(sys.argv[1])
print(json.dumps({
    "roots": {size: tree.get_state(size).hex() for size in sizes},
    "paths": {size: tree.prove_inclusion(1, size).serialize()["path"] for size in sizes},
}))
"""


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    home: Path = tmp_path_factory.mktemp("pymerkle")
    venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    install = [python, "-m", "pip", "install", "-q", "pymerkle==6.1.0"]
    made = subprocess.run(install, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"pymerkle cannot be installed here: {made.stderr.strip()[-200:]}")
    program = [python, "-c", _PROGRAM, json.dumps(SIZES)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, object]] = json.loads(done.stdout)
    return found


TREE = Leaves([b"entry %d" % n for n in range(100)])


@pytest.mark.parametrize("size", SIZES)
def test_roots_and_proofs_are_the_same(other: dict[str, dict[str, object]], size: int) -> None:
    assert other["roots"][str(size)] == TREE.root(size).hex()
    ours = {each.hex() for each in inclusion_proof(TREE.node, 0, size)}
    theirs = other["paths"][str(size)]
    assert isinstance(theirs, list)
    assert ours <= set(theirs)  # theirs begins with the leaf itself
    assert len(theirs) == len(ours) + 1
    verify_consistency(
        size,
        100,
        old_root=bytes.fromhex(str(other["roots"][str(size)])),
        new_root=bytes.fromhex(str(other["roots"]["100"])),
        proof=consistency_proof(TREE.node, size, 100),
    )
