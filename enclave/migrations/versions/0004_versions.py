"""Versions of a project's extract, kept and forgotten. Times are ISO 8601, UTC.

`rows` is a JSON object, view to count. An extract of before is the version its project stands on;
when it was built and what it holds was not written down here.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UP = (
    """
    CREATE TABLE versions (
        project TEXT NOT NULL REFERENCES projects (id),
        epoch INTEGER NOT NULL,
        policy_sha256 TEXT NOT NULL,
        rows TEXT NOT NULL,
        built_at TEXT,
        forgotten_at TEXT,
        PRIMARY KEY (project, epoch)
    )
    """,
    """
    INSERT INTO versions (project, epoch, policy_sha256, rows)
    SELECT id, extract_epoch, policy_sha256, '{}' FROM projects WHERE extract_epoch IS NOT NULL
    """,
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE versions")
