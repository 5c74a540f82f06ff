"""Workers of a virtual world that die, or freeze and go on later, in the middle of a call."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Literal

import requests

from tests.reliability.virtual_world import Message, World
from threadsworker.http import Http
from threadsworker.steps.desk import Desk

#: Seconds that anything real may take here.
PATIENCE = 20.0


class Killed(BaseException):
    """What a step sees of `kill -9`: nothing behind this line happens."""


@dataclass
class Ambush:
    """What happens to the worker on its next call but `after` others, and at which side of it."""

    what: Literal["die", "freeze"]
    side: Literal["before", "behind"]
    after: int = 0


class FragileHttp(Http):
    """The way out, with an ambush on it."""

    def __init__(self, *, read_timeout: float) -> None:
        super().__init__(read_timeout=read_timeout)
        self.ambush: Ambush | None = None
        self.frozen = threading.Event()
        self.thawed = threading.Event()
        self._guard = threading.Lock()

    def request(self, *args: Any, **given: Any) -> requests.Response:
        found = self._sprung()
        if found is not None and found.side == "before":
            self._suffer(found)
        answer = super().request(*args, **given)
        if found is not None and found.side == "behind":
            self._suffer(found)
        return answer

    def _sprung(self) -> Ambush | None:
        with self._guard:
            if self.ambush is None:
                return None
            if self.ambush.after > 0:
                self.ambush.after -= 1
                return None
            found, self.ambush = self.ambush, None
            return found

    def _suffer(self, found: Ambush) -> None:
        if found.what == "die":
            raise Killed
        self.frozen.set()
        self.thawed.wait(PATIENCE)


class FragileDesk(Desk):
    """A worker process of its own, whose calls may be ambushed."""

    @property
    def fragile(self) -> FragileHttp:
        http = self.http
        assert isinstance(http, FragileHttp)
        return http

    def _make_http(self) -> Http:
        return FragileHttp(read_timeout=self.settings.http_timeout.total_seconds())


class Zombie:
    """A worker that handles one message in a thread of its own, and may freeze in it."""

    def __init__(self, world: World, message: Message, ambush: Ambush) -> None:
        self._desk = world.new_desk(FragileDesk)
        assert isinstance(self._desk, FragileDesk)
        self._desk.fragile.ambush = ambush
        self._thread = threading.Thread(target=self._work, args=(world, message), daemon=True)
        self._thread.start()
        while self._thread.is_alive() and not self._desk.fragile.frozen.is_set():
            self._thread.join(0.002)

    def _work(self, world: World, message: Message) -> None:
        try:
            world.handle(message, self._desk)
        except Killed:
            return

    @property
    def is_frozen(self) -> bool:
        return self._thread.is_alive()

    def thaw(self) -> None:
        """Go on, with whatever it was about to do."""
        assert isinstance(self._desk, FragileDesk)
        self._desk.fragile.thawed.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self._desk.engine.dispose()
