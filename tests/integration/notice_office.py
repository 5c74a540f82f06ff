"""Two accounts, and a client and a desk that read the same clock, for notices and deliveries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session

from threadsworker import Client, report
from threadsworker.settings import Settings
from threadsworker.steps.deliver import deliver
from threadsworker.steps.desk import Desk
from threadsworker.store import jobs
from threadsworker.store.jobs import Claim

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@dataclass
class Office:
    """A client and a desk that read the same clock, put forward by hand."""

    settings: Settings
    now: datetime = START
    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = Client(self.settings, now=lambda: self.now)
        self.desk = self.another_desk()
        for name, user_id in (("main", "1"), ("other", "2")):
            self.client.add_account(name, user_id=user_id, access_token=f"token-of-{name}")

    def another_desk(self) -> Desk:
        return Desk(self.settings, now=lambda: self.now)

    def job(self, account: str = "main", key: str | None = None) -> str:
        """A job that nobody is rung for."""
        return self.client.enqueue(
            "the text of a post", at=self.now + HOUR, account=account, key=key
        ).id

    def held(self, job_id: str) -> Claim:
        with self.desk.transaction() as session:
            run = jobs.find(session, job_id).run
            lease, now = 24 * HOUR, self.now
            claim = jobs.claim(session, job_id, run=run, worker="w", lease=lease, now=now)
        assert claim is not None
        return claim

    def write(self, act: Callable[[Session], Any]) -> None:
        with self.desk.transaction() as session:
            act(session)

    def deliver(self, after: timedelta = timedelta(0)) -> int:
        self.now += after
        return deliver(self.desk, send=lambda *sent: self.sent.append(sent))

    def log(self) -> list[report.Delivery]:
        return self.client.deliveries()

    def close(self) -> None:
        self.client.close()
        self.desk.engine.dispose()
