"""What a worker makes sure of before its first step."""

from __future__ import annotations

from threadsworker.steps.desk import Desk
from threadsworker.store import schema


def prepare(desk: Desk) -> None:
    """
    Home, schema and key are there.

    Raises
    ------
    InvalidSettings:
        The database is of another version, and it is not ours alone to change.
    """
    desk.settings.ensure_home()
    schema.ensure(desk.engine, embedded=desk.settings.embedded_database)
    desk.engine.dispose()
