"""
What a job costs the database, the broker and Meta: `python -m tests.bench.statements`.

Text threads of several lengths are published by a real worker, one after the other; PostgreSQL's
own log and Redis' `MONITOR` tell what was asked of them. The cost of a segment is that of a
thread of *n* less that of one, by *n* - 1: what a job costs whatever its length is in the first
row alone. Beat is off, and a worker's signs of life are not counted. Two rows are of containers
that take their time, log-normal around 0.8 s.

Statements are all but BEGIN, COMMIT, ROLLBACK, and the pings of idle connections. A commit counts
as written if the transaction had a number: it wrote, or locked a row.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.installation import Installation, installation
from tests.bench.broker_log import BrokerLog, broker_log
from tests.bench.measured import in_words, spread, table, write
from tests.bench.statement_log import StatementLog, Transaction, logging_server
from tests.services import eventually, redis_server
from threadsworker.queue import STEPS_QUEUE
from threadsworker.sandbox import Sandbox, SandboxOptions, SandboxPost

APPLICATION = "counted"
LENGTHS = (1, 10, 100, 500)
#: Of the thread whose containers take their time, and these times in seconds.
SLOW_LENGTH, SLOW_MEDIAN, SLOW_SPREAD = 20, 0.8, 0.5
#: At most, for each segment.
TARGETS = {"statements": 12, "commits that wrote": 4, "messages": 5}
#: Seconds without a statement after which a worker counts as done.
QUIET = 1.0
#: Seconds that a segment may take on a machine with much other work.
SLOWEST_SEGMENT = 20.0

Cost = Mapping[str, float]


def main() -> int:
    """Print the table, or one segment statement by statement; write JSON if asked to."""
    parser = argparse.ArgumentParser(prog="tests.bench.statements", description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, help="of threads")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-slow", action="store_true", help="at once only")
    parser.add_argument("--show", action="store_true", help="list what one segment asks for")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    if asked.show:
        with counted_worker() as counted:
            sys.stdout.write("\n".join(one_segment(counted)) + "\n")
        return 0
    rows = measure(asked.lengths, rounds=asked.rounds, slow=not asked.no_slow)
    sys.stdout.write(table("cost", [in_words(row) for row in rows]) + "\n")
    write(asked.json, {"statements": rows})
    return 0


def measure(lengths: Sequence[int], *, rounds: int, slow: bool = True) -> list[dict[str, Any]]:
    """Rows: a thread of one as a whole, then the cost of a segment, by the thread's length."""
    longer = [length for length in lengths if length > 1]
    with counted_worker() as counted:
        quick = [[counted.cost(length) for length in (1, *longer)] for _ in range(rounds)]
        slowly = []
        if slow:
            counted.take_time()
            slowly = [[counted.cost(1), counted.cost(SLOW_LENGTH)] for _ in range(rounds)]
    rows = [_row("whole, 1 segment", [costs[0] for costs in quick])]
    for place, length in enumerate(longer, start=1):
        each = [_per_segment(costs[0], costs[place], length) for costs in quick]
        rows.append(_row(f"per segment, of {length}", each))
    if slowly:
        rows.append(_row("whole, 1 segment, log-normal", [costs[0] for costs in slowly]))
        each = [_per_segment(one, many, SLOW_LENGTH) for one, many in slowly]
        rows.append(_row(f"per segment, of {SLOW_LENGTH}, log-normal", each))
    return [*rows, {"name": "at most, per segment", **TARGETS}]


def _per_segment(one: Cost, many: Cost, length: int) -> Cost:
    return {name: (many[name] - one[name]) / (length - 1) for name in one}


def _row(name: str, costs: Sequence[Cost]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name}
    for of in costs[0]:
        row |= spread(of, [cost[of] for cost in costs])
    return row


@dataclass(frozen=True)
class CountedWorker:
    """A worker, and what is known of what it asks for."""

    installed: Installation
    statements: StatementLog
    broker: BrokerLog

    def take_time(self) -> None:
        """From now on containers are processed for a while."""
        self.installed.sandbox.set_options(text_seconds=SLOW_MEDIAN, processing_spread=SLOW_SPREAD)

    def cost(self, length: int) -> Cost:
        """What publishing a thread of so many segments costs. It is live, whole and in order."""
        since, before = self.statements.mark(), len(self.installed.sandbox.ledger)
        posts = self.publish(length)
        transactions = self.settled(since)
        messages = self.broker.messages()
        found = [one for one in transactions if not one.is_ping]
        submitted = messages[0].at
        return {
            "statements": sum(len(one.statements) for one in found),
            "pings": len(transactions) - len(found),
            "commits that wrote": sum(one.committed and one.wrote for one in found),
            "commits": sum(one.committed for one in found),
            "messages": len(messages),
            "bytes of messages": sum(len(one.body) for one in messages),
            "calls": len(self.installed.sandbox.ledger) - before,
            "ms": 1000 * (posts[-1].published_at - submitted),
        }

    def publish(self, length: int) -> list[SandboxPost]:
        """
        Publish a thread; the posts that it became, the first one first.

        Raises
        ------
        SystemExit:
            It is not live as it was written.
        """
        sandbox, client = self.installed.sandbox, self.installed.client()
        self.broker.clear()
        before = len(sandbox.posts())
        texts = [f"Segment {n} of {length}: the tide comes in." for n in range(1, length + 1)]
        job = client.enqueue("\n---\n".join(texts))
        ended = client.wait(job.id, timeout=60 + SLOWEST_SEGMENT * length)
        posts = sandbox.posts()[before:]
        parents = [None, *(post.id for post in posts[:-1])]
        if [post.text for post in posts] != texts or [p.parent_id for p in posts] != parents:
            raise SystemExit(f"a thread of {length} is {ended.state}, and not live as written")
        return posts

    def settled(self, since: int) -> list[Transaction]:
        """The worker's transactions for jobs since that place in the log, when no more follow."""
        seen: list[Transaction] = []

        def is_quiet() -> bool:
            now = _of_jobs(self.statements.transactions(since))
            same, seen[:] = len(now) == len(seen), now
            return same

        eventually(is_quiet, timeout=60, every=QUIET)
        return _of_jobs(self.statements.transactions(since, self.statements.mark()))


def _of_jobs(transactions: Sequence[Transaction]) -> list[Transaction]:
    return [one for one in transactions if not one.is_upkeep]


def one_segment(counted: CountedWorker, length: int = 10) -> Iterator[str]:
    """What is asked for from the publish of a thread's middle segment to that of the next."""
    since = counted.statements.mark()
    posts = counted.publish(length)
    middle = length // 2
    begin, end = posts[middle - 1].published_at, posts[middle].published_at
    seen: list[tuple[float, str]] = []
    for transaction in counted.settled(since):
        if transaction.statements:
            seen.append((transaction.statements[0].at, _in_words(transaction)))
    for message in counted.broker.messages():
        task = json.loads(message.body)["headers"]["task"]
        seen.append((message.at, f"message {task}, {len(message.body)} bytes"))
    for call in counted.installed.sandbox.ledger:
        seen.append((call["time"], f"{call['method']} {call['path']}"))
    for at, text in sorted(seen):
        if begin <= at < end:
            yield f"{1000 * (at - begin):7.0f} ms  {text}"


def _in_words(transaction: Transaction) -> str:
    if transaction.is_ping:
        return "ping"
    name = "wrote" if transaction.wrote else "read"
    ended = name if transaction.committed else "rolled back"
    lines = [f"            {' '.join(one.text.split())}" for one in transaction.statements]
    return "\n".join([f"transaction, {ended}", *lines])


@contextmanager
def counted_worker(**settings: str) -> Iterator[CountedWorker]:
    """A worker of one process that has published something already, without beat."""
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    options = SandboxOptions(text_seconds=0, post_quota=10**6, reply_quota=10**6, seed=1)
    with (
        redis_server() as redis,
        logging_server(directory, APPLICATION) as (postgres, statements),
        Sandbox(options=options) as sandbox,
        postgres.database() as url,
        broker_log(redis, STEPS_QUEUE) as broker,
    ):
        given = {
            "THREADSWORKER_DATABASE_URL": url,
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_LOG_LEVEL": "WARNING",
            **{f"THREADSWORKER_{name.upper()}": value for name, value in settings.items()},
        }
        with installation(directory / "home", sandbox, given, processes=[]) as installed:
            installed.start("worker", "-c", "1", PGAPPNAME=APPLICATION)
            counted = CountedWorker(installed, statements, broker)
            # What a process does once is done.
            counted.publish(2)
            yield counted


if __name__ == "__main__":
    sys.exit(main())
