"""The `%%sql` magic: a cell of SQL, shown as a table; `%%sql name` also keeps it under a name."""

from __future__ import annotations

from typing import Any

import pandas
from IPython import get_ipython

from enclave_client.gateway import query


def sql(line: str, cell: str | None = None) -> pandas.DataFrame:
    """Ask the cell's query (or the line's); a word behind `%%sql` names the result."""
    if cell is None:
        return query(line)
    answer = query(cell)
    name = line.strip()
    if name:
        get_ipython().push({name: answer})
    return answer


def load_ipython_extension(shell: Any) -> None:
    """Add the magic to a shell (`%load_ext enclave_client`)."""
    shell.register_magic_function(sql, magic_kind="line_cell", magic_name="sql")


def register() -> None:
    """Add the magic where a notebook or an IPython shell runs."""
    shell = get_ipython()
    if shell is not None:
        load_ipython_extension(shell)
