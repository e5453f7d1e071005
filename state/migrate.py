"""Bringing a store's schema up to date, with Alembic and the scripts beside this file."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from inventory.errors import OperatorError

_SCRIPTS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x7C1  # any number, the same in every process: two that open a new store take turns


def upgrade(connection: Connection) -> None:
    """Create or upgrade the schema inside the connection's transaction; nothing is left half done.

    Raises:
        OperatorError: the store was written by a newer version of this program.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current == scripts.get_current_head():
        return
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise OperatorError(
            f"the store has schema {current}, which this version does not know: run the newer version that wrote it"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
