"""What a researcher needs inside a workspace: see the catalogue, ask, submit an output.

    from enclave_client import catalogue, query, submit

    catalogue()                                    the project's views and who granted what
    table = query("SELECT … FROM wages …")         a pandas DataFrame, or the reason why not
    submit("table.csv", title="…", queries=[table])

Importing it in a notebook adds the `%%sql` magic. It holds no right of its own: what may be asked
and what may leave is decided outside the workspace.
"""

from __future__ import annotations

from enclave_client.gateway import Refused, catalogue, connect, query
from enclave_client.magic import load_ipython_extension, register
from enclave_client.outputs import outputs, submit, withdraw

__all__ = [
    "Refused",
    "catalogue",
    "connect",
    "load_ipython_extension",
    "outputs",
    "query",
    "submit",
    "withdraw",
]

register()
