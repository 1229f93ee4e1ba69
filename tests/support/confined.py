"""Runs probes inside the gateway's confinement, less the controls it is told to leave out.

A program of its own, for tests only: `python -m tests.support.confined '{...}'`. Each probe returns
True when the attack worked; raising means it was refused. Prints one JSON object `{probe: worked}`
or what confining itself raised. Everything here is bounded: five children, 600 threads, 384 MiB.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from enclave.errors import EnclaveError
from enclave.gateway import confine

GIVEN: dict[str, Any] = json.loads(sys.argv[1]) if __name__ == "__main__" else {}
LIBC = ctypes.CDLL(None, use_errno=True)
# What a control's step is replaced by; each is a name that `confine.confine` calls.
STEPS = {
    "memory": "bound_memory",
    "dump": "leave_no_dump",
    "root": "enter_own_root",
    "user": "drop_privileges",
    "landlock": "limit_files",
    "calls": "filter_calls",
}
CELL_MEMORY = 256 * 1024**2


def call(*arguments: Any) -> int:
    found = LIBC.syscall(*arguments)
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(found)


def host_tcp() -> bool:
    with socket.create_connection(("127.0.0.1", GIVEN["tcp"]), timeout=2):
        return True


def host_udp() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.sendto(b"rows", ("127.0.0.1", GIVEN["udp"]))
        return s.recv(16) == b"seen"


def raw_packets() -> bool:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW):
        return True


def host_abstract_socket() -> bool:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + GIVEN["abstract"])
        return True


def supervisor_s_socket() -> bool:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{GIVEN['run']}/gateway/control.sock")
        return True


def another_session_s_socket() -> bool:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{GIVEN['run']}/sessions/theirs/gateway/gateway.sock")
        return True


def name_the_sessions() -> bool:
    return bool(os.listdir(f"{GIVEN['run']}/sessions"))


def start_a_program() -> bool:
    return subprocess.run(["/usr/bin/true"], check=False).returncode == 0


def fork() -> bool:
    children = []
    try:
        for _ in range(5):
            child = os.fork()
            if not child:
                signal.pause()
            children.append(child)
        return True
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def many_threads() -> bool:
    stop, threads = threading.Event(), []
    threading.stack_size(64 * 1024)
    try:
        for _ in range(600):
            threads.append(threading.Thread(target=stop.wait, daemon=True))
            threads[-1].start()
        return True
    finally:
        stop.set()
        for thread in threads[:-1]:
            thread.join()


def read_shadow() -> bool:
    return bool(Path("/etc/shadow").read_bytes())


def read_another_extract() -> bool:
    return bool(Path(f"{GIVEN['state']}/extracts/other/1/wages.parquet").read_bytes())


def read_the_keys() -> bool:
    return bool(Path(f"{GIVEN['state']}/keys/mine.key").read_bytes())


def read_the_supervisor_s_environment() -> bool:
    return b"SECRET" in Path(f"/proc/{GIVEN['victim']}/environ").read_bytes()


def trace_another_process() -> bool:
    if LIBC.ptrace(0x4206, GIVEN["victim"], 0, 0) < 0:  # PTRACE_SEIZE
        raise OSError(ctypes.get_errno(), "ptrace")
    LIBC.ptrace(17, GIVEN["victim"], 0, 0)
    return True


def signal_another_process() -> bool:
    os.kill(GIVEN["victim"], 0)
    return True


def write_outside() -> bool:
    Path(f"{GIVEN['state']}/planted").write_text("x")
    return True


def change_the_program() -> bool:
    place = Path(confine.__file__).with_name("planted")
    place.write_text("x")
    place.unlink()
    return True


def mount() -> bool:
    place = f"{GIVEN['state']}/gateway/mine"
    if LIBC.mount(b"tmpfs", place.encode(), b"tmpfs", 0, None):
        raise OSError(ctypes.get_errno(), "mount")
    return LIBC.umount2(place.encode(), 0) == 0


def user_namespace() -> bool:
    if LIBC.unshare(0x10000000):
        raise OSError(ctypes.get_errno(), "unshare")
    return True


def become_root() -> bool:
    os.setresuid(0, 0, 0)
    return True


def device() -> bool:
    place = f"{GIVEN['state']}/gateway/mine/disk"
    os.mknod(place, 0o600 | 0o060000, os.makedev(7, 0))
    os.unlink(place)
    return True


def much_memory() -> bool:
    area = mmap.mmap(-1, CELL_MEMORY + 128 * 1024**2, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.close()
    return True


def a_core_file() -> bool:
    return resource.getrlimit(resource.RLIMIT_CORE)[1] != 0 and LIBC.prctl(3) == 1


def keyring() -> bool:
    return call(248, b"user", b"left", b"x", 1, -3) >= 0  # to the session's keyring


def bpf() -> bool:
    attributes = (ctypes.c_uint32 * 8)(2, 4, 4, 1)  # an array of one number
    os.close(call(321, 0, attributes, 32))
    return True


def userfaultfd() -> bool:
    os.close(call(323, 1))
    return True


def io_uring() -> bool:
    os.close(call(425, 8, ctypes.create_string_buffer(120)))
    return True


def perf_events() -> bool:
    attributes = ctypes.create_string_buffer(b"\x01\0\0\0\x70\0\0\0", 112)  # a software clock
    os.close(call(298, attributes, 0, -1, -1, 0))
    return True


def kernel_module() -> bool:
    try:
        call(175, b"x" * 64, 64, b"")
    except OSError as error:
        if error.errno == 8:  # ENOEXEC: the kernel looked at it
            return True
        raise
    return True


def kernel_log() -> bool:
    if LIBC.klogctl(3, ctypes.create_string_buffer(64), 64) < 0:
        raise OSError(ctypes.get_errno(), "klogctl")
    return True


PROBES: tuple[Callable[[], bool], ...] = (
    host_tcp, host_udp, raw_packets, host_abstract_socket, supervisor_s_socket,
    another_session_s_socket, name_the_sessions, start_a_program, fork, many_threads, read_shadow,
    read_another_extract, read_the_keys, read_the_supervisor_s_environment,
    trace_another_process, signal_another_process, write_outside, change_the_program, mount, device,
    much_memory, a_core_file, keyring, bpf, userfaultfd, io_uring, perf_events, kernel_module,
    kernel_log, become_root, user_namespace,
)  # fmt: skip


def confined() -> dict[str, Any]:
    for name in GIVEN["without"]:
        # Without a root directory of its own a worker keeps its user; here each goes by itself.
        setattr(confine, STEPS[name], lambda *a, **k: "left out")
    if GIVEN.get("become"):
        os.setgroups([])
        os.setresgid(*[GIVEN["become"]] * 3)
        os.setresuid(*[GIVEN["become"]] * 3)
    cell = confine.Cell(
        "mine", Path(GIVEN["state"]), Path(GIVEN["run"]),
        memory=CELL_MEMORY, spill=1 << 20, uid=GIVEN["uid"],
    )  # fmt: skip
    try:
        confine.confine(cell, parent=GIVEN["parent"])
    except EnclaveError as error:
        return {"refused": error.explain()}
    return {probe.__name__: worked(probe) for probe in PROBES}


def worked(probe: Callable[[], bool]) -> bool:
    try:
        return probe()
    except (OSError, RuntimeError, ValueError, MemoryError):
        return False


if __name__ == "__main__":
    print(json.dumps(confined()), flush=True)
    os._exit(0)
