"""A few hundred made-up people with errors in writing, and an enclave that has taken them in.

Small enough for every test run; pseudopeople's population, for benchmarks, is not needed here.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from enclave.events import Action, Event
from enclave.model import (
    Column,
    ColumnRole,
    Dataset,
    DisclosureRules,
    Field,
    FieldKind,
    FieldType,
    Policy,
    QueryMode,
    View,
)
from enclave.settings import Settings
from enclave.store import Appends, ControlStore, provision
from enclave.vault.deliveries import deliver
from tests.support.datasets import know

FIRST = (
    "Ada Bo Cleo Dov Edda Finn Gwen Hugo Ines Jonas Kaya Lev Mina Nils Oda Per Quin Rhea Sven Tilda"
)
LAST = (
    "Abbott Brandt Castro Dumas Ekberg Forsyth Garza Holm Ibarra Jansson Kowalski Lindqvist Moreau"
)
COUNTIES = ("Hartford", "Windham")

Row = Mapping[str, str]


@dataclass(frozen=True)
class Person:
    """Who somebody is, in truth."""

    number: int
    ssn: str
    first: str
    last: str
    born: str


def people(count: int, seed: int = 7) -> list[Person]:
    """Return distinct people; some share a name, none shares all."""
    draw = random.Random(seed)
    return [
        Person(
            number,
            f"{draw.randrange(100, 600)}-{draw.randrange(10, 99)}-{draw.randrange(1000, 9999)}",
            draw.choice(FIRST.split()) + draw.choice(("", "ne", "la", "rik")),
            draw.choice(LAST.split()) + draw.choice(("", "s", "er", "-Wolf")),
            (date(1950, 1, 1) + timedelta(days=draw.randrange(20000))).strftime("%m/%d/%Y"),
        )
        for number in range(count)
    ]


def identifiers(*names: str) -> tuple[Field, ...]:
    """Return a record number and the named identifier fields."""
    link = {"date_of_birth": "birth_date"}
    number = Field("record_id", FieldType.STRING, FieldKind.IDENTIFIER, "Number", required=True)
    return (
        number,
        *(
            Field(name, FieldType.STRING, FieldKind.IDENTIFIER, name, link_as=link.get(name, name))
            for name in names
        ),
    )


def content(**types: FieldType) -> tuple[Field, ...]:
    """Return content fields of these types."""
    return tuple(Field(name, type, FieldKind.CONTENT, name) for name, type in types.items())


def _dataset(id: str, agency: str, fields: tuple[Field, ...]) -> Dataset:
    return Dataset(id, agency, id, id, fields, ("record_id",), "annual")


SPINE = _dataset("spine", "dss", identifiers("ssn", "first_name", "last_name", "date_of_birth"))
PAY = _dataset(
    "pay",
    "dol",
    (
        *identifiers("ssn", "first_name", "last_name"),
        *content(year=FieldType.INTEGER, wage=FieldType.DECIMAL, county=FieldType.STRING),
    ),
)
SCHOOL = _dataset(
    "school",
    "csde",
    (
        *identifiers("first_name", "last_name", "date_of_birth"),
        *content(grade=FieldType.INTEGER, lunch=FieldType.BOOLEAN),
    ),
)


def misspelt(name: str, draw: random.Random) -> str:
    """Return the name, one time in ten with two letters swapped."""
    if draw.random() > 0.1 or len(name) < 3:
        return name
    place = draw.randrange(1, len(name) - 1)
    return name[:place] + name[place + 1] + name[place] + name[place + 2 :]


def rows(dataset: Dataset, everyone: Sequence[Person], seed: int = 11) -> list[Row]:
    """Return one record a person, in random order, some misspelt."""
    draw, made = random.Random(f"{seed} {dataset.id}"), []
    for person in everyone:
        spelt = 0 if dataset is SPINE else 1
        made.append(
            {
                "record_id": f"{dataset.id}-{person.number}",
                "ssn": person.ssn,
                "first_name": misspelt(person.first, draw) if spelt else person.first,
                "last_name": misspelt(person.last, draw) if spelt else person.last,
                "date_of_birth": person.born,
                "year": str(draw.choice((2019, 2020, 2021))),
                "wage": f"{draw.randrange(1000, 9000)}.50",
                "county": draw.choice(COUNTIES),
                "grade": str(draw.randrange(1, 13)),
                "lunch": draw.choice(("true", "false")),
            }
        )
    draw.shuffle(made)
    return made


def write(path: Path, dataset: Dataset, records: Sequence[Row]) -> Path:
    """Write the dictionary's columns of the records as CSV."""
    with path.open("w", newline="") as file:
        names = [field.name for field in dataset.fields]
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return path


def policy(project: str, views: tuple[View, ...]) -> Policy:
    """Return a policy for these views."""
    return Policy(
        project=project,
        title=project,
        purpose="test",
        agreement=f"dsa-{project}",
        agreement_sha256="0" * 64,
        researchers=frozenset({"rosa"}),
        views=views,
        rules={view.agency: DisclosureRules() for view in views},
        mode=QueryMode.ROW_LEVEL,
        starts=date(2025, 1, 1),
        ends=date(2099, 1, 1),
        destroy_by=date(2099, 6, 1),
    )


def view(dataset: Dataset, *columns: str, rows: str | None = None) -> View:
    """Return a view of these columns of a dataset."""
    types = {field.name: field.type for field in dataset.fields}
    granted = tuple(
        Column(name, types[name], name, ColumnRole.PROJECTABLE, "clause") for name in columns
    )
    return View(dataset.id, dataset.id, dataset.agency, dataset.id, granted, "clause", rows)


PAY_PROJECT = policy("pay-study", (view(PAY, "year", "wage", rows="year >= 2020"),))
BOTH_PROJECT = policy("both-study", (view(PAY, "county"), view(SCHOOL, "grade")))


def take_in(
    settings: Settings,
    store: ControlStore,
    audit: Appends,
    place: Path,
    deliveries: Mapping[str, Sequence[Row]],
) -> None:
    """Deliver records of the datasets named."""
    for dataset in (SPINE, PAY, SCHOOL):
        if dataset.id in deliveries:
            deliver(
                settings,
                store,
                audit,
                agency=dataset.agency,
                dataset=dataset.id,
                path=write(place / f"{dataset.id}.csv", dataset, deliveries[dataset.id]),
                actor="adam",
            )


def found(settings: Settings, audit: Appends, *policies: Policy) -> ControlStore:
    """Return a store that knows the three datasets and these projects."""
    store = ControlStore(settings.database_url)
    know(store, audit, SPINE, PAY, SCHOOL)
    for each in policies:
        event = Event(Action.PROJECT_PROVISIONED, "adam", project=each.project)
        with store.record(audit, event) as connection:
            provision(connection, each)
    return store
