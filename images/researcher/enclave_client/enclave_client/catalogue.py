"""What the project may see: views, what each column means, how it may be used, who granted it."""

from __future__ import annotations

import secrets
from html import escape
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import pandas

from enclave_client.errors import Refused, refusal
from enclave_client.gateway import connect

_PROJECT = ("project", "title", "purpose", "agreement", "ends", "mode", "version", "versions")
_LABEL, _ROLE, _CLAUSE = b"enclave.label", b"enclave.role", b"enclave.clause"
_TYPE = b"ARROW:FLIGHT:SQL:TYPE_NAME"

USES = {
    "projectable": "any use",
    "filter-only": "only to filter by (WHERE, HAVING)",
    "join-only": "only to join views by",
    "aggregate-only": "only in counts, sums and averages of enough persons",
}
MODES = {
    "row-level": "Queries may return rows. What leaves is reviewed.",
    "aggregate-only": "Queries return groups of enough persons, never rows of single ones.",
}
COLUMNS = ["column", "type", "meaning", "use", "role", "granted by"]


class Catalogue:
    """The project's views: `.views` maps each to a DataFrame of its columns.

    `.search(word)` keeps the columns that have the word in their name, meaning, use or clause.
    """

    def __init__(self, project: dict[str, str], views: dict[str, pandas.DataFrame]):
        self.project, self.views = project, views

    def search(self, word: str) -> Catalogue:
        """Return the catalogue of what has this word in it, in any case."""
        found = {}
        for name, frame in self.views.items():
            about = " ".join((name, *frame.attrs.values())).lower()
            kept = frame[[word.lower() in " ".join(row).lower() for row in frame.to_numpy()]]
            kept = frame if word.lower() in about else kept
            if len(kept):
                found[name] = kept.reset_index(drop=True)
                found[name].attrs.update(frame.attrs)
        return Catalogue(self.project, found)

    def __repr__(self) -> str:
        if not self.views:
            return "Nothing of that is granted."
        parts = []
        for name, frame in self.views.items():
            shown = frame.drop(columns="role").to_string(index=False)
            parts.append(f"{name}: {frame.attrs.get('enclave.label', '')}\n{shown}")
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        place = f"enclave-{secrets.token_hex(4)}"  # several may stand in one notebook
        views = "".join(_view_html(name, frame) for name, frame in self.views.items())
        script = _SCRIPT.replace("PLACE", place)
        return (
            f'<section id="{place}" class="enclave-catalogue" aria-label="Catalogue">'
            f"{_STYLE}{self._head()}{views or '<p>Nothing of that is granted.</p>'}{script}"
            "</section>"
        )

    def _head(self) -> str:
        said = {key: escape(self.project.get(key, "")) for key in _PROJECT}
        versions = said["versions"].replace(",", ", ")
        older = (
            f" Versions {versions} can be read: <code>FROM view AT (VERSION =&gt; n)</code>."
            if "," in versions
            else ""
        )
        return (
            f"<h3>{said['title']}</h3><p>{said['purpose']}</p>"
            f"<p>Agreement <b>{said['agreement']}</b>, in force until {said['ends']}. "
            f"{escape(MODES.get(self.project.get('mode', ''), ''))}{older} "
            "What is not listed here is not granted.</p>"
        )


def catalogue(search: str | None = None) -> Catalogue:
    """Return the project's views and their dictionary, or what of it has a word in it.

    Raises Refused when the gateway cannot answer.
    """
    found = _read()
    return found if search is None else found.search(search)


def versions() -> pandas.DataFrame:
    """Return the versions of the data that can be read, and how to ask for each.

    A version is a build of the project's extract. A query that names none reads the current one.
    """
    project = _read().project
    numbers = [number for number in project.get("versions", "").split(",") if number]
    current = project.get("version", "")
    rows = [
        {
            "version": int(number),
            "current": number == current,
            "ask": "FROM view" if number == current else f"FROM view AT (VERSION => {number})",
        }
        for number in numbers
    ]
    return pandas.DataFrame(rows, columns=["version", "current", "ask"])


def _read() -> Catalogue:
    project: dict[str, str] = {}
    views: dict[str, pandas.DataFrame] = {}
    try:
        with connect() as connection:
            for name in _names(connection):
                schema = connection.adbc_get_table_schema(name)
                about = {key.decode(): value.decode() for key, value in schema.metadata.items()}
                project = {key: about.get(f"enclave.{key}", "") for key in _PROJECT}
                views[name] = _columns(schema)
                views[name].attrs.update(about)
    except adbc_driver_manager.Error as error:
        raise refusal(error) from None
    if not views:
        raise Refused("The project has no views.")
    return Catalogue(project, views)


def _names(connection: adbc.Connection) -> list[str]:
    listed = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
    return [
        table["table_name"]
        for catalog in listed
        for schema in catalog["catalog_db_schemas"]
        for table in schema["db_schema_tables"]
    ]


def _columns(schema: Any) -> pandas.DataFrame:
    rows = []
    for field in schema:
        about = field.metadata or {}
        role = about.get(_ROLE, b"").decode()
        rows.append(
            {
                "column": field.name,
                "type": about.get(_TYPE, b"").decode() or str(field.type),
                "meaning": about.get(_LABEL, b"").decode(),
                "use": USES.get(role, role),
                "role": role,
                "granted by": about.get(_CLAUSE, b"").decode(),
            }
        )
    return pandas.DataFrame(rows, columns=COLUMNS)


def _view_html(name: str, frame: pandas.DataFrame) -> str:
    label = escape(frame.attrs.get("enclave.label", ""))
    agency = escape(frame.attrs.get("enclave.agency", "").upper())
    heads = ("Column", "Type", "Meaning", "Use", "Granted by")
    header = "".join(f'<th scope="col">{head}</th>' for head in heads)
    rows = "".join(_row_html(row) for row in frame.to_dict("records"))
    count = f"{len(frame)} column{'' if len(frame) == 1 else 's'}"
    return (
        f"<details open><summary><code>{escape(name)}</code>: {label} ({agency}), "
        f"{count}</summary><table><thead><tr>{header}</tr></thead>"
        f"<tbody>{rows}</tbody></table></details>"
    )


def _row_html(row: dict[str, str]) -> str:
    said = {key: escape(str(value)) for key, value in row.items()}
    mark = "" if row["role"] == "projectable" else ' class="enclave-held"'
    return (
        f'<tr data-text="{" ".join(said.values()).lower()}">'
        f'<th scope="row"><code>{said["column"]}</code></th>'
        f'<td data-label="Type">{said["type"]}</td>'
        f'<td data-label="Meaning">{said["meaning"]}</td>'
        f'<td data-label="Use"><span{mark} title="{said["role"]}">{said["use"]}</span></td>'
        f'<td data-label="Granted by">{said["granted by"]}</td></tr>'
    )


# Colours are the page's own, so that it reads in a light and in a dark notebook.
_STYLE = """<style>
.enclave-catalogue { max-width: 72rem; line-height: 1.4; }
.enclave-catalogue summary { cursor: pointer; font-weight: bold; padding: .4rem 0; }
.enclave-catalogue summary:focus-visible, .enclave-catalogue input:focus-visible {
  outline: 3px solid currentColor; outline-offset: 2px; }
.enclave-catalogue table { border-collapse: collapse; table-layout: fixed;
  width: 100%; margin: 0 0 1rem; }
.enclave-catalogue th, .enclave-catalogue td { text-align: left !important; vertical-align: top;
  padding: .3rem .8rem .3rem 0; border-bottom: 1px solid; border-color: rgba(128,128,128,.5);
  white-space: normal; overflow-wrap: anywhere; }
.enclave-catalogue .enclave-held { display: inline-block; border: 1px solid;
  border-radius: .3rem; padding: 0 .35rem; }
.enclave-catalogue th[scope=col]:nth-child(1) { width: 18%; }
.enclave-catalogue th[scope=col]:nth-child(2) { width: 14%; }
.enclave-catalogue th[scope=col]:nth-child(3), .enclave-catalogue th[scope=col]:nth-child(5) {
  width: 24%; }
.enclave-catalogue label { display: block; margin: .5rem 0; }
.enclave-catalogue input { display: block; box-sizing: border-box; width: 100%;
  max-width: 24rem; margin-top: .4rem; padding: .4rem;
  font: inherit; color: inherit; background: transparent; border: 1px solid; }
.enclave-catalogue [hidden] { display: none !important; }
@media (max-width: 40rem) {
  .enclave-catalogue thead { position: absolute; clip-path: inset(50%); }
  .enclave-catalogue tr, .enclave-catalogue th, .enclave-catalogue td { display: block;
    border-bottom: 0; padding: .1rem 0; }
  .enclave-catalogue tr { border-bottom: 1px solid; border-color: rgba(128,128,128,.5);
    padding: .5rem 0; }
  .enclave-catalogue td::before { content: attr(data-label) ": "; font-weight: bold; }
}
</style>"""

# Without scripts (a notebook that is not trusted) there is no search field, and all is listed.
_SCRIPT = """<script>
(() => {
  const place = document.getElementById("PLACE");
  if (!place || place.querySelector("input")) return;
  const label = document.createElement("label");
  label.textContent = "Find a column, meaning, use or clause";
  const field = document.createElement("input");
  field.type = "search";
  const said = document.createElement("p");
  said.setAttribute("role", "status");
  label.append(field);
  place.querySelector("details")?.before(label, said);
  field.addEventListener("keydown", (event) => event.stopPropagation());
  field.addEventListener("input", () => {
    const word = field.value.trim().toLowerCase();
    let count = 0;
    for (const view of place.querySelectorAll("details")) {
      const whole = view.querySelector("summary").textContent.toLowerCase().includes(word);
      let shown = 0;
      for (const row of view.querySelectorAll("tbody tr")) {
        row.hidden = !(whole || row.dataset.text.includes(word));
        shown += row.hidden ? 0 : 1;
      }
      view.hidden = shown === 0;
      count += shown;
    }
    said.textContent = word ? `Columns found: ${count}.` : "";
  });
})();
</script>"""
