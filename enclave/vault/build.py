"""Building a project's extract: approved rows and columns only, persons under its pseudonyms.

For minimising before anyone can query: what the agreement does not grant is not in the files.
Linkage works out the crosswalk in a process of its own; here content meets pseudonyms, and never an
identifier or a person id. Each build is a new version, an epoch, kept once the control store lists
it with audit's receipt; the first one a project stands on, a later one waits to be moved to.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from enclave import sessions, versions
from enclave import store as control
from enclave.alone import alone
from enclave.errors import Conflict, EnclaveError, Invalid, NotFound
from enclave.events import Action, Event
from enclave.model import PERSON_ID, ColumnRole, Dataset, FieldKind, Policy, ProjectState, View
from enclave.progress import steps
from enclave.settings import Settings
from enclave.store import Appends, ControlStore, ProjectRow, Version
from enclave.vault import crosswalk, deliveries, extract, keys
from enclave.vault.deliveries import RECORD_KEY

LINKAGE_SECONDS = 3600
MEMORY = "2GB"


@dataclass(frozen=True, slots=True)
class BuildReceipt:
    """A registered extract: its epoch and how many rows each view holds.

    `pinned` is the epoch the project stands on now, which is this one's only after a first build.
    """

    project: str
    epoch: int
    rows: Mapping[str, int]
    pinned: int


class LinkageFailed(EnclaveError):
    """Linkage could not publish the project's crosswalk; it says why."""

    code = "linkage.failed"


def build(
    settings: Settings, store: ControlStore, audit: Appends, *, project: str, actor: str
) -> BuildReceipt:
    """Build a new version of the project's extract.

    A project that has none in force becomes active on it; any other stays on its own. Raises
    NotFound for an unknown project, Conflict if it is closed, changed meanwhile or is being built,
    KeyMissing if its key is gone or destroyed, LinkageFailed, AuditUnavailable with nothing kept.
    """
    store.project(project)
    lock = settings.state_dir / "vault" / f"{project}.build.lock"
    with alone(lock, f"Another build of {project} is under way."):
        receipt = _build(settings, store, audit, project, actor)
    sessions.tell(settings)
    return receipt


def _build(
    settings: Settings, store: ControlStore, audit: Appends, project: str, actor: str
) -> BuildReceipt:
    row, policy = store.project(project), store.policy(project)
    if row.state is ProjectState.CLOSED:
        raise Conflict(
            f"Project {project} is closed; its extract is gone for good.",
            hint="A new agreement under a new project id starts afresh.",
        )
    with steps(4) as begin:
        keys.create(settings, project, used=bool(extract.epochs(settings, project)))
        key = keys.load(settings, project)
        begin("Asking linkage for the crosswalk")
        _publish(settings, project)
        begin("Selecting approved rows and columns")
        views = _views(settings, store, policy, key=key, policy_sha256=row.policy_sha256)
        begin("Encrypting")
        epoch = next_epoch(settings, store, project)
        extract.write_extract(
            settings, project, key, epoch=epoch, policy_sha256=row.policy_sha256, views=views
        )
        begin("Registering with a receipt")
        rows = {name: table.num_rows for name, table in views.items()}
        receipt = BuildReceipt(project, epoch, rows, row.extract_epoch or epoch)
        try:
            _register(store, audit, _event(policy, row, receipt, actor), row, receipt)
        finally:
            # What failed to be registered goes, and what registering a new policy's version forgot.
            kept = [each.epoch for each in store.versions(project)]
            extract.remove_epochs(settings, project, keep=kept)
    return receipt


def next_epoch(settings: Settings, store: ControlStore, project: str) -> int:
    """Return the number the project's next version gets: none before it ever had it."""
    return max((store.last_version(project), *extract.epochs(settings, project))) + 1


def _register(
    store: ControlStore, audit: Appends, event: Event, row: ProjectRow, receipt: BuildReceipt
) -> None:
    """Write the version down; a project without one in force stands on it from now on."""
    version = Version(row.id, receipt.epoch, row.policy_sha256, receipt.rows, control.now())
    with store.record(audit, event) as connection:
        now = control.find_project(connection, row.id)
        if now.policy_sha256 != row.policy_sha256:
            raise Conflict("The agreement changed meanwhile.", hint="Build again.")
        versions.register(connection, version)
        if now.extract_epoch is None:
            control.move(connection, row.id, ProjectState.ACTIVE, epoch=receipt.epoch)


def _event(policy: Policy, row: ProjectRow, receipt: BuildReceipt, actor: str) -> Event:
    return Event(
        Action.PROJECT_BUILT,
        actor,
        project=policy.project,
        agencies=tuple(sorted(policy.agencies)),
        datasets=tuple(sorted({view.dataset for view in policy.views})),
        columns=tuple(f"{view.name}.{name}" for view in policy.views for name in _columns(view)),
        clause=policy.agreement,
        detail={
            "epoch": receipt.epoch,
            "pinned": receipt.pinned,
            "policy_sha256": row.policy_sha256,
            **{f"rows_{name}": count for name, count in receipt.rows.items()},
        },
    )


def _publish(settings: Settings, project: str) -> None:
    """Run linkage as its own process: identifiers never enter this one."""
    done = subprocess.run(
        [sys.executable, "-m", "linkage", "publish", project],
        env=settings.environment(),
        capture_output=True,
        text=True,
        timeout=LINKAGE_SECONDS,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() if done.returncode == 1 else []
        if said:
            raise LinkageFailed(said[-1])
        raise LinkageFailed("Linkage broke off.", hint=f"`linkage publish {project}` says where.")


def _views(
    settings: Settings, store: ControlStore, policy: Policy, *, key: bytes, policy_sha256: str
) -> Mapping[str, pa.Table]:
    walks = crosswalk.read(settings, policy.project, key, policy_sha256=policy_sha256)
    newest, views = deliveries.current(store), {}
    for view in policy.views:
        if view.dataset not in newest or view.dataset not in walks:
            raise NotFound(
                f"The dataset {view.dataset} was not delivered yet.",
                hint="Take it in with `enclave deliver`, link it with `linkage run`, then build.",
            )
        content = deliveries.read(settings, newest[view.dataset], FieldKind.CONTENT)
        views[view.name] = select(view, store.dataset(view.dataset), content, walks[view.dataset])
    return views


def select(view: View, dataset: Dataset, content: pa.Table, walk: pa.Table) -> pa.Table:
    """Return the view: approved columns of approved rows, pseudonym first and in its order.

    Raises Invalid if a column is no content field of the dataset, or a record has no pseudonym.
    """
    columns = _columns(view)
    fields = {field.name for field in dataset.fields if field.kind is FieldKind.CONTENT}
    if not fields & set(content.schema.names) >= set(columns):
        raise Invalid(
            f"The view {view.name} names columns that {view.dataset} does not hold.",
            hint="Deliver it again under its present dictionary, or amend the agreement.",
        )
    with _engine() as connection:
        connection.register("content", content)
        connection.register("walk", walk)
        # The row filter was checked when the agreement was applied; here it reaches two tables.
        query: Any = connection.sql(f"""
            SELECT CAST(CAST(lower(hex({PERSON_ID})) AS UUID) AS VARCHAR) AS {PERSON_ID},
                {", ".join(map(_quoted, columns))}
            FROM (SELECT * FROM content WHERE (
                {view.rows or "true"}
            )) chosen LEFT JOIN walk USING ({RECORD_KEY})
            ORDER BY 1, {RECORD_KEY}
        """)  # noqa: S608 - dictionary names, quoted
        table: pa.Table = query.to_arrow_table()
    if table[PERSON_ID].null_count:
        raise Conflict(
            f"{view.dataset} was delivered anew meanwhile.", hint="Run `linkage run`, then build."
        )
    return table


def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        config={
            "enable_external_access": "false",
            "python_enable_replacements": "false",
            "memory_limit": MEMORY,
            "lock_configuration": "true",
        }
    )


def _columns(view: View) -> list[str]:
    return [each.name for each in view.columns if each.role is not ColumnRole.HIDDEN]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
