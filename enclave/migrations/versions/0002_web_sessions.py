"""Web sessions and log-ins under way.

Both hold only hashes of what the browser carries: reading this table opens no session.
Times are seconds since 1970, UTC.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UP = (
    """
    CREATE TABLE web_session (
        id_hash TEXT PRIMARY KEY,
        site TEXT NOT NULL,
        person TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        seen_at BIGINT NOT NULL,
        authenticated_at BIGINT NOT NULL,
        messages TEXT NOT NULL
    )
    """,
    "CREATE INDEX web_session_person ON web_session (person)",
    """
    CREATE TABLE web_login (
        state_hash TEXT PRIMARY KEY,
        browser_hash TEXT NOT NULL,
        site TEXT NOT NULL,
        nonce TEXT NOT NULL,
        verifier TEXT NOT NULL,
        next TEXT NOT NULL,
        again INTEGER NOT NULL,
        created_at BIGINT NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE web_login")
    op.execute("DROP TABLE web_session")
