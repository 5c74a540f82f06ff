"""
The schema's version: brought up to date by `upgrade`, looked at by `ensure`.

Only `upgrade` imports Alembic: every process looks at the version when it begins, and Alembic
takes longer to import than the look.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, String, column, inspect, select, table, text
from sqlalchemy.exc import DBAPIError
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from threadsworker.errors import InvalidSettings
from threadsworker.store.row import VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config

#: Taken on PostgreSQL while migrating, so that several workers may start at once.
_LOCK = 0x7468_7764
#: How long a change waits for its lock on a table before it lets others pass, on PostgreSQL, and
#: for how long it is tried again.
LOCK_TIMEOUT = timedelta(seconds=2)
PATIENCE = timedelta(minutes=2)
#: PostgreSQL's codes: the lock was not to be had in time; a deadlock, of which this is the loser.
_IN_THE_WAY = {"55P03", "40P01"}

_MIGRATIONS = Path(__file__).parent / "migrations"

logger = logging.getLogger(__name__)


def _is_in_the_way(error: BaseException) -> bool:
    """Whether others held what the migration needs, so that trying again helps."""
    code = getattr(getattr(error, "orig", None), "sqlstate", None)
    return isinstance(error, DBAPIError) and code in _IN_THE_WAY


@retry(
    retry=retry_if_exception(_is_in_the_way),
    stop=stop_after_delay(PATIENCE),
    wait=wait_random(0.2, 1.0),
    reraise=True,
)
def upgrade(engine: Engine) -> None:
    """
    Bring the schema up to this version's. Safe to run twice, and in several processes.

    Workers may be at work meanwhile. On PostgreSQL they are held up for moments only: a change
    that cannot have its lock soon lets them pass, and is tried again. A schema that is newer than
    this version's is left alone.
    """
    from alembic import command

    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            # From here on: whoever waits for a table holds up all who come after it.
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT.seconds} s'"))
        if not is_newer(_present(connection)):
            command.upgrade(_config(connection), "head")


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def versions(engine: Engine) -> tuple[str | None, str | None]:
    """The database's version, and the one that this code wants."""
    # Whoever writes meanwhile does not matter: to a reader SQLite says at once what is there.
    with engine.execution_options(reading=True).connect() as connection:
        present = _present(connection)
    return present, _ours()[-1]


def _present(connection: Connection) -> str | None:
    # Not Alembic's own table: that may be there too, and then is the application's.
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version = select(column("version_num", String)).select_from(table(VERSION_TABLE))
    return connection.execute(version).scalar()


def is_newer(version: str | None) -> bool:
    """Whether a later version of threadsworker made the schema: its number is not known here."""
    return version is not None and version not in _ours()


@cache
def _ours() -> tuple[str, ...]:
    """The versions that this code knows, in their order: what the migrations' names begin with."""
    files = sorted((_MIGRATIONS / "versions").glob("[0-9]*_*.py"))
    return tuple(file.name.partition("_")[0] for file in files)


def ensure(engine: Engine, *, embedded: bool) -> None:
    """
    Make sure that the schema has what this version needs; the embedded database is upgraded
    unasked.

    One that is newer will do, since migrations only add: while workers are replaced one by one,
    those of before go on, and may be started again.

    Raises
    ------
    InvalidSettings:
        Another database is behind: `threadsworker db upgrade` is an operator's call.
    """
    present, wanted = versions(engine)
    if present == wanted:
        return
    if is_newer(present):
        logger.info("the schema is of version %s, newer than this program's %s", present, wanted)
        return
    if embedded:
        upgrade(engine)
        return
    raise InvalidSettings(
        f"the database is at schema version {present or 'none'}, this program needs {wanted}: "
        "run `threadsworker db upgrade`"
    )
