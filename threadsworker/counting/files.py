"""
The files that worker processes count in: one for each process and kind of instrument.

A process that has ended leaves its files. Their sums go into one file of those that have ended,
so that a total never falls and the files do not become ever more.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

#: Kinds of instruments, as prometheus_client begins the names of its files.
KINDS = ("counter", "histogram")
#: Bytes of a new file: more than all labels together can fill.
SIZE = 1 << 18
#: Stands in a name for the processes that have ended.
ENDED = "ended"


def reserve(directory: Path, pid: int) -> None:
    """
    Make the process's files, with real zeros in them.

    Raises
    ------
    OSError:
        There is no room, or no leave to write.
    """
    for kind in KINDS:
        path = directory / f"{kind}_{pid}.db"
        if path.exists() and path.stat().st_size:
            # Of a process before, that had the same id: the count goes on.
            continue
        begun = path.with_suffix(".new")
        begun.write_bytes(bytes(SIZE))
        begun.replace(path)


def fold(directory: Path) -> None:
    """Add up the files of the processes that have ended, unless somebody is at it."""
    with suppress(BlockingIOError), _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB):
        for kind in KINDS:
            _fold(directory, kind)


class Counted(Collector):
    """What all processes of this machine have counted, the ended ones included."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        """The sums."""
        if not self._directory.is_dir():
            # No worker was started here yet.
            return []
        try:
            with _locked(self._directory):
                for kind in KINDS:
                    _fold(self._directory, kind)
                return self._sums()
        except OSError:
            # Nothing can be written there; what is there can be read all the same.
            return self._sums()

    def _sums(self) -> list[Metric]:
        found = [path for kind in KINDS for path in self._directory.glob(f"{kind}_*.db")]
        usable = [str(path) for path in found if _read(path) is not None]
        merged = MultiProcessCollector.merge(usable)  # type: ignore[no-untyped-call]
        return list(merged)


def _fold(directory: Path, kind: str) -> None:
    dead = [path for path in directory.glob(f"{kind}_*.db") if _has_ended(path)]
    if not dead:
        return
    sums: dict[str, float] = defaultdict(float)
    target = directory / f"{kind}_{ENDED}.db"
    for path in [target, *dead]:
        for key, value in _read(path) or ():
            sums[key] += value
    begun = target.with_suffix(".new")
    begun.write_bytes(bytes(SIZE))
    written = MmapedDict(str(begun))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    begun.replace(target)
    for path in dead:
        path.unlink(missing_ok=True)


def _has_ended(path: Path) -> bool:
    pid = path.stem.rpartition("_")[2]
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _read(path: Path) -> list[tuple[str, float]] | None:
    """Values by key; None if there is no such file, or none that can be read."""
    try:
        found = MmapedDict.read_all_values_from_file(str(path))  # type: ignore[no-untyped-call]
        return [(key, value) for key, value, *_ in found]
    except FileNotFoundError:
        return None
    except Exception:
        # A disk that was full, or a machine that lost its power: one process's counts.
        logger.warning("%s cannot be read and is left out", path.name)
        return None


@contextmanager
def _locked(directory: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """One at a time adds up: what two add up at once would count twice."""
    with (directory / ".lock").open("a") as lock:
        fcntl.flock(lock, how)
        try:
            yield
        finally:
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_UN)
