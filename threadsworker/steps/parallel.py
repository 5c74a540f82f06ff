"""Several calls at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from threadsworker.subject import carried

#: Requests to Meta at the same time: the items of a carousel.
PARALLEL = 20

Item = TypeVar("Item")
Result = TypeVar("Result")


def as_they_come(
    act: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[tuple[Item, Result]]:
    """
    Each item and what `act` made of it, in the order in which they are ready, several at a time.

    All are tried; then the first error is raised.
    """
    error: BaseException | None = None
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        futures = {pool.submit(carried(act), item): item for item in items}
        for future in as_completed(futures):
            error = error or future.exception()
            if future.exception() is None:
                yield futures[future], future.result()
    if error is not None:
        raise error


def all_at_once(act: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What `act` makes of each item, in their order. All are tried; then an error is raised."""
    if len(items) == 1:
        return [act(items[0])]
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        futures = [pool.submit(carried(act), item) for item in items]
    return [future.result() for future in futures]
