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
import mmap
import os
import signal
import threading
from time import monotonic
from typing import Any

from billiard import active_children, current_process
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
LAST_WORDS = 3.0
#: Seconds between two looks whether somebody is.
LOOK_EVERY = 0.2

_asked = threading.Event()
_ended = threading.Event()
#: One byte per process of the pool, in memory that all of them share: whether it is at a step.
_at_work = mmap.mmap(-1, mmap.PAGESIZE)
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
    if not hasattr(current_process(), "index"):
        # The pool of one, `--pool solo`: the worker itself, which must hear that it shall end.
        return
    _tell_at_work(False)
    task_prerun.connect(_hold_out)
    task_postrun.connect(_give_in)


def _hold_out(**_: Any) -> None:
    """
    In a process of the pool, at work: SIGTERM waits until the step is done.

    Honcho, Heroku and systemd, as it comes, signal every process at once, and the step must not
    die of that. The worker, which heard it too, will tell this process to end.
    """
    global _before
    _tell_at_work(True)
    _before = signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _give_in(**_: Any) -> None:
    signal.signal(signal.SIGTERM, _before)
    _tell_at_work(False)


def _tell_at_work(is_so: bool) -> None:
    _at_work[current_process().index % len(_at_work)] = is_so


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
    if not _is_patience_over():
        return
    pool = active_children()
    for process in pool:
        os.kill(process.pid, signal.SIGKILL)
    if not pool or not _ended.wait(LAST_WORDS):
        # Another pool than that of processes, or a broker that does not let go.
        presence.hand_over()
        logging.shutdown()
        os._exit(0)


def _is_patience_over() -> bool:
    """Wait for the end; False when it comes, True when it has to be brought about."""
    asked = at_work = monotonic()
    while not _ended.wait(LOOK_EVERY):
        now = monotonic()
        if now - asked > settings.shutdown_grace.total_seconds():
            logger.warning(
                "Still at work %s after it was asked to stop: what is not done is left to others",
                settings.shutdown_grace,
            )
            return True
        if any(_at_work[:]) or not active_children():
            at_work = now
        elif now - at_work > LAST_WORDS:
            # A process of Celery's pool waits up to 30 s until the worker has read what it told,
            # and a worker that ends may not read it any more (Billiard 4.2, Celery 5.6.3).
            logger.info("All steps are done, and the pool does not end: it is ended")
            return True
    return False
