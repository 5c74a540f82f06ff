"""
The chaos soak: real workers, beats and servers are killed while jobs are published.

    python -m tests.reliability.soak --jobs 500 --seed 7 --json soak.json

Exit code 1 if any promise was broken. What is checked, and how it is counted, is in
`soak_verdict` and `soak_report`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tests.reliability.soak_answers import Answers
from tests.reliability.soak_audit import Audit
from tests.reliability.soak_chaos import Chaos
from tests.reliability.soak_posts import GITHUB_TOKEN, Order, orders, owners
from tests.reliability.soak_processes import ROOT, Fleet
from tests.reliability.soak_report import Figures, report, table
from tests.reliability.soak_servers import (
    LastingRedis,
    PostgresCluster,
    lasting_redis,
    postgres_cluster,
    wait_until,
)
from tests.reliability.soak_verdict import AT_REST, Verdict, judge, judge_secrets
from threadsworker import Client
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.settings import load_settings
from threadsworker.threads_api.connection import QUERY_ONLY

WORKERS, BEATS = 4, 2
#: Processes of a worker.
PROCESSES = 2
#: Settings of every process. Leases are short, so that many stalls outlast one.
SETTINGS = {"LEASE": "4", "DISPATCH_EVERY": "1", "QUIET_PERIOD": "2", "MAX_COUNTDOWN": "5"}
#: Seconds between two jobs at least, how many may be under way at once, and the shortest
#: time that chaos lasts. The authors wait for the workers, so that any number can be run.
PACE, UNDER_WAY, SHORTEST = 0.2, 100, 30.0
#: Seconds until all is at rest after the chaos, and until nothing is staged any more.
DRAIN, SWEEP = 240.0, 30.0
#: Seconds after which an author gives up to enqueue.
PATIENCE = 60.0


@dataclass
class Authors:
    """
    Enqueue jobs, one every `PACE` seconds while fewer than `UNDER_WAY` are not at rest; again,
    with the same key, when that fails.
    """

    client: Client
    audit: Audit
    parent: str
    #: Seconds after which no more is enqueued.
    limit: float = inf
    #: By job id.
    accepted: dict[str, Order] = field(default_factory=dict)
    refusals: int = 0
    surprises: list[str] = field(default_factory=list)

    def work(self, wanted: Iterator[Order]) -> None:
        pause, room, ends = threading.Event(), 0, monotonic() + self.limit
        for order in wanted:
            if monotonic() >= ends:
                return
            while room <= 0:
                pause.wait(PACE)
                room = self._room()
            began = monotonic()
            self._enqueue(order, pause)
            room -= 1
            pause.wait(max(0.0, began + PACE - monotonic()))

    def _room(self) -> int:
        """How many jobs may be enqueued before the next look, few enough for a steady load."""
        try:
            return min(10, UNDER_WAY - self.audit.under_way())
        except psycopg.Error:
            # PostgreSQL is away.
            return 0

    def _enqueue(self, order: Order, pause: threading.Event) -> None:
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            try:
                job = self.client.enqueue(
                    order.post(self.parent), account=order.owner.name, key=order.key
                )
            except SQLAlchemyError:
                # PostgreSQL is away: this is what a caller has to expect.
                self.refusals += 1
            except Exception:
                self.surprises.append(f"enqueue: {traceback.format_exc()}")
            else:
                self.accepted[job.id] = order
                return
            pause.wait(0.3)
        self.surprises.append(f"{order.key} could not be enqueued")


@dataclass
class Stage:
    """Everything that takes part."""

    home: Path
    sandbox: Sandbox
    redis: LastingRedis
    postgres: PostgresCluster
    fleet: Fleet
    client: Client
    audit: Audit


@contextmanager
def stage(directory: Path, seed: int, *, processes: int) -> Iterator[Stage]:
    """Servers, sandbox, accounts, and the processes running."""
    with ExitStack() as stack:
        cluster = stack.enter_context(postgres_cluster(directory / "postgres"))
        redis = stack.enter_context(lasting_redis())
        people = owners(seed)
        options = SandboxOptions(
            accounts={one.token: one.profile for one in people},
            speed=20.0,
            seed=seed,
            post_quota=10**6,
            reply_quota=10**6,
            github_writes_per_minute=None,
            github_writes_per_hour=None,
            github_requests_per_hour=10**9,
        )
        sandbox = stack.enter_context(
            Sandbox(options=options, ledger_path=directory / "ledger.jsonl")
        )
        home = directory / "home"
        home.mkdir(mode=0o700)
        addresses = {
            "THREADS_API_URL": sandbox.threads_api_url,
            "GITHUB_API_URL": sandbox.github_api_url,
            "GITHUB_RAW_URL": sandbox.github_raw_url,
            "DATABASE_URL": cluster.url,
            "BROKER_URL": redis.url,
            "HOME": str(home),
        }
        given = {**addresses, **SETTINGS}
        fleet = Fleet(home, _environment(given))
        fleet.run("db", "upgrade")
        client = Client(load_settings(**{name.lower(): value for name, value in given.items()}))
        for one in people:
            client.add_account(
                one.name,
                user_id=one.user_id,
                access_token=one.token,
                github_repo=one.repo,
                github_token=GITHUB_TOKEN,
            )
        audit = Audit(cluster.url)
        audit.install()
        try:
            for n in range(WORKERS):
                fleet.launch(f"worker-{n}", "worker", "-c", str(processes))
            for n in range(BEATS):
                fleet.launch(f"beat-{n}", "beat")
            yield Stage(home, sandbox, redis, cluster, fleet, client, audit)
        finally:
            fleet.signal_all(signal.SIGKILL)


def _environment(given: dict[str, str]) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    # The code that lies beside these tests, whatever is installed.
    ours = {f"THREADSWORKER_{name}": value for name, value in given.items()}
    return {**inherited, "PYTHONPATH": str(ROOT), **ours}


def soak(
    jobs: int,
    seed: int,
    directory: Path,
    *,
    calm: bool = False,
    limit: float = inf,
    processes: int = PROCESSES,
) -> tuple[Verdict, dict[str, Any]]:
    """
    Publish `jobs` posts, or as many as are enqueued in `limit` seconds, in chaos or without
    any, by workers of so many processes; the verdict and the report.
    """
    began = monotonic()
    with stage(directory, seed, processes=processes) as on:
        parent = _first_post(on.client, seed)
        wanted = list(orders(jobs, seed=seed, owners=owners(seed)))
        answers = Answers(on.sandbox, random.Random(f"{seed} answers"))
        answers.plan(0 if calm else 3 * sum(len(order.texts) for order in wanted))
        chaos = Chaos(on.fleet, on.redis, on.postgres, seed)
        authors = Authors(on.client, on.audit, parent, limit)
        chaos_began = monotonic()
        if not calm:
            chaos.start()
        authors.work(iter(wanted))
        threading.Event().wait(max(0.0, chaos_began + SHORTEST - monotonic()))
        chaos.stop()
        chaos_lasted = monotonic() - chaos_began
        answers.all_delivered()
        _drain(on)
        verdict = judge(
            authors.accepted,
            parent=parent,
            sandbox=on.sandbox,
            audit=on.audit,
            calls=answers.calls,
        )
        for problem in [*chaos.troubles, *authors.surprises, *_deaf(on)]:
            verdict.add("deaf workers" if "listens" in problem else "surprises", problem)
        for name in on.fleet.stop():
            verdict.add("surprises", f"{name} did not end when it was asked to")
        secrets = [GITHUB_TOKEN, *(one.token for one in owners(seed))]
        judge_secrets(verdict, secrets, logs=on.fleet.logs(), audit=on.audit)
        in_queries = {one["path"] for one in on.sandbox.ledger if one["token_in_query"]}
        if in_queries - QUERY_ONLY:
            verdict.add("secrets leaked", "a token in a query")
        figures = Figures(
            seed=seed,
            orders=authors.accepted,
            answers=answers,
            deeds=chaos.deeds,
            endings=on.fleet.endings,
            refusals=authors.refusals,
            chaos_seconds=chaos_lasted,
            seconds=monotonic() - began,
        )
        found = report(figures, verdict, on.sandbox, on.audit)
        for job_id in sorted(verdict.suspects)[:20]:
            found["suspects"][job_id] = on.audit.events(job_id)
        return verdict, found


def _first_post(client: Client, seed: int) -> str:
    """The post that replies are for; its publication shows that all is up."""
    job = client.enqueue(f"soak {seed}: the first post", account=owners(seed)[0].name)
    first = client.wait(job.id, timeout=60).segments[0].media_id
    assert first is not None, "the first post is not published"
    return first


def _drain(on: Stage) -> None:
    """Wait until every job is at rest and nothing is staged that is not needed."""

    def all_at_rest() -> bool:
        on.fleet.look_after()
        return on.fleet.are_up() and set(on.audit.states().values()) <= AT_REST

    if not wait_until(all_at_rest, timeout=DRAIN, every=0.5):
        return
    held = {job for job, state in on.audit.states().items() if state == "needs_review"}

    def is_swept() -> bool:
        paths = on.sandbox.staged_paths()
        return all(path.split()[1].rpartition("/")[2] in held for path in paths)

    if not wait_until(is_swept, timeout=SWEEP, every=0.5):
        # What a stopped worker staged after its job was tidied up: repositories are listed
        # every ten minutes, and these pass now.
        on.audit.let_sweeps_be_due()
        wait_until(is_swept, timeout=SWEEP, every=0.5)


def _deaf(on: Stage) -> list[str]:
    """Workers that wait for no message although all is done: each should have a BRPOP open."""
    if not set(on.audit.states().values()) <= AT_REST:
        return []
    groups = on.fleet.of_kind("worker")

    def listening() -> int:
        try:
            with on.redis.client() as client:
                return sum(one["cmd"] == "brpop" for one in client.client_list())
        except RedisError:
            return 0

    if wait_until(lambda: listening() >= len(groups), timeout=30, every=0.2):
        return []
    return [f"only {listening()} of {len(groups)} workers listens"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--json", type=Path, help="file for the report")
    parser.add_argument("--calm", action="store_true", help="no chaos, to compare with")
    parser.add_argument("--keep", action="store_true", help="keep logs and ledger of a clean run")
    parser.add_argument(
        "--minutes", type=float, default=inf, help="no further job is enqueued after so long"
    )
    parser.add_argument(
        "--processes", type=int, default=PROCESSES, help="of each of the four workers"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    for name in [name for name in os.environ if name.startswith("THREADSWORKER_")]:
        del os.environ[name]
    directory = Path(tempfile.mkdtemp(prefix="soak-"))
    sys.stderr.write(f"seed {given.seed}, {given.jobs} jobs, in {directory}\n")
    verdict, found = soak(
        given.jobs,
        given.seed,
        directory,
        calm=given.calm,
        limit=60 * given.minutes,
        processes=given.processes,
    )
    sys.stdout.write(table(found))
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=2, default=str) + "\n")
    if verdict.is_clean and not given.keep:
        shutil.rmtree(directory)
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
