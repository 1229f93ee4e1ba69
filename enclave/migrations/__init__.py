"""The control store's schema, one step a file, run from inside the package: no alembic.ini.

Several processes may start at once: writers take turns (`database`), so one migrates and the
others find nothing to do.
"""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

logging.getLogger("alembic").setLevel(logging.WARNING)  # else two lines at each opening of a store


def config(connection: Connection | None = None) -> Config:
    """Return alembic's configuration with the scripts inside the package."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def head() -> str | None:
    """Return the newest revision this program knows."""
    return ScriptDirectory.from_config(config()).get_current_head()


def knows(revision: str) -> bool:
    """Return whether a revision is one of this program's."""
    try:
        return ScriptDirectory.from_config(config()).get_revision(revision) is not None
    except CommandError:
        return False


def current(connection: Connection) -> str | None:
    """Return the revision the database is at; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Bring the database to `to` inside the caller's transaction, which must be a writing one."""
    command.upgrade(config(connection), to)
