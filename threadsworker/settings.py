"""
The only reader of the environment.

Every setting is a variable with the prefix ``THREADSWORKER_``; a file ``.env`` in the
working directory works too. Without any, everything lives in `home` on this machine.
Settings that contradict each other are refused with a sentence.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from threadsworker.errors import InvalidSettings

#: Redis delivers a message again that was not acknowledged for this long. A waiting
#: message longer than that runs several times (measured: 35 s at a time-out of 10 s ran
#: four times), so every countdown stays below a third of it.
VISIBILITY_TIMEOUT = timedelta(hours=1)
#: A container dies 24 hours after it was made; this leaves time to publish it.
LONGEST_PREPARE_AHEAD = timedelta(hours=20)


def _seconds(value: Any) -> Any:
    """Durations are seconds (``90``, ``"0.5"``) or ISO 8601 (``"PT5M"``)."""
    if isinstance(value, str):
        try:
            return timedelta(seconds=float(value))
        except ValueError:
            return value
    return value


Duration = Annotated[timedelta, BeforeValidator(_seconds)]


class Settings(BaseSettings):
    """What the environment says, checked. `load_settings` makes one with readable errors."""

    model_config = SettingsConfigDict(
        env_prefix="THREADSWORKER_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    #: Embedded database, broker socket, spool and key live here.
    home: Path = Field(default_factory=lambda: user_data_path("threadsworker"))
    #: SQLite or PostgreSQL; None: SQLite in `home`.
    database_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("THREADSWORKER_DATABASE_URL", "DATABASE_URL")
    )
    #: Redis; None: a server of our own in `home`, for one machine.
    broker_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("THREADSWORKER_BROKER_URL", "REDIS_URL")
    )
    #: Comma separated; the first encrypts, all decrypt. None: a key file in `home`.
    secret_key: SecretStr | None = None

    threads_api_url: str = "https://graph.threads.net"
    threads_auth_url: str = "https://threads.com"
    threads_api_version: str = "v1.0"
    github_api_url: str = "https://api.github.com"
    github_raw_url: str = "https://raw.githubusercontent.com"
    github_api_version: str = "2022-11-28"
    #: How long GitHub may be silent until an upload counts as lost: 35 MB on a slow line.
    github_upload_timeout: Duration = timedelta(minutes=5)
    #: Where media wait for the worker: an fsspec URL. None: a directory in `home`.
    spool_url: str | None = None

    #: How long a worker holds a job without a sign of life before another may take it.
    lease: Duration = timedelta(seconds=90)
    #: How often due jobs are looked for: bounds the delay after a lost message.
    dispatch_every: Duration = timedelta(seconds=5)
    #: The longest wait that is a message in the broker; a longer one is a parked row.
    max_countdown: Duration = timedelta(minutes=5)
    #: How long an unanswered publish may still take effect; no second one before.
    quiet_period: Duration = timedelta(minutes=10)
    #: How long Meta is given to answer a publish. The longest seen took 222 s; patience turns
    #: unknown outcomes into answers.
    publish_timeout: Duration = timedelta(minutes=4)
    #: How long any other request may be silent until its answer counts as lost.
    http_timeout: Duration = timedelta(minutes=1)
    #: How long a reply with a video rests between FINISHED and its publish: Meta has been seen
    #: to publish one that was sent at once as a post of its own.
    video_reply_settle: Duration = timedelta(seconds=30)
    #: Whether a container that still reads FINISHED after the quiet period may be sent again.
    #: ``never``: wait until it reads PUBLISHED or EXPIRED, at most a day. For those who do not
    #: trust that a container yields one post however often it is published.
    republish_same_container: Literal["after_quiet_period", "never"] = "after_quiet_period"
    #: Whether a container is given up when every publish of it was answered with "not found".
    #: Off: wait until it expires. Switch it off after a database was restored from a backup.
    sole_attempt_rule: bool = True
    #: How long before its time a scheduled post is prepared.
    prepare_ahead: Duration = timedelta(minutes=10)
    #: Chains of one account at work at the same time.
    account_concurrency: int = Field(default=4, ge=1)
    #: A post this late is `missed`; 0: never.
    missed_after: Duration = timedelta(hours=48)

    #: The account `main` without a command.
    user_id: str | None = None
    access_token: SecretStr | None = None
    github_repo: str | None = None
    github_token: SecretStr | None = None

    #: The Threads app, for signing in: its id, its secret, and where its window leads back to.
    app_id: str | None = None
    app_secret: SecretStr | None = None
    redirect_uri: str | None = None
    #: The secret of the Meta app that the Threads app belongs to; either may sign what Meta sends.
    meta_app_secret: SecretStr | None = None
    #: What Meta is told in its dashboard, and repeats when it first calls `threadsworker webhooks`.
    webhook_verify_token: SecretStr | None = None
    #: Where `threadsworker webhooks` is reached from outside; None: as the request says.
    webhook_url: str | None = None

    #: Where Flower listens: an address, or a name of this machine. Outside loopback only with
    #: `FLOWER_BASIC_AUTH`.
    flower_address: str = "127.0.0.1"
    #: Flower's port; 0 takes a free one.
    flower_port: int = Field(default=5555, ge=0, le=65535)
    #: The path below which a proxy shows Flower, for example ``flower``.
    flower_url_prefix: str | None = None
    #: Who may open Flower: ``name:password``, several separated by commas.
    flower_basic_auth: SecretStr | None = None
    #: Where Flower keeps what it has seen; None: ``flower.db`` in `home`.
    flower_db: Path | None = None
    #: How often Flower saves that, so that a kill loses no more; 0: only when it ends.
    flower_save_every: Duration = timedelta(minutes=1)
    #: How many tasks Flower keeps, the newest; each takes a few kilobytes of memory.
    flower_max_tasks: int = Field(default=20_000, ge=1)
    #: Flower's own variable, read so that it can be refused outside loopback.
    flower_unauthenticated_api: bool = Field(
        default=False, validation_alias="FLOWER_UNAUTHENTICATED_API"
    )

    log_level: str = "INFO"

    @model_validator(mode="after")
    def _durations_fit_together(self) -> Self:
        if self.lease < timedelta(seconds=1):
            raise ValueError(f"LEASE ({self.lease}) must be at least one second")
        if not timedelta(0) < self.dispatch_every <= timedelta(hours=1):
            raise ValueError(
                f"DISPATCH_EVERY ({self.dispatch_every}) must be above 0 and at most one hour"
            )
        if not timedelta(0) < self.max_countdown <= VISIBILITY_TIMEOUT / 3:
            raise ValueError(
                f"MAX_COUNTDOWN ({self.max_countdown}) must be above 0 and at most a third of "
                f"the broker's visibility time-out ({VISIBILITY_TIMEOUT}), or waiting messages "
                "would be delivered twice"
            )
        if not timedelta(0) <= self.prepare_ahead <= LONGEST_PREPARE_AHEAD:
            raise ValueError(
                f"PREPARE_AHEAD ({self.prepare_ahead}) must be between 0 and "
                f"{LONGEST_PREPARE_AHEAD}: containers die after 24 hours"
            )
        for name in ("publish_timeout", "http_timeout", "github_upload_timeout"):
            if getattr(self, name) <= timedelta(0):
                raise ValueError(f"{name.upper()} must be above 0")
        for name in ("quiet_period", "missed_after", "video_reply_settle", "flower_save_every"):
            if getattr(self, name) < timedelta(0):
                raise ValueError(f"{name.upper()} must not be negative")
        if self.missed_after and self.missed_after < self.dispatch_every:
            raise ValueError(
                f"MISSED_AFTER ({self.missed_after}) must not be shorter than DISPATCH_EVERY "
                f"({self.dispatch_every}), or every post would be missed"
            )
        return self

    @field_validator("flower_basic_auth")
    @classmethod
    def _names_and_passwords(cls, given: SecretStr | None) -> SecretStr | None:
        pairs = given.get_secret_value().split(",") if given is not None else []
        if not all(all(pair.strip().partition(":")) for pair in pairs):
            raise ValueError("write name:password, several separated by commas, none of them empty")
        return given

    @field_validator("flower_url_prefix")
    @classmethod
    def _is_a_path(cls, given: str | None) -> str | None:
        if given is not None and not re.fullmatch(r"[\w.~/-]*", given, re.ASCII):
            raise ValueError("write a path of letters, digits and . _ ~ - / alone")
        return given

    @cached_property
    def sqlalchemy_url(self) -> str:
        """The database's address as SQLAlchemy wants it; may hold a password."""
        if self.database_url is None:
            return f"sqlite:///{self.home / 'threadsworker.db'}"
        url = self.database_url.get_secret_value()
        for scheme in ("postgres://", "postgresql://"):
            if url.startswith(scheme):
                return "postgresql+psycopg://" + url.removeprefix(scheme)
        return url

    @property
    def embedded_database(self) -> bool:
        """Whether the database is ours alone, so that we may migrate it unasked."""
        return self.database_url is None

    @property
    def embedded_broker(self) -> bool:
        """Whether the broker is a server that we start ourselves in `home`."""
        return self.broker_url is None

    @cached_property
    def spool(self) -> str:
        """The spool's fsspec URL."""
        return self.spool_url or (self.home / "spool").as_uri()

    @property
    def private_urls_allowed(self) -> bool:
        """Whether media URLs may point to this machine: only if the Threads API does too."""
        host = urlsplit(self.threads_api_url).hostname or ""
        return host in {"localhost", "::1"} or host.startswith("127.")

    def ensure_home(self) -> Path:
        """`home`, made if need be, readable by its owner alone."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.home


def load_settings(**given: Any) -> Settings:
    """
    The settings of this process; `given` overrides the environment.

    Raises
    ------
    InvalidSettings:
        A value cannot be read or contradicts another. Values are not repeated in the
        message, since one of them may be a secret.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        sentences = []
        for found in error.errors(include_url=False, include_input=False, include_context=False):
            name = "_".join(str(part) for part in found["loc"]).upper()
            name = (
                name
                if name.startswith(("THREADSWORKER_", "DATABASE", "REDIS"))
                else (f"THREADSWORKER_{name}" if name else "")
            )
            sentences.append(": ".join(filter(None, [name, found["msg"]])))
        raise InvalidSettings("; ".join(sentences)) from None
