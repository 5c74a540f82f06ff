"""Media containers and their life: IN_PROGRESS, then FINISHED or ERROR; PUBLISHED or EXPIRED."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from threadsworker.sandbox.media_check import Fetched, fetch, is_local
from threadsworker.sandbox.parameters import ContainerParameters
from threadsworker.sandbox.world import World

Status = Literal["IN_PROGRESS", "FINISHED", "ERROR", "PUBLISHED", "EXPIRED"]


@dataclass
class Container:
    """
    One container. Its status is read off the clock, not stepped.

    Moments are seconds since 1970.
    """

    id: str
    user_id: str
    parameters: ContainerParameters
    created_at: float
    #: Drawn processing time in seconds.
    processing: float
    life: float
    error_message: str | None = None
    #: What the download gave; None while it lasts, and where there is nothing to fetch.
    fetched: Fetched | None = None
    #: When it was done; None while it lasts.
    fetched_at: float | None = None
    published_at: float | None = None
    media_id: str | None = None

    @property
    def finished_at(self) -> float | None:
        """When it is ready; None while that cannot be said."""
        if self.fetched_at is None:
            return None
        return max(self.created_at + self.processing, self.fetched_at)

    def status(self, now: float) -> Status:
        if self.published_at is not None:
            return "PUBLISHED"
        finished_at = self.finished_at
        done = finished_at is not None and now >= finished_at
        if done and self.error_message is not None:
            return "ERROR"
        if now >= self.created_at + self.life:
            return "EXPIRED"
        return "FINISHED" if done else "IN_PROGRESS"


#: Told about every download that ended: the container and the URL.
FetchEnded = Callable[[Container, str], None]


class Containers:
    """All containers, and the downloads for them. Used under the world's lock."""

    def __init__(self, world: World, *, fetch_ended: FetchEnded) -> None:
        self._world = world
        self._fetch_ended = fetch_ended
        self._by_id: dict[str, Container] = {}

    def create(self, user_id: str, parameters: ContainerParameters, *, origin: str) -> Container:
        """A new container, IN_PROGRESS; the download of its medium begins at once."""
        world, options = self._world, self._world.options
        container = Container(
            id=world.new_id(),
            user_id=user_id,
            parameters=parameters,
            created_at=world.now(),
            processing=world.draw(parameters.kind),
            life=options.container_life,
            error_message=options.processing_errors.get(parameters.kind),
        )
        self._by_id[container.id] = container
        self._begin_fetch(container, origin)
        return container

    def get(self, container_id: str) -> Container | None:
        return self._by_id.get(container_id)

    def all(self) -> list[Container]:
        return list(self._by_id.values())

    def _begin_fetch(self, container: Container, origin: str) -> None:
        url = container.parameters.media_url
        if url is None:
            container.fetched_at = container.created_at
            return
        if is_local(url, origin):
            threading.Thread(
                target=self._fetch, args=(container, url), name="sandbox-fetch", daemon=True
            ).start()
            return
        refused = self._world.options.external_media == "refuse"
        self._end_fetch(
            container,
            url,
            Fetched("UNKNOWN", reason="not on this machine") if refused else Fetched(),
        )

    def _fetch(self, container: Container, url: str) -> None:
        kind = container.parameters.kind
        assert kind in ("IMAGE", "VIDEO")
        fetched = fetch(url, kind, timeout=self._world.options.fetch_timeout)
        with self._world.lock:
            self._end_fetch(container, url, fetched)

    def _end_fetch(self, container: Container, url: str, fetched: Fetched) -> None:
        container.fetched = fetched
        container.fetched_at = self._world.now()
        container.error_message = container.error_message or fetched.error_message
        self._fetch_ended(container, url)
