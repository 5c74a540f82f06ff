"""
Builds a job's chain and sends it, by task name. The library's only import of Celery.

A message is a doorbell: it carries the job's id, its run and a segment's index, never text,
media or tokens. What is to be done is in the rows, so a message may be lost, late or
doubled. It is JSON and nothing else; where the installation says so it is signed, and what is
not signed is refused. Events, which Flower reads and nobody acts upon, are never signed.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import uuid4

from celery import Celery, chain
from celery.app.amqp import AMQP, task_message
from celery.canvas import Signature
from kombu.exceptions import OperationalError
from kombu.serialization import register
from kombu.utils.json import dumps, loads
from redis.exceptions import RedisError

from threadsworker import signing
from threadsworker.settings import TLS_OPTIONS, VISIBILITY_TIMEOUT

UPLOAD = "threadsworker.upload"
CREATE_CONTAINERS = "threadsworker.create_containers"
POLL_STATUS = "threadsworker.poll_status"
PUBLISH = "threadsworker.publish"
REPLY_CHAIN = "threadsworker.reply_chain"
CLEANUP = "threadsworker.cleanup"
DISPATCH_DUE = "threadsworker.dispatch_due"
RESCUE_STALLED = "threadsworker.rescue_stalled"
SWEEP_STAGED = "threadsworker.sweep_staged"
REFRESH_TOKENS = "threadsworker.refresh_tokens"
PRUNE = "threadsworker.prune"
DELIVER = "threadsworker.deliver"
EVENT = "threadsworker.event"

#: What beat sends for, every few seconds.
DUTIES = frozenset({DISPATCH_DUE, RESCUE_STALLED, SWEEP_STAGED, REFRESH_TOKENS, PRUNE, DELIVER})

#: Steps of jobs, and beat's duties. Two queues, so that a duty does not wait behind ten
#: thousand steps; of our own, so that a Redis may be shared with other applications.
STEPS_QUEUE = "threadsworker"
UPKEEP_QUEUE = "threadsworker-upkeep"

#: What ``ssl_cert_reqs`` of a ``rediss://`` URL may say of the server's certificate.
TLS_REQUIRES = {
    "required": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}

#: What a message means and which arguments it has. It grows when a worker of before could
#: misunderstand it; then that gives the message back to the rows. Without the header it is 1.
VERSION = 1
VERSION_HEADER = "message_version"

#: Seconds until a broker counts as out of reach. An app that enqueues should not hang: the
#: rows are committed, and `dispatch_due` rings later.
CONNECT_TIMEOUT = 3.0
#: Seconds of silence after which a connection to the broker counts as lost. Redis answers at
#: once, or, to a worker that waits for a message, within one second.
SILENCE = 10.0

#: The serializer of signed messages.
SIGNED = "threadsworker-signed"


class _NamedInside(AMQP):  # type: ignore[misc] # Celery has no types
    """Messages whose body repeats, where the signature holds it, which task they are for."""

    def as_task_v2(self, task_id: str, name: str, *args: Any, **options: Any) -> task_message:
        message = super().as_task_v2(task_id, name, *args, **options)
        message.body[2][signing.SIGNED_FOR] = signing.purpose(name, task_id)
        return message


def make_app(broker_url: str, *, key_prefix: str = "", keys: signing.Keys | None = None) -> Celery:
    """
    A Celery app for threadsworker's messages.

    It does not become the process's current app: the caller may well have one of its own.

    Parameters
    ----------
    key_prefix:
        What all its keys in Redis begin with.
    keys:
        What messages are signed with; None: they are not.
    """
    url, tls = tls_of(broker_url)
    app = Celery(
        "threadsworker",
        broker=url,
        set_as_current=False,
        amqp=None if keys is None else _NamedInside,
    )
    if keys is not None:
        _register_signed(keys)
    serializer = "json" if keys is None else SIGNED
    app.conf.update(
        broker_use_ssl=tls or False,
        accept_content=[serializer],
        task_serializer=serializer,
        event_serializer="json",
        # What came of a job is in its row. Without results nothing is left behind in Redis.
        task_ignore_result=True,
        task_default_queue=STEPS_QUEUE,
        task_routes={name: {"queue": UPKEEP_QUEUE} for name in (*DUTIES, EVENT)},
        # For Flower: a message shows as soon as it is sent.
        task_send_sent_event=True,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT.total_seconds(),
            "socket_connect_timeout": CONNECT_TIMEOUT,
            "socket_keepalive": True,
            # A connection that a restarted Redis has forgotten is noticed before it is used;
            # and one that says nothing is given up, or the worker would listen to it for ever.
            "health_check_interval": 10,
            "socket_timeout": SILENCE,
            "retry_on_timeout": True,
            # Sending is tried once; a message that is not sent is a row that is due.
            "max_retries": 0,
            "global_keyprefix": key_prefix,
        },
    )
    return app


def tls_of(broker_url: str) -> tuple[str, dict[str, Any]]:
    """
    The URL without its TLS options, and these; none if it is not ``rediss://``.

    The server's certificate is verified unless the URL says otherwise. Kombu by itself would not:
    it takes ``rediss://`` without options for ``ssl_cert_reqs=none``.
    """
    parts = urlsplit(broker_url)
    if parts.scheme != "rediss":
        return broker_url, {}
    given = dict(parse_qsl(parts.query))
    options: dict[str, Any] = {name: given.pop(name) for name in list(given) if name in TLS_OPTIONS}
    requires = options.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    options["ssl_cert_reqs"] = TLS_REQUIRES[requires]
    options["ssl_check_hostname"] = options.get("ssl_check_hostname", "true").lower() != "false"
    return urlunsplit(parts._replace(query=urlencode(given))), options


def _register_signed(keys: signing.Keys) -> None:
    """Teach kombu, in this process, to write and to read signed JSON."""

    def encode(content: Any) -> str:
        return signing.sealed(dumps(content), keys())  # type: ignore[no-untyped-call]

    def decode(body: str | bytes) -> Any:
        return loads(signing.opened(body, keys()))  # type: ignore[no-untyped-call]

    register(  # type: ignore[no-untyped-call]
        SIGNED,
        encode,
        decode,
        content_type="application/x-threadsworker-signed",
        content_encoding="utf-8",
    )


def is_genuine(app: Celery, message: Any) -> bool:
    """
    Whether a message that a worker has received is signed for the task that it names.

    Its body has been verified when it was read. True if messages are not signed here.
    """
    if app.conf.task_serializer != SIGNED:
        return True
    match message.payload:
        case [_, _, {signing.SIGNED_FOR: signed_for}]:
            headers = message.headers
            return bool(signed_for == signing.purpose(headers["task"], headers["id"]))
    return False


@dataclass(frozen=True)
class Title:
    """What a job is called where people read its messages: in Flower, and in Celery's log."""

    account: str
    #: How many segments its thread has.
    segments: int


def job_chain(
    app: Celery, job_id: str, run: int, index: int | None, title: Title | None = None
) -> Signature:
    """
    The chain of a job's run: stage, publish segment `index`, go on, clean up.

    The same for a first start, a rescue, a wake-up and a retry. `index` is the first segment
    that is not live yet; None if all are, so that only cleaning up is left. The id of its first
    message, ``JOB-run2-upload-5f0c21ab``, is the root id of all that follow from it.
    """
    steps = [_step(app, UPLOAD, job_id, run, title=title)]
    if index is not None:
        steps += segment_steps(app, job_id, run, index, title)
    return chain(*steps, cleanup(app, job_id, run, title), app=app)


def segment_steps(
    app: Celery, job_id: str, run: int, index: int, title: Title | None = None
) -> list[Signature]:
    """The steps of one segment, and on to the next."""
    return [
        _step(app, CREATE_CONTAINERS, job_id, run, index, title=title),
        _step(app, POLL_STATUS, job_id, run, index, title=title),
        _step(app, PUBLISH, job_id, run, index, title=title),
        _step(app, REPLY_CHAIN, job_id, run, title=title),
    ]


def cleanup(app: Celery, job_id: str, run: int, title: Title | None = None) -> Signature:
    """Cleaning up alone: for a job that has failed."""
    return _step(app, CLEANUP, job_id, run, title=title)


def send_notice(app: Celery, name: str, queue: str, notice: dict[str, Any]) -> None:
    """
    Send a notice to a task of another application, on a queue of this broker.

    Raises
    ------
    OSError:
        The broker is out of reach.
    """
    try:
        # What a notice holds is for that application, and not for whoever opens Flower. Which does
        # not have our keys.
        shown = f"notice {notice['id']}: {notice['event']}"
        app.send_task(
            name, kwargs=notice, queue=queue, retry=False, serializer="json", kwargsrepr=shown
        )
    except OperationalError as error:
        raise OSError(type(error).__name__) from None


def backlog(app: Celery) -> int:
    """How many messages of jobs wait for a worker."""
    with app.connection_for_read() as connection:
        return _length(connection, STEPS_QUEUE)


def lengths(app: Celery) -> dict[str, int]:
    """
    How many messages wait in each of our queues.

    Raises
    ------
    OSError:
        The broker is out of reach.
    """
    try:
        with app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=CONNECT_TIMEOUT)
            return {name: _length(connection, name) for name in (STEPS_QUEUE, UPKEEP_QUEUE)}
    except OperationalError as error:
        raise OSError(type(error).__name__) from None


def _length(connection: Any, name: str) -> int:
    # Not passively: Kombu 5.7.0 then looks for a key without its prefix.
    return int(connection.default_channel.queue_declare(name).message_count)


def _step(
    app: Celery,
    name: str,
    job_id: str,
    run: int,
    index: int | None = None,
    *,
    title: Title | None,
) -> Signature:
    """A message of a job's chain, that people can read: ``main/JOB run 2 segment 3/7``."""
    shown = f"{title.account}/{job_id} run {run}" if title else f"{job_id} run {run}"
    place = ""
    if index is not None:
        # People count from one.
        place = str(index + 1)
        shown += f" segment {place}/{title.segments}" if title else f" segment {place}"
    # No two sends share an id; that of a rescue begins with the same job's.
    kind = name.rpartition(".")[2]
    task_id = f"{job_id}-run{run}-{kind}{place}-{uuid4().hex[:8]}"
    args = (job_id, run) if index is None else (job_id, run, index)
    options = {"headers": {VERSION_HEADER: VERSION}, "task_id": task_id, "argsrepr": shown}
    return app.signature(name, args=args, immutable=True, options=options)


@dataclass(frozen=True)
class BrokerFacts:
    """What Redis tells of itself; None: it does not tell."""

    version: str | None
    #: What it does when memory is short.
    policy: str | None
    #: Whether messages outlive a restart of it.
    persistent: bool | None


def _facts(told: dict[str, Any], saves: bool | None) -> BrokerFacts:
    # Valkey calls the version that it is compatible with by Redis' name, and its own by its own.
    version = told.get("valkey_version") or told.get("redis_version")
    policy = told.get("maxmemory_policy")
    persistent = True if told.get("aof_enabled") else saves
    return BrokerFacts(str(version) if version else None, policy, persistent)


def _saves(client: Any) -> bool | None:
    """Whether it writes snapshots; None if it does not tell: hosted ones often do not."""
    try:
        return bool(client.config_get("save").get("save"))
    except RedisError:
        return None


class Doorbell:
    """
    Rings for jobs, from any thread. Makes its Celery app on first use.

    `keys` gives what messages are signed with, see `make_app`; it may give None.
    """

    def __init__(
        self,
        broker_url: Callable[[], str],
        *,
        key_prefix: str = "",
        keys: Callable[[], signing.Keys | None] = lambda: None,
    ) -> None:
        self._broker_url = broker_url
        self._key_prefix = key_prefix
        self._keys = keys
        self._lock = threading.Lock()
        self._app: Celery | None = None

    def ring(self, job_id: str, run: int, index: int | None, title: Title | None = None) -> bool:
        """Send the chain of this run, see `job_chain`. False if the broker is out of reach."""
        try:
            job_chain(self._celery(), job_id, run, index, title).apply_async(retry=False)
        except (OperationalError, OSError):
            return False
        return True

    def ring_cleanup(self, job_id: str, run: int, title: Title | None = None) -> bool:
        """Send for cleaning up alone. False if the broker is out of reach; a sweep follows."""
        try:
            cleanup(self._celery(), job_id, run, title).apply_async(retry=False)
        except (OperationalError, OSError):
            return False
        return True

    def ring_event(self, notification_id: str) -> bool:
        """Send for what Meta has told. False if the broker is out of reach; a duty follows."""
        try:
            shown = f"notification {notification_id}"
            told = self._celery().signature(EVENT, args=(notification_id,), immutable=True)
            told.apply_async(retry=False, argsrepr=shown)
        except (OperationalError, OSError):
            return False
        return True

    def close(self) -> None:
        """Close the connections to the broker; the next message makes new ones."""
        with self._lock:
            app, self._app = self._app, None
        if app is not None:
            app.close()

    def _celery(self) -> Celery:
        with self._lock:
            if self._app is None:
                self._app = make_app(
                    self._broker_url(), key_prefix=self._key_prefix, keys=self._keys()
                )
            return self._app

    def facts(self) -> BrokerFacts:
        """
        What it tells of itself; OSError if it is out of reach.

        A user that may not ask is told nothing, which is no trouble.
        """
        try:
            with self._celery().connection_for_write() as connection:
                client = connection.default_channel.client
                try:
                    told = client.info()
                except RedisError:
                    return BrokerFacts(None, None, None)
                return _facts(told, _saves(client))
        except OperationalError as error:
            raise OSError(type(error).__name__) from None

    def answers(self) -> bool:
        """Whether the broker can be reached."""
        try:
            with self._celery().connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=CONNECT_TIMEOUT)
        except (OperationalError, OSError):
            return False
        return True
