"""The control store's tables as SQLAlchemy sees them. Their DDL is in `migrations/versions`.

A test compares the two on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

documents = Table(
    "documents",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("sha256", Text, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("policy_sha256", Text, nullable=False),
    Column("extract_epoch", Integer),
    CheckConstraint("state IN ('provisioned', 'active', 'closed')", name="project_state"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("project", Text, ForeignKey("projects.id"), nullable=False),
    Column("opened_at", Text, nullable=False),
    Column("closed_at", Text),
    Index("sessions_open", "project", "closed_at"),
)

# One row: which state the store is in, and which comes next where a change has begun.
succession = Table(
    "succession",
    metadata,
    Column("state", Text, primary_key=True),
    Column("next", Text),
)

# One row makes a delivered version visible; versions of the two Delta tables without one are not.
deliveries = Table(
    "deliveries",
    metadata,
    Column("dataset", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("agency", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("identifiers_version", BigInteger),
    Column("content_version", BigInteger),
    Column("stored_at", Text, nullable=False),
)

# One row makes a built extract a version. A forgotten one's row stays: its number is used up.
versions = Table(
    "versions",
    metadata,
    Column("project", Text, ForeignKey("projects.id"), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("policy_sha256", Text, nullable=False),
    Column("rows", Text, nullable=False),
    Column("built_at", Text),
    Column("forgotten_at", Text),
)
