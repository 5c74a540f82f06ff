"""What all parts of a sandbox share: one lock, one clock, one source of ids."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from threadsworker.sandbox.options import Kind, SandboxOptions

#: Ids are 17 digits and grow, containers' and posts' alike.
_FIRST_ID = 18_000_000_000_000_000


class Clock:
    """The sandbox's time, in seconds since 1970. It can be put forward."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._ahead = 0.0

    def now(self) -> float:
        return self._time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward by so many seconds; back, if they are negative."""
        self._ahead += seconds


class World:
    """Shared by the services. `options` is replaced as a whole when it changes."""

    def __init__(self, options: SandboxOptions, *, time: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self.clock = Clock(time)
        self.options = options
        self._random = random.Random(options.seed)
        #: Sources of processing times, by seed and kind.
        self._times: dict[tuple[int | None, Kind], random.Random] = {}
        self._last_id = _FIRST_ID

    def now(self) -> float:
        """Seconds since 1970."""
        return self.clock.now()

    def new_id(self) -> str:
        """17 digits that no container and no post has."""
        self._last_id += self._random.randint(1, 999_983)
        return str(self._last_id)

    def trace_id(self) -> str:
        """An ``fbtrace_id``."""
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        return "A" + "".join(self._random.choices(letters, k=22))

    def draw(self, kind: Kind) -> float:
        """A processing time in seconds of the sandbox's clock."""
        options = self.options
        source = self._times.get((options.seed, kind))
        if source is None:
            seed = None if options.seed is None else f"{options.seed} {kind}"
            source = self._times[options.seed, kind] = random.Random(seed)
        factor = math.exp(source.gauss(0.0, options.spread_of(kind)))
        return options.seconds_of(kind) * factor / options.speed


def iso(moment: float) -> str:
    """The moment as Meta writes it: ``2026-11-24T05:42:03+0000``."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def shortcode(media_id: str) -> str:
    """The code of a post's permalink, made from its id."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    number, code = int(media_id), ""
    while number:
        number, digit = divmod(number, 64)
        code = letters[digit] + code
    return code
