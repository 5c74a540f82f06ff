"""How long questions to the rows take, and starting what is due, however many rows there are."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

from redis import Redis
from sqlalchemy import Engine, delete, update
from sqlmodel import Session, col, func, select

from tests.bench import stocked
from tests.bench.stocked import FAR, Stock
from threadsworker import Client
from threadsworker.job import JobState
from threadsworker.queue import STEPS_QUEUE, Doorbell, Title
from threadsworker.settings import Settings
from threadsworker.steps import upkeep
from threadsworker.steps.desk import Desk
from threadsworker.store import quota, runs
from threadsworker.store.database import clock, transaction
from threadsworker.store.tables import AccountRow, EventRow, JobRow, SegmentRow

#: How often each question is asked in a round.
TIMES = 30
#: Posts that are due at the same time.
DUE = 1000
#: A look for due posts takes no more than this many.
LIMIT = 100


def times(settings: Settings, stock: Stock) -> dict[str, float]:
    """
    One round: milliseconds by question, each the median of its times.

    Raises
    ------
    SystemExit:
        Not all of the posts that were due were started.
    """
    desk = Desk(settings)
    with closing(Client(settings)) as client:
        asked: dict[str, Callable[[], object]] = {"due-query": lambda: _look(desk)}
        if stock.posts:
            asked |= {
                "jobs": lambda: client.jobs(limit=50),
                "jobs of account": lambda: client.jobs(account="a7", limit=50),
                "jobs failed": lambda: client.jobs(state="failed", limit=50),
                "show": lambda: client.get(stocked.copy_id(stock.posts // 2)),
                "quota": lambda: _quota(desk),
            }
        found = {name: 1000 * _median(ask, TIMES) for name, ask in asked.items()}
        if stock.posts:
            found["enqueue"] = 1000 * _enqueued(client, desk.engine)
            found[f"dispatch of {DUE:,}"] = 1000 * _dispatched(desk)
    desk.engine.dispose()
    return found


def _median(act: Callable[[], object], times: int) -> float:
    act()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def _look(desk: Desk) -> None:
    """Look for due posts; none is."""
    with desk.transaction() as session:
        runs.dispatch(
            session,
            silence=desk.settings.lease,
            now=clock(session),
            limit=LIMIT,
            concurrency=desk.settings.account_concurrency,
        )


def _quota(desk: Desk) -> None:
    with desk.reading() as session:
        account_id = session.exec(select(AccountRow.id).where(AccountRow.name == "a7")).one()
        quota.window(session, account_id, "post", now=clock(session))


def _enqueued(client: Client, engine: Engine) -> float:
    """Seconds that one takes, each of another account. They are gone afterwards."""
    ids: list[str] = []

    def enqueue() -> None:
        ids.append(client.enqueue(f"post {len(ids)}", account=f"a{len(ids)}").id)

    taken = _median(enqueue, TIMES)
    with transaction(engine) as session:
        for row in (EventRow, SegmentRow):
            session.execute(delete(row).where(col(row.job_id).in_(ids)))
        session.execute(delete(JobRow).where(col(JobRow.id).in_(ids)))
    return taken


def _dispatched(desk: Desk) -> float:
    """Seconds until all that are due have a new run and their messages are sent."""
    broker = desk.settings.broker_url
    assert broker is not None
    doorbell = Doorbell(broker.get_secret_value)
    ids = [stocked.copy_id(n) for n in range(1, DUE)]
    with Redis.from_url(broker.get_secret_value()) as redis, closing(doorbell):
        redis.delete(STEPS_QUEUE)
        _due_in(desk, ids, -timedelta(seconds=1))
        began = time.perf_counter()
        for start in upkeep.dispatch_due(desk):
            doorbell.ring(
                start.job_id, start.run, start.index, Title(start.account, start.segments)
            )
        taken = time.perf_counter() - began
        rung: int = redis.llen(STEPS_QUEUE)
        redis.delete(STEPS_QUEUE)
    with desk.reading() as session:
        started = session.exec(
            select(func.count()).where(JobRow.state == JobState.QUEUED, col(JobRow.id).in_(ids))
        ).one()
    if {rung, started} != {len(ids)}:
        raise SystemExit(f"{len(ids)} posts were due, {started} started, and {rung} rung for")
    _due_in(desk, ids, FAR)
    stocked.tidy(desk.engine)
    return taken


def _due_in(desk: Desk, ids: list[str], rest: timedelta) -> None:
    """Make these posts due so much later than now, as if nothing had begun."""
    with desk.transaction() as session:
        _forget_dispatch(session, ids)
        session.execute(
            update(JobRow)
            .where(col(JobRow.id).in_(ids))
            .values(
                state=JobState.SCHEDULED,
                reason=None,
                overdue_at=None,
                wake_at=clock(session) + rest,
            )
        )


def _forget_dispatch(session: Session, ids: list[str]) -> None:
    session.execute(
        delete(EventRow).where(col(EventRow.job_id).in_(ids), col(EventRow.what) == "dispatched")
    )
