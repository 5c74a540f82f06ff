"""Every setting: its name, its default, and, in the comment above it, what it means."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_data_path
from pydantic import AliasChoices, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


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


Duration = Annotated[timedelta, BeforeValidator(_seconds)]


class Fields(BaseSettings):
    """What the environment says, each value by itself; see `Settings`."""

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
