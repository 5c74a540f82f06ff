"""
How many posts a second `Client.enqueue` accepts, next to a bare loop that writes the same rows.

The bare loop inserts copies of the rows of one post, commits, and pushes a copy of its message:
by the database's driver and by Redis' own, with nothing checked, planned or told. If the post
has media, it writes their bytes to a file each, so that a power failure does not take them.
After each run all rows and all messages have to be there.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Json
from redis import Redis
from sqlalchemy import text

from tests.bench.measured import Run, figures, timed
from threadsworker import Client
from threadsworker.queue import STEPS_QUEUE
from threadsworker.settings import load_settings
from threadsworker.store import schema
from threadsworker.store.database import make_engine, transaction

#: Each has room for as many chains as it gets posts: every post rings.
ACCOUNTS = 50
TEXT = "The tide does not ask whether our queue is empty. It comes in. #sea {}"

#: What makes a client in another process.
_Given = dict[str, Any]


def measure(database_url: str, redis_url: str, home: Path, *, count: int, rounds: int) -> Any:
    """Rows of figures, one per way to enqueue."""
    given = _given(database_url, redis_url, home, count)
    with closing(Client(load_settings(**given))) as client, closing(Redis.from_url(redis_url)) as r:
        engine = make_engine(client.settings.sqlalchemy_url)
        schema.upgrade(engine)
        for n in range(ACCOUNTS):
            client.add_account(f"a{n}", user_id=str(n), access_token=f"token {n}")
        r.flushdb()
        client.enqueue(TEXT, account="a0")
        bare = _bare(database_url, r)
        ways: dict[str, Callable[[], Run]] = {
            "bare loop": lambda: bare(count),
            "enqueue": lambda: _one_by_one(client, count),
            "enqueue, 4 threads": lambda: _threads(client, count, 4),
            "enqueue, 2 processes": lambda: _processes(given, count, 2),
            "enqueue_all": lambda: _all_at_once(client, count),
        }
        runs: dict[str, list[Run]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                _empty(engine, r)
                runs[name].append(way())
                _audit(engine, r, name, count)
        engine.dispose()
    return [figures(name, of, runs["bare loop"]) for name, of in runs.items()]


def measure_one(
    database_url: str,
    redis_url: str,
    home: Path,
    *,
    media: Sequence[Path] = (),
    count: int,
    rounds: int,
) -> Any:
    """Rows of figures of the bare loop and of `enqueue` with these media, which may be none."""
    given = _given(database_url, redis_url, home, count)
    with closing(Client(load_settings(**given))) as client, closing(Redis.from_url(redis_url)) as r:
        engine = make_engine(client.settings.sqlalchemy_url)
        schema.upgrade(engine)
        for n in range(ACCOUNTS):
            client.add_account(
                f"a{n}",
                user_id=str(n),
                access_token=f"token {n}",
                github_repo="octo/stage",
                github_token=f"github {n}",
            )
        _empty(engine, r)
        client.enqueue(TEXT, media=media, account="a0")
        bare = _bare(database_url, r, files=[one.read_bytes() for one in media], into=home)
        bares: list[Run] = []
        runs: list[Run] = []
        for _ in range(rounds):
            _empty(engine, r)
            bares.append(bare(count))
            _audit(engine, r, "bare loop", count, media=len(media))
            _empty(engine, r)
            runs.append(_one_by_one(client, count, media=media))
            _audit(engine, r, "enqueue", count, media=len(media))
        engine.dispose()
    return [figures("bare loop", bares, bares), figures("enqueue", runs, bares)]


def _given(database_url: str, redis_url: str, home: Path, count: int) -> _Given:
    return {
        "home": str(home),
        "database_url": database_url,
        "broker_url": redis_url,
        "account_concurrency": count,
        "lease": timedelta(hours=1),
    }


def _one_by_one(client: Client, count: int, *, media: Sequence[Path] = ()) -> Run:
    with timed(count) as run:
        for n in range(count):
            began = time.perf_counter()
            client.enqueue(TEXT.format(n), media=media, account=f"a{n % ACCOUNTS}")
            run.each.append(time.perf_counter() - began)
    return run


def _threads(client: Client, count: int, many: int) -> Run:
    def enqueue(n: int) -> None:
        client.enqueue(TEXT.format(n), account=f"a{n % ACCOUNTS}")

    with timed(count) as run, ThreadPoolExecutor(many) as threads:
        list(threads.map(enqueue, range(count)))
    return run


def _all_at_once(client: Client, count: int) -> Run:
    with timed(count) as run:
        client.enqueue_all(
            [{"post": TEXT.format(n), "account": f"a{n % ACCOUNTS}"} for n in range(count)]
        )
    return run


def _processes(given: _Given, count: int, many: int) -> Run:
    context = multiprocessing.get_context("spawn")
    barrier, told = context.Barrier(many + 1), context.Queue()
    share = count // many
    children = [
        context.Process(target=_child, args=(given, share, barrier, told)) for _ in range(many)
    ]
    for child in children:
        child.start()
    barrier.wait(120)
    with timed(share * many) as run:
        barrier.wait(600)
    run.cpu = sum(told.get(timeout=60) for _ in children)
    for child in children:
        child.join(60)
    return run


def _child(given: _Given, count: int, barrier: Any, told: Any) -> None:
    with closing(Client(load_settings(**given))) as client:
        # What is made once is made.
        client.jobs(limit=1)
        client.plan("a post")
        barrier.wait(120)
        run = _one_by_one(client, count)
        barrier.wait(600)
        told.put(run.cpu)


def _bare(
    database_url: str, redis: Redis, *, files: Sequence[bytes] = (), into: Path | None = None
) -> Callable[[int], Run]:
    """The bare loop; it copies the one post that is there."""
    message: Any = redis.lindex(STEPS_QUEUE, 0)
    assert message is not None, "nothing has rung"
    if database_url.startswith("sqlite"):
        path = database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            rows = {of: [dict(r) for r in connection.execute(_ALL.format(of))] for of in WRITTEN}
        copied = _copied(rows, ":{}", lambda value: value)
        return lambda count: _bare_sqlite(path, redis, message, count, copied)
    with psycopg.connect(database_url, row_factory=dict_row) as connected:
        found = {of: connected.execute(_ALL.format(of)).fetchall() for of in WRITTEN}
    copied = _copied(
        found, "%({})s", lambda value: Json(value) if isinstance(value, dict) else value
    )

    def keep(n: int) -> None:
        for number, content in enumerate(files):
            assert into is not None
            _write(into / f"bare-{n}-{number}", content)

    return lambda count: _bare_postgresql(database_url, redis, message, count, copied, keep)


#: The tables that a post has rows in, as they refer to each other.
WRITTEN = (
    "threadsworker_job",
    "threadsworker_segment",
    "threadsworker_media",
    "threadsworker_event",
)
_ALL = "SELECT * FROM {}"

#: Statements, and the values of the rows that each of them writes.
_Copied = Sequence[tuple[str, list[dict[str, Any]]]]


def _copied(rows: dict[str, Any], mark: str, written: Callable[[Any], Any]) -> _Copied:
    copied = []
    for name, of in rows.items():
        values = [{key: written(value) for key, value in row.items()} for row in of]
        if not values:
            continue
        if name == "threadsworker_event":
            for each in values:
                del each["id"]
        columns = ", ".join(f'"{key}"' for key in values[0])
        marks = ", ".join(mark.format(key) for key in values[0])
        copied.append((f"INSERT INTO {name} ({columns}) VALUES ({marks})", values))
    return copied


def _ids(rows: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """The rows as those of the n-th copy."""
    return [_with_ids(row, f"bare-{n}", number) for number, row in enumerate(rows)]


def _with_ids(row: dict[str, Any], name: str, number: int) -> dict[str, Any]:
    own = name if "segment_id" not in row else f"{name}-{number}"
    named = {"id": own, "job_id": name, "segment_id": name, "key": None}
    return row | {key: value for key, value in named.items() if key in row}


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _bare_postgresql(
    url: str,
    redis: Redis,
    message: Any,
    count: int,
    copied: _Copied,
    keep: Callable[[int], None],
) -> Run:
    with psycopg.connect(url) as connection, timed(count) as run:
        for n in range(count):
            began = time.perf_counter()
            keep(n)
            for statement, rows in copied:
                if len(rows) == 1:
                    connection.execute(statement, _ids(rows, n)[0])
                else:
                    connection.cursor().executemany(statement, _ids(rows, n))
            connection.commit()
            redis.lpush(STEPS_QUEUE, message)
            run.each.append(time.perf_counter() - began)
    return run


def _bare_sqlite(path: str, redis: Redis, message: Any, count: int, copied: _Copied) -> Run:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        with timed(count) as run:
            for n in range(count):
                began = time.perf_counter()
                connection.execute("BEGIN IMMEDIATE")
                for statement, rows in copied:
                    connection.executemany(statement, _ids(rows, n))
                connection.execute("COMMIT")
                redis.lpush(STEPS_QUEUE, message)
                run.each.append(time.perf_counter() - began)
    return run


def _empty(engine: Any, redis: Redis) -> None:
    with transaction(engine) as session:
        for name in reversed(WRITTEN):
            session.execute(text(f"DELETE FROM {name}"))
    if engine.dialect.name == "postgresql":
        # Rows that are gone, but not yet cleared away, would slow down the next run.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"VACUUM ANALYZE {', '.join(WRITTEN)}"))
    redis.delete(STEPS_QUEUE)


def _audit(engine: Any, redis: Redis, name: str, count: int, *, media: int = 0) -> None:
    """None is lost: each has its rows, and each has rung."""
    with transaction(engine) as session:
        found = {
            of: session.execute(text(f"SELECT count(*) FROM {of}")).scalar_one() for of in WRITTEN
        }
    found["messages"] = redis.llen(STEPS_QUEUE)
    expected = dict.fromkeys(found, count) | {"threadsworker_media": count * media}
    if found != expected:
        raise SystemExit(f"{name}: {count} were accepted, and there are {found}")
