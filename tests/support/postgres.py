"""Debian's PostgreSQL on a private Unix socket, without a network, for as long as tests need it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
# Marks tests whose fixtures use `control_url`: once with SQLite, once with PostgreSQL.
on_both_databases = pytest.mark.parametrize("control_url", DATABASES, indirect=True)
ROOT = Path("/usr/lib/postgresql")
USER = "postgres"


class Postgres:
    """A server of the tests' own; `database()` gives the URL of a fresh, empty database."""

    def __init__(self) -> None:
        found = sorted(ROOT.glob("*/bin/initdb"))
        if not found:
            raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
        self.programs = found[-1].parent
        self.place = Path(tempfile.mkdtemp(prefix="enc-pg-"))
        self.data = self.place / "data"
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self.place, USER, USER)

    def start(self, *, durable: bool = False) -> Postgres:
        """Make the cluster and start it; it answers when this returns. `durable`: it syncs."""
        self._run("initdb", "-D", self.data, "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories={self.place}"
        options += "" if durable else " -c fsync=off"
        log = self.place / "log"
        self._run("pg_ctl", "-D", self.data, "-w", "-l", log, "-o", options, "start")
        return self

    def stop(self) -> None:
        """Stop it and leave nothing behind."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.place, ignore_errors=True)

    def database(self) -> str:
        """Return the SQLAlchemy URL of a new database."""
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(host=str(self.place), user=USER, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{USER}@/{name}?host={self.place}"

    @contextmanager
    def away(self, url: str) -> Iterator[None]:
        """Cut every connection to a database and let nobody in, as a stopped server would."""
        name = make_url(url).database
        with psycopg.connect(host=str(self.place), user=USER, autocommit=True) as over:
            over.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            gone = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
            over.execute(gone, [name])
            try:
                yield
            finally:
                over.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    def _run(self, program: str, *arguments: str | Path) -> None:
        account = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
        subprocess.run(
            [str(self.programs / program), *map(str, arguments)],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.place,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            **account,
        )
