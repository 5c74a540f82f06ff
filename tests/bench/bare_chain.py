"""
The least that could be called the same: a Celery chain that sends requests and keeps nothing.

As many messages as a job of ours has, with the same requests spread over them, each sent as ours
are: on a connection that is kept open, and the publish on one of its own. Nothing is looked up,
written down, checked or repeated. The worker is configured as ours is.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

import requests
from celery import Celery, chain

from threadsworker.queue import make_app

#: What a worker of this app is told by its environment.
BROKER, EVENTS, CALLS, DONE = "BARE_BROKER_URL", "BARE_EVENTS", "BARE_CALLS", "BARE_DONE"

_local = threading.local()


class Call(TypedDict):
    """A request; ``{container}`` and ``{post}`` stand for what answers before it have told."""

    method: str
    url: str
    params: dict[str, str]
    form: dict[str, str]
    #: What the id in its answer is, if it is asked for.
    gives: str | None


def bare_app(broker_url: str, *, events: bool) -> Celery:
    """A Celery app with the settings of ours, and with nothing of ours inside."""
    app = make_app(broker_url)
    app.amqp_cls = "celery.app.amqp:AMQP"
    app.conf.update(
        worker_prefetch_multiplier=1,
        worker_send_task_events=events,
        task_send_sent_event=events,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
    )
    return app


def send(app: Celery, token: str, messages: Sequence[Sequence[int]]) -> None:
    """Send a chain: a message for each part of `messages`, the numbers of its requests."""
    first, *others = messages
    begun = app.signature("bare.step", args=({"token": token}, list(first)))
    following = [app.signature("bare.step", args=(list(calls),)) for calls in others]
    # What ends it is a part of its last message, and no message of its own.
    last = following[-1] if following else begun
    last.kwargs["last"] = True
    chain(begun, *following, app=app).apply_async()


app = bare_app(os.environ.get(BROKER, "memory://"), events=os.environ.get(EVENTS, "yes") == "yes")


@app.task(name="bare.step")  # type: ignore[untyped-decorator] # Celery has no types
def step(told: dict[str, str], calls: list[int], last: bool = False) -> dict[str, str]:
    """Send the requests of one message; what is known for the next ones."""
    for number in calls:
        told = _sent(_calls()[number], told)
    if last:
        with Path(os.environ[DONE]).open("a", encoding="utf-8") as done:
            done.write(f"{told.get('post')}\n")
    return told


@cache
def _calls() -> list[Call]:
    """All requests that there are: messages name them by their numbers."""
    found: list[Call] = json.loads(Path(os.environ[CALLS]).read_text(encoding="utf-8"))
    return found


def _sent(call: Call, told: dict[str, str]) -> dict[str, str]:
    publishes = call["gives"] == "post"
    session = requests.Session() if publishes else _session()
    answer = session.request(
        call["method"],
        call["url"].format(**told),
        params=call["params"],
        data={name: value.format(**told) for name, value in call["form"].items()} or None,
        headers={"Authorization": f"Bearer {told['token']}"},
        timeout=60,
    )
    answer.raise_for_status()
    answered: dict[str, Any] = answer.json()
    if publishes:
        session.close()
    return told if call["gives"] is None else {**told, call["gives"]: str(answered["id"])}


def _session() -> requests.Session:
    kept: tuple[int, requests.Session] | None = getattr(_local, "kept", None)
    if kept is None or kept[0] != os.getpid():
        kept = _local.kept = (os.getpid(), requests.Session())
    return kept[1]
