"""What goes wrong on a command line ends in a sentence, never in a traceback."""

from __future__ import annotations

import pytest

from enclave.errors import AuditUnavailable, EnclaveError, Unavailable
from enclave.terminal import sentences


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unavailable("It is away.", hint="Wait."), "It is away. [service.unavailable] Wait."),
        (AuditUnavailable("It is away.", hint="Tell the administrator."), "`enclave doctor` says"),
        (PermissionError(13, "Permission denied", "keys"), "may not open keys. Run it with sudo"),
        (PermissionError(1, "Operation not permitted"), "may not do this. Run it with sudo"),
    ],
)
def test_whoever_is_refused_reads_what_to_do(
    error: EnclaveError | PermissionError, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="1"), sentences():
        raise error
    assert said in capsys.readouterr().err
