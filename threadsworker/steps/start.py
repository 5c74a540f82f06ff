"""What a worker makes sure of before its first step."""

from __future__ import annotations

from sqlalchemy.exc import OperationalError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from threadsworker.steps.desk import Desk
from threadsworker.store import schema

#: Seconds that a starting worker waits for its database, as it does for its broker.
DATABASE_PATIENCE = 120.0


@retry(
    retry=retry_if_exception_type(OperationalError),
    stop=stop_after_delay(DATABASE_PATIENCE),
    wait=wait_fixed(1.0),
    reraise=True,
)
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
