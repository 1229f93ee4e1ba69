"""What each agreement has spent of its privacy budget, and the answers it bought.

`epsilon` is thousandths of ε. `question` is a hash; `answer` the drawn numbers, sealed by egress
review, so that the same question is answered alike and spends nothing again.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE privacy_spent (
            agreement TEXT NOT NULL,
            number INTEGER NOT NULL,
            question TEXT NOT NULL,
            request TEXT NOT NULL,
            epsilon INTEGER NOT NULL CHECK (epsilon > 0),
            spent_at TEXT NOT NULL,
            answer TEXT NOT NULL,
            PRIMARY KEY (agreement, number),
            UNIQUE (agreement, question)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE privacy_spent")
