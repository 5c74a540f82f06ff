"""One run of `tests.bench.throughput`: what is sent, the worker that takes it, what that costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis
from sqlalchemy import Engine, text

from tests.bench import bare_chain
from tests.bench.bare_chain import Call, bare_app
from tests.bench.processor import cpu_seconds, parent
from tests.bench.sandbox_process import SandboxProcess
from tests.services import eventually
from threadsworker import Client, queue
from threadsworker.settings import load_settings
from threadsworker.store import schema
from threadsworker.store.database import make_engine, transaction

TEXT = "The tide does not ask whether our queue is empty. It comes in. #sea {}"
#: Seconds between two looks whether a run has begun, or is over.
LOOK_EVERY = 0.02
#: Seconds until a run counts as stuck.
PATIENCE = 900.0


@dataclass(frozen=True)
class Lane:
    """How a worker works: Celery's pool, and how many tasks at a time."""

    pool: str
    many: int

    @classmethod
    def parse(cls, written: str) -> Lane:
        """``prefork:2``."""
        pool, _, many = written.partition(":")
        return cls(pool, int(many))

    def __str__(self) -> str:
        return f"{self.pool} {self.many}"

    @property
    def options(self) -> list[str]:
        return ["--pool", self.pool, "--concurrency", str(self.many)]


@dataclass(frozen=True)
class Servers:
    """What a run works with."""

    home: Path
    sandbox: SandboxProcess
    #: User ids by token.
    accounts: Mapping[str, str]
    broker_url: str
    database_url: str

    def redis(self) -> Redis:
        """A connection to the broker."""
        if self.broker_url.startswith("redis+socket://"):
            return Redis(unix_socket_path=self.broker_url.removeprefix("redis+socket://"))
        return Redis.from_url(self.broker_url)


@dataclass(frozen=True)
class Measured:
    """What a run took, and what it sent; `cpu` is seconds by who used them."""

    jobs: int
    wall: float
    cpu: Mapping[str, float]
    messages: int
    events: int
    requests: int
    #: What was asked of the sandbox, and how often.
    calls: Sequence[tuple[Call, int]]


def run_ours(servers: Servers, lane: Lane, jobs: int) -> Measured:
    """Jobs of ours: enqueued, and then published by a worker that starts."""
    given = {
        "THREADSWORKER_HOME": str(servers.home),
        "THREADSWORKER_DATABASE_URL": servers.database_url,
        "THREADSWORKER_BROKER_URL": servers.broker_url,
        "THREADSWORKER_LOG_LEVEL": "WARNING",
        "THREADSWORKER_ACCOUNT_CONCURRENCY": str(jobs),
        # No beat is here to help, and none is needed.
        "THREADSWORKER_LEASE": "3600",
        **servers.sandbox.addresses,
    }
    servers.sandbox.reset()
    names = {name.removeprefix("THREADSWORKER_").lower(): value for name, value in given.items()}
    with closing(Client(load_settings(**names))) as client:
        engine = make_engine(client.settings.sqlalchemy_url)
        schema.upgrade(engine)
        for token, user in servers.accounts.items():
            client.add_account(f"a{user}", user_id=user, access_token=token)
        users = list(servers.accounts.values())
        enqueue = [
            {"post": TEXT.format(n), "account": f"a{users[n % len(users)]}"} for n in range(jobs)
        ]
        command = ["threadsworker", "worker", *lane.options]
        measured = _run(
            servers,
            jobs,
            send=lambda: client.enqueue_all(enqueue),
            worker=lambda: _worker(command, given, servers.home / "worker.log"),
            is_over=lambda: _published(engine) == jobs,
            texts=jobs,
        )
        engine.dispose()
    return measured


def _published(engine: Engine) -> int:
    with transaction(engine) as session:
        counted = "SELECT count(*) FROM threadsworker_job WHERE state = 'published'"
        return int(session.execute(text(counted)).scalar_one())


def run_bare(servers: Servers, lane: Lane, jobs: int, *, like: Measured, events: bool) -> Measured:
    """Bare chains with as many messages as `like` had, and the same requests."""
    servers.sandbox.reset()
    done, calls = servers.home / "done", servers.home / "calls.json"
    done.write_text("")
    calls.write_text(json.dumps([call for call, _ in like.calls]))
    given = {
        bare_chain.BROKER: servers.broker_url,
        bare_chain.EVENTS: "yes" if events else "no",
        bare_chain.CALLS: str(calls),
        bare_chain.DONE: str(done),
    }
    app = bare_app(servers.broker_url, events=events)
    parts = [
        _spread(_calls_of(n, jobs, like.calls), round(like.messages / like.jobs))
        for n in range(jobs)
    ]
    tokens = list(servers.accounts)

    def send() -> None:
        for n, messages in enumerate(parts):
            bare_chain.send(app, tokens[n % len(tokens)], messages)

    options = ["--without-mingle", "--without-gossip", "--loglevel", "WARNING", *lane.options]
    command = ["celery", "-A", "tests.bench.bare_chain", "worker", *options]
    return _run(
        servers,
        jobs,
        send=send,
        worker=lambda: _worker(command, given, servers.home / "bare.log"),
        is_over=lambda: len(done.read_text().splitlines()) == jobs,
        texts=1,
    )


def _calls_of(n: int, jobs: int, calls: Sequence[tuple[Call, int]]) -> list[int]:
    """The numbers of the requests of the n-th chain, so that all chains send as many as ours."""
    return [
        number
        for number, (_, count) in enumerate(calls)
        for _ in range(count // jobs + (n < count % jobs))
    ]


def _spread(calls: Sequence[int], messages: int) -> list[list[int]]:
    """The same in order, over so many messages."""
    parts: list[list[int]] = [[] for _ in range(messages)]
    for place, call in enumerate(calls):
        parts[place * messages // len(calls)].append(call)
    return parts


def _run(
    servers: Servers,
    jobs: int,
    *,
    send: Callable[[], Any],
    worker: Callable[[], Any],
    is_over: Callable[[], bool],
    texts: int,
) -> Measured:
    """Send all, start the worker, and measure until it is done."""
    with servers.redis() as redis:
        redis.flushdb()
        redis.config_resetstat()
        send()

        def waiting() -> int:
            return int(redis.llen(queue.STEPS_QUEUE))

        if waiting() != jobs:
            raise SystemExit(f"{jobs} jobs were sent, and {waiting()} messages wait")
        with worker() as process:
            eventually(lambda: waiting() < jobs, timeout=60, every=LOOK_EVERY)
            began, before = time.perf_counter(), _cpu(servers, redis, process.pid)
            eventually(lambda: not waiting() and is_over(), timeout=PATIENCE, every=LOOK_EVERY)
            wall, after = time.perf_counter() - began, _cpu(servers, redis, process.pid)
        sent: dict[str, Any] = redis.info("commandstats")
    _audit(servers, jobs, texts)
    asked = _asked(servers)
    return Measured(
        jobs,
        wall,
        {who: after[who] - before[who] for who in after},
        messages=sent["cmdstat_lpush"]["calls"],
        events=sent.get("cmdstat_publish", {"calls": 0})["calls"],
        requests=sum(count for _, count in asked),
        calls=asked,
    )


@contextmanager
def _worker(
    command: Sequence[str], given: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker, until all is done; it ends in order."""
    environment = {**os.environ, **given}
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=environment, stdout=written, stderr=written
        )
    try:
        yield process
    except BaseException:
        sys.stderr.write(log.read_text(errors="replace")[-4000:])
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _cpu(servers: Servers, redis: Redis, worker: int) -> dict[str, float]:
    """Seconds of the processor that each has used."""
    server: dict[str, Any] = redis.info("server")
    used = {
        "worker": cpu_seconds(worker),
        "broker": cpu_seconds(server["process_id"]),
        "sandbox": cpu_seconds(servers.sandbox.pid),
    }
    if servers.database_url.startswith("postgresql"):
        # A server of its own, or the machine's: then with what others ask of it meanwhile.
        with psycopg.connect(servers.database_url) as connection:
            used["database"] = cpu_seconds(parent(connection.info.backend_pid))
    return used


def _asked(servers: Servers) -> list[tuple[Call, int]]:
    """What was asked of the sandbox, each kind of request once, in the order of their first."""
    samples: dict[tuple[str, str], Call] = {}
    counts: Counter[tuple[str, str]] = Counter()
    made: set[str] = set()
    for entry in servers.sandbox.ledger():
        if entry["acted"] == "container_created":
            made.add(entry["container_id"])
        call = _call(entry, servers.sandbox.url, made)
        kind = (call["method"], call["url"] + json.dumps(sorted(call["params"])))
        samples.setdefault(kind, call)
        counts[kind] += 1
    return [(samples[kind], count) for kind, count in counts.items()]


def _call(entry: Mapping[str, Any], url: str, made: set[str]) -> Call:
    *head, last = entry["path"].split("/")
    if last.isdecimal():
        last = "{container}" if last in made else "{post}"
    elif len(head) > 1 and head[-1].isdecimal():
        head[-1] = "{post}"
    form = dict(entry["form"])
    if "creation_id" in form:
        form["creation_id"] = "{container}"
    gives = {"container_created": "container", "published": "post"}.get(entry["acted"])
    return Call(
        method=entry["method"],
        url=f"{url}{'/'.join([*head, last])}",
        params=dict(entry["query"]),
        form=form,
        gives=gives,
    )


def _audit(servers: Servers, jobs: int, texts: int) -> None:
    """Each job is live once; `texts`: how many different ones there are."""
    posts = servers.sandbox.posts()
    for what, wanted in (("id", jobs), ("container_id", jobs), ("text", texts)):
        if len(posts) != jobs or len({post[what] for post in posts}) != wanted:
            raise SystemExit(f"{jobs} jobs, and {len(posts)} posts; each {what} is not there once")
