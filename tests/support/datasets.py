"""A small dataset of every field type, a store that knows it, and files that fit it."""

from __future__ import annotations

from pathlib import Path

from enclave.events import Action, Event
from enclave.model import Dataset, Field, FieldKind, FieldType
from enclave.store import Appends, ControlStore, put

HEADER = "record_id,ssn,last_name,year,wage,started,covered,industry"
ROWS = (
    "D-1,316-39-0889,Curtis,2020,1500.50,2020-01-31,true,62",
    "D-2,436-36-5278,Daniels,2021,20,2020-02-29,false,44",
    "D-3,,Ángel,2021,-3.10,,,",
)


def small_dataset(id: str = "jobs", *, content: bool = True) -> Dataset:
    """Return a dataset with a field of each type; the identifiers alone without `content`."""
    identifiers = (
        Field("record_id", FieldType.STRING, FieldKind.IDENTIFIER, "Number", required=True),
        Field("ssn", FieldType.STRING, FieldKind.IDENTIFIER, "SSN", link_as="ssn"),
        Field("last_name", FieldType.STRING, FieldKind.IDENTIFIER, "Name", link_as="last_name"),
    )
    rest = (
        Field("year", FieldType.INTEGER, FieldKind.CONTENT, "Year", required=True),
        Field("wage", FieldType.DECIMAL, FieldKind.CONTENT, "Wage"),
        Field("started", FieldType.DATE, FieldKind.CONTENT, "Start"),
        Field("covered", FieldType.BOOLEAN, FieldKind.CONTENT, "Covered"),
        Field(
            "industry",
            FieldType.STRING,
            FieldKind.CONTENT,
            "Industry",
            codes={"62": "Health", "44": "Retail"},
        ),
    )
    fields = identifiers + (rest if content else ())
    return Dataset(id, "dol", "Jobs", "One row a job.", fields, ("record_id",), "annual")


def know(store: ControlStore, audit: Appends, *datasets: Dataset) -> None:
    """Put datasets into the store as `enclave apply` would."""
    with store.record(audit, Event(Action.AGREEMENT_APPLIED, "adam")) as connection:
        for dataset in datasets:
            put(connection, "dataset", dataset.id, dataset)


def csv(path: Path, *rows: str, header: str = HEADER, end: str = "\n") -> Path:
    """Write a CSV of these rows, the good ones unless others are given."""
    path.write_text("\n".join((header, *(rows or ROWS))) + end)
    return path
