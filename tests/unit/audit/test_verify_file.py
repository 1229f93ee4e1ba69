"""`verify.pyz`: one file, the same bytes everywhere, nothing of ours but what it must carry."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit.cli import audit
from audit.custody import AuditFiles
from audit.log import open_reader
from audit.note import ML_DSA_44, Signer, sign_note
from audit.proof import make
from audit.pyz import build, carried
from egress_review.certificate import with_proofs
from enclave.events import Receipt
from enclave.settings import Settings
from tests.support.audit_story import tell
from tests.support.ml_dsa import needs_ml_dsa
from tests.support.verifier import program, run, run_here, verify_log


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditFiles]:
    """A log of some days that tests only read."""
    place = tmp_path_factory.mktemp("told")
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    tell(settings, days=6)
    yield AuditFiles(settings.audit_dir)


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    result = CliRunner().invoke(audit, ["verifier", "-o", str(tmp_path / "verify.pyz")])
    assert (tmp_path / "verify.pyz").read_bytes() == build()
    assert result.output.split()[0] == hashlib.sha256(build()).hexdigest()
    names = zipfile.ZipFile(tmp_path / "verify.pyz").namelist()
    assert names == sorted(names)


def test_it_carries_the_verifier_and_pure_modules_and_nothing_else() -> None:
    pure = {"merkle", "ed25519", "keys", "note", "policy", "proof"}
    own = {name for name in carried() if not name.startswith("audit/verifier/")}
    assert own == {"__main__.py", "audit/__init__.py", *(f"audit/{name}.py" for name in pure)}


def test_in_an_empty_environment_it_loads_nothing_but_python_and_itself() -> None:
    probe = (
        "import sys, runpy; sys.path.insert(0, sys.argv[1]); import audit.verifier.main as m;"
        "print(m.__file__);"
        "print([n for n, x in sys.modules.items() if getattr(x, '__file__', None)"
        " and 'site-packages' in x.__file__])"
    )
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", probe, str(program())],
        capture_output=True, text=True, check=True, env={},
    )  # fmt: skip
    place, foreign = found.stdout.splitlines()
    assert place.startswith(str(program()))
    assert foreign == "[]"


def test_it_runs_in_a_virtual_environment_with_nothing_in_it(
    told: AuditFiles, tmp_path: Path
) -> None:
    made = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "empty")]
    subprocess.run(made, check=True)
    python = tmp_path / "empty" / "bin" / "python"
    there = 'import importlib.util as u; print(u.find_spec("cryptography"))'
    probe = subprocess.run([python, "-c", there], capture_output=True, text=True, check=True)
    assert probe.stdout == "None\n"
    given = ("--checkpoint", told.checkpoint, "--key", told.public_key)
    found = subprocess.run(
        [python, program(), "log", told.directory, *given],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    assert "VERIFIED: " in found.stdout


def _second_key(told: AuditFiles, place: Path) -> tuple[Path, Path]:
    """Sign the log's checkpoint by ML-DSA-44 alone; return the note and the key."""
    text = told.checkpoint.read_text().partition("\n\n")[0] + "\n"
    signer = Signer.generate(text.partition("\n")[0], ML_DSA_44)
    (place / "note").write_text(sign_note(text, [signer]))
    (place / "key").write_text(signer.verifier.export() + "\n")
    return place / "note", place / "key"


@needs_ml_dsa
@pytest.mark.parametrize("spoilt", [False, True])
def test_a_signature_by_ml_dsa_44_is_verified_where_cryptography_is(
    told: AuditFiles, tmp_path: Path, *, spoilt: bool
) -> None:
    note, key = _second_key(told, tmp_path)
    if spoilt:
        head, _, line = note.read_text().rstrip("\n").rpartition(" ")
        signature = bytearray(base64.b64decode(line))
        signature[-1] ^= 1
        note.write_text(f"{head} {base64.b64encode(signature).decode()}\n")
    given: list[str | Path] = [
        "log",
        told.directory,
        "--checkpoint",
        note,
        "--key",
        key,
        "--key",
        told.public_key,
    ]
    here = [sys.executable, "-I", program(), *given, "--jobs", "1"]
    found = subprocess.run(here, capture_output=True, text=True, check=False)
    assert found.returncode == int(spoilt), found.stdout + found.stderr
    bare = run(*given)
    assert bare.returncode == 1
    assert "cannot be checked here" in bare.stdout


def test_an_honest_log_is_verified_with_exit_code_0(told: AuditFiles) -> None:
    found = verify_log(told.directory, told.checkpoint, told.public_key)
    assert (found.returncode, found.stderr) == (0, "")
    assert "What this cannot show:" in found.stdout


def test_the_paper_names_date_host_inputs_and_the_verifier_s_own_hash(
    told: AuditFiles, tmp_path: Path
) -> None:
    paper = tmp_path / "report.txt"
    verify_log(told.directory, told.checkpoint, told.public_key, "--report", paper, "--quiet")
    text = paper.read_text()
    for path in (program(), told.checkpoint, told.public_key, told.log):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in text
    assert "Signatures checked by: its own" in text
    assert "Signature:" in text


def test_the_machine_s_report_says_what_the_paper_says(told: AuditFiles) -> None:
    found = verify_log(told.directory, told.checkpoint, told.public_key, "--json")
    report = json.loads(found.stdout)
    assert report["verified"] is True
    assert report["logs"][0]["exposed"] == 0
    assert report["logs"][0]["covered"] == report["logs"][0]["entries"]
    assert report["setting"]["verifier_sha256"] == hashlib.sha256(build()).hexdigest()


def test_quiet_says_nothing_of_a_log_that_passes(told: AuditFiles) -> None:
    found = verify_log(told.directory, told.checkpoint, told.public_key, "--quiet")
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--checkpoint", "checkpoint"), "Give --key or --policy"),
        (("--key", "public.key"), "Give --checkpoint"),
        (("--key", "public.key", "--checkpoint", "missing"), "Cannot read "),
        (("--key", "checkpoint", "--checkpoint", "checkpoint"), "A key or the policy cannot"),
        (("--key", ".", "--checkpoint", "checkpoint"), "Not a file"),
        (("--key", "public.key", "--checkpoint", "/dev/zero"), "Not a file"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence_and_exit_code_2(
    told: AuditFiles, arguments: tuple[str, ...], sentence: str
) -> None:
    given = [a if a.startswith(("-", "/")) else str(told.directory / a) for a in arguments]
    found = run("log", told.directory, *given)
    assert found.returncode == 2
    assert sentence in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_a_log_s_own_words_never_steer_the_terminal(told: AuditFiles, tmp_path: Path) -> None:
    shutil.copytree(told.directory, tmp_path / "copy")
    note = told.checkpoint.read_text().split("\n")
    note[0] = "\x1b[2J\x1b[32mVERIFIED"
    (tmp_path / "copy" / "checkpoint").write_text("\n".join(note))
    found = verify_log(tmp_path / "copy", told.checkpoint, told.public_key)
    assert found.returncode == 1
    assert "\x1b" not in found.stdout + found.stderr


@pytest.fixture
def proved(told: AuditFiles, tmp_path: Path) -> tuple[Path, bytes]:
    """A proof of one entry, and that entry's bytes."""
    with closing(open_reader(told.place)) as log:
        entry = log.entry(7)
        assert entry is not None
        assert entry.body is not None
        path = tmp_path / "7.tlog-proof"
        path.write_text(make(log, 7, told.checkpoint.read_text()))
        return path, entry.body


def test_a_receipt_is_checked_offline(told: AuditFiles, proved: tuple[Path, bytes]) -> None:
    path, body = proved
    entry = path.with_name("entry")
    for content, code in ((body, 0), (body + b" ", 1)):
        entry.write_bytes(content)
        found = run("proof", path, "--key", told.public_key, "--entry", entry)
        assert found.returncode == code, found.stdout + found.stderr
    assert run("proof", path, "--key", told.public_key).returncode == 2
    assert run("proof", path, "--key", told.public_key, "--leaf", "xyz").returncode == 2


def test_a_policy_that_names_no_log_asks_for_the_key_and_calls_nothing_wrong(
    told: AuditFiles, proved: tuple[Path, bytes]
) -> None:
    """The operator's own policy may name witnesses alone, as the demo's does."""
    path, body = proved
    policy, entry = path.with_name("policy"), path.with_name("entry")
    policy.write_text("quorum none\n")
    entry.write_bytes(body)
    for what in (("proof", path, "--entry", entry), ("log", told.directory)):
        checkpoint = ("--checkpoint", told.checkpoint) if what[0] == "log" else ()
        found = run(*what, "--policy", policy, *checkpoint)
        assert (found.returncode, found.stdout) == (2, "")
        assert "give the log's key with --key" in found.stderr
    found = run("proof", path, "--entry", entry, "--policy", policy, "--key", told.public_key)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.fixture
def certificate(told: AuditFiles, tmp_path: Path) -> Path:
    """A certificate of the story's release, with its proofs, and the file it is of."""
    (tmp_path / "table.csv").write_bytes(b"a,b\n")
    proofs, request = [], ""
    with closing(open_reader(told.place)) as log:
        for entry in log.entries():
            ours = json.loads(entry.body or b"")["unmapped"]["enclave"]
            if ours["action"] in ("output.voted", "output.released"):
                request = request or ours["detail"]["request"]
                if ours["detail"]["request"] == request:
                    receipt = Receipt(entry.index, entry.leaf.hex())
                    note = told.checkpoint.read_text()
                    proofs.append((ours["action"], receipt, make(log, entry.index, note)))
    body = {
        "certificate": "enclave/release/1",
        "request": request,
        "file": {"name": "table.csv", "sha256": "7f" * 32},
        "lineage": {"agencies": ["cscu", "dol"]},
        "votes": [{"agency": agency, "approve": True} for agency in ("dol", "cscu")],
    }
    path = tmp_path / "certificate.json"
    path.write_bytes(with_proofs(json.dumps(body).encode(), proofs))
    return path


def test_a_certificate_s_votes_and_release_are_found_in_the_log(
    told: AuditFiles, certificate: Path
) -> None:
    found = run_here("proof", certificate, "--key", told.public_key, "--log", told.directory)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "yes, 3 entries" in found.stdout
    assert "Do those entries say what the certificate says? yes" in found.stdout


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda body: body["votes"].pop(), "cscu did not approve"),
        (lambda body: body["proofs"].pop(), "no proof of the release"),
        (lambda body: body["proofs"].pop(0), "fewer proofs of votes than agencies"),
        (lambda body: body["proofs"][0].update(leaf="00" * 32), "leads to another root"),
        (lambda body: body["proofs"][0].update(entry=3), "is of another entry"),
        (lambda body: body.update(request="r-else"), "is not output.voted of this request"),
        (lambda body: body["file"].update(sha256="00" * 32), "released another file"),
        (lambda body: body["proofs"].append(body["proofs"][0]), "one entry is proved twice"),
        (lambda body: body["lineage"].update(agencies=[]), "it names no agency"),
        (lambda body: body["votes"].append({"agency": "dol", "approve": False}), "did not approve"),
        (lambda body: body["lineage"].update(agencies=["dol", "oec"]), "no vote of oec is among"),
        (lambda body: body["proofs"][0].update(entry=99_999), "the log holds another text, or"),
    ],
)
def test_a_changed_certificate_is_found(
    told: AuditFiles, certificate: Path, change: object, sentence: str
) -> None:
    body = json.loads(certificate.read_bytes())
    assert callable(change)
    change(body)
    certificate.write_text(json.dumps(body))
    found = run_here("proof", certificate, "--key", told.public_key, "--log", told.directory)
    assert found.returncode == 1, found.stderr
    assert sentence in found.stdout


def test_another_file_than_the_certificate_s_is_refused(
    told: AuditFiles, certificate: Path
) -> None:
    released = certificate.with_name("table.csv")
    found = run_here("proof", certificate, "--key", told.public_key, "--released", released)
    assert found.returncode == 1
    assert "it names 7f7f" in found.stdout


def test_audit_verify_takes_the_same_words(told: AuditFiles) -> None:
    given = ["--checkpoint", str(told.checkpoint), "--key", str(told.public_key)]
    result = CliRunner().invoke(audit, ["verify", str(told.directory), *given, "--quiet"])
    assert result.exit_code == 0
    assert CliRunner().invoke(audit, ["verify", "--help"]).exit_code == 0
    assert CliRunner().invoke(audit, ["verify-proof"]).exit_code == 2
