"""The state the store is in and the one it goes to next, each a random name: see `succession`.

One row. A store of before begins without a name, as an empty one does.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE succession (state TEXT NOT NULL PRIMARY KEY, next TEXT)")
    op.execute("INSERT INTO succession (state) VALUES ('')")


def downgrade() -> None:
    op.execute("DROP TABLE succession")
