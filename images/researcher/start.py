"""First program of a workspace: puts the syscall filter on, lays out the welcome notebook, starts.

Runs as the researcher's user and needs no privilege: the filter only takes rights away, and every
process after it inherits it. Under bubblewrap the filter is already on.
"""

import ctypes
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


class Program(ctypes.Structure):
    """The kernel's `struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def put_filter_on(code: bytes) -> None:
    """Install the syscall filter, or end: a workspace without it must not run."""
    libc = ctypes.CDLL(None, use_errno=True)
    program = Program(len(code) // 8, code)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)
    ):
        sys.exit(f"The syscall filter was refused: {os.strerror(ctypes.get_errno())}")


def lay_out(home: Path) -> None:
    """Copy the notebooks that are not there yet; the researcher's own changes stay."""
    for notebook in sorted((HERE / "notebooks").glob("*.ipynb")):
        target = home / notebook.name
        if not target.exists():
            shutil.copyfile(notebook, target)


def main() -> None:
    """Become the notebook server."""
    if not os.environ.get("ENCLAVE_FILTERED"):
        put_filter_on((HERE / "filter.bpf").read_bytes())
    lay_out(Path.home())
    arguments = ["-m", "jupyterhub.singleuser", *sys.argv[1:]]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606


if __name__ == "__main__":
    main()
