"""The client's calls for coroutines are its calls, one for one."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from threadsworker import Account, Client, NotFound
from threadsworker.client.looking import Looking
from threadsworker.report import Job
from threadsworker.settings import load_settings

#: Classes whose calls do I/O.
CLASSES: list[type] = [Client, Account]
#: ``await`` is Python's own.
SPECIAL = {"wait": "await_end"}
#: They wait between reads: coroutines of their own, not calls in a thread.
WAITS = {"watch", "wait"}


def is_async(call: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


def public(of: type) -> dict[str, Callable[..., Any]]:
    return {
        name: call
        for name, call in inspect.getmembers(of, inspect.isfunction)
        if not name.startswith("_")
    }


def sync(of: type) -> list[str]:
    return [name for name, call in public(of).items() if not is_async(call)]


def async_name(name: str) -> str:
    return SPECIAL.get(name, f"a{name}")


@pytest.mark.parametrize("of", CLASSES)
def test_every_call_has_an_async_one_and_no_other_exists(of: type) -> None:
    assert len(sync(of)) > 10
    found = {name for name, call in public(of).items() if is_async(call)}
    assert found == {async_name(name) for name in sync(of)}


@pytest.mark.parametrize(("of", "name"), [(of, name) for of in CLASSES for name in sync(of)])
def test_an_async_call_takes_what_the_call_takes_and_says_what_it_does(of: type, name: str) -> None:
    call, other = public(of)[name], public(of)[async_name(name)]
    assert other.__name__ == async_name(name)
    assert other.__qualname__.endswith(f".{async_name(name)}")
    assert other.__doc__ is not None
    assert f"`{name}`" in other.__doc__
    if name in WAITS:
        assert inspect.signature(other).parameters == inspect.signature(call).parameters
    else:
        assert inspect.signature(other) == inspect.signature(call)
        assert (inspect.getdoc(call) or "nothing") in other.__doc__


class Recording(Client):
    """An app's own client."""

    asked: tuple[threading.Thread, str]

    def cancel(self, job_id: str) -> Job:
        """Keeps which thread was asked to cancel which job."""
        self.asked = threading.current_thread(), job_id
        return super().cancel(job_id)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Recording]:
    with Recording(load_settings(home=tmp_path)) as client:
        yield client


def test_a_call_runs_in_a_thread_and_is_the_subclasss(client: Recording) -> None:
    with pytest.raises(NotFound):
        asyncio.run(client.acancel("a job"))
    thread, job_id = client.asked
    assert thread is not threading.current_thread()
    assert job_id == "a job"


def test_a_session_does_not_leave_its_thread(client: Recording) -> None:
    with Session() as session, pytest.raises(TypeError, match="call `enqueue` there"):
        asyncio.run(client.aenqueue("x", session=session))
    assert client.jobs() == []


def test_types_are_those_of_the_call(client: Recording) -> None:
    """mypy checks this file, and complains of an exception that it did not need."""
    with pytest.raises(TypeError):
        asyncio.run(client.aget())  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        asyncio.run(client.aaccount(title="main"))  # type: ignore[call-arg]

    async def jobs() -> int:
        found: str = await client.ajobs(limit=1)  # type: ignore[assignment]
        return len(found)

    assert asyncio.run(jobs()) == 0


def test_the_longer_a_wait_the_fewer_the_looks() -> None:
    """Seconds go by as they are slept; an hour's wait is not eighteen thousand reads."""
    now, looks = 0.0, 0
    looking = Looking(3600.0, clock=lambda: now)
    gaps = []
    while now < 3600.0:
        gaps.append(looking.pause())
        now, looks = now + gaps[-1], looks + 1
    assert (gaps[0], max(gaps)) == (0.2, 2.0)
    assert 1800 < looks < 2000
    assert now == pytest.approx(3600.0)
    for gap, waited in zip(gaps, accumulate(gaps, initial=0.0), strict=False):
        assert gap <= max(0.2, 0.051 * waited)
