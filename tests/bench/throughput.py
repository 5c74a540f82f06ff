"""
Jobs a second from end to end, next to a bare Celery chain: `python -m tests.bench.throughput`.

A job is one short text. All are enqueued first, and then a worker starts; a run begins when the
first message is taken, and ends when the last job is published. The bare chain has as many
messages and the same requests as ours had in the same round, counted in Redis and by the sandbox,
and no database. The sandbox answers at once, in a process of its own.

Every run is looked at afterwards: each job has to be live once.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench.installed import people
from tests.bench.lanes import Lane, Measured, Servers, run_bare, run_ours
from tests.bench.measured import table, write
from tests.bench.sandbox_process import sandbox_process
from tests.services import postgres_server, redis_server
from threadsworker import broker
from threadsworker.sandbox import SandboxOptions

#: Each gets as few posts as an account of a busy installation.
ACCOUNTS = 50
STORES = ("PostgreSQL and Redis", "SQLite and the embedded broker")


def main() -> int:
    """Print the tables, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(prog="tests.bench.throughput", description=__doc__)
    parser.add_argument("--jobs", type=int, default=300, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("postgresql", "sqlite"))
    parser.add_argument(
        "--lanes",
        nargs="+",
        default=["prefork:1", "prefork:2"],
        help="Celery's pool, and how many at a time",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    lanes = [Lane.parse(text) for text in asked.lanes]
    found: dict[str, Any] = {"python": platform.python_version(), "jobs": asked.jobs}
    for store in STORES:
        if asked.only is None or store.lower().startswith(asked.only):
            rows = measure(store, lanes, jobs=asked.jobs, rounds=asked.rounds)
            sys.stdout.write(table(store, rows) + "\n")
            sys.stdout.flush()
            found[store] = rows
    write(asked.json, found)
    return 0


def measure(store: str, lanes: Sequence[Lane], *, jobs: int, rounds: int) -> list[dict[str, Any]]:
    """Rows of figures: for each lane ours, and the bare chain with and without events."""
    runs: dict[tuple[Lane, str], list[Measured]] = defaultdict(list)
    for _ in range(rounds):
        for lane in lanes:
            with _servers(store) as servers:
                ours = run_ours(servers, lane, jobs)
                runs[lane, "threadsworker"].append(ours)
                for name, events in (("bare chain", True), ("bare chain, no events", False)):
                    bare = run_bare(servers, lane, jobs, like=ours, events=events)
                    runs[lane, name].append(bare)
    return [
        _row(f"{name}, {lane}", of, runs[lane, "bare chain"]) for (lane, name), of in runs.items()
    ]


def _row(name: str, runs: Sequence[Measured], bare: Sequence[Measured]) -> dict[str, Any]:
    """Medians, and the spread; each run is compared with the bare one of its own round."""
    rates = [run.jobs / run.wall for run in runs]
    shares = [100 * one.wall / run.wall for run, one in zip(runs, bare, strict=True)]
    used = {
        f"{who} cpu, ms": round(
            statistics.median(1000 * run.cpu[who] / run.jobs for run in runs), 1
        )
        for who in runs[0].cpu
    }
    return {
        "name": name,
        "jobs/s": round(statistics.median(rates), 1),
        "spread": f"{min(rates):.1f}-{max(rates):.1f}",
        "% of bare": round(statistics.median(shares)),
        "spread, %": f"{min(shares):.0f}-{max(shares):.0f}",
        "messages": _each(runs, "messages"),
        "events": _each(runs, "events"),
        "calls": _each(runs, "requests"),
        **used,
    }


def _each(runs: Sequence[Measured], what: str) -> float:
    """How many of these a job has."""
    counted: list[float] = [getattr(run, what) / run.jobs for run in runs]
    return round(statistics.median(counted), 2)


@contextmanager
def _servers(store: str) -> Iterator[Servers]:
    """Fresh ones, so that no run has the rows of those before it."""
    profiles = people(ACCOUNTS)
    options = SandboxOptions(
        accounts=profiles, seed=1, text_seconds=0, post_quota=10**6, reply_quota=10**6
    )
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        home = directory / "home"
        home.mkdir()
        sandbox = stack.enter_context(sandbox_process(options))
        accounts = {token: profile.user_id for token, profile in profiles.items()}
        if store == STORES[0]:
            redis = stack.enter_context(redis_server())
            postgres = stack.enter_context(postgres_server(directory))
            if postgres is None:
                raise SystemExit("there is no PostgreSQL here")
            database = stack.enter_context(postgres.database())
            yield Servers(home, sandbox, accounts, redis.url, database)
        else:
            stack.enter_context(broker.hold(home))
            url = broker.broker_url(home)
            yield Servers(home, sandbox, accounts, url, f"sqlite:///{home / 'bench.db'}")


if __name__ == "__main__":
    sys.exit(main())
