"""
The Celery app: what a message is written in, how Redis is reached, and who may write.
"""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from celery import Celery
from celery.app.amqp import AMQP, task_message
from kombu.serialization import register
from kombu.utils.json import dumps, loads

from threadsworker import signing
from threadsworker.queue.connection import Connection
from threadsworker.queue.names import DUTIES, EVENT, STEPS_QUEUE, UPKEEP_QUEUE
from threadsworker.settings import TLS_OPTIONS, VISIBILITY_TIMEOUT

#: What ``ssl_cert_reqs`` of a ``rediss://`` URL may say of the server's certificate.
TLS_REQUIRES = {
    "required": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}
#: Seconds until a broker counts as out of reach. An app that enqueues should not hang: the
#: rows are committed, and `dispatch_due` rings later.
CONNECT_TIMEOUT = 3.0
#: Seconds of silence after which a connection to the broker counts as lost. Redis answers at
#: once, or, to a worker that waits for a message, within one second.
SILENCE = 10.0

#: The serializer of signed messages.
SIGNED = "threadsworker-signed"


class _Messages(AMQP):  # type: ignore[misc] # Celery has no types
    """Celery's messages, sent by our connections."""

    Connection = Connection


class _NamedInside(_Messages):
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
        amqp=_Messages if keys is None else _NamedInside,
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
