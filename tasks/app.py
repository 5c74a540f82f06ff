"""
The Celery app of workers and beat: configured here, once, so that no task can misspell it.

A message is a hint and the row is the truth. So messages are acknowledged early (Celery's
default): a worker that dies loses a message, and `rescue_stalled` starts the job's next run
within a lease. Late acknowledgement would bring the message back after the visibility
time-out, an hour later, to find that run long over.
"""

from __future__ import annotations

import os
from typing import Any

from celery.signals import (
    beat_init,
    setup_logging,
    task_failure,
    task_postrun,
    task_prerun,
    task_retry,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)
from kombu.entity import Exchange, Queue

from tasks import watching
from tasks.task import leave_words
from threadsworker import queue, tracing
from threadsworker.broker import broker_url
from threadsworker.crypto import signing_keys
from threadsworker.errors import InvalidSettings
from threadsworker.log import configure, redact_tracebacks
from threadsworker.settings import load_settings
from threadsworker.steps.desk import Desk
from threadsworker.steps.presence import Presence
from threadsworker.steps.start import prepare
from threadsworker.steps.upkeep import follow

redact_tracebacks()
settings = load_settings()

#: What a worker, a beat or Flower writes is its user's alone: beat's schedule, Flower's memory.
os.umask(os.umask(0o077) | 0o077)

app = queue.make_app(
    settings.broker_url.get_secret_value()
    if settings.broker_url
    else broker_url(settings.ensure_home()),
    key_prefix=settings.broker_key_prefix,
    keys=signing_keys(settings),
)
app.set_current()
app.task_cls = "tasks.task:Task"
app.Task.Request = "tasks.request:Request"
app.conf.update(
    include=["tasks.pipeline", "tasks.upkeep", "tasks.notices", "tasks.stopping"],
    # Objects, not a dictionary, which Flower's page of the broker cannot read.
    task_queues=[
        Queue(name, Exchange(name), routing_key=name)  # type: ignore[no-untyped-call]
        for name in (queue.STEPS_QUEUE, queue.UPKEEP_QUEUE)
    ],
    # As little as possible in reserve: what a process has reserved waits behind its slow
    # publish while another worker idles.
    worker_prefetch_multiplier=1,
    # For Flower. The events hold ids only.
    worker_send_task_events=True,
    worker_consumer="tasks.consumer:Consumer",
    # A worker outlives its broker: it goes on looking for it, for ever.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # What a worker had in hand when the broker went away is finished, not cancelled: it may
    # be a publish. Its acknowledgement is lost, and the row knows that it is done.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    # Settings hold addresses with passwords; `inspect conf` would show them.
    worker_enable_remote_control=False,
    beat_schedule={
        name: {
            "task": name,
            "schedule": seconds,
            # A worker that was away finds one of these waiting, not a thousand.
            "options": {"expires": max(seconds, 1.0), "argsrepr": f"every {seconds:g} s"},
        }
        for name, seconds in (
            (queue.DISPATCH_DUE, settings.dispatch_every.total_seconds()),
            (queue.RESCUE_STALLED, settings.dispatch_every.total_seconds()),
            (queue.SWEEP_STAGED, 12 * settings.dispatch_every.total_seconds()),
            (queue.REFRESH_TOKENS, 12 * settings.dispatch_every.total_seconds()),
            (queue.PRUNE, 12 * settings.dispatch_every.total_seconds()),
            (queue.DELIVER, settings.dispatch_every.total_seconds()),
        )
    },
)

desk = Desk(settings)
presence = Presence(desk)


@setup_logging.connect
def _configure_logging(**_: Any) -> None:
    """Celery's own set-up is replaced: ours redacts."""
    configure(settings.log_level, form=settings.log_format)
    if settings.log_level != "DEBUG":
        watching.leave_routine_out()


@worker_init.connect
def _count(**_: Any) -> None:
    """Before the first fork: the processes of a worker count into the same place."""
    watching.count(settings)


@beat_init.connect
def _duties_are_not_news(**_: Any) -> None:
    """Nor is that they were sent, see `tasks.request`."""
    app.conf.task_send_sent_event = False


@task_failure.connect
def _failed(exception: BaseException, einfo: Any, **_: Any) -> None:
    leave_words(einfo, exception)


@task_retry.connect
def _comes_back(reason: Any, einfo: Any, **_: Any) -> None:
    leave_words(einfo, reason.exc)


@worker_process_init.connect
def _fresh_connections(**_: Any) -> None:
    """A connection must not be used on both sides of a fork."""
    desk.after_fork()
    presence.start()


@worker_ready.connect
def _begin(**_: Any) -> None:
    """The process that holds the waiting messages is missed as much as those that work."""
    presence.start()
    follow(desk)
    watching.serve(settings)


@worker_process_shutdown.connect
@worker_shutdown.connect
def _send_spans(**_: Any) -> None:
    tracing.stop()


task_prerun.connect(watching.begin)
task_postrun.connect(watching.end)
if settings.traced:
    tracing.start(settings.otlp_endpoint)
try:
    prepare(desk)
except InvalidSettings as error:
    # A sentence for the operator. Celery would show where in the code it was raised.
    raise SystemExit(str(error)) from None
