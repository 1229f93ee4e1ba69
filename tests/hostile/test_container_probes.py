"""Two dozen and more attacks from inside a workspace, and each shown to work without its control.

A closed door proves nothing until it has been seen open: every probe runs a second time in a
workspace from which the control that stops it was taken away, and must then succeed.
SATRE 2.2.10, 2.2.11 (other projects, the internet), R17, R36.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from docker.types import Ulimit

from hub_config import build
from hub_config.workspace import Mount
from tests.support.sandboxes import LIMITS, Removal, Surroundings, surroundings

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the demo does"),
]

ROOT = {"user": "0:0", "filtered": False}
# `privileged` would do, but asks for more than root itself may have inside some virtual machines.
POWERFUL = {
    "cap_drop": [],
    "cap_add": ["SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "MKNOD"],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "device_cgroup_rules": ["a *:* rwm"],
    "unmasked": True,
    "read_only": False,
}
UNCONFINED = {"security_opt": ["seccomp=unconfined", "no-new-privileges"]}
MANY = [Ulimit(name="nproc", soft=9999, hard=9999), Ulimit(name="nofile", soft=4096, hard=4096)]
SCRATCH = f"rw,nosuid,nodev,noexec,size={LIMITS.scratch},mode=1777"
NETWORK = "network none: the workspace shares the fake internet's network"
HOST_NETWORK = Removal("network none: the host's network", {"network_mode": "host"})

# What stops each probe, as the way to run without it. `None` for the fake internet's network.
REMOVED: dict[str, Removal | None] = {
    "internet_tcp": None,
    "internet_udp": None,
    "internet_v6": None,
    "icmp": None,
    "dns_direct": None,
    "dns_libc": None,
    "metadata": None,
    "other_container": None,
    "host_loopback_port": HOST_NETWORK,
    "host_every_address_port": HOST_NETWORK,
    "host_abstract_socket": HOST_NETWORK,
    "docker_socket": Removal(
        "mounts: Docker's socket too",
        user="0:0",
        extra=(Mount(Path("/var/run/docker.sock"), Path("/var/run/docker.sock"), True),),
    ),
    "write_system_files": Removal(
        "read-only root, user", {"read_only": False, "cap_drop": []}, **ROOT
    ),
    "hide_outside_home": Removal("read-only root", {"read_only": False}),
    "setuid_program": Removal(
        "no-new-privileges", {"security_opt": [], "cap_drop": []}, filtered=False
    ),
    "regain_capabilities": Removal("cap-drop ALL", {"cap_drop": []}),
    "mount_filesystem": Removal("capabilities, filter", POWERFUL, **ROOT),
    "user_namespace": Removal("syscall filters", UNCONFINED, filtered=False),
    "trace_another_process": Removal("syscall filter", filtered=False),
    "io_uring": Removal("syscall filter", UNCONFINED, filtered=False),
    "kernel_keyring": Removal("syscall filters", UNCONFINED, filtered=False),
    "load_kernel_module": Removal("capabilities, filter", POWERFUL, **ROOT),
    "make_device": Removal(
        "capabilities, nodev", POWERFUL | {"tmpfs": {"/tmp": "rw,dev,exec,size=32m"}}, **ROOT
    ),
    "raw_disks": Removal("device list", {"devices": ["/dev/loop0:/dev/loop0:r"]}),
    "kernel_settings": Removal("/proc masks, user", POWERFUL, **ROOT),
    "kernel_log": Removal("capabilities, filter", POWERFUL | {"cap_add": ["SYSLOG"]}, **ROOT),
    "change_host_name": Removal("capabilities", POWERFUL, **ROOT),
    "control_groups": Removal(
        "read-only control groups, user",
        {"cap_drop": []},
        user="0:0",
        extra=(Mount(Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup"), True),),
    ),
    "many_processes": Removal("process limit", {"pids_limit": -1, "ulimits": MANY}),
    "much_memory": Removal("memory limit", {"mem_limit": "2g", "memswap_limit": "2g"}),
    "much_processor": Removal("processor quota", {"cpu_quota": -1}),
    "much_disk": Removal("home as its own filesystem", unbounded_home=True),
    "much_scratch": Removal(
        "scratch size", {"tmpfs": {"/tmp": SCRATCH.replace(str(LIMITS.scratch), "1g")}}
    ),
    "run_own_program": Removal("noexec", {"tmpfs": {"/tmp": "rw,exec,size=32m,mode=1777"}}),
    "other_session": Removal("mounts: every session's directories"),
    "other_home": Removal("mounts: every home"),
    "enclave_state": Removal("mounts: the enclave's state"),
    "host_processes": Removal("process namespace", {"pid_mode": "host"}),
    "host_shared_memory": Removal("ipc namespace", {"ipc_mode": "host"}),
}
# Bubblewrap's scratch space cannot be noexec. Python runs whatever a researcher writes anyway;
# noexec only keeps foreign programs out, and none can come in.
NOT_IN_BUBBLEWRAP = {"run_own_program"}
MUST_WORK = ("own_gateway", "own_home")


@pytest.fixture(scope="module")
def around() -> Iterator[tuple[Surroundings, ExitStack]]:
    instance = f"probe-{os.getpid()}"
    with surroundings(instance) as (place, stack):
        build.build_docker(place.settings)
        stack.callback(build.forget, place.settings)
        yield place, stack


def removal(name: str, place: Surroundings, stack: ExitStack) -> Removal:
    """Return how to run without the control that stops a probe."""
    run, state = place.settings.run_dir, place.settings.state_dir
    seen = {
        "other_session": (run / "sessions", Path("/run/enclave/sessions")),
        "other_home": (run / "homes", Path("/home/all")),
        "enclave_state": (state, state),
    }
    if name in seen:
        source, target = seen[name]
        return Removal(REMOVED[name].said, extra=(Mount(source, target),))
    if REMOVED[name] is not None:
        return REMOVED[name]
    raw = {"cap_add": ["NET_RAW"], "cap_drop": []} if name == "icmp" else {}
    user = "0:0" if name == "icmp" else "1000:1000"
    return Removal(NETWORK, {"network_mode": place.fake_internet(stack), **raw}, user=user)


@pytest.fixture(scope="module")
def controlled(around) -> dict[str, list]:
    return around[0].in_docker([*REMOVED, *MUST_WORK])


@pytest.fixture(scope="module")
def opened(around, controlled) -> dict[str, list]:
    """Every probe's result without its control; a container each."""
    place, stack = around
    found = {}
    for name in REMOVED:
        how = removal(name, place, stack)
        found[name] = place.in_docker([name], how)[name]
    show(controlled, found)
    return found


def show(controlled: dict[str, list], opened: dict[str, list]) -> None:
    """Print the table: what was tried, what happened, what happened without which control."""
    print(f"\n{'attack':26}{'workspace':11}{'without':9}control removed")
    for name, how in REMOVED.items():
        said = how.said if how else NETWORK
        words = ["OPEN" if found[name][0] else "closed" for found in (controlled, opened)]
        print(f"{name:26}{words[0]:11}{words[1]:9}{said}")


@pytest.mark.parametrize("name", REMOVED)
def test_a_workspace_withstands(name: str, controlled):
    worked, note = controlled[name]
    assert not worked, note


@pytest.mark.parametrize("name", REMOVED)
def test_the_attack_works_once_its_control_is_removed(name: str, opened):
    if name == "load_kernel_module" and not Path("/proc/modules").exists():
        pytest.skip("this kernel was built without modules")
    worked, note = opened[name]
    assert worked, note


@pytest.mark.parametrize("name", MUST_WORK)
def test_what_a_workspace_is_for_works(name: str, controlled):
    worked, note = controlled[name]
    assert worked, note


@pytest.fixture(scope="module")
def sandboxed(around) -> dict[str, list]:
    build.build_bubblewrap(around[0].settings)
    return around[0].in_bubblewrap([*REMOVED, *MUST_WORK])


@pytest.mark.parametrize("name", sorted(set(REMOVED) - NOT_IN_BUBBLEWRAP))
def test_a_bubblewrap_workspace_withstands_the_same(name: str, sandboxed):
    worked, note = sandboxed[name]
    assert not worked, note


@pytest.mark.parametrize("name", MUST_WORK)
def test_what_a_workspace_is_for_works_in_bubblewrap(name: str, sandboxed):
    worked, note = sandboxed[name]
    assert worked, note
