"""What the environment says, checked: settings that contradict each other are refused."""

from __future__ import annotations

import logging
import re
import stat
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from socket import gethostname
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr, field_validator, model_validator

from threadsworker.hosts import is_loopback
from threadsworker.settings.fields import Fields

#: Redis delivers a message again that was not acknowledged for this long. A waiting
#: message longer than that runs several times (measured: 35 s at a time-out of 10 s ran
#: four times), so every countdown stays below a third of it.
VISIBILITY_TIMEOUT = timedelta(hours=1)
_NUMBER = re.compile(r"[0-9]+\Z")
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


class Settings(Fields):
    """What the environment says, checked. `load_settings` makes one with readable errors."""

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
        database = parts.path.strip("/")
        if parts.scheme in ("redis", "rediss") and database and not _NUMBER.match(database):
            raise ValueError(
                "what stands behind the host and port must be the number of a database, as in "
                "redis://127.0.0.1:6379/0; a / in a password is written %2F"
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
