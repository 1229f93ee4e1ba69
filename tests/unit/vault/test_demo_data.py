"""The demo's deliveries: simulated people, drawn content, and no trace of who is who."""

from __future__ import annotations

import csv
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from enclave.governance.compile import compile_network
from enclave.governance.files import read_network
from enclave.vault.dictionary import check

ROOT = Path(__file__).parents[3]
NETWORK = ROOT / "examples" / "demo-network"
PYTHON = ROOT / ".demo-data-venv" / "bin" / "python"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="`make demo` makes the demo-data environment"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("deliveries")
    truth = tmp_path_factory.mktemp("outside") / "truth.csv"
    subprocess.run([PYTHON, NETWORK / "generate.py", place, "--truth", truth], check=True)
    (place / "truth").symlink_to(truth)
    return place


def test_every_delivery_fits_its_dictionary(made: Path) -> None:
    datasets = compile_network(read_network(NETWORK)).datasets
    assert {path.stem for path in made.glob("*.csv")} == set(datasets)
    for id, dataset in datasets.items():
        assert check(made / f"{id}.csv", dataset).num_rows > 100, id


def test_who_is_who_is_in_no_delivery(made: Path) -> None:
    with (made / "truth").open() as file:
        secrets = {row["simulant_id"] for row in csv.DictReader(file)}
    assert len(secrets) > 10_000
    for path in made.glob("*.csv"):
        with path.open() as file:
            reader = csv.DictReader(file)
            assert "simulant_id" not in (reader.fieldnames or ())
            assert not any(secrets & set(row.values()) for row in reader), path.name


def test_the_content_has_small_cells_to_protect_and_an_effect_to_find(made: Path) -> None:
    cells: dict[tuple[str, str], int] = defaultdict(int)
    with (made / "credentials.csv").open() as file:
        for row in csv.DictReader(file):
            cells[row["field_of_study"], row["county"]] += 1
    assert any(count < 11 for count in cells.values())
    assert any(count > 100 for count in cells.values())
