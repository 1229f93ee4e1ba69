"""Everything an instance holds that no event may repeat, and a search for it in the log.

Identifiers and values out of the deliveries, keys and tokens on disk and in the databases, whatever
a test adds (cookies, literals, results). A finding names the kind and the event, never the value.
"""

from __future__ import annotations

import base64
import csv
import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from enclave.errors import EnclaveError
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import keys

ROOT = Path(__file__).parents[2]
Secrets = dict[str, set[str]]
KINDS = {
    "ssn": "social security number",
    "first_name": "name",
    "middle_name": "name",
    "last_name": "name",
    "date_of_birth": "birth date",
    "record_id": "record id",
    "wage": "value",
    "amount": "value",
}
# Where credentials lie. What is not secret in these files is public and stands in the log.
FILES = ("**/*.key*", "**/*.token", "**/*secret*", "**/root*", "**/keys/*", "**/tokens/*")
PUBLIC = {"fingerprint", "project", "sha256", "person", "session", "id", "instance", "origin"}
TABLES = {
    "users": ("cookie_id",),
    "api_tokens": ("hashed",),
    "oauth_codes": ("code",),
    "oauth_clients": ("secret",),
    "web_session": ("id_hash",),
    "web_login": ("state", "nonce", "verifier", "browser_hash"),
}
_WORD = re.compile(r"[^\W\d_]{3,}")
_LONG = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
SHAPES = {
    "social security number": re.compile(r"(?<!\d)\d{3}-?\d{2}-?\d{4}(?!\d)"),
    "birth date": re.compile(r"\d{4}-\d{2}-\d{2}|\d{2}/\d{2}/\d{4}"),
    "record id": re.compile(r"\b[A-Z]{2,5}-\d{5,8}\b"),
    "value": re.compile(r"(?<![\d.])\d{3,}\.\d{2}(?!\d)"),
    "name": _WORD,
}


def of_deliveries(files: Iterable[Path]) -> Secrets:
    """Return what identifies or describes a person in delivered CSV files, by kind."""
    found: Secrets = defaultdict(set)
    for path in files:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                for column, kind in KINDS.items():
                    found[kind].add(row.get(column) or "")
                found["address"].add(f"{row.get('street_number')} {row.get('street_name')}")
    found["social security number"] |= {n.replace("-", "") for n in found["social security number"]}
    found["name"] = {part for name in found["name"] for part in _WORD.findall(name)} - _our_words()
    found["address"] = {each for each in found["address"] if len(each) > 10 and "None" not in each}
    found["birth date"] |= {_as_iso(each) for each in found["birth date"]}
    for kind, shape in SHAPES.items():  # what was misspelt beyond recognition is nobody's
        found[kind] = {each for each in found[kind] if shape.fullmatch(each)}
    return dict(found)


def _as_iso(day: str) -> str:
    """Return a birth date as programs write it; of the young it could be an agreement's date."""
    month, date, year = [*day.split("/"), "", ""][:3]
    return f"{year}-{month}-{date}" if year and year < "2005" else ""


def _our_words() -> set[str]:
    """Return the words of our own programs and agreements: to read one of them proves nothing."""
    rooms = ("enclave", "audit", "egress_review", "linkage", "hub_config", "examples")
    paths = (path for room in rooms for path in (ROOT / room).rglob("*"))
    texts = (path.read_text() for path in paths if path.suffix in (".py", ".yml", ".yaml"))
    return {word for text in texts for word in _WORD.findall(text)}


def of_instance(settings: Settings) -> Secrets:
    """Return every key, token and secret the instance keeps, in each form it could be written."""
    found: Secrets = defaultdict(set)
    for pattern in FILES:
        for path in settings.state_dir.glob(pattern):
            if path.is_file() and "public" not in path.name and path.stat().st_size < 65_536:
                found[f"file {path.name}"] |= _forms(path.read_bytes())
    for database in settings.state_dir.rglob("*"):
        if database.suffix in (".db", ".sqlite") and "audit" not in database.parts:
            found[f"database {database.name}"] |= set(_credentials(database))
    for project in ControlStore(settings.database_url).projects():
        with suppress(EnclaveError):
            found["project key"] |= _forms(keys.load(settings, project.id))
    found["setting"].add(settings.oidc_client_secret)
    return dict(found)


def _forms(content: bytes) -> set[str]:
    """Return a secret as text, or as the hexadecimal and base64 that bytes would be written in."""
    with suppress(ValueError):
        said = json.loads(content)
        if isinstance(said, dict):
            return {str(v) for k, v in said.items() if k not in PUBLIC and len(str(v)) >= 16}
    with suppress(UnicodeDecodeError):
        if content.decode().isprintable() or content.decode().strip().isprintable():
            return set(_LONG.findall(content.decode()))
    plain, safe = base64.b64encode(content).decode(), base64.urlsafe_b64encode(content).decode()
    return {content.hex(), plain, plain.rstrip("="), safe, safe.rstrip("=")}


def _credentials(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for table, columns in TABLES.items():
            for column in columns:
                with suppress(sqlite3.Error):
                    rows = database.execute(f"SELECT {column} FROM {table}")
                    yield from (str(value) for (value,) in rows if value)


def found_in(events: Iterable[Mapping[str, Any]], *several: Secrets) -> list[str]:
    """Return where a secret stands in an event: its kind, the event's action and place."""
    hits = []
    for place, event in enumerate(events):
        told = json.dumps(event, ensure_ascii=False)
        for secrets in several:
            for kind, values in secrets.items():
                if _holds(told, kind, values):
                    action = event["unmapped"]["enclave"]["action"]
                    hits.append(f"{kind} in event {place} ({action})")
    return hits


def _holds(told: str, kind: str, values: set[str]) -> bool:
    shape = SHAPES.get(kind)
    if shape is not None:  # thousands of values, so look at what has their shape
        return not values.isdisjoint(shape.findall(told))
    if kind == "address":  # by their first two words: a number and the street's name
        words = told.split()
        starts = {f"{one} {other}" for one, other in pairwise(words)}
        return any(start in each for start in starts if start[0].isdigit() for each in values)
    return any(value in told for value in values if len(value) > 4)
