"""What the steps share: the database, the way out, and an account's services."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from uuid import uuid4

from sqlalchemy import Engine
from sqlmodel import Session

from threadsworker.crypto import Cipher, load_cipher
from threadsworker.http import Http
from threadsworker.log import redact
from threadsworker.media.spool import Spool
from threadsworker.settings import Settings
from threadsworker.staging import Staging
from threadsworker.staging.github import GitHubStaging
from threadsworker.store import accounts
from threadsworker.store.accounts import Credentials
from threadsworker.store.database import make_engine, reading, transaction
from threadsworker.threads_api import ThreadsApi


@dataclass(frozen=True)
class Desk:
    """One per process, made on first use: connections must not cross a fork."""

    settings: Settings
    dice: random.Random = field(default_factory=random.Random)
    #: What the times of rows are compared with; None: the database's clock.
    now: Callable[[], datetime] | None = None
    _start: str = field(default_factory=lambda: uuid4().hex)

    @property
    def worker(self) -> str:
        """This process, for the rows. Host and pid alone would come back after a restart."""
        return f"{self._start}-{os.getpid()}"

    @cached_property
    def engine(self) -> Engine:
        return make_engine(
            self.settings.sqlalchemy_url, now=self.now, idle_limit=self.settings.lease
        )

    @cached_property
    def cipher(self) -> Cipher:
        return load_cipher(self.settings)

    @cached_property
    def spool(self) -> Spool:
        return Spool(self.settings.spool)

    @cached_property
    def http(self) -> Http:
        return self._make_http()

    def _make_http(self) -> Http:
        return Http(read_timeout=self.settings.http_timeout.total_seconds())

    def after_fork(self) -> None:
        """Forget the parent's connections without closing them, and throw dice of one's own."""
        self.engine.dispose(close=False)
        self.dice.seed()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block. Never open during HTTP."""
        with transaction(self.engine) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with reading(self.engine) as session:
            yield session

    def credentials(self, session: Session, account_id: str) -> Credentials:
        """The account's tokens, opened, and from now on redacted wherever they are logged."""
        found = accounts.credentials(session, account_id, cipher=self.cipher)
        redact(found.access_token)
        if found.github_token is not None:
            redact(found.github_token)
        return found

    def threads(self, account: Credentials) -> ThreadsApi:
        """Meta's API on behalf of the account."""
        return ThreadsApi(
            base_url=self.settings.threads_api_url,
            token=account.access_token,
            http=self.http,
            publish_timeout=self.settings.publish_timeout.total_seconds(),
        )

    def staging(self, account: Credentials, *, repo: str | None = None) -> Staging | None:
        """Where the account's local media are made public; None if it has no such place."""
        repo = repo or account.github_repo
        if repo is None or account.github_token is None:
            return None
        return GitHubStaging(
            repo=repo,
            token=account.github_token,
            api_url=self.settings.github_api_url,
            raw_url=self.settings.github_raw_url,
            http=self.http,
        )
