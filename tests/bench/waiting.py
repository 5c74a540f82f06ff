"""
What waiting costs, with real workers, Redis and PostgreSQL: `python -m tests.bench.waiting`.

*Lateness*: posts of many accounts that are all due at the same second, next to the floor: the
calls that are needed until they are live, at the sandbox's speed, shared by all processes.

*Parked*: the due-query and a worker's memory with many parked posts, next to the same with few.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from tests.acceptance.installation import Installation, installation
from tests.services import eventually, postgres_server, redis_server
from threadsworker.sandbox import Sandbox, SandboxAccount, SandboxOptions
from threadsworker.store import runs
from threadsworker.store.database import clock, make_engine, transaction

#: Seconds that the sandbox takes for a call.
CALL = 0.05
#: Calls to Meta from the moment on until a post is live: status, publish.
CALLS_UNTIL_LIVE = 2
WORKERS = 2
#: How often the due-query is timed.
QUERIES = 200


def main() -> int:
    """Print the tables, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(prog="tests.bench.waiting", description=__doc__)
    parser.add_argument("--posts", type=int, default=1000, help="due at the same second")
    parser.add_argument("--accounts", type=int, default=250)
    parser.add_argument("--processes", type=int, default=8, help="of each of two workers")
    parser.add_argument("--ahead", type=int, default=240, help="seconds that they have to prepare")
    parser.add_argument("--parked", type=int, default=100_000)
    parser.add_argument("--only", choices=["lateness", "parked"])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    found: dict[str, Any] = {}
    if asked.only != "parked":
        found["lateness"] = lateness(asked.posts, asked.accounts, asked.processes, asked.ahead)
        _say("lateness", found["lateness"])
    if asked.only != "lateness":
        found["parked"] = parked(asked.parked)
        _say("parked", found["parked"])
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


def _say(title: str, figures: Mapping[str, Any]) -> None:
    lines = [title, *(f"    {name:<40} {value}" for name, value in figures.items())]
    sys.stdout.write("\n".join(lines) + "\n")


@contextmanager
def _running(
    options: SandboxOptions, processes: list[list[str]], **settings: str
) -> Iterator[Installation]:
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    with (
        redis_server() as redis,
        postgres_server(directory) as postgres,
        Sandbox(options=options) as sandbox,
    ):
        if postgres is None:
            raise SystemExit("there is no PostgreSQL here")
        with postgres.database() as url:
            given = {
                "THREADSWORKER_DATABASE_URL": url,
                "THREADSWORKER_BROKER_URL": redis.url,
                "THREADSWORKER_LOG_LEVEL": "WARNING",
                **{f"THREADSWORKER_{name.upper()}": value for name, value in settings.items()},
            }
            with installation(directory / "home", sandbox, given, processes=processes) as installed:
                yield installed


# Lateness


def lateness(posts: int, accounts: int, processes: int, ahead: int) -> dict[str, Any]:
    """How late posts go out that are due at the same second."""
    people = {
        f"sandbox-token-{n:04}": SandboxAccount(
            user_id=str(17841400000100000 + n), username=f"u{n}"
        )
        for n in range(accounts)
    }
    options = SandboxOptions(accounts=people, seed=1)
    workers = [["worker", "-c", str(processes)] for _ in range(WORKERS)]
    with _running(options, [*workers, ["beat"]], prepare_ahead=str(ahead)) as installed:
        sandbox = installed.sandbox
        sandbox.plan_fault({"match": {"service": "threads"}, "delay": CALL, "times": 10**9})
        client = installed.client()
        for n, (token, profile) in enumerate(people.items()):
            client.add_account(f"a{n}", user_id=profile.user_id, access_token=token)
        due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=ahead + 30)
        for n in range(posts):
            client.enqueue(f"post {n}", account=f"a{n % accounts}", at=due)
        rest = (due - datetime.now(UTC)).total_seconds()
        eventually(lambda: len(sandbox.posts()) >= posts, timeout=rest + 600, every=0.5)
        moments = sorted(post.published_at - due.timestamp() for post in sandbox.posts())
    floor = posts * CALLS_UNTIL_LIVE * CALL / (WORKERS * processes)
    return {
        "posts": posts,
        "accounts": accounts,
        "processes": WORKERS * processes,
        "early": sum(moment < 0 for moment in moments),
        "lateness p50, s": round(statistics.median(moments), 2),
        "lateness p95, s": round(moments[int(0.95 * len(moments))], 2),
        "lateness p99, s": round(moments[int(0.99 * len(moments))], 2),
        "lateness max, s": round(moments[-1], 2),
        "floor of the last, s": round(floor, 2),
        "last over floor": round(moments[-1] / floor, 2),
    }


# Parked


def parked(many: int) -> dict[str, Any]:
    """The due-query and a worker's memory, with 1,000 parked posts and with `many`."""
    found: dict[str, Any] = {}
    with _running(SandboxOptions(), []) as installed:
        client = installed.client()
        client.enqueue("a post", at=timedelta(days=30))
        url = installed.settings["THREADSWORKER_DATABASE_URL"]
        for count in (1000, many):
            _fill(url, count)
            found[f"due-query at {count}, ms"] = round(_dispatch_time(url) * 1000, 3)
            found[f"worker at {count}, MB"] = round(_memory(installed), 1)
        found["database, MB"] = round(_size(url), 1)
    few, most = found["due-query at 1000, ms"], found[f"due-query at {many}, ms"]
    found["due-query, ratio"] = round(most / few, 2)
    small, large = found["worker at 1000, MB"], found[f"worker at {many}, MB"]
    found["worker, ratio"] = round(large / small, 2)
    return found


def _fill(url: str, count: int) -> None:
    """Copy the one scheduled post until there are so many."""
    copied = "id, account_id, content_hash, state, run, epoch, claims, tries, wake_at, created_at"
    columns = [one.strip() for one in copied.split(",")]
    extra = ["scheduled_at", "revision", "pace", "pace_jitter"]
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        (present,) = connection.execute("SELECT count(*) FROM threadsworker_job").fetchone() or (0,)
        names = ", ".join([*columns[1:], *extra])
        connection.execute(
            f"INSERT INTO threadsworker_job (id, {names}) SELECT 'copy' || n, {names} FROM"
            f" (SELECT * FROM threadsworker_job LIMIT 1) AS one,"
            f" generate_series(%s::int, %s::int) AS n",
            (present, count),
        )
        connection.execute(
            'INSERT INTO threadsworker_segment (id, job_id, "index", text, options, state)'
            " SELECT 's' || job.id, job.id, 0, 'a post', '{}', 'waiting' FROM threadsworker_job job"
            " WHERE NOT EXISTS (SELECT 1 FROM threadsworker_segment segment"
            " WHERE segment.job_id = job.id)"
        )
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("ANALYZE")


def _dispatch_time(url: str) -> float:
    """Seconds that a look for due jobs takes when none is."""
    engine = make_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    lease = timedelta(seconds=90)

    def look() -> None:
        with transaction(engine) as session:
            runs.dispatch(session, silence=lease, now=clock(session), limit=100, concurrency=4)

    taken = _timed(look, QUERIES)
    engine.dispose()
    return taken


def _timed(act: Callable[[], None], times: int) -> float:
    act()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def _memory(installed: Installation) -> float:
    """Resident megabytes of a worker, its processes included, after some looks for due jobs."""
    worker, beat = installed.start("worker", "-c", "2"), installed.start("beat")
    client = installed.client()
    try:
        job = client.enqueue(f"shows that all is up {time.time()}")
        client.wait(job.id, timeout=60)
        until = time.monotonic() + 10
        eventually(lambda: time.monotonic() > until, timeout=15, every=0.5)
        return _resident(worker.pid) / 1024
    finally:
        for process in (beat, worker):
            process.terminate()
            process.wait(30)
            installed.processes.remove(process)


def _resident(pid: int) -> int:
    """Kilobytes of the process and of its children."""
    status = Path(f"/proc/{pid}/status").read_text()
    own = int(status.split("VmRSS:")[1].split()[0])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(_resident(int(child)) for child in children)


def _size(url: str) -> float:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert found is not None
    return float(found[0]) / 2**20


if __name__ == "__main__":
    sys.exit(main())
