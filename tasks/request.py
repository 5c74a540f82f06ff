"""
What a worker does with a message, where Celery's own way is not ours.

A message that is not signed for its task is refused, where messages are signed. What events say
is redacted: Flower keeps and shows it.

A message that cannot be acknowledged means that the connection to the broker is lost.

Celery logs such a failure and goes on, and the message keeps its place among those that the
worker may hold. Every restart of Redis costs some of these places; once none is left, the worker
listens no more and so does not even notice that its connection is gone (Celery 5.6.3 with Kombu
5.7.0, found by the soak test; the symptom is known as
https://github.com/celery/celery/issues/8990, read 2026-11-25).
"""

from __future__ import annotations

from typing import Any

from celery.exceptions import InvalidTaskError
from celery.utils.log import get_logger
from celery.worker import request

from threadsworker import queue
from threadsworker.redaction import redacted

logger = get_logger(__name__)


class Request(request.Request):
    """A message in the hands of a worker."""

    acknowledged: bool

    def __init__(self, message: Any, *args: Any, **options: Any) -> None:
        if not queue.is_genuine(options["app"], message):
            raise InvalidTaskError("the message is signed for another task than it names")
        super().__init__(message, *args, **options)

    def send_event(self, type: str, **fields: Any) -> None:
        """
        Tell those who listen, as Flower does, with no secret in it.

        Of beat's duties, which send no events, only what goes wrong: there is one every few
        seconds, and they would push the chains out of Flower's memory.
        """
        told = {
            name: redacted(one) if isinstance(one, str) else one for name, one in fields.items()
        }
        if told.get("traceback") == "":
            # See `tasks.task`. An empty one would be a heading with nothing below it.
            del told["traceback"]
        if not self.task.send_events and type == "task-failed":
            # Nobody has heard of it before.
            known = {"name": self.name, "args": self.argsrepr, "kwargs": self.kwargsrepr}
            self.eventer.send(type, uuid=self.id, **known, **told)
        else:
            super().send_event(type, **told)

    def acknowledge(self) -> None:
        """Tell the broker, once. A failure ends the connection, and the worker makes a new one."""
        if not self.acknowledged:
            # The second argument are the errors to log and forget. Others reach the consumer.
            self._on_ack(logger, ())
            self.acknowledged = True

    def cancel(self, pool: Any, signal: Any = None, emit_retry: bool = True) -> None:
        """A cold shutdown. SIGTERM alone does not end a step, see `tasks.stopping`."""
        super().cancel(pool, signal or "KILL", emit_retry)
