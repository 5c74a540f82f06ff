"""Databases in which many posts of many accounts wait, filled by a few statements."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, TextClause, insert, text
from sqlmodel import select

from threadsworker import Client
from threadsworker.settings import Settings, load_settings
from threadsworker.store import schema
from threadsworker.store.database import clock, make_engine, transaction
from threadsworker.store.tables import METADATA, AccountRow, QuotaUseRow

#: When the posts are due that are not made due.
FAR = timedelta(days=30)
#: Publishes of each account that its quota remembers.
USES = 5

#: The one post that all others are copies of is scheduled; of the copies every other one is
#: parked. Ids are as long as real ones. Each is due a minute after the one before.
_COPIES = """
WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < {count})
INSERT INTO {table} ({columns}) SELECT {values} FROM {table} AS one, copies
"""
_MINUTES = {
    "postgresql": "one.{column} + n * interval '1 minute'",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', one.{column}, '+' || n || ' minutes')",
}


@dataclass(frozen=True)
class Stock:
    """How much is in a database: so many posts that wait, of so many accounts."""

    posts: int
    accounts: int

    @property
    def name(self) -> str:
        if self.posts == 0:
            return "none"
        return f"{self.posts:,} of {self.accounts:,} accounts"


def copy_id(n: int) -> str:
    """The id of the n-th copy, from 1; that of a job, or of an account."""
    return f"copied-from-the-first-{100_000_000 + n}"


def make(home: Path, database_url: str, broker_url: str, stock: Stock) -> Settings:
    """
    Fill a database that is empty; the settings of an installation that works with it.

    Accounts are called ``a0``, ``a1`` …, and have chains enough that 1,000 posts which are due
    at once can all begin if there are 250 of them.
    """
    given = {"home": str(home), "database_url": database_url, "broker_url": broker_url}
    # No post that was started comes due again while others of the round are started.
    settings = load_settings(**given, lease=timedelta(hours=1))
    engine = make_engine(settings.sqlalchemy_url)
    schema.upgrade(engine)
    if stock.posts:
        with closing(Client(settings)) as client:
            client.add_account("a0", user_id="1", access_token="the first one's token")
            client.enqueue("a post", account="a0", at=FAR)
        _copy(engine, stock)
    tidy(engine)
    engine.dispose()
    return settings


def tidy(engine: Engine) -> None:
    """Clear away rows that are gone, and have the tables looked at as autovacuum would."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if _is_postgresql(engine) else "ANALYZE"))


def megabytes(engine: Engine) -> float:
    """What the database takes on disk."""
    size = "pg_database_size(current_database())"
    if not _is_postgresql(engine):
        size = "page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    with engine.connect() as connection:
        return float(connection.execute(text(f"SELECT {size}")).scalar_one()) / 2**20


def _is_postgresql(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


def _copy(engine: Engine, stock: Stock) -> None:
    """Make so many of the one job and its account, and some uses of the accounts' quotas."""
    copied = f"'{copy_id(0)[:-9]}' || CAST(100000000 + {{}} AS TEXT)"
    account = f"n % {stock.accounts}"
    own = copied.format("n")
    changes = {
        "threadsworker_account": {
            "id": own,
            "name": "'a' || CAST(n AS TEXT)",
            "user_id": "CAST(1 + n AS TEXT)",
        },
        "threadsworker_job": {
            "id": own,
            "account_id": (
                f"CASE WHEN {account} = 0 THEN one.account_id ELSE {copied.format(account)} END"
            ),
            "state": "CASE WHEN n % 2 = 0 THEN one.state ELSE 'waiting' END",
            "reason": "CASE WHEN n % 2 = 0 THEN NULL ELSE 'quota' END",
            "wake_at": _MINUTES[engine.dialect.name].format(column="wake_at"),
            "created_at": _MINUTES[engine.dialect.name].format(column="created_at"),
        },
        "threadsworker_segment": {"id": own, "job_id": own},
        "threadsworker_event": {"id": "1000000 + n", "job_id": own},
    }
    with transaction(engine) as session:
        for table, changed in changes.items():
            count = stock.accounts if table == "threadsworker_account" else stock.posts
            session.execute(_copies(table, count - 1, changed))
        now = clock(session)
        accounts = session.exec(select(AccountRow.id)).all()
        session.execute(
            insert(QuotaUseRow),
            [
                {"account_id": one, "kind": "post", "at": now}
                for one in accounts
                for _ in range(USES)
            ],
        )


def _copies(table: str, count: int, changed: Mapping[str, str]) -> TextClause:
    names = METADATA.tables[table].columns.keys()
    return text(
        _COPIES.format(
            count=count,
            table=table,
            columns=", ".join(f'"{name}"' for name in names),
            values=", ".join(changed.get(name, f'one."{name}"') for name in names),
        )
    )
