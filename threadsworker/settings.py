"""
The only reader of the environment.

Every setting is a variable with the prefix ``THREADSWORKER_``; a file ``.env`` in the
working directory works too. Without any, everything lives in `home` on this machine.
Settings that contradict each other are refused with a sentence.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from socket import gethostname
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from dotenv import dotenv_values
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
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from threadsworker.errors import InvalidSettings
from threadsworker.hosts import is_loopback

#: Redis delivers a message again that was not acknowledged for this long. A waiting
#: message longer than that runs several times (measured: 35 s at a time-out of 10 s ran
#: four times), so every countdown stays below a third of it.
VISIBILITY_TIMEOUT = timedelta(hours=1)
_DATABASE = re.compile(r"(postgres|postgresql|sqlite)(\+\w+)?://")
#: A container dies 24 hours after it was made; this leaves time to publish it.
LONGEST_PREPARE_AHEAD = timedelta(hours=20)
#: Characters of a token that nobody guesses.
SHORTEST_METRICS_TOKEN = 16
#: Quotas count for a day, and containers live as long: nothing younger is forgotten.
SHORTEST_KEEP = timedelta(days=2)

#: What a broker's URL may begin with, and what one of ``rediss://`` may ask for.
BROKER_SCHEMES = ("redis", "rediss", "redis+socket")
TLS_OPTIONS = (
    "ssl_cert_reqs",
    "ssl_ca_certs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_check_hostname",
)


def _seconds(value: Any) -> Any:
    """Durations are seconds (``90``, ``"0.5"``) or ISO 8601 (``"PT5M"``)."""
    if isinstance(value, str):
        try:
            return timedelta(seconds=float(value))
        except ValueError:
            return value
        except OverflowError:
            raise ValueError("a length of time that is beyond the calendar") from None
    return value


def _paths(value: Any) -> Any:
    """Directories as in PATH."""
    return value.split(os.pathsep) if isinstance(value, str) else value


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_url(url: str) -> bool:
    try:
        # The port is read when it is asked for.
        parts, _ = urlsplit(url), urlsplit(url).port
    except ValueError:
        return False
    return bool(parts.scheme) and "://" in url


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
    #: SQLite or PostgreSQL. None: SQLite in `home`.
    database_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("THREADSWORKER_DATABASE_URL", "DATABASE_URL")
    )
    #: Redis. None: a server of our own in `home`, for one machine.
    broker_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("THREADSWORKER_BROKER_URL", "REDIS_URL")
    )
    #: What every key in Redis begins with, for a Redis that others use too: ``threadsworker:``.
    broker_key_prefix: str = ""
    #: Comma separated; the first encrypts, all decrypt. None: a key file in `home`.
    secret_key: SecretStr | None = None
    #: A file that holds the same, readable by its owner alone, such as a platform mounts it. None:
    #: `secret.key` in `home`, made on first use.
    secret_key_file: Path | None = None
    #: Sign every message in the broker with a key that is derived from the secret key, and refuse
    #: those that are not signed. The same in every process. With a broker on another machine it
    #: needs SECRET_KEY or SECRET_KEY_FILE.
    sign_messages: bool = False

    #: Meta's Threads API; another address is for tests and proxies.
    threads_api_url: str = "https://graph.threads.net"
    #: Where Meta's authorization window opens.
    threads_auth_url: str = "https://threads.com"
    #: The version in the paths of Meta's API.
    threads_api_version: str = "v1.0"
    #: GitHub's API; another address is for tests and proxies.
    github_api_url: str = "https://api.github.com"
    #: Where GitHub serves what lies in repositories, and Meta fetches it.
    github_raw_url: str = "https://raw.githubusercontent.com"
    #: The version of GitHub's API that is asked for.
    github_api_version: str = "2022-11-28"
    #: How long GitHub may be silent until an upload counts as lost: 35 MB on a slow line.
    github_upload_timeout: Duration = timedelta(minutes=5)
    #: Where media wait for the worker: an fsspec URL. None: a directory in `home`.
    spool_url: str | None = None

    #: Directories, separated by colons, under which local media and texts to attach have to
    #: lie; no link leads out of them. None: any file that the process may read, which is right
    #: for a command line. A server that publishes for others sets it.
    media_roots: Annotated[tuple[Path, ...] | None, NoDecode, BeforeValidator(_paths)] = None
    #: Whether JPEG and PNG files lose what they tell about their making (place, time, device,
    #: names, comments, previews) before they become public. The picture itself stays as it is.
    strip_metadata: bool = True

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
    #: Off: wait until it expires.
    sole_attempt_rule: bool = True
    #: How long a worker that was asked to stop waits for the steps that it is at, above all for
    #: Meta's answer to a publish. What is not done by then is left as its rows tell, and others
    #: take it up at once. Whatever stops the worker must have more patience than this: Kubernetes
    #: kills after 30 s, systemd after 90 s.
    shutdown_grace: Duration = timedelta(seconds=25)

    #: How long before its time a scheduled post is prepared.
    prepare_ahead: Duration = timedelta(minutes=10)
    #: Chains of one account at work at the same time.
    account_concurrency: int = Field(default=4, ge=1)
    #: A post this late is `missed`; 0: never.
    missed_after: Duration = timedelta(hours=48)

    #: How long jobs are kept that were published, cancelled or missed; 0: for ever. With a job go
    #: its events, and its idempotency key: the same key makes another job then. At least 2 days.
    keep_jobs: Duration = timedelta(days=90)
    #: The same for jobs that failed: they can be retried as long as they are kept.
    keep_failed_jobs: Duration = timedelta(days=180)
    #: How long the events of jobs are kept that have ended, if not as long as these; 0: as long.
    keep_events: Duration = timedelta(0)

    #: The account `main` without a command: its user id at Threads.
    user_id: str | None = None
    #: The access token of `main`, and of an account that is being added.
    access_token: SecretStr | None = None
    #: Where `main` stages local media, as ``OWNER/NAME``: a public repository.
    github_repo: str | None = None
    #: A token that may write contents there.
    github_token: SecretStr | None = None

    #: The id of the Threads app, for signing in.
    app_id: str | None = None
    #: The secret of the Threads app: for signing in, and for believing what Meta sends.
    app_secret: SecretStr | None = None
    #: Where Meta's authorization window leads back to.
    redirect_uri: str | None = None
    #: The secret of the Meta app that the Threads app belongs to; either may sign what Meta sends.
    meta_app_secret: SecretStr | None = None
    #: What Meta is told in its dashboard, and repeats when it first calls `threadsworker webhooks`.
    webhook_verify_token: SecretStr | None = None
    #: Where `threadsworker webhooks` is reached from outside. None: as the request says.
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

    #: The least that is logged: ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
    log_level: str = "INFO"
    #: ``text``: lines for people. ``json``: one object a line, with the job, the account, the run
    #: and the segment that it is about as fields.
    log_format: Literal["text", "json"] = "text"

    #: Where a worker serves its metrics; None: nowhere. `threadsworker metrics` serves them too.
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    #: The address that metrics are served on.
    metrics_address: str = "127.0.0.1"
    #: What a scraper has to send, as a bearer token or as the password of basic auth; at least 16
    #: characters. None: nothing, and then metrics are served on loopback only.
    metrics_token: SecretStr | None = None
    #: Serve metrics on other addresses than loopback without a token.
    metrics_open: bool = False
    #: Where the worker processes of one machine count. None: a directory in `home` that has the
    #: machine's name. Containers that share a home and a name need one each.
    metrics_dir: Path | None = Field(
        default=None,
        validation_alias=AliasChoices("THREADSWORKER_METRICS_DIR", "PROMETHEUS_MULTIPROC_DIR"),
    )

    #: Whether workers send a trace for each job, see ``threadsworker[tracing]``; None: if it is
    #: said where to.
    tracing: bool | None = None
    #: Where traces go by OTLP over HTTP: the address of a collector, without ``/v1/traces``.
    #: The other variables of OpenTelemetry's exporter hold as well.
    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("THREADSWORKER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    )

    @field_validator("broker_url")
    @classmethod
    def _broker_can_be_spoken_to(cls, value: SecretStr | None) -> SecretStr | None:
        """The URL is not repeated in any error: it may hold a password."""
        if value is None:
            return None
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in BROKER_SCHEMES:
            raise ValueError(
                f"{parts.scheme or 'an address without a scheme'} is not supported; it begins "
                f"with one of {', '.join(f'{scheme}://' for scheme in BROKER_SCHEMES)}"
            )
        given = dict(parse_qsl(parts.query))
        for name in (name for name in given if name.startswith("ssl_")):
            if name not in TLS_OPTIONS or parts.scheme != "rediss":
                raise ValueError(
                    f"{name} is no option of {parts.scheme}://; rediss:// has "
                    f"{', '.join(TLS_OPTIONS)}"
                )
        requires = given.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
        if requires not in ("required", "optional", "none"):
            raise ValueError("ssl_cert_reqs must be required, optional or none")
        for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
            if name in given and not Path(given[name]).is_file():
                raise ValueError(f"{name}: there is no file {given[name]}")
        return value

    @field_validator("log_level")
    @classmethod
    def _level_is_known(cls, level: str) -> str:
        levels = logging.getLevelNamesMapping()
        if level.strip().upper() not in levels:
            raise ValueError(f"a level of logging is one of {', '.join(levels)}")
        return level.strip().upper()

    @model_validator(mode="after")
    def _addresses_are_some(self) -> Self:
        # Their values are not repeated: one may hold a password.
        for name in ("threads_api_url", "threads_auth_url", "github_api_url", "github_raw_url"):
            if not _is_http(getattr(self, name)):
                raise ValueError(f"{name.upper()} must be an http or https URL")
        if self.webhook_url is not None and not _is_http(self.webhook_url):
            raise ValueError("WEBHOOK_URL must be an http or https URL")
        # A password may hold what splits other URLs.
        if self.database_url and not _DATABASE.match(self.database_url.get_secret_value()):
            raise ValueError("DATABASE_URL must begin with postgresql:// or sqlite:///")
        if self.broker_url is not None and not _is_url(self.broker_url.get_secret_value()):
            raise ValueError("BROKER_URL must be a URL, such as redis://127.0.0.1:6379/0")
        return self

    @model_validator(mode="after")
    def _roots_are_absolute(self) -> Self:
        for root in self.media_roots or ():
            if not root.is_absolute():
                raise ValueError(
                    "MEDIA_ROOTS must be absolute paths of directories, separated by colons"
                )
        return self

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
        if self.secret_key is not None and self.secret_key_file is not None:
            raise ValueError("SECRET_KEY and SECRET_KEY_FILE are both set: keep one of them")
        if self.sign_messages and self._key_is_of_one_machine:
            raise ValueError(
                "SIGN_MESSAGES with a broker on another machine needs SECRET_KEY or "
                "SECRET_KEY_FILE, the same in every process: else each machine makes a key of "
                "its own, and none reads the messages of another"
            )
        for name in ("publish_timeout", "http_timeout", "github_upload_timeout"):
            if getattr(self, name) <= timedelta(0):
                raise ValueError(f"{name.upper()} must be above 0")
        waits = ("quiet_period", "missed_after", "video_reply_settle", "shutdown_grace")
        for name in (*waits, "flower_save_every"):
            if getattr(self, name) < timedelta(0):
                raise ValueError(f"{name.upper()} must not be negative")
        for name in ("keep_jobs", "keep_failed_jobs", "keep_events"):
            if (kept := getattr(self, name)) and kept < SHORTEST_KEEP:
                raise ValueError(
                    f"{name.upper()} ({kept}) must be 0, for ever, or at least {SHORTEST_KEEP}: "
                    "quotas and containers of the last day are still counted and asked about"
                )
        if self.missed_after and self.missed_after < self.dispatch_every:
            raise ValueError(
                f"MISSED_AFTER ({self.missed_after}) must not be shorter than DISPATCH_EVERY "
                f"({self.dispatch_every}), or every post would be missed"
            )
        return self

    @model_validator(mode="after")
    def _metrics_are_guarded(self) -> Self:
        token = self.metrics_token
        if token is not None and len(token.get_secret_value()) < SHORTEST_METRICS_TOKEN:
            raise ValueError(
                f"METRICS_TOKEN must have at least {SHORTEST_METRICS_TOKEN} characters"
            )
        if self.metrics_port is not None:
            self.guard_metrics(self.metrics_address)
        return self

    def guard_metrics(self, address: str) -> None:
        """ValueError if metrics must not be served on `address`: they would be open to others."""
        if self.metrics_token is None and not self.metrics_open and not is_loopback(address):
            raise ValueError(
                f"metrics on {address} would be open to others: set METRICS_TOKEN, or "
                "METRICS_OPEN to true if nobody else reaches that address"
            )

    @property
    def counts(self) -> Path:
        """Where the worker processes of this machine count."""
        return self.metrics_dir or self.home / "metrics" / gethostname()

    @property
    def traced(self) -> bool:
        """Whether workers send traces."""
        return self.otlp_endpoint is not None if self.tracing is None else self.tracing

    @property
    def _key_is_of_one_machine(self) -> bool:
        """Whether the key is made in `home` although the broker may have other machines."""
        if self.secret_key or self.secret_key_file or self.broker_url is None:
            return False
        address = urlsplit(self.broker_url.get_secret_value())
        host = address.hostname or ""
        local = host == "localhost" or host == "::1" or host.startswith("127.")
        return not (local or address.scheme in ("unix", "redis+socket"))

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
        return self.spool_url or (self.home.absolute() / "spool").as_uri()

    @property
    def private_urls_allowed(self) -> bool:
        """Whether media URLs may point to this machine: only if the Threads API does too."""
        host = urlsplit(self.threads_api_url).hostname or ""
        return host in {"localhost", "::1"} or host.startswith("127.")

    def ensure_home(self) -> Path:
        """`home`, made if need be, readable by its owner alone."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.home

    def home_is_open_to(self) -> str | None:
        """Who else than its owner may enter `home`, and what to do about it; None: nobody."""
        found = self.home.stat()
        if not stat.S_IMODE(found.st_mode) & 0o077:
            return None
        return (
            f"{self.home} has mode {stat.S_IMODE(found.st_mode):04o}: others than its owner may "
            f"enter it. Run `chmod 700 {self.home}`"
        )


def tell_prometheus(directory: Path) -> None:
    """Tell prometheus_client where to count: it reads this variable, and nothing else."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)  # noqa: TID251 - written, not read


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


def unknown_variables() -> list[tuple[str, str | None]]:
    """
    Variables that look like settings and are none, each with the setting that may be meant.

    They are ignored, and so is whatever somebody wanted with a name that is misspelt.
    """
    known = {name.upper() for name in _variables()}
    prefix = "THREADSWORKER_"
    given = {*os.environ, *dotenv_values(".env")}  # noqa: TID251 - this is the reader
    unknown = sorted(
        name
        for name in map(str.upper, given)
        if name.startswith(prefix) and name not in known and not name.startswith(f"{prefix}TEST_")
    )
    ours = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
    alike = [get_close_matches(name.removeprefix(prefix), ours, 1, 0.75) for name in unknown]
    return [
        (name, prefix + like[0] if like else None)
        for name, like in zip(unknown, alike, strict=True)
    ]


def _variables() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.validation_alias, AliasChoices):
            yield from map(str, field.validation_alias.choices)
        else:
            yield f"THREADSWORKER_{name}"
