"""A workspace's socket is opened only if it is one, and nothing on its way is a link."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from enclave.errors import Denied
from hub_config.sockets import accepts, path_of, pinned, url_of


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="enc-") as name:
        yield Path(name)


@pytest.fixture
def listening(place: Path) -> Iterator[Path]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "real.sock"))
        listener.listen()
        yield place / "real.sock"


def test_a_real_socket_is_reached(listening: Path):
    assert accepts(listening)


def test_a_link_to_another_socket_is_refused(listening: Path, place: Path):
    (place / "server.sock").symlink_to(listening)
    with pytest.raises(Denied), pinned(place / "server.sock"):
        pass


def test_a_linked_directory_on_the_way_is_refused(listening: Path, place: Path):
    (place / "there").symlink_to(place)
    with pytest.raises(Denied), pinned(place / "there" / "real.sock"):
        pass


def test_an_ordinary_file_is_refused(place: Path):
    (place / "server.sock").write_text("x")
    with pytest.raises(Denied), pinned(place / "server.sock"):
        pass


def test_a_socket_swapped_for_a_link_after_the_check_stays_the_socket(listening: Path, place: Path):
    """The race a check by name would lose."""
    (place / "secret.sock").symlink_to("/nowhere")
    with pinned(listening) as name, socket.socket(socket.AF_UNIX) as probe:
        listening.unlink()
        listening.symlink_to(place / "secret.sock")
        probe.connect(name)


def test_pinning_leaves_no_descriptor_open(listening: Path):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        accepts(listening)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("path", ["/run/enclave/a.sock", "/tmp/MixedCase/x_y-z/S.sock", "/a b/%2f"])
def test_a_path_survives_being_an_address_whose_host_is_lowered(path: str):
    assert path_of(url_of(Path(path)).lower()) == Path(path)


def test_other_addresses_have_no_path():
    assert path_of("http://127.0.0.1:8000") is None
