"""What a researcher needs inside a workspace: see the catalogue, ask, submit an output.

    from enclave_client import catalogue, explain, query, submit

    catalogue()                                    the project's views and who granted what
    catalogue("county")                            what of it has a word in it
    table = query("SELECT … FROM wages …")         a pandas DataFrame, or the reason why not
    query("… WHERE year = $year", {"year": 2021})  with parameters
    explain("SELECT … FROM wages …")               what the agreement says of it, without running
    versions()                                     which versions of the data can be read
    check("table.csv", title="…", queries=[table]) what it would be sent back for
    submit("table.csv", title="…", queries=[table])
    submit(["table.csv", "plot.png"], …)           several files, or a folder, in one request
    protected("…", "table.csv")                    a table as it would leave, to draw a plot from
    outputs()                                      yours, and where each stands
    comment("…", "…"), withdraw("…")               say something to the reviewers; take it back
    differences("…")                               what changed since the last version or release
    summarise(results).save("pay.model.json")      a regression's summary, as a file to submit

`fetch` returns an Arrow table and `connect` a DBAPI connection, for polars or SQLAlchemy; `help(…)`
says more of each. Importing it in a notebook adds the `%%sql` magic. It holds no right of its own:
what may be asked and what may leave is decided outside the workspace.
"""

from __future__ import annotations

from enclave_client.catalogue import catalogue, versions
from enclave_client.errors import Refused
from enclave_client.explanation import explain
from enclave_client.gateway import connect, fetch, query
from enclave_client.magic import load_ipython_extension, register
from enclave_client.outputs import (
    check,
    comment,
    differences,
    outputs,
    protected,
    submit,
    withdraw,
)
from enclave_client.summaries import summarise

__all__ = [
    "Refused",
    "catalogue",
    "check",
    "comment",
    "connect",
    "differences",
    "explain",
    "fetch",
    "load_ipython_extension",
    "outputs",
    "protected",
    "query",
    "register",
    "submit",
    "summarise",
    "versions",
    "withdraw",
]

register()
