"""
What it costs to be called, each next to a bare loop: `python -m tests.bench.load`.

*Enqueues*: posts a second that `Client.enqueue` accepts, on PostgreSQL and on SQLite.

*Received*: Meta's notifications a second that `threadsworker webhooks` accepts.

*Delivered*: notices a second that a worker delivers, also beside a receiver that says nothing.

*Start*: how long commands and imports take.

Every run is looked at afterwards: what was accepted has to be there. Runs take turns with those
of the bare loop, and a ratio is that of runs of one round.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench import enqueues, notices, starting, webhooks
from tests.bench.measured import table, write
from tests.services import postgres_server, redis_server

PARTS = ("enqueues", "received", "delivered", "start")


def main() -> int:
    """Print the tables, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(prog="tests.bench.load", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    found: dict[str, Any] = {"python": platform.python_version(), "count": asked.count}
    for part in PARTS:
        if asked.only in (None, part):
            for title, rows in _measured(part, asked.count, asked.rounds):
                sys.stdout.write(table(title, rows) + "\n")
                sys.stdout.flush()
                found[title] = rows
    write(asked.json, found)
    return 0


def _measured(part: str, count: int, rounds: int) -> Iterator[tuple[str, Any]]:
    if part == "start":
        yield part, starting.measure(rounds=2 * rounds)
        return
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    with redis_server() as redis, postgres_server(directory) as server:
        if server is None:
            raise SystemExit("there is no PostgreSQL here")
        with server.database() as url:
            if part == "received":
                yield part, webhooks.measure(url, redis.url, directory, count, rounds)
            elif part == "delivered":
                yield part, notices.measure(url, redis.url, directory, count, rounds)
            else:
                sqlite = f"sqlite:///{directory / 'bench.db'}"
                for name, at in (("PostgreSQL", url), ("SQLite", sqlite)):
                    home = directory / name
                    yield (
                        f"{part}, {name}",
                        enqueues.measure(at, redis.url, home, count=count, rounds=rounds),
                    )


if __name__ == "__main__":
    sys.exit(main())
