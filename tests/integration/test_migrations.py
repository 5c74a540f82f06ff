"""An installation of before is brought up to date, and keeps what it has."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlmodel import SQLModel

from tests.services import PostgresServer, eventually
from threadsworker.errors import InvalidSettings
from threadsworker.store import accounts, schema
from threadsworker.store.database import make_engine, reading
from threadsworker.store.row import METADATA, VERSION_TABLE

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


def at(engine: Engine, version: str) -> None:
    with engine.begin() as connection:
        command.upgrade(schema._config(connection), version)


def test_a_schema_that_is_behind_is_refused_with_the_command_to_run(database_url: str) -> None:
    engine = make_engine(database_url)
    for version in ("none", "0003"):
        if version != "none":
            at(engine, version)
        with pytest.raises(InvalidSettings, match=f"{version}.*`threadsworker db upgrade`"):
            schema.ensure(engine, embedded=False)
    engine.dispose()


def test_a_schema_that_is_newer_will_do_and_is_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE threadsworker_job ADD COLUMN shine VARCHAR"))
        connection.execute(text("UPDATE threadsworker_version SET version_num = '9999'"))
    schema.ensure(engine, embedded=False)
    schema.ensure(engine, embedded=True)
    schema.upgrade(engine)
    assert schema.versions(engine)[0] == "9999"


def test_a_database_that_an_application_migrates_too_is_upgraded(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('their9999')"))
    schema.upgrade(engine)
    assert schema.versions(engine)[0] == schema.versions(engine)[1]
    with engine.connect() as connection:
        theirs = connection.execute(text("SELECT version_num FROM alembic_version")).all()
    assert theirs == [("their9999",)]
    engine.dispose()


def test_several_upgrades_at_once_are_one(database_url: str) -> None:
    engines = [make_engine(database_url) for _ in range(4)]
    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(schema.upgrade, engines))
    assert schema.versions(engines[0])[0] == schema.versions(engines[0])[1]
    for engine in engines:
        engine.dispose()


def test_an_upgrade_that_has_to_wait_for_a_table_lets_others_use_it(
    postgres: PostgresServer,
) -> None:
    with postgres.database() as url, psycopg.connect(url) as slow, psycopg.connect(url) as other:
        engine = make_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        at(engine, "0001")
        # Given somebody who is slow with a job
        slow.execute("SELECT * FROM threadsworker_job")
        upgrading = threading.Thread(target=schema.upgrade, args=[engine])
        upgrading.start()
        eventually(lambda: _waits_for_a_lock(other), timeout=60)
        # Then the next one is not kept waiting until that one is done
        other.execute("SET statement_timeout = '60 s'")
        other.execute("SELECT * FROM threadsworker_job")
        other.rollback()
        # and the schema is upgraded when that one is
        assert upgrading.is_alive()
        slow.rollback()
        upgrading.join(60)
        assert schema.versions(engine)[0] == schema.versions(engine)[1]
        engine.dispose()


def _waits_for_a_lock(connection: psycopg.Connection) -> bool:
    waiting = connection.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    connection.rollback()
    return bool(waiting and waiting[0])


def test_the_migrations_make_the_tables_that_the_code_describes(engine: Engine) -> None:
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []


def test_the_database_of_an_app_has_room_for_its_own_names(engine: Engine) -> None:
    there = inspect(engine)
    for table in there.get_table_names():
        assert table.startswith("threadsworker_")
        for index in there.get_indexes(table):
            # PostgreSQL lists the index behind a unique constraint too; its name has the table's.
            name = str(index["name"])
            assert name.removeprefix("ix_").startswith("threadsworker_")
    assert not METADATA.tables.keys() & SQLModel.metadata.tables.keys()


def test_an_old_schema_is_refused_unless_it_is_ours_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE threadsworker_version SET version_num = '0004'"))
    with pytest.raises(InvalidSettings, match="threadsworker db upgrade"):
        schema.ensure(engine, embedded=False)
