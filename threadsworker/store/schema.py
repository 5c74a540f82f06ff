"""The schema's version: brought up to date by `upgrade`, asked for by `is_current`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from threadsworker.errors import InvalidSettings
from threadsworker.store.row import VERSION_TABLE

#: Taken on PostgreSQL while migrating, so that several workers may start at once.
_LOCK = 0x7468_7764


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> None:
    """Bring the schema up to this version's. Safe to run twice, and in several processes."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        command.upgrade(_config(connection), "head")


def versions(engine: Engine) -> tuple[str | None, str | None]:
    """The database's version, and the one that this code wants."""
    # Whoever writes meanwhile does not matter: to a reader SQLite says at once what is there.
    with engine.execution_options(reading=True).connect() as connection:
        present = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE}
        ).get_current_revision()
    return present, ScriptDirectory.from_config(_config()).get_current_head()


def ensure(engine: Engine, *, embedded: bool) -> None:
    """
    Make sure that the schema is this version's; the embedded database is upgraded unasked.

    Raises
    ------
    InvalidSettings:
        Another database is behind (or ahead): `threadsworker db upgrade` is an operator's call.
    """
    present, wanted = versions(engine)
    if present == wanted:
        return
    if embedded:
        upgrade(engine)
        return
    raise InvalidSettings(
        f"the database is at schema version {present}, this program needs {wanted}: "
        "run `threadsworker db upgrade`"
    )
