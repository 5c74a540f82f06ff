"""What every part of the client stands on: the database, the spool, the doorbell."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Self, TypeVar
from uuid import uuid4

from sqlalchemy import Engine
from sqlmodel import Session

from threadsworker.broker import broker_url
from threadsworker.client.offloading import offloaded
from threadsworker.client.outbox import CallersSession, part_of
from threadsworker.crypto import Cipher, load_cipher, signing_keys
from threadsworker.media import Inspected, Spool
from threadsworker.post import MediaItem, MediaKind
from threadsworker.queue import Doorbell, Title
from threadsworker.redaction import redact_settings
from threadsworker.settings import Settings, load_settings
from threadsworker.store import runs, schema
from threadsworker.store.database import clock, make_engine, reading, transaction

Answer = TypeVar("Answer")


class Base:
    """Connections that are made on first use."""

    def __init__(
        self, settings: Settings | None = None, *, now: Callable[[], datetime] | None = None
    ) -> None:
        """
        Parameters
        ----------
        settings:
            None: those of the environment.
        now:
            What the times of rows are compared with, as an aware datetime; None: the
            database's clock.
        """
        self.settings = settings or load_settings()
        self._now = now
        self._doorbell = Doorbell(
            self._broker_url,
            key_prefix=self.settings.broker_key_prefix,
            keys=lambda: signing_keys(self.settings),
        )
        redact_settings(self.settings)
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def close(self) -> None:
        """Close the connections. The client may be used again; it makes new ones."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None
        self._doorbell.close()

    aclose = offloaded(close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def check_spool(self) -> None:
        """Write to the spool and read it back; raises what goes wrong."""
        # Of its own: another may look at the same moment, and take its probe away.
        probe = f"threadsworker check {uuid4()}".encode()
        sha256 = hashlib.sha256(probe).hexdigest()
        item = MediaItem(kind=MediaKind.IMAGE, sha256=sha256, size=len(probe))
        self._spool.put(Inspected(item, probe, "check"))
        self._spool.read(sha256)
        self._spool.remove(sha256)

    acheck_spool = offloaded(check_spool)

    def _ring(self, job_id: str, *, run: int, index: int | None, title: Title) -> None:
        """Send the chain; if nobody answers, have `dispatch_due` do it as soon as it can."""
        if not self._doorbell.ring(job_id, run, index, title):
            self._write(lambda session: runs.unheard(session, job_id, run=run, now=clock(session)))

    def _start(self, start: runs.Start) -> None:
        """Send the chain of a run that others are to begin."""
        title = Title(start.account, start.segments)
        self._ring(start.job_id, run=start.run, index=start.index, title=title)

    def _broker_url(self) -> str:
        if self.settings.broker_url is not None:
            return self.settings.broker_url.get_secret_value()
        return broker_url(self.settings.home)

    @cached_property
    def _cipher(self) -> Cipher:
        return load_cipher(self.settings)

    @cached_property
    def _spool(self) -> Spool:
        self.settings.ensure_home()
        return Spool(self.settings.spool)

    def _ready(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self.settings.ensure_home()
                engine = make_engine(
                    self.settings.sqlalchemy_url, now=self._now, idle_limit=self.settings.lease
                )
                schema.ensure(engine, embedded=self.settings.embedded_database)
                self._engine = engine
            return self._engine

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with reading(self._ready()) as session:
            yield session

    def _write(
        self, act: Callable[[Session], Answer], *, within: CallersSession | None = None
    ) -> Answer:
        """What `act` gives, in a transaction of our own, or as a part of the caller's."""
        engine = self._ready()
        with transaction(engine) if within is None else part_of(within) as session:
            return act(session)
