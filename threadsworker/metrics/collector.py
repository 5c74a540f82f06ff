"""The gauges, read from the rows and the broker whenever somebody looks."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from threadsworker import queue
from threadsworker.broker import broker_url
from threadsworker.counting.files import Counted
from threadsworker.job import JobState, WaitReason
from threadsworker.metrics import gauges
from threadsworker.metrics.gauges import Gauge
from threadsworker.notice import DeliveryState
from threadsworker.settings import Settings
from threadsworker.steps.desk import Desk
from threadsworker.steps.presence import MISSED_BEATS, beat_every
from threadsworker.store import figures
from threadsworker.store.database import clock
from threadsworker.store.figures import Standing
from threadsworker.store.standing import AccountStatus

logger = logging.getLogger(__name__)

#: Seconds for which gauges are kept: several scrapers cost the database no more than one.
KEPT = 2.0
#: Accounts with gauges of their own. More would be a burden to Prometheus.
MOST_ACCOUNTS = 1000


class Rows(Collector):
    """What the rows and the broker tell at this moment."""

    def __init__(self, settings: Settings) -> None:
        self._desk = Desk(settings)
        self._celery = queue.make_app(
            settings.broker_url.get_secret_value()
            if settings.broker_url
            else broker_url(settings.home),
            key_prefix=settings.broker_key_prefix,
        )
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._read_at = float("-inf")

    def describe(self) -> Iterable[Metric]:
        """Nothing is read when this is registered."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Every gauge that can be told."""
        with self._lock:
            if time.monotonic() - self._read_at > KEPT:
                self._kept = [*self._from_database(), *self._from_broker()]
                self._read_at = time.monotonic()
            return self._kept

    def _from_database(self) -> list[Metric]:
        try:
            with self._desk.reading() as session:
                read = list(_read(self._desk, session))
        except SQLAlchemyError as error:
            logger.warning("The rows cannot be read: %s", type(error).__name__)
            read = []
        finally:
            # Nothing is kept open between two looks, nor shared with a process that is forked.
            self._desk.engine.dispose()
        return [*_constants(), _one(gauges.DATABASE_UP, bool(read)), *read]

    def _from_broker(self) -> list[Metric]:
        try:
            waiting = queue.lengths(self._celery)
        except OSError:
            return [_one(gauges.BROKER_UP, False)]
        return [_one(gauges.BROKER_UP, True), _family(gauges.QUEUE, waiting)]


def registry_of(settings: Settings) -> CollectorRegistry:
    """All metrics of an installation, as one registry."""
    registry = CollectorRegistry()
    registry.register(Rows(settings))
    registry.register(Counted(settings.counts))
    return registry


def _constants() -> list[Metric]:
    return [_family(gauges.INFO, {version("threadsworker"): 1})]


def _read(desk: Desk, session: Session) -> Iterator[Metric]:
    now = clock(session)
    alive = now - MISSED_BEATS * beat_every(desk.settings)
    yield _one(gauges.WORKERS, figures.workers_seen(session, since=alive))
    ages = {name: (now - at).total_seconds() for name, at in figures.duties_done(session).items()}
    yield _family(gauges.DUTY_AGE, ages)
    yield _family(gauges.JOBS, {**_no_jobs(), **figures.jobs_by_state(session)})
    late = figures.oldest_due(session, silence=desk.settings.lease, now=now)
    yield _one(gauges.OLDEST_DUE, late.total_seconds())
    none = dict.fromkeys(map(str, figures.IN_FLIGHT), 0)
    yield _family(gauges.IN_FLIGHT, {**none, **figures.segments_in_flight(session)})
    yield _family(gauges.STAGED, {"intent": 0, "present": 0, **figures.staged_by_state(session)})
    undelivered = dict.fromkeys(map(str, DeliveryState), 0)
    yield _family(gauges.DELIVERIES, {**undelivered, **figures.deliveries_by_state(session)})
    yield from _of_accounts(session, figures.accounts(session, now=now), now=now)


def _no_jobs() -> dict[tuple[str, str], int]:
    """Zeros, so that what is not there is a 0 and no gap in a picture."""
    states = [(str(state), "") for state in JobState if state != JobState.WAITING]
    return dict.fromkeys([*states, *((str(JobState.WAITING), str(why)) for why in WaitReason)], 0)


def _of_accounts(
    session: Session, accounts: Sequence[Standing], *, now: datetime
) -> Iterator[Metric]:
    none = dict.fromkeys([*map(str, AccountStatus), "paused"], 0)
    yield _family(gauges.ACCOUNTS, {**none, **Counter(one.status for one in accounts)})
    yield _one(gauges.LEFT_OUT, max(0, len(accounts) - MOST_ACCOUNTS))
    told = accounts[:MOST_ACCOUNTS]
    ends = {one.name: one.token_ends for one in told if one.token_ends is not None}
    yield _family(gauges.TOKEN, {name: (at - now).total_seconds() for name, at in ends.items()})
    rests = {(one.name, "threads"): one.threads_rest for one in told}
    rests |= {(one.name, "github"): one.github_rest for one in told}
    yield _family(gauges.PAUSE, {whose: rest.total_seconds() for whose, rest in rests.items()})
    names = {one.name for one in told}
    quotas = [one for one in figures.quotas(session, now=now) if one.account in names]
    yield _family(gauges.QUOTA_USED, {(one.account, one.kind): one.used for one in quotas})
    yield _family(gauges.QUOTA_RESERVED, {(one.account, one.kind): one.reserved for one in quotas})
    yield _family(gauges.QUOTA_LIMIT, {(one.account, one.kind): one.total for one in quotas})


def _one(gauge: Gauge, value: float) -> Metric:
    return GaugeMetricFamily(gauge.name, gauge.meaning, value=float(value))


def _family(gauge: Gauge, values: Mapping[Any, float]) -> Metric:
    """`values` by the value of the only label, or by a tuple of those of all."""
    family = GaugeMetricFamily(gauge.name, gauge.meaning, labels=gauge.labels)
    for labels, value in values.items():
        family.add_metric([labels] if isinstance(labels, str) else list(labels), float(value))
    return family
