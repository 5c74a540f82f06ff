"""An installation of before is brought up to date, and keeps what it has."""

from __future__ import annotations

from alembic import command
from sqlalchemy import text

from threadsworker.store import accounts, schema
from threadsworker.store.database import make_engine, reading

#: How version 0002 adds an account.
OF_0002 = (
    "INSERT INTO threadsworker_account (id, name, user_id, access_token, token_version, status,"
    " throttles, github_throttles, check_quota, wait_on_quota, created_at)"
    " VALUES (:id, :name, '1', 'sealed', 3, 'active', 0, 0, true, true, '2026-11-01 00:00:00')"
)


def test_an_account_of_version_0002_keeps_its_token_and_is_looked_at_at_once(
    database_url: str,
) -> None:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        command.upgrade(schema._config(connection), "0002")
        connection.execute(text(OF_0002), {"id": "a1", "name": "main"})
    schema.upgrade(engine)
    with engine.begin() as connection:
        # A process of before may still be running.
        connection.execute(text(OF_0002), {"id": "a2", "name": "late"})
    assert schema.versions(engine)[0] == schema.versions(engine)[1]
    with reading(engine) as session:
        row = accounts.find(session, "main")
        told = accounts.describe(row)
    assert (row.access_token, row.token_version) == ("sealed", 3)
    # Nothing is known of its token: that is what beat's duty looks for.
    assert (told.refresh_at, told.refresh_tries, told.scopes) == (None, 0, None)
    with reading(engine) as session:
        assert accounts.find(session, "late").refresh_tries == 0
    with engine.begin() as connection:
        command.downgrade(schema._config(connection), "0002")
    engine.dispose()
