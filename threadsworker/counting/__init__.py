"""
Counting in worker processes: in files that are mapped into memory, and never in a step's way.

Nothing is counted before `start`: not in an app that enqueues, nor by a command. What is counted
can be read by any process of the machine, see `threadsworker.counting.files`. Labels come from
short lists: never a text, an id or a token.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadsworker.counting.instruments import ALL, Instrument

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

logger = logging.getLogger(__name__)

#: Values of a label that a service chooses, its error codes: so many are told apart.
MOST_CODES = 200
#: What stands for all the others.
OTHER = "other"


class _Counts:
    """The instruments of this process, from `start` on."""

    def __init__(self) -> None:
        self.directory: Path | None = None
        #: Makes the files of a process: what that stands on is imported only to count.
        self.reserve: Callable[[Path, int], None] | None = None
        self.made: dict[str, Counter | Histogram] = {}
        self.codes: set[str] = set()
        #: The process whose files are there; and the one that counts no more.
        self.ready_in: int | None = None
        self.failed_in: int | None = None
        self.lock = threading.Lock()


_counts = _Counts()


def start(directory: Path) -> None:
    """
    Count into `directory` from now on, in this process and those that it forks.

    The caller has told prometheus_client of it, see `settings.tell_prometheus`.

    Raises
    ------
    OSError:
        Nothing can be written there.
    """
    from prometheus_client import CollectorRegistry, Counter, Histogram, values

    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _reserve(directory, os.getpid())
    # Chosen when prometheus_client is imported, and Celery's plugins import it before us.
    # Source: https://prometheus.github.io/client_python/multiprocess/ (2026-11-25).
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    for one in ALL:
        if one.buckets:
            _counts.made[one.name] = Histogram(
                one.name, one.meaning, one.labels, registry=registry, buckets=one.buckets
            )
        else:
            _counts.made[one.name] = Counter(one.name, one.meaning, one.labels, registry=registry)
        for value in one.known:
            _counts.made[one.name].labels(value)
    _counts.directory, _counts.reserve, _counts.ready_in = directory, _reserve, os.getpid()


def _reserve(directory: Path, pid: int) -> None:
    from threadsworker.counting import files

    # A worker may end its processes after a few tasks each, and nobody may look at the metrics.
    files.fold(directory)
    files.reserve(directory, pid)


def count(instrument: Instrument, amount: float = 1.0, **labels: str) -> None:
    """Add to a counter."""
    _note(instrument, amount, labels)


def observe(instrument: Instrument, seconds: float, **labels: str) -> None:
    """Add to a histogram."""
    # Clocks differ: nothing takes less than no time.
    _note(instrument, max(0.0, seconds), labels)


def bounded(code: str) -> str:
    """The code, or `OTHER` if too many different ones were seen: it becomes a label."""
    if code not in _counts.codes:
        if len(_counts.codes) >= MOST_CODES:
            return OTHER
        _counts.codes.add(code)
    return code


def _note(instrument: Instrument, amount: float, labels: dict[str, str]) -> None:
    if _counts.directory is None or _counts.failed_in == os.getpid():
        return
    try:
        _make_ready(_counts.directory)
        made: Any = _counts.made[instrument.name]
        child = made.labels(**labels) if instrument.labels else made
        if instrument.buckets:
            child.observe(amount)
        else:
            child.inc(amount)
    except Exception:
        # The step that was counted matters, and its count does not.
        _counts.failed_in = os.getpid()
        logger.warning("Nothing is counted in this process any more", exc_info=True)


def _make_ready(directory: Path) -> None:
    """
    This process has files of its own, with room in them.

    A page of a mapped file that finds no room on the disk would end the process (SIGBUS).
    """
    if _counts.ready_in == os.getpid():
        return
    with _counts.lock:
        assert _counts.reserve is not None
        _counts.reserve(directory, os.getpid())
        _counts.ready_in = os.getpid()
