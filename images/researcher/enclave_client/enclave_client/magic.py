"""The `%%sql` magic: a cell of SQL, shown as a table; `%%sql name` also keeps it under a name.

`$name` in the query takes the value of the notebook's variable of that name. `EXPLAIN POLICY`
before a query is answered as `explain` answers: in sentences, none of them cut.
"""

from __future__ import annotations

import re
from typing import Any

import pandas
from IPython import get_ipython

from enclave_client.errors import Refused
from enclave_client.explanation import Explanation, explain
from enclave_client.gateway import query

# Strings, quoted names and comments are passed over; what is left may hold `$name`.
_NAME = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(?P<name>[A-Za-z_]\w*)", re.DOTALL
)

_EXPLAIN = re.compile(r"\s*EXPLAIN\s+POLICY\b", re.IGNORECASE)


def sql(line: str, cell: str | None = None) -> pandas.DataFrame | Explanation:
    """Ask the cell's query (or the line's); a word behind `%%sql` names the result."""
    text = line if cell is None else cell
    asked_why = _EXPLAIN.match(text)
    answer = (
        explain(text[asked_why.end() :], _variables(text))
        if asked_why
        else query(text, _variables(text))
    )
    name = line.strip() if cell is not None else ""
    if name:
        get_ipython().push({name: answer})
    return answer


def _variables(text: str) -> dict[str, Any] | None:
    names = {found["name"] for found in _NAME.finditer(text) if found["name"]}
    known = get_ipython().user_ns if names else {}
    missing = sorted(names - known.keys())
    if missing:
        raise Refused(f"The query wants ${missing[0]}, and no variable has that name.")
    return {name: known[name] for name in names} or None


def load_ipython_extension(shell: Any) -> None:
    """Add the magic to a shell (`%load_ext enclave_client`)."""
    shell.register_magic_function(sql, magic_kind="line_cell", magic_name="sql")


def register() -> None:
    """Add the magic where a notebook or an IPython shell runs."""
    shell = get_ipython()
    if shell is not None:
        load_ipython_extension(shell)
