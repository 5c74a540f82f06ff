"""
What many waiting posts, many accounts and long threads cost: `python -m tests.bench.scale`.

*Rows*: how long it takes to look for due posts, to start 1,000 that are due at once (their
messages included), to list, to show, to look at a quota and to enqueue, in databases with more
and more scheduled and parked posts; on PostgreSQL and on SQLite.

*Memory*: a worker's resident memory, all of its processes, beside the same databases.

*Threads*: time, bytes and statements for each segment of threads of 1 to 500.

All databases are there at once and take turns, so that a ratio is that of one round; `times
1,000` compares with 1,000 posts of 250 accounts, `MB more` with an empty database.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.installation import installation
from tests.bench import looks, resident, statements, stocked
from tests.bench.measured import in_words, spread, table, write
from tests.bench.stocked import Stock
from tests.services import PostgresServer, postgres_server, redis_server
from threadsworker.sandbox import Sandbox
from threadsworker.settings import Settings
from threadsworker.store.database import make_engine

PARTS = ("rows", "memory", "threads")
BASE = Stock(1000, 250)

Rows = list[dict[str, Any]]


def main() -> int:
    """Print the tables, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(prog="tests.bench.scale", description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000, help="at most")
    parser.add_argument("--accounts", type=int, default=10_000, help="at most")
    parser.add_argument("--lengths", type=int, nargs="+", default=statements.LENGTHS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--database", choices=["PostgreSQL", "SQLite"], help="rows on this only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    found: dict[str, Rows] = {}
    for part in PARTS if asked.only is None else [asked.only]:
        for title, measured in _measured(part, asked):
            shown = [in_words(row) for row in measured]
            sys.stdout.write(table(title, _turned(shown) if part == "rows" else shown) + "\n")
            sys.stdout.flush()
            found[title] = measured
    write(asked.json, found)
    return 0


def _measured(part: str, asked: argparse.Namespace) -> Iterator[tuple[str, Rows]]:
    if part == "threads":
        yield part, statements.measure(asked.lengths, rounds=asked.rounds, slow=False)
        return
    sizes = [size for size in (1000, 10_000) if size < asked.posts]
    stocks = [Stock(0, 0), *(Stock(size, 250) for size in (*sizes, asked.posts))]
    if part == "memory":
        yield part, memory(stocks, rounds=asked.rounds)
        return
    stocks.append(Stock(asked.posts, asked.accounts))
    for database in ("PostgreSQL", "SQLite"):
        if asked.database in (None, database):
            yield f"rows, {database}", rows(database, stocks, rounds=asked.rounds)


def rows(database: str, stocks: Sequence[Stock], *, rounds: int) -> Rows:
    """Milliseconds by database and question; and how many times as long as with 1,000 posts."""
    with _databases(stocks, on_postgresql=database == "PostgreSQL") as made:
        sizes = [_size(settings) for settings in made]
        measured = [
            [looks.times(settings, stock) for settings, stock in zip(made, stocks, strict=True)]
            for _ in range(rounds)
        ]
    base = stocks.index(BASE)
    found = []
    for n, stock in enumerate(stocks):
        row: dict[str, Any] = {"name": stock.name}
        for question in measured[0][n]:
            values = [each[n][question] for each in measured]
            row |= spread(f"{question}, ms", values)
            if stock.posts > BASE.posts:
                ratios = [each[n][question] / each[base][question] for each in measured]
                row |= spread(f"{question}, times 1,000", ratios)
        found.append({**row, "database, MB": round(sizes[n], 1)})
    return found


def _turned(shown: Rows) -> Rows:
    """A line for each figure, with a column for each database."""
    names = dict.fromkeys(name for row in shown for name in row if name != "name")
    return [
        {"name": name, **{row["name"]: row[name] for row in shown if name in row}} for name in names
    ]


def memory(stocks: Sequence[Stock], *, rounds: int) -> Rows:
    """Megabytes of a worker by database, and how many more than beside an empty one."""
    measured: list[list[float]] = []
    with _databases(stocks, on_postgresql=True) as made, Sandbox() as sandbox:
        for _ in range(rounds):
            measured.append([_resident(settings, sandbox) for settings in made])
    found = []
    for n, stock in enumerate(stocks):
        more = [each[n] - each[0] for each in measured]
        row = {"name": stock.name, **spread("MB", [each[n] for each in measured])}
        found.append(row | (spread("MB more", more) if n else {}))
    return found


def _resident(settings: Settings, sandbox: Sandbox) -> float:
    assert settings.broker_url is not None
    given = {
        "THREADSWORKER_DATABASE_URL": settings.sqlalchemy_url,
        "THREADSWORKER_BROKER_URL": settings.broker_url.get_secret_value(),
        "THREADSWORKER_LOG_LEVEL": "WARNING",
    }
    with installation(settings.ensure_home(), sandbox, given, processes=[]) as installed:
        return resident.megabytes(installed)


def _size(settings: Settings) -> float:
    engine = make_engine(settings.sqlalchemy_url)
    size = stocked.megabytes(engine)
    engine.dispose()
    return size


@contextmanager
def _databases(stocks: Sequence[Stock], *, on_postgresql: bool) -> Iterator[list[Settings]]:
    """Filled databases, each with a home, and one broker for all of them."""
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        server = stack.enter_context(postgres_server(directory)) if on_postgresql else None
        if on_postgresql and server is None:
            raise SystemExit("there is no PostgreSQL here")
        yield [
            stocked.make(
                directory / f"home-{n}",
                _url(stack, server, directory / f"{n}.db"),
                redis.url,
                stock,
            )
            for n, stock in enumerate(stocks)
        ]


def _url(stack: ExitStack, server: PostgresServer | None, path: Path) -> str:
    return f"sqlite:///{path}" if server is None else stack.enter_context(server.database())


if __name__ == "__main__":
    sys.exit(main())
