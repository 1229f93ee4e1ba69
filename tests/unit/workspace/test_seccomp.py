"""The syscall filter is well formed and refuses what it names, for the kernel as it runs here."""

from __future__ import annotations

import struct
import subprocess
import sys

import pytest

from enclave.errors import Unavailable
from hub_config import images, seccomp


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_lands_inside_the_program(machine: str):
    code = seccomp.program(machine)
    lines = [struct.unpack("=HBBI", code[i : i + 8]) for i in range(0, len(code), 8)]
    assert lines[-1][3] == 0x7FFF0000  # what is not named is allowed
    assert all(at + 1 + max(yes, no) < len(lines) for at, (_, yes, no, _) in enumerate(lines[:-1]))


def test_an_unknown_machine_gets_no_workspace_rather_than_no_filter():
    with pytest.raises(Unavailable):
        seccomp.program("sparc64")


def test_a_process_under_the_filter_is_refused_and_goes_on(tmp_path):
    (tmp_path / "filter.bpf").write_bytes(seccomp.program())
    code = f"""
import ctypes, os, runpy, sys
start = runpy.run_path({str(images.RESEARCHER / "start.py")!r})
start["put_filter_on"](open({str(tmp_path / "filter.bpf")!r}, "rb").read())
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x10000000) == -1 and ctypes.get_errno() == 1
assert libc.syscall(425, 8, ctypes.create_string_buffer(120)) == -1 and ctypes.get_errno() == 1
if os.fork() == 0:
    os._exit(0)
assert os.wait()[1] == 0
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "alive\n"
