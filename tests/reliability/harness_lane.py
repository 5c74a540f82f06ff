"""
A lane: a small world of its own in which one case after the other is run.

It has a database, a queue, a sandbox, a home, and a gun that sees everything that the workers
of the lane do. Beat's duties are called from here, by whoever runs a case, past the proxies.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from psycopg import Connection, connect
from pydantic import SecretStr
from redis import Redis as RedisClient
from sqlalchemy import Engine

from tests.reliability import crash_job
from tests.reliability.harness_gun import Gun
from tests.reliability.harness_proxy import Dialect, Http, Postgres, Proxy, Redis
from tests.reliability.harness_zygote import Zygote
from threadsworker import queue
from threadsworker.cli.processes import worker_command
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.sandbox.request import Request
from threadsworker.settings import load_settings
from threadsworker.steps import sweep, upkeep
from threadsworker.steps.desk import Desk
from threadsworker.store import accounts, schema
from threadsworker.store.database import clock, make_engine
from threadsworker.store.tables import METADATA

ACCOUNT = "main"
ACCESS_TOKEN = "sandbox-access-token-5b0e2d91"
GITHUB_TOKEN = "ghp_sandboxGithubTokenOfTheCrashMatrix00"
#: As short as they may be: every case waits for some of them.
SETTINGS = {
    "lease": timedelta(seconds=2),
    "dispatch_every": timedelta(seconds=0.4),
    "max_countdown": timedelta(seconds=5),
    "quiet_period": timedelta(seconds=1),
}
#: The answer to every request for a container; nothing goes wrong with it.
_EVERY_CONTAINER = {
    "match": {"service": "threads", "method": "POST", "path_regex": "/threads$"},
    "times": 1_000_000,
}
#: Seconds from one look at the job to the next.
LOOK_EVERY = 0.1
#: Seconds that a worker may take to start.
START = 30.0


class _PatientDesk(Desk):
    """The lease is so short that a transaction of a slow machine may idle for longer."""

    @cached_property
    def engine(self) -> Engine:
        return make_engine(self.settings.sqlalchemy_url)


class Lane:
    """Made by `lane`. One thread uses it at a time."""

    def __init__(
        self, directory: Path, *, database: str, broker: str, sandbox: Sandbox, zygote: Zygote
    ) -> None:
        self.directory = directory
        self.sandbox = sandbox
        self.gun = Gun()
        self.settings = load_settings(
            **SETTINGS,
            home=directory / "home",
            database_url=database,
            broker_url=broker,
            threads_api_url=sandbox.threads_api_url,
            github_api_url=sandbox.github_api_url,
            github_raw_url=sandbox.github_raw_url,
        )
        self.broker = RedisClient.from_url(broker)
        self._zygote = zygote
        self._celery = queue.make_app(broker)
        self._desk = _PatientDesk(self.settings)
        self._watcher: Connection[Any] = connect(database, autocommit=True)
        self._upstreams = (database, broker, sandbox.url)
        self._proxies: list[Proxy] = []
        self._workers: list[int] = []
        self._duties_due = self._sweep_due = 0.0

    def open(self) -> None:
        """Make the schema, the account, the media and the proxies."""
        dialects: tuple[Callable[[Gun], Dialect], ...] = (Postgres, Redis, Http)
        for address, dialect in zip(self._upstreams, dialects, strict=True):
            parts = urlsplit(address)
            upstream = (parts.hostname or "127.0.0.1", parts.port or 5432)
            self._proxies.append(Proxy(upstream, partial(dialect, self.gun)))
        self.settings.ensure_home()
        schema.upgrade(self._desk.engine)
        with self._desk.transaction() as session:
            accounts.put(
                session,
                ACCOUNT,
                user_id="17841400000000001",
                access_token=SecretStr(ACCESS_TOKEN),
                github_repo="octo/stage",
                github_token=SecretStr(GITHUB_TOKEN),
                token_expires_at=None,
                cipher=self._desk.cipher,
                now=clock(session),
            )
        crash_job.spool(self.settings)

    def close(self) -> None:
        self.stop_workers()
        for proxy in self._proxies:
            proxy.close()
        self._watcher.close()
        self._desk.engine.dispose()
        self.broker.close()

    def clean(self) -> None:
        """Nothing of the case before is left but the account and the media in the spool."""
        self.stop_workers()
        self.broker.flushdb()
        self.sandbox.reset()
        self.sandbox.plan_fault(_EVERY_CONTAINER, on_hit=self._await_downloads)
        emptied = METADATA.tables.keys() - {"threadsworker_account"}
        tables = ", ".join(f'"{name}"' for name in emptied)
        self._watcher.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        for log in self.directory.glob("*.log"):
            log.unlink()

    # Workers

    def start_worker(self, name: str, *, lines: Mapping[str, Any] | None = None) -> int:
        """A worker that waits for messages; its process id."""
        self.gun.listening.clear()
        command = worker_command(self.settings, ["--pool=solo", "--concurrency=1"])
        pid = self._zygote.start_worker(
            command[command.index("-A") :],
            environment=self._environment(),
            directory=self.settings.home,
            log=self.directory / f"{name}.log",
            lines=lines,
        )
        self._workers.append(pid)
        assert self.gun.listening.wait(START), f"worker {name} did not start\n{self.logs()}"
        return pid

    def stop_workers(self) -> None:
        """Kill what is left of them, and wait until it is gone."""
        for pid in self._workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.gun.release()
        _wait_until(lambda: not any(map(is_alive, self._workers)), timeout=START)
        self._workers.clear()

    def logs(self) -> str:
        """What the workers have written."""
        found = sorted(self.directory.glob("*.log"))
        return "\n".join(f"--- {one.name}\n{one.read_text(errors='replace')}" for one in found)

    def _environment(self) -> dict[str, str]:
        """The settings' other half: what a worker reads, with the proxies in its way out."""
        database, broker, web = (
            urlsplit(address)._replace(netloc=_netloc(address, proxy.port)).geturl()
            for address, proxy in zip(self._upstreams, self._proxies, strict=True)
        )
        durations = {name.upper(): str(value.total_seconds()) for name, value in SETTINGS.items()}
        ours = {
            **durations,
            "HOME": str(self.settings.home),
            "DATABASE_URL": f"{database}?sslmode=disable&gssencmode=disable",
            "BROKER_URL": broker,
            "THREADS_API_URL": web,
            "GITHUB_API_URL": f"{web}/github",
            "GITHUB_RAW_URL": f"{web}/raw",
        }
        inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return inherited | {f"THREADSWORKER_{name}": value for name, value in ours.items()}

    def _await_downloads(self, _request: Request) -> None:
        """Hold a new container's answer until it is FINISHED, so that one look is enough."""
        containers = self.sandbox.containers
        _wait_until(lambda: all(one.finished_at for one in containers()), timeout=START)

    # Jobs

    def enqueue(self) -> str:
        """A new canonical job, and its first message; the job's id."""
        with self._desk.transaction() as session:
            job_id = crash_job.submit(session, self.settings, account=ACCOUNT)
        queue.job_chain(self._celery, job_id, 1, 0).apply_async()
        return job_id

    def until(self, condition: Callable[[], Any], *, timeout: float, duties: bool) -> bool:
        """Wait, while beat does its `duties` if there are any. False if it does not come true."""
        deadline = monotonic() + timeout
        while not condition():
            if monotonic() > deadline:
                return False
            if duties and monotonic() >= self._duties_due:
                self._duties_due = monotonic() + self.settings.dispatch_every.total_seconds()
                self.do_duties()
            sleep(LOOK_EVERY)
        return True

    def do_duties(self) -> None:
        """Beat's, as `tasks.upkeep` does them."""
        for start in (*upkeep.dispatch_due(self._desk), *upkeep.rescue_stalled(self._desk)):
            queue.job_chain(self._celery, start.job_id, start.run, start.index).apply_async()
        if monotonic() >= self._sweep_due:
            self._sweep_due = monotonic() + 12 * self.settings.dispatch_every.total_seconds()
            sweep.sweep_staged(self._desk)

    def sweep_now(self) -> None:
        """Beat's sweep, as if the staging repository had not been listed for ten minutes."""
        self._watcher.execute("UPDATE threadsworker_account SET swept_at = NULL")
        sweep.sweep_staged(self._desk)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a SELECT gives."""
        return self._watcher.execute(statement.encode()).fetchall()


@contextmanager
def lane(directory: Path, *, database: str, broker: str, zygote: Zygote) -> Iterator[Lane]:
    """An open lane on a database of its own, and a Redis database of its own."""
    options = SandboxOptions(
        speed=1e9,
        github_writes_per_minute=None,
        github_writes_per_hour=None,
        # Files that are taken away too soon shall be missed.
        raw_serves_unreachable=False,
    )
    directory.mkdir()
    with Sandbox(options=options) as sandbox:
        opened = Lane(directory, database=database, broker=broker, sandbox=sandbox, zygote=zygote)
        opened.open()
        try:
            yield opened
        finally:
            opened.close()


def is_alive(pid: int) -> bool:
    """Whether there is such a process. The zygote's children leave nothing behind."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until(condition: Callable[[], bool], *, timeout: float) -> None:
    deadline = monotonic() + timeout
    while not condition():
        assert monotonic() < deadline, f"not within {timeout} seconds"
        sleep(0.002)


def _netloc(address: str, port: int) -> str:
    user, at, _ = urlsplit(address).netloc.rpartition("@")
    return f"{user}{at}127.0.0.1:{port}"
