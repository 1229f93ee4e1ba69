"""The files of a request to release outputs: a request of before held one table.

`queries` and `notes` are JSON lists, `summary` is a JSON object. What the files hold lies sealed in
egress's custody.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UP = (
    """
    CREATE TABLE egress_file (
        request TEXT NOT NULL REFERENCES egress_request (id),
        number INTEGER NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        queries TEXT NOT NULL DEFAULT '[]',
        drawn_from TEXT NOT NULL DEFAULT '',
        standing TEXT NOT NULL DEFAULT 'unchecked',
        persons INTEGER NOT NULL DEFAULT 0,
        notes TEXT NOT NULL DEFAULT '[]',
        summary TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (request, number)
    )
    """,
    """
    INSERT INTO egress_file (request, number, name, kind, queries, standing, persons, summary)
    SELECT id, 1, filename, 'table', queries,
        CASE WHEN shown = '' THEN 'unchecked' ELSE 'recomputed' END, persons, summary
    FROM egress_request
    """,
    "ALTER TABLE egress_request DROP COLUMN filename",
    "ALTER TABLE egress_request DROP COLUMN queries",
)

DOWN = (
    "ALTER TABLE egress_request ADD COLUMN filename TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE egress_request ADD COLUMN queries TEXT NOT NULL DEFAULT '[]'",
    """
    UPDATE egress_request SET
        filename = (SELECT name FROM egress_file WHERE request = id AND number = 1),
        queries = (SELECT queries FROM egress_file WHERE request = id AND number = 1)
    """,
    "DROP TABLE egress_file",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
