"""Documents, projects, sessions, deliveries."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STEPS = (
    """
    CREATE TABLE documents (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        PRIMARY KEY (kind, id)
    )
    """,
    """
    CREATE TABLE projects (
        id TEXT NOT NULL PRIMARY KEY,
        state TEXT NOT NULL,
        policy TEXT NOT NULL,
        policy_sha256 TEXT NOT NULL,
        extract_epoch INTEGER,
        CONSTRAINT project_state CHECK (state IN ('provisioned', 'active', 'closed'))
    )
    """,
    """
    CREATE TABLE sessions (
        id TEXT NOT NULL PRIMARY KEY,
        person TEXT NOT NULL,
        project TEXT NOT NULL REFERENCES projects (id),
        opened_at TEXT NOT NULL,
        closed_at TEXT
    )
    """,
    "CREATE INDEX sessions_open ON sessions (project, closed_at)",
    """
    CREATE TABLE deliveries (
        dataset TEXT NOT NULL,
        version INTEGER NOT NULL,
        agency TEXT NOT NULL,
        rows BIGINT NOT NULL,
        sha256 TEXT NOT NULL,
        identifiers_version BIGINT,
        content_version BIGINT,
        stored_at TEXT NOT NULL,
        PRIMARY KEY (dataset, version)
    )
    """,
)


def upgrade() -> None:
    for step in STEPS:
        op.execute(step)


def downgrade() -> None:
    for table in ("deliveries", "sessions", "projects", "documents"):
        op.execute(f"DROP TABLE {table}")
