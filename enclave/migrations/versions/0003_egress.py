"""Requests to release outputs, their votes and comments. Times are ISO 8601, UTC.

No table's content is here: originals, protected files and evidence lie sealed in egress's custody.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = (
    """
    CREATE TABLE egress_request (
        id TEXT PRIMARY KEY,
        project TEXT NOT NULL,
        person TEXT NOT NULL,
        session TEXT NOT NULL,
        title TEXT NOT NULL,
        context TEXT NOT NULL,
        filename TEXT NOT NULL,
        queries TEXT NOT NULL,
        state TEXT NOT NULL,
        submitted_at TEXT NOT NULL,
        changed_at TEXT NOT NULL,
        agencies TEXT NOT NULL DEFAULT '[]',
        views TEXT NOT NULL DEFAULT '[]',
        persons INTEGER NOT NULL DEFAULT 0,
        shown TEXT NOT NULL DEFAULT '',
        sentence TEXT NOT NULL DEFAULT '',
        summary TEXT NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX egress_request_project ON egress_request (project, state)",
    "CREATE INDEX egress_request_person ON egress_request (person)",
    # One vote an agency, whoever casts it: two reviewers of one agency are not two agencies.
    """
    CREATE TABLE egress_vote (
        request TEXT NOT NULL REFERENCES egress_request (id),
        agency TEXT NOT NULL,
        person TEXT NOT NULL,
        approve BOOLEAN NOT NULL,
        comment TEXT NOT NULL,
        shown TEXT NOT NULL,
        voted_at TEXT NOT NULL,
        PRIMARY KEY (request, agency)
    )
    """,
    """
    CREATE TABLE egress_comment (
        request TEXT NOT NULL REFERENCES egress_request (id),
        number INTEGER NOT NULL,
        person TEXT NOT NULL,
        body TEXT NOT NULL,
        said_at TEXT NOT NULL,
        PRIMARY KEY (request, number)
    )
    """,
    # Audit's receipt for each step, for the certificate.
    """
    CREATE TABLE egress_receipt (
        request TEXT NOT NULL,
        entry BIGINT NOT NULL,
        leaf TEXT NOT NULL,
        action TEXT NOT NULL,
        PRIMARY KEY (request, entry)
    )
    """,
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for table in ("egress_receipt", "egress_comment", "egress_vote", "egress_request"):
        op.execute(f"DROP TABLE {table}")
