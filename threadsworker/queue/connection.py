"""
How the app speaks to Redis: as kombu does, with one client for each channel.

Kombu 5.7.0 makes a client of redis-py for each command (`Channel._create_client`). It opens no
connection for that, but a client knows how to read 170 kinds of answers, and making that list takes
the processor longer than the command. A worker would do it six times for each message.
"""

from __future__ import annotations

from typing import Any

from kombu.connection import Connection as KombuConnection
from kombu.transport import redis


class Channel(redis.Channel):
    """A channel whose commands share a client, and with it the pool of connections."""

    _kept: tuple[Any, Any] | None = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            # Kombu keeps these itself.
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        # Another pool takes the place of one whose connections were lost.
        if self._kept is None or self._kept[0] is not self.pool:
            made = super()._create_client()  # type: ignore[no-untyped-call]
            self._kept = (self.pool, made)
        return self._kept[1]


class Transport(redis.Transport):
    """Kombu's way to Redis, with our channels."""

    Channel = Channel


class Connection(KombuConnection):
    """A connection that takes this way wherever kombu would take its own, whatever the scheme."""

    def get_transport_cls(self) -> Any:
        """The class that speaks to the broker."""
        found = super().get_transport_cls()  # type: ignore[no-untyped-call]
        return Transport if found is redis.Transport else found
