"""
A task that does nothing with a message which it does not understand, but gives it back.

Celery drops messages for tasks that it does not know, and fails those whose arguments do not fit.
"""

from __future__ import annotations

import inspect
from functools import cached_property
from typing import Any

from celery.signals import task_unknown

from tasks.app import app, desk
from threadsworker import queue
from threadsworker.steps.newer import give_back


class Step(app.Task):
    """The base of the tasks of a chain."""

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.run)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        why = self._why_not(args, kwargs)
        if why is None:
            return super().__call__(*args, **kwargs)
        self.request.chain = None
        give_back(desk, args, kwargs, why=why)
        return None

    def _why_not(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        version = (self.request.headers or {}).get(queue.VERSION_HEADER, queue.VERSION)
        if version != queue.VERSION:
            return f"{self.name} of version {version}, known is {queue.VERSION}"
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            return f"{self.name}: {error}"
        return None


@task_unknown.connect
def _unknown(name: str, message: Any, **_: Any) -> None:
    # Reading the payload verifies it, where messages are signed.
    if name.startswith("threadsworker.") and queue.is_genuine(app, message):
        args, kwargs, *_ = message.payload
        give_back(desk, args, kwargs, why=f"there is no {name} here")
