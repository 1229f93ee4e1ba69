"""What alembic runs: the steps, on the connection it was handed. Never opens one of its own."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
