"""Rounds of review: versions that replace one another, private comments, output checkers' opinions.

Times are ISO 8601, UTC; empty while there is none. `opened_at` of a request of before is not known.
`egress_notice` is the outbox of mails: what is not `sent_at` is sent again.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ADDED = {
    "egress_request": {
        "replaces": "TEXT NOT NULL DEFAULT ''",
        "checkers": "TEXT NOT NULL DEFAULT '[]'",
        "checkers_needed": "INTEGER NOT NULL DEFAULT 0",
        "opened_at": "TEXT NOT NULL DEFAULT ''",
        "due_at": "TEXT NOT NULL DEFAULT ''",
        "destroyed_at": "TEXT NOT NULL DEFAULT ''",
    },
    "egress_vote": {"ticked": "BOOLEAN NOT NULL DEFAULT FALSE"},
    "egress_comment": {
        "private": "BOOLEAN NOT NULL DEFAULT FALSE",
        "asks_for_changes": "BOOLEAN NOT NULL DEFAULT FALSE",
    },
}
UP = (
    # One opinion a checker; two checkers do not know of each other's until both are in.
    """
    CREATE TABLE egress_opinion (
        request TEXT NOT NULL REFERENCES egress_request (id),
        person TEXT NOT NULL,
        fit BOOLEAN NOT NULL,
        body TEXT NOT NULL,
        shown TEXT NOT NULL,
        found_at TEXT NOT NULL,
        PRIMARY KEY (request, person)
    )
    """,
    """
    CREATE TABLE egress_notice (
        id TEXT PRIMARY KEY,
        person TEXT NOT NULL,
        request TEXT NOT NULL,
        kind TEXT NOT NULL,
        written_at TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        next_at TEXT NOT NULL,
        sent_at TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX egress_notice_next ON egress_notice (sent_at, next_at)",
    """
    CREATE TABLE egress_preference (
        person TEXT PRIMARY KEY,
        notices TEXT NOT NULL
    )
    """,
    "CREATE INDEX egress_request_replaces ON egress_request (replaces)",
)


def upgrade() -> None:
    for table, columns in ADDED.items():
        for name, kind in columns.items():
            op.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX egress_request_replaces")
    for table in ("egress_preference", "egress_notice", "egress_opinion"):
        op.execute(f"DROP TABLE {table}")
    for table, columns in ADDED.items():
        for name in columns:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
