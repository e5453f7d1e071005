"""The first schema: signals, verdicts, changes, incidents, records, watch spans, estates."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "signals",
        sa.Column("check_id", sa.Text, primary_key=True),
        sa.Column("vantage", sa.Text, primary_key=True),
        sa.Column("confirmed", sa.String(10), nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("was", sa.String(10), nullable=False),
        sa.Column("samples", sa.Text, nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("took", sa.Double, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
    )
    op.create_table(
        "verdicts",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("fault", sa.String(12), nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("cause", sa.Text),
        sa.Column("votes", sa.Text, nullable=False),
    )
    _create_history()
    op.create_table(
        "records",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_index("records_by_at", "records", ["kind", "at"])
    op.create_table(
        "watch_spans",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("began", sa.Double, nullable=False),
        sa.Column("ended", sa.Double, nullable=False),
    )
    op.create_table(
        "estates",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("first_at", sa.Double, nullable=False),
        sa.Column("last_at", sa.Double, nullable=False),
    )


def _create_history() -> None:
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("old", sa.String(10), nullable=False),
        sa.Column("new", sa.String(10), nullable=False),
        sa.Column("fault", sa.String(12), nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("cause", sa.Text),
    )
    op.create_index("changes_by_subject", "changes", ["subject", "id"])
    op.create_index("changes_by_since", "changes", ["since"])
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("fault", sa.String(12), nullable=False),
        sa.Column("opened", sa.Double, nullable=False),
        sa.Column("noticed", sa.Double, nullable=False),
        sa.Column("closed", sa.Double),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("affects", sa.Text, nullable=False),
        sa.Column("repaired_by", sa.Text),
        sa.Column("merged", sa.Integer),
    )
    op.create_index(
        "one_open_incident_per_subject",
        "incidents",
        ["subject"],
        unique=True,
        sqlite_where=sa.text("closed IS NULL"),
        postgresql_where=sa.text("closed IS NULL"),
    )
    op.create_index("incidents_by_opened", "incidents", ["opened"])


def downgrade() -> None:
    """Drop everything."""
    for table in ("signals", "verdicts", "changes", "incidents", "records", "watch_spans", "estates"):
        op.drop_table(table)
