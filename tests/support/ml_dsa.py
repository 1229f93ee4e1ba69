"""Whether ML-DSA-44 can be computed here: `cryptography` has it only since 46, over OpenSSL 3.5."""

from __future__ import annotations

import pytest

from audit.keys import ML_DSA_44, Signer, Unsupported


def _here() -> bool:
    try:
        Signer.generate("here", ML_DSA_44).export()
    except Unsupported:
        return False
    return True


needs_ml_dsa = pytest.mark.skipif(not _here(), reason="cryptography has no ML-DSA-44 here")
