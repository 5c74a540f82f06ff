"""
A worker, its messages and its beat in this process, in virtual time; Meta and GitHub over HTTP.

The steps, the rows and the requests are the real ones. What Celery does with messages is done
here by a heap, so that a day of waiting takes as long as the calls in it.
"""

from __future__ import annotations

import heapq
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Self

from sqlalchemy import text

from tests.reliability import crash_job
from tests.services import eventually
from threadsworker.client import Client
from threadsworker.job import RESTING
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.settings import Settings, load_settings
from threadsworker.steps import recurring, sweep, upkeep
from threadsworker.steps.desk import Desk
from threadsworker.steps.start import prepare
from threadsworker.steps.step import Again, Go, Next, Stop
from threadsworker.store.runs import Start
from threadsworker.walk import Hint, act, first, following

ACCESS_TOKEN = "sandbox-access-token-51e0c9"
GITHUB_TOKEN = "ghp_sandboxGithubToken51e0c9abcdef"
REPOSITORY = "octo/stage"

#: Messages after which a world counts as going round in circles.
MOST_MESSAGES = 5000


def fast_folder(folder: Path) -> Path:
    """A folder in memory where there is such a thing: these tests commit all the time."""
    memory = Path("/dev/shm")
    return memory / f"threadsworker-{os.getpid()}-{folder.name}" if memory.is_dir() else folder


class Clock:
    """Seconds since 1970, put forward by hand."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


@dataclass(order=True, frozen=True)
class Message:
    """One message of a chain, and when it is delivered."""

    due: float
    number: int
    hint: Hint = field(compare=False)

    @property
    def name(self) -> str:
        return self.hint.step


class World:
    """Everything that a job needs. Use it as a context manager."""

    def __init__(self, folder: Path, *, options: SandboxOptions | None = None, **given: Any):
        self.clock = Clock()
        self.sandbox = Sandbox(options=options or quick(), time=self.clock)
        self.sandbox.start()
        folder.mkdir(parents=True, exist_ok=True)
        self.settings = _settings(folder, self.sandbox, given)
        self.client = Client(self.settings, now=self.clock.moment)
        self.client.add_account(
            "main",
            user_id="17841400000000001",
            access_token=ACCESS_TOKEN,
            github_repo=REPOSITORY,
            github_token=GITHUB_TOKEN,
        )
        self.messages: list[Message] = []
        self._numbers = count()
        #: What no step foresaw; Celery would show a failed task.
        self.broken: list[Exception] = []
        self.desk = self.new_desk()
        prepare(self.desk)
        crash_job.spool(self.settings)

    def new_desk(self, kind: Callable[..., Desk] = Desk) -> Desk:
        """Another worker process, as far as the rows can tell."""
        return kind(self.settings, now=self.clock.moment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.sandbox.stop()
        self.client.close()
        self.desk.engine.dispose()
        # It may lie in memory, where nobody else tidies up.
        shutil.rmtree(self.settings.home, ignore_errors=True)

    # Jobs

    def submit(self) -> str:
        """Write a new canonical job and send its first message; its id."""
        with self.desk.transaction() as session:
            job_id = crash_job.submit(session, self.settings, account="main")
        self.ring(Start(job_id=job_id, run=1, index=0))
        return job_id

    def ring(self, start: Start) -> None:
        """Send the chain of a run."""
        self._send(first(start))

    def _send(self, hint: Hint, delay: float = 0) -> None:
        # No wait that is a message is longer than this.
        assert delay <= self.settings.max_countdown.total_seconds()
        message = Message(self.clock.seconds + delay, next(self._numbers), hint)
        heapq.heappush(self.messages, message)

    # Working

    def handle(self, message: Message, desk: Desk | None = None) -> Next:
        """Do what a task does with its message."""
        desk = desk or self.desk
        try:
            outcome = act(desk, message.hint)
        except Exception as error:
            self.broken.append(error)
            return Stop()
        hint = following(desk, message.hint, outcome)
        if hint is not None:
            delay = outcome.delay.total_seconds() if isinstance(outcome, Go | Again) else 0.0
            self._send(hint, delay)
        return outcome

    def upkeep(self) -> bool:
        """Do beat's duties once; whether a job was begun."""
        recurring.make_due(self.desk)
        starts = [*upkeep.rescue_stalled(self.desk), *upkeep.dispatch_due(self.desk)]
        for start in starts:
            self.ring(start)
        return bool(starts)

    def run(self, *, until: Callable[[], bool] | None = None) -> None:
        """Go on, putting the clock forward, until every job is at rest, or `until`."""
        done = until or self.at_rest
        for _ in range(MOST_MESSAGES):
            if done() and not (until is None and self.messages):
                return
            self.step()
        raise AssertionError(f"{MOST_MESSAGES} messages, and still {self.states()}")

    def step(self) -> None:
        """Handle the next message, or wait for what is due next."""
        self.await_downloads()
        if self.messages and self.messages[0].due <= self.clock.seconds:
            self.handle(heapq.heappop(self.messages))
            return
        if self.upkeep():
            return
        # What is due and was not begun waits for another job of its account.
        times = [self.messages[0].due] if self.messages else []
        times += [wake for wake in self._wakes() if wake and wake > self.clock.seconds]
        if times:
            self.clock.seconds = max(self.clock.seconds, min(times)) + 0.001

    def sweep(self) -> None:
        """Do the sweeps of the next quarter of an hour."""
        self.clock.seconds += 900
        sweep.sweep_staged(self.desk)

    def await_downloads(self) -> None:
        """Downloads take real time, in which virtual time stands still."""
        eventually(
            lambda: all(one.fetched_at is not None for one in self.sandbox.containers()),
            every=0.001,
        )

    # Looking

    def rows(self, statement: str) -> list[Any]:
        with self.desk.reading() as session:
            return list(session.execute(text(statement)).all())

    def states(self) -> list[tuple[str, str | None, str | None]]:
        return [
            tuple(row)
            for row in self.rows("SELECT state, reason, error_code FROM threadsworker_job")
        ]

    def at_rest(self) -> bool:
        return all(state in RESTING for state, _, _ in self.states())

    def _wakes(self) -> list[float | None]:
        found = self.rows("SELECT wake_at FROM threadsworker_job WHERE state <> 'needs_review'")
        return [
            datetime.fromisoformat(row[0]).replace(tzinfo=UTC).timestamp() if row[0] else None
            for row in found
        ]


def quick(**changes: Any) -> SandboxOptions:
    """A sandbox that takes no time and has no limits of GitHub's."""
    return SandboxOptions(
        text_seconds=0,
        image_seconds=0,
        carousel_seconds=0,
        video_seconds=0,
        # What no branch leads to any more is gone: nobody may need it then.
        raw_serves_unreachable=False,
        github_writes_per_minute=None,
        github_writes_per_hour=None,
        seed=1,
    ).changed(changes)


def _settings(folder: Path, sandbox: Sandbox, given: dict[str, Any]) -> Settings:
    return load_settings(
        **{
            "home": folder,
            "threads_api_url": sandbox.threads_api_url,
            "github_api_url": sandbox.github_api_url,
            "github_raw_url": sandbox.github_raw_url,
            "http_timeout": "0.25",
            "publish_timeout": "0.25",
            **given,
        }
    )
