"""JSON Schemas of the network's files, for editors that complete and check what is typed.

    python -m enclave.governance.schemas docs/reference/schemas [--check]

Written from the forms in `files`, never by hand. An editor sees a wrong form; what does not hold
together across files, only `enclave plan` sees.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from enclave.governance.files import FORMS


def schemas() -> Mapping[str, str]:
    """Return the text of each schema by its file's name."""
    return {f"{kind}.json": _text(kind) for kind in FORMS}


def _text(kind: str) -> str:
    schema = FORMS[kind].model_json_schema()
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(named, indent=1, ensure_ascii=False) + "\n"


def drifted(directory: Path) -> list[str]:
    """Return the names of schemas that a directory lacks, has in another form or has too many."""
    written = {path.name: path.read_text() for path in directory.glob("*.json")}
    wanted = schemas()
    return sorted(
        name for name in wanted.keys() | written.keys() if wanted.get(name) != written.get(name)
    )


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only say which have drifted.")
def main(directory: Path, check: bool) -> None:
    """Write the schemas into DIRECTORY."""
    if check:
        names = drifted(directory)
        click.echo("\n".join(names), nl=bool(names))
        sys.exit(1 if names else 0)
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (directory / name).write_text(text)


if __name__ == "__main__":
    main()
