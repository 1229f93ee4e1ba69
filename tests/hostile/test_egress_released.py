"""A release of several files, checked outside by `verify.pyz` with the log's key alone.

The certificate is `enclave/release/2`. Controls: receipt._file and _folder; with either taken out
it fails (tried).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from audit.custody import AuditFiles
from egress_review.submission import CERTIFICATE
from tests.support.review import BOTH, PEOPLE, World, table
from tests.support.review_fixtures import egress_audit, world
from tests.support.verifier import run, run_here

__all__ = ["egress_audit", "world"]

NAMES = ("schools.csv", "years.csv", "schools.json")


@pytest.fixture
def folder(world: World, tmp_path: Path) -> Path:
    """Everything a researcher downloads of one release, and the log's key beside it."""
    asked = world.ask(BOTH, agencies=("dol", "cscu"))
    years = world.ask("SELECT year, count(*) AS n FROM wages GROUP BY year")
    lines = [line.split(",") for line in asked[1].decode().splitlines()]
    records = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    request = world.hand_in(
        table(asked[1], asked[0], name=NAMES[0]),
        table(years[1], years[0], name=NAMES[1]),
        table(json.dumps(records).encode(), asked[0], name=NAMES[2]),
    )
    for person in ("dora", "carl"):
        world.vote(person, request)
    place = tmp_path / "release"
    place.mkdir()
    for name in (*NAMES, CERTIFICATE):
        _, content = world.service.download(PEOPLE["rosa"], request.id, name)
        (place / name).write_bytes(content)
    shutil.copyfile(AuditFiles.of(world.settings).public_key, tmp_path / "key")
    return place


def test_a_release_of_several_files_is_verified_and_whatever_was_done_to_it_is_found(
    folder: Path,
) -> None:
    asked = ("proof", folder / CERTIFICATE, "--key", folder.parent / "key", "--released")
    whole = run(*asked, folder)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "yes, all 3" in whole.stdout
    one = run_here(*asked, folder / NAMES[1])
    assert one.returncode == 0
    assert f"yes, it is {NAMES[1]}" in one.stdout
    assert "2 more files were released" in one.stdout
    first, second = (folder / NAMES[n] for n in (0, 1))
    kept, other = first.read_bytes(), second.read_bytes()

    first.write_bytes(kept + b"Gateway,12")
    for given in (folder, first):
        assert run_here(*asked, given).returncode == 1
    first.write_bytes(other)  # swapped: each is a released file, under the other's name
    second.write_bytes(kept)
    for given, said in ((folder, "is another file than was released"), (first, f"lies {NAMES[1]}")):
        found = run_here(*asked, given)
        assert (found.returncode, said in found.stdout) == (1, True), found.stdout
    first.write_bytes(kept)
    second.unlink()
    found = run_here(*asked, folder)
    assert found.returncode == 1
    assert f"{NAMES[1]} is missing" in found.stdout


def test_a_certificate_that_names_other_files_than_the_log_is_found(
    world: World, folder: Path
) -> None:
    """Control: receipt._files, whose hash of all files is compared with the log's entry."""
    certificate = folder / CERTIFICATE
    body = json.loads(certificate.read_bytes())
    copy = AuditFiles.of(world.settings).directory
    asked = ("proof", certificate, "--key", folder.parent / "key", "--released", folder)
    assert run_here(*asked, "--log", copy).returncode == 0
    for change in ("left out", "renamed", "in another order", "twice"):
        files = list(body["files"])
        if change == "left out":
            files.pop()
        elif change == "renamed":
            files[0] = {**files[0], "name": "wages.csv"}
        elif change == "in another order":
            files.reverse()
        else:
            files.append(files[0])
        certificate.write_text(json.dumps({**body, "files": files}))
        found = run_here(*asked, "--log", copy)
        assert found.returncode != 0, change
