"""Verdicts name what larger thing they may turn out to suffer from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.add_column("verdicts", sa.Column("doubt", sa.Text))
