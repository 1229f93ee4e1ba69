"""Makes what workspaces run from, once: `python -m hub_config.build docker|bubblewrap|auto|stop`.

Nothing is pulled: the base comes from Debian through debootstrap, the rest from a wheelhouse whose
hashes stand in a lock. The build itself has no network. Every step finds out whether it is done.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from enclave.errors import Unavailable
from enclave.settings import Settings
from enclave.terminal import sentences
from hub_config import bubblewrap, engine, halt, images, seccomp

FREE_BYTES = 4 * 10**9
PYTHON = "3.11.2"  # the base image's; a wheelhouse for another patch level may not install
APT = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))


def build_docker(settings: Settings) -> None:
    """Have an engine and both images; raises `Unavailable` with what to do."""
    with step("Docker engine") as say:
        say(engine.ensure(settings))
    with one_at_a_time():
        with step("Base image") as say:
            say(base(settings))
        with step("Wheelhouse") as say:
            say(wheels() if not _exists(images.researcher_image(settings)) else "not needed")
        with step("Researcher image") as say:
            say(researcher(settings))


def build_bubblewrap(settings: Settings) -> None:
    """Have bubblewrap work here, and the environment its workspaces run from."""
    with step("Bubblewrap") as say:
        engine.install_missing({"bwrap": "bubblewrap", "mkfs.ext4": "e2fsprogs"})
        say(bubblewrap.require())
    with one_at_a_time():
        with step("Wheelhouse") as say:
            say(wheels() if not images.bubblewrap_environment().exists() else "not needed")
        with step("Workspace environment") as say:
            say(environment())


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other program builds here: two would clear each other's half-made files."""
    images.WHEELHOUSE.mkdir(exist_ok=True)
    with (images.WHEELHOUSE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            click.echo("  Another build is under way; this one goes on after it …", err=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def step(title: str) -> Iterator[Callable[[str], None]]:
    """Print a line when a step ends: its title, what it found or did, how long it took."""
    started = time.monotonic()
    said: list[str] = []
    click.echo(f"  {title} …", err=True)
    yield said.append
    seconds = time.monotonic() - started
    click.echo(f"✓ {title}: {' '.join(said)} ({seconds:.0f} s)", err=True)


# The base image --------------------------------------------------------------------------------


def base(settings: Settings) -> str:
    """Make Debian's minimum with Python from the host's own mirror, updates included."""
    name = images.base_image(settings)
    if _exists(name):
        return f"{name} is there"
    engine.require_root("Making the base image")
    _require_space()
    engine.install_missing({"debootstrap": "debootstrap"})
    sources = mirrors()
    tree = images.WHEELHOUSE / "rootfs"
    shutil.rmtree(tree, ignore_errors=True)
    try:
        _debootstrap(tree, sources)
        _update(tree, sources)
        _harden(tree)
        _import(tree, name)
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    return name


def mirrors() -> list[tuple[str, str]]:
    """Return (address, suite) pairs of this suite from the host's apt sources, release first.

    Raises `Unavailable` where the host has none: it is another release or no Debian.
    """
    found: list[tuple[str, str]] = []
    for path in _apt_files():
        text = path.read_text(errors="replace")
        found += _deb822(text) if path.suffix == ".sources" else _one_line(text)
    pairs = [pair for pair in dict.fromkeys(found) if pair[1].split("-")[0] == images.SUITE]
    pairs.sort(key=lambda pair: (pair[1] != images.SUITE, pair[1]))
    if not pairs or pairs[0][1] != images.SUITE:
        raise Unavailable(
            f"apt's sources on this machine name no Debian {images.SUITE} mirror.",
            hint="Add one to /etc/apt/sources.list, or use ENCLAVE_ISOLATION=bubblewrap.",
        )
    return pairs


def _apt_files() -> Iterator[Path]:
    for place in APT:
        candidates = sorted(place.iterdir()) if place.is_dir() else [place]
        yield from (p for p in candidates if p.suffix in (".list", ".sources") and p.is_file())


def _deb822(text: str) -> Iterator[tuple[str, str]]:
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        fields = dict(line.split(":", 1) for line in lines if ":" in line and line[0] != " ")
        if (
            "deb" in fields.get("Types", "").split()
            and fields.get("Enabled", "yes").strip() != "no"
        ):
            for address in fields.get("URIs", "").split():
                yield from ((address, suite) for suite in fields.get("Suites", "").split())


def _one_line(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", line)
        if found:
            yield found[1], found[2]


def _debootstrap(tree: Path, sources: Sequence[tuple[str, str]]) -> None:
    include = ",".join(images.PACKAGES)
    argv = ["debootstrap", "--variant=minbase", f"--include={include}", images.SUITE]
    call([*argv, str(tree), sources[0][0]], "debootstrap could not make the base system")


def _update(tree: Path, sources: Sequence[tuple[str, str]]) -> None:
    """Bring in point-release and security updates with apt's own signature checks."""
    listed = "".join(f"deb {address} {suite} main\n" for address, suite in sources)
    (tree / "etc/apt/sources.list").write_text(listed)
    for name in ("resolv.conf", "ssl/certs/ca-certificates.crt"):
        if (host := Path("/etc") / name).exists():
            shutil.copyfile(host, tree / "etc" / name)
    for words in (["update"], ["-y", "upgrade"], ["clean"]):
        call(["chroot", str(tree), "apt-get", "-q", *words], "apt in the base image failed")
    (tree / "etc/apt/sources.list").write_text("")


def _harden(tree: Path) -> None:
    """Drop caches and documentation, and every setuid bit: nobody needs to become another."""
    for waste in ("var/lib/apt/lists", "var/cache", "usr/share/doc", "usr/share/man", "var/log"):
        for path in (tree / waste).iterdir() if (tree / waste).is_dir() else ():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (tree / "etc/resolv.conf").write_text("")
    call(
        [
            "find",
            str(tree),
            "-xdev",
            "-perm",
            "/6000",
            "-type",
            "f",
            "-exec",
            "chmod",
            "a-s",
            "{}",
            "+",
        ],
        "setuid bits could not be removed",
    )


def _import(tree: Path, name: str) -> None:
    with subprocess.Popen(["tar", "-C", str(tree), "-c", "."], stdout=subprocess.PIPE) as tar:
        done = subprocess.run(
            [engine.command(), "import", "-", name],
            stdin=tar.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode or tar.returncode:
        raise Unavailable(
            f"Docker could not import the base image: {done.stderr.strip()[:200]}",
            hint="Check the disk under Docker's directory; what is done is kept.",
        )


# The wheelhouse --------------------------------------------------------------------------------


def wheels() -> str:
    """Download the locked wheels, hashes checked."""
    target = wheel_directory()
    if target.exists():
        return f"{len(list(target.iterdir()))} wheels are there"
    _require_space()
    draft = target.with_name(target.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    pip = _pip()
    options = ["--require-hashes", "--only-binary=:all:", "--python-version", PYTHON]
    call(
        [sys.executable, "-m", "pip", "download", "-q", *options, "-d", str(draft), "-r", _lock()],
        "The workspace's Python packages could not be downloaded",
        env={"PYTHONPATH": str(pip), "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    draft.rename(target)
    return f"{len(list(target.iterdir()))} wheels downloaded"


def wheel_directory() -> Path:
    """Return where the locked wheels lie; changes with the lock."""
    return (
        images.WHEELHOUSE / f"wheels-{hashlib.sha256(Path(_lock()).read_bytes()).hexdigest()[:12]}"
    )


def _pip() -> Path:
    """Return a directory with the locked pip: the environment itself is uv's and has none."""
    target = images.WHEELHOUSE / "pip"
    if not (target / "pip").exists():
        entry = re.search(r"^pip==(?:.*\\\n)*.*\n", Path(_lock()).read_text(), re.MULTILINE)
        lock = images.WHEELHOUSE / "pip.lock"
        lock.parent.mkdir(exist_ok=True)
        lock.write_text(entry[0] if entry else "")
        options = ["--require-hashes", "-r", str(lock), "--target", str(target)]
        call(
            [_uv(), "pip", "install", "-q", "--python", sys.executable, *options],
            "pip could not be downloaded",
        )
    return target


def _client_wheel(target: Path) -> None:
    """Build the researcher's client library into a wheel, offline."""
    target.mkdir(parents=True, exist_ok=True)
    call(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        "The enclave client could not be built",
        cwd=images.CLIENT,
    )


# The researcher's image and, for bubblewrap, environment ---------------------------------------


def researcher(settings: Settings) -> str:
    """Build the workspace image with no network at all."""
    name = images.researcher_image(settings)
    if _exists(name):
        return f"{name} is there"
    _require_space()
    context = images.WHEELHOUSE / "context"
    shutil.rmtree(context, ignore_errors=True)
    try:
        _lay_out(context)
        os.link(_lock(), context / "requirements.lock")
        shutil.copytree(wheel_directory(), context / "wheels", copy_function=os.link)
        argv = [engine.command(), "build", "-q", "--network", "none", "-t", name]
        options = ["--build-arg", f"BASE={images.base_image(settings)}", str(context)]
        call([*argv, *options], "The researcher image could not be built")
    finally:
        shutil.rmtree(context, ignore_errors=True)
    return name


def environment() -> str:
    """Make the same workspace as a plain Python environment, for bubblewrap."""
    target = images.bubblewrap_environment()
    if target.exists():
        return "is there"
    _require_space()
    draft = target.with_name("workspace.new")
    shutil.rmtree(draft, ignore_errors=True)
    python = draft / "bin" / "python"
    install = [_uv(), "pip", "install", "-q", "--offline", "--no-index", "--python", str(python)]
    locked = ["--require-hashes", "--find-links", str(wheel_directory()), "-r", _lock()]
    failed = "The workspace environment could not be made"
    call([_uv(), "venv", "-q", "--python", "/usr/bin/python3", str(draft)], failed)
    call([*install, "--link-mode=copy", *locked], failed)
    share = draft / "share" / "enclave"
    _lay_out(share)
    client = [str(wheel) for wheel in (share / "local").glob("*.whl")]
    call([*install, "--no-deps", *client], failed)
    call([str(python), str(share / "trim.py")], failed)
    draft.rename(target)
    return "made"


def _lay_out(target: Path) -> None:
    """Put everything of ours that a workspace needs into one directory."""
    target.mkdir(parents=True)
    for name in ("Dockerfile", "start.py", "trim.py"):
        shutil.copyfile(images.RESEARCHER / name, target / name)
    for name in ("jupyter", "notebooks"):
        shutil.copytree(images.RESEARCHER / name, target / name)
    (target / "filter.bpf").write_bytes(seccomp.program())
    _client_wheel(target / "local")


def forget(settings: Settings) -> None:
    """Take this instance's names off the images; what another instance names stays."""
    for name in (images.researcher_image(settings), images.base_image(settings)):
        subprocess.run([engine.command(), "rmi", name], capture_output=True, check=False)


# What the steps share --------------------------------------------------------------------------


def call(
    argv: Sequence[str],
    failed: str,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a program; raises `Unavailable` with the sentence and the program's last words."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=os.environ
        | {"DOCKER_BUILDKIT": "1", "DEBIAN_FRONTEND": "noninteractive"}
        | dict(env or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        said = " / ".join(words[-3:]) or f"exit code {done.returncode}"
        raise Unavailable(f"{failed}: {said[:600]}", hint="Check the network and the disk.")


def _exists(image: str) -> bool:
    """Say whether an image is there; one that another instance made of the same inputs is taken."""
    docker = engine.command()
    argv = [docker, "image", "inspect", image]
    if subprocess.run(argv, capture_output=True, check=False).returncode == 0:
        return True
    what, tag = image.rsplit("-", 1)[1].split(":")
    argv = [docker, "images", "-q", "--filter", f"reference=*-{what}:{tag}"]
    found = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.split()
    argv = [docker, "tag", *found[:1], image]
    return bool(found) and subprocess.run(argv, check=False).returncode == 0


def _lock() -> str:
    return str(images.RESEARCHER / "requirements.lock")


def _uv() -> str:
    places = f"{images.ROOT / '.tools' / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = shutil.which("uv", path=places)
    if found is None:
        raise Unavailable("uv is missing.", hint="Run `make demo`, which brings it.")
    return found


def _require_space() -> None:
    images.WHEELHOUSE.mkdir(exist_ok=True)
    places = [p for p in (images.WHEELHOUSE, Path("/var/lib/docker")) if p.exists()]
    for place in places:
        free = shutil.disk_usage(place).free
        if free < FREE_BYTES:
            raise Unavailable(
                f"Only {free / 1e9:.1f} GB are free at {place}; building needs 4.",
                hint="Free some space and run it again: what is done is kept.",
            )


def build_either(settings: Settings) -> str:
    """Build for Docker, else for bubblewrap; never for less. Return which."""
    try:
        build_docker(settings)
        return "docker"
    except Unavailable as no_docker:
        click.echo(f"✗ {no_docker.explain()}\n  Trying bubblewrap instead.", err=True)
    build_bubblewrap(settings)
    return "bubblewrap"


@click.command()
@click.argument("what", type=click.Choice(["docker", "bubblewrap", "auto", "stop"]), default="auto")
def main(what: str) -> None:
    """Make what workspaces run from; the last word printed is the isolation that is ready."""
    settings = Settings()
    with sentences():
        if what == "stop":
            halt.stop_all(settings)
            engine.stop(settings)
            return
        if what == "auto":
            what = build_either(settings)
        else:
            {"docker": build_docker, "bubblewrap": build_bubblewrap}[what](settings)
        click.echo(what)


if __name__ == "__main__":
    main()
