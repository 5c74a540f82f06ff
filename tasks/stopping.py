"""
How a worker ends: it finishes what it is at, or leaves it so that others go on within seconds.

SIGTERM lets the steps that are at work finish; messages that wait are given back. Celery would
wait for as long as it takes, and a publish may take four minutes. So after the grace period the
processes that are still at work are killed. That is as safe as any other crash: the row says what
was intended, and whoever takes the job asks Meta what became of it.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
from typing import Any

from billiard import active_children
from celery.signals import (
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutdown,
    worker_shutting_down,
)

from tasks.app import presence, settings

logger = logging.getLogger(__name__)

#: Seconds that Celery is given to end once nobody is at work any more.
LAST_WORDS = 5.0

_asked = threading.Event()
_ended = threading.Event()
#: What SIGTERM does to a process of the pool that is not at work: Celery's own.
_before: Any = signal.SIG_DFL


@worker_init.connect
def _watch(**_: Any) -> None:
    threading.Thread(target=_end_in_time, name="grace", daemon=True).start()
    # Celery tells of a warm shutdown only; this is for a cold one too. Not for the pool's
    # processes, which end without it.
    atexit.register(_hand_over)


@worker_shutting_down.connect
def _shutting_down(**_: Any) -> None:
    # Inside a signal handler: nothing but this.
    _asked.set()


@worker_process_init.connect
def _mind_steps(**_: Any) -> None:
    task_prerun.connect(_hold_out)
    task_postrun.connect(_give_in)


def _hold_out(**_: Any) -> None:
    """
    In a process of the pool, at work: SIGTERM waits until the step is done.

    Honcho, Heroku and systemd, as it comes, signal every process at once, and the step must not
    die of that. The worker, which heard it too, will tell this process to end.
    """
    global _before
    _before = signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _give_in(**_: Any) -> None:
    signal.signal(signal.SIGTERM, _before)


@worker_process_shutdown.connect
def _process_ends(**_: Any) -> None:
    presence.stop()


@worker_shutdown.connect
def _worker_ends(**_: Any) -> None:
    _hand_over()


def _hand_over() -> None:
    if not _ended.is_set():
        presence.stop()
        presence.hand_over()
        _ended.set()


def _end_in_time() -> None:
    _asked.wait()
    if _ended.wait(settings.shutdown_grace.total_seconds()):
        return
    logger.warning(
        "Still at work %s after it was asked to stop: what is not done is left to other workers",
        settings.shutdown_grace,
    )
    at_work = active_children()
    for process in at_work:
        os.kill(process.pid, signal.SIGKILL)
    if not at_work or not _ended.wait(LAST_WORDS):
        # Another pool than that of processes, or a broker that does not let go.
        presence.hand_over()
        logging.shutdown()
        os._exit(0)
