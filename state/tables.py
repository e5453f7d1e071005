"""The tables of the store, as queries see them; the migrations create them, and a test keeps the two the same.

Statuses and faults are stored as their words, structured facts as JSON text: any tool can read the file, on either
database, without this program.
"""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, MetaData, String, Table, Text, text

METADATA = MetaData()

#: newest answer and confirmation window of each check from each vantage
SIGNALS = Table(
    "signals",
    METADATA,
    Column("check_id", Text, primary_key=True),
    Column("vantage", Text, primary_key=True),
    Column("confirmed", String(10), nullable=False),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("said", Text, nullable=False),
    Column("was", String(10), nullable=False),
    Column("samples", Text, nullable=False),
    Column("status", String(10), nullable=False),
    Column("sentence", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("took", Double, nullable=False),
    Column("value", Double),
    Column("unit", Text, nullable=False),
    Column("evidence", Text, nullable=False),
)

#: the current verdict on each subject
VERDICTS = Table(
    "verdicts",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("status", String(10), nullable=False),
    Column("fault", String(12), nullable=False),
    Column("because", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("at", Double, nullable=False),
    Column("cause", Text),
    Column("votes", Text, nullable=False),
    Column("doubt", Text),
)

#: every verdict that became another, in order of ``id``; per subject ``old`` is the ``new`` before it
CHANGES = Table(
    "changes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("subject", Text, nullable=False),
    Column("old", String(10), nullable=False),
    Column("new", String(10), nullable=False),
    Column("fault", String(12), nullable=False),
    Column("because", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("at", Double, nullable=False),
    Column("cause", Text),
    Index("changes_by_subject", "subject", "id"),
    Index("changes_by_since", "since"),
)

#: what needs people; ``merged`` is the incident that turned out to be its root
INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("subject", Text, nullable=False),
    Column("fault", String(12), nullable=False),
    Column("opened", Double, nullable=False),
    Column("noticed", Double, nullable=False),
    Column("closed", Double),
    Column("because", Text, nullable=False),
    Column("affects", Text, nullable=False),
    Column("repaired_by", Text),
    Column("merged", Integer),
    Column("acknowledged_by", Text),
    Column("acknowledged_at", Double),
    Column("assigned_to", Text),
    Column("suggested", String(10)),
    Column("grade", String(10)),
    Column("cause", Text),
    Column("settled_by", Text),
    Column("settled_at", Double),
    Column("waived", String(10)),
    Index(
        "one_open_incident_per_subject",
        "subject",
        unique=True,
        sqlite_where=text("closed IS NULL"),
        postgresql_where=text("closed IS NULL"),
    ),
    Index("incidents_by_opened", "opened"),
    Index(
        "waived_incidents",
        "subject",
        sqlite_where=text("waived IS NOT NULL"),
        postgresql_where=text("waived IS NOT NULL"),
    ),
)

#: what people did about incidents and said of them, in order of ``id``; never changed
ACTS = Table(
    "incident_acts",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("person", Text, nullable=False),
    Column("act", String(12), nullable=False),
    Column("said", Text, nullable=False),
    Index("acts_by_incident", "incident", "id"),
)

#: what people are to be told, one row a channel; written with what it tells of, sent afterwards
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("channel", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("incident", Integer, nullable=False),
    Column("event", String(10), nullable=False),
    Column("at", Double, nullable=False),
    Column("said", Text, nullable=False),
    Column("batch", Text),
    Column("attempts", Integer, nullable=False),
    Column("due", Double, nullable=False),
    Column("sent", Double),
    Column("given_up", Double),
    Column("error", Text, nullable=False),
    Index("told_once", "channel", "fingerprint", unique=True),
    Index("outbox_waiting", "channel", "sent", "given_up"),
)

#: runs, drills and whatever else a right-hand package wants kept: plain JSON by kind and key
RECORDS = Table(
    "records",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("at", Double, nullable=False),
    Column("payload", Text, nullable=False),
    Index("records_by_at", "kind", "at"),
)

#: stretches of time in which the watch lived and judged
SPANS = Table(
    "watch_spans",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("began", Double, nullable=False),
    Column("ended", Double, nullable=False),
)

#: which versions of the estate files were watched, and when
ESTATES = Table(
    "estates",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("folder", Text, nullable=False),
    Column("first_at", Double, nullable=False),
    Column("last_at", Double, nullable=False),
)
