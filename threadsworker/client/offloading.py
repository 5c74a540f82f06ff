"""
The client's calls for coroutines, by thread off-loading.

A call runs as it is in a thread of the event loop's default executor (`asyncio.to_thread`): there
is one implementation, and no async driver is needed. What follows from that:

* A task that is cancelled stops waiting; it does not stop the call. One that a thread has begun
  goes on to its end, so a post is enqueued or it is not, and never in part; one that no thread has
  begun does not happen. Who has to know gives a `key`, and enqueues again.
* `asyncio.run` waits at its end for calls that are still in a thread.
* A SQLAlchemy session belongs to its owner's thread, so ``session=`` is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from functools import wraps
from inspect import getdoc
from typing import Any, Concatenate, ParamSpec, TypeVar

Owner = TypeVar("Owner")
Given = ParamSpec("Given")
Answer = TypeVar("Answer")

#: What no listing lists.
_END: Any = object()


def offloaded(
    call: Callable[Concatenate[Owner, Given], Answer],
) -> Callable[Concatenate[Owner, Given], Coroutine[Any, Any, Answer]]:
    """
    The method `call` as one to await, called ``a`` and the name of `call`.

    It has the arguments, the answer and the errors of `call`, and calls what a subclass has put
    in its place.
    """
    sync = call.__name__

    @wraps(call)
    async def offload(self: Owner, /, *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        if kwargs.get("session") is not None:
            raise TypeError(
                f"a session belongs to its thread: call `{sync}` there, with session=, "
                f"instead of `{offload.__name__}`"
            )
        answer: Answer = await asyncio.to_thread(getattr(self, sync), *args, **kwargs)
        return answer

    _describe(offload, call, "in a thread, to be awaited")
    return offload


def offloaded_walk(
    call: Callable[Concatenate[Owner, Given], Iterator[Answer]],
) -> Callable[Concatenate[Owner, Given], AsyncGenerator[Answer]]:
    """The same of a method that lists, for ``async for``: each step is taken in a thread."""
    sync = call.__name__

    @wraps(call)
    async def walk(
        self: Owner, /, *args: Given.args, **kwargs: Given.kwargs
    ) -> AsyncGenerator[Answer]:
        found = await asyncio.to_thread(getattr(self, sync), *args, **kwargs)
        while (one := await asyncio.to_thread(next, found, _END)) is not _END:
            yield one

    _describe(walk, call, "for ``async for``, each step in a thread")
    return walk


def _describe(offload: Callable[..., Any], call: Callable[..., Any], how: str) -> None:
    sync = call.__name__
    offload.__name__ = f"a{sync}"
    offload.__qualname__ = f"{call.__qualname__.removesuffix(sync)}a{sync}"
    offload.__doc__ = f"`{sync}` {how}.\n\n{getdoc(call) or ''}"
