"""Telling others: what Meta has sent becomes notices, and notices go out."""

from __future__ import annotations

from functools import partial

from tasks.app import app, desk
from threadsworker import queue
from threadsworker.steps import deliver as delivering
from threadsworker.steps import inbound


@app.task(name=queue.DELIVER, send_events=False)
def deliver() -> None:
    """Send the notices that are due."""
    inbound.handle_all(desk)
    delivering.deliver(desk, send=partial(queue.send_notice, app))


@app.task(name=queue.EVENT)
def event(notification_id: str) -> None:
    """Turn one thing that Meta has told into notices."""
    inbound.handle(desk, notification_id)
