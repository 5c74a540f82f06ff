"""What a worker makes sure of before its first step."""

from __future__ import annotations

import logging

from sqlalchemy.exc import OperationalError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from threadsworker.crypto import key_file, load_cipher
from threadsworker.steps.desk import Desk
from threadsworker.store import schema

logger = logging.getLogger(__name__)

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
    Home, schema and key are there. Of a home that others may enter it warns.

    Raises
    ------
    InvalidSettings:
        The database is of another version, and it is not ours alone to change; the key file is
        readable by others than its owner.
    """
    desk.settings.ensure_home()
    if problem := desk.settings.home_is_open_to():
        logger.warning("%s", problem)
    if desk.settings.secret_key or key_file(desk.settings).version():
        # What is wrong with it is better said now than at the first token.
        load_cipher(desk.settings)
    schema.ensure(desk.engine, embedded=desk.settings.embedded_database)
    desk.engine.dispose()
