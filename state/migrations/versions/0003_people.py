"""What people do about incidents, and what they are to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TEXTS = ("acknowledged_by", "assigned_to", "cause", "settled_by")
_WORDS = ("suggested", "grade", "waived")
_TIMES = ("acknowledged_at", "settled_at")


def upgrade() -> None:
    """Add the columns and the tables."""
    for names, kind in ((_TEXTS, sa.Text()), (_WORDS, sa.String(10)), (_TIMES, sa.Double())):
        for name in names:
            op.add_column("incidents", sa.Column(name, kind))
    waived = sa.text("waived IS NOT NULL")
    op.create_index("waived_incidents", "incidents", ["subject"], sqlite_where=waived, postgresql_where=waived)
    op.create_table(
        "incident_acts",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("incident", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("act", sa.String(12), nullable=False),
        sa.Column("said", sa.Text, nullable=False),
    )
    op.create_index("acts_by_incident", "incident_acts", ["incident", "id"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("incident", sa.Integer, nullable=False),
        sa.Column("event", sa.String(10), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("batch", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("sent", sa.Double),
        sa.Column("given_up", sa.Double),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("told_once", "outbox", ["channel", "fingerprint"], unique=True)
    op.create_index("outbox_waiting", "outbox", ["channel", "sent", "given_up"])
