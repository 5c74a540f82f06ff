"""
A message in the hands of a worker: what the broker and those who listen are told of it.

A message that cannot be acknowledged means that the connection to the broker is lost.

Celery logs such a failure and goes on, and the message keeps its place among those that the
worker may hold. Every restart of Redis costs some of these places; once none is left, the worker
listens no more and so does not even notice that its connection is gone (Celery 5.6.3 with Kombu
5.7.0, found by the soak test; the symptom is known as
https://github.com/celery/celery/issues/8990, read 2026-11-25).
"""

from __future__ import annotations

from typing import Any

from celery.utils.log import get_logger
from celery.worker import request

logger = get_logger(__name__)


class Request(request.Request):
    """A message in the hands of a worker."""

    acknowledged: bool

    def acknowledge(self) -> None:
        """Tell the broker, once. A failure ends the connection, and the worker makes a new one."""
        if not self.acknowledged:
            # The second argument are the errors to log and forget. Others reach the consumer.
            self._on_ack(logger, ())
            self.acknowledged = True

    def send_event(self, type: str, **fields: Any) -> None:
        """
        Tell those who listen, as Flower does.

        Of beat's duties, which send no events, only what goes wrong: there is one every few
        seconds, and they would push the chains out of Flower's memory.
        """
        if fields.get("traceback") == "":
            # See `tasks.shown`. An empty one would be a heading with nothing below it.
            del fields["traceback"]
        if not self.task.send_events and type == "task-failed":
            # Nobody has heard of it before.
            known = {"name": self.name, "args": self.argsrepr, "kwargs": self.kwargsrepr}
            self.eventer.send(type, uuid=self.id, **known, **fields)
        else:
            super().send_event(type, **fields)
