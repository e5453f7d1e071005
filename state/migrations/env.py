"""Alembic's entry: runs the migrations on the connection that ``state/migrate.py`` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
context.run_migrations()
