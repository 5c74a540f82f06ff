"""
One trace for each job, by OpenTelemetry, for those who installed ``threadsworker[tracing]``.

The ids of a job's trace and of its first span come from the job's id, so every process, retry and
rescue adds to the same trace, and no message has to carry anything. A span tells which step was
taken, or which request was sent, and what came of it: never a text, a token or a query.

Nothing is imported, and nothing is done, before `start`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from threadsworker.errors import InvalidSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.trace import NoOpTracerProvider, Span
    from opentelemetry.util.types import AttributeValue

    from threadsworker.subject import Subject

logger = logging.getLogger(__name__)

#: Seconds that a collector is given to take spans: a worker that is asked to end waits for it.
EXPORT_TIMEOUT = 3
#: Milliseconds between two sendings.
EXPORT_EVERY = 2_000

#: Ids of the next trace and span; None: any.
_next_ids: ContextVar[tuple[int, int] | None] = ContextVar("threadsworker_next_ids", default=None)


class _Tracing:
    """What sends the spans of this process, made on first use: its thread must not be forked."""

    def __init__(self) -> None:
        self.on = False
        self.endpoint: str | None = None
        self.provider: TracerProvider | NoOpTracerProvider | None = None
        self.made_in: int | None = None
        self.lock = threading.Lock()


_tracing = _Tracing()


def start(endpoint: str | None) -> None:
    """
    Send spans from now on, in this process and those that it forks.

    Parameters
    ----------
    endpoint:
        The collector's address; None: as OpenTelemetry's own variables say.

    Raises
    ------
    InvalidSettings:
        The extra is not installed.
    """
    for module in ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"):
        if not _is_there(module):
            raise InvalidSettings(
                "THREADSWORKER_TRACING needs OpenTelemetry: pip install 'threadsworker[tracing]'"
            )
    _tracing.on, _tracing.endpoint = True, endpoint


def stop() -> None:
    """Send what is left, and no more."""
    provider = _tracing.provider if _tracing.made_in == os.getpid() else None
    _tracing.on, _tracing.provider = False, None
    if provider is not None and hasattr(provider, "shutdown"):
        provider.shutdown()


class Told:
    """What came of a step or of a request, for its span."""

    def __init__(self, span: Span | None = None) -> None:
        self._span = span

    def tell(self, name: str, value: AttributeValue) -> None:
        """Add what is known by now."""
        if self._span is not None:
            self._span.set_attribute(name, value)

    def fail(self) -> None:
        """It did not go well. Why is never told in words: they may be anybody's."""
        if self._span is not None:
            from opentelemetry.trace import StatusCode

            self._span.set_status(StatusCode.ERROR)


_NOBODY = Told()


@contextmanager
def step(subject: Subject) -> Iterator[Told]:
    """A span for a step of a job."""
    if not _tracing.on:
        yield _NOBODY
        return
    from opentelemetry.trace import SpanKind

    attributes: dict[str, AttributeValue] = {
        f"threadsworker.{name}": value
        for name, value in vars(subject).items()
        if value is not None and name != "step"
    }
    name, context = subject.step or "step", _context_of(subject.job)
    with _span(name, kind=SpanKind.CONSUMER, attributes=attributes, context=context) as told:
        yield told


@contextmanager
def request(method: str, url: str, *, path: bool = True) -> Iterator[Told]:
    """A span for a request that a step sends, without its query. `path`: whether to tell that."""
    if not _tracing.on:
        yield _NOBODY
        return
    from opentelemetry.trace import SpanKind, get_current_span

    if not get_current_span().get_span_context().is_valid:
        # No step sends it: one of beat's duties.
        yield _NOBODY
        return
    parts = urlsplit(url)
    # https://opentelemetry.io/docs/specs/semconv/http/http-spans/ (2026-11-25)
    attributes: dict[str, AttributeValue] = {
        "http.request.method": method,
        "server.address": parts.hostname or "",
    }
    if path:
        attributes["url.path"] = parts.path
    with _span(method, kind=SpanKind.CLIENT, attributes=attributes) as told:
        yield told


@contextmanager
def _span(name: str, **options: Any) -> Iterator[Told]:
    """A span that an error ends as failed, with none of the error's words."""
    with _tracer().start_as_current_span(
        name, record_exception=False, set_status_on_exception=False, **options
    ) as span:
        told = Told(span)
        try:
            yield told
        except BaseException:
            told.fail()
            raise


def job_ended(subject: Subject, state: str, *, due: datetime, now: datetime) -> None:
    """The job's first span, which all others hang on: from when it was due until now."""
    if not _tracing.on:
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind

    token = _next_ids.set(_ids(subject.job))
    try:
        span = _tracer().start_span(
            "job",
            # Below nothing.
            context=Context(),
            kind=SpanKind.INTERNAL,
            attributes={
                "threadsworker.job": subject.job,
                "threadsworker.account": subject.account or "",
                "threadsworker.state": state,
            },
            start_time=_nanoseconds(due),
        )
    finally:
        _next_ids.reset(token)
    span.end(max(_nanoseconds(due), _nanoseconds(now)))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000


def _ids(job: str) -> tuple[int, int]:
    """Ids of the job's trace and of its first span."""
    digest = hashlib.sha256(f"threadsworker job {job}".encode()).digest()
    return int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])


def _context_of(job: str) -> Any:
    from opentelemetry.trace import (
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        set_span_in_context,
    )

    trace_id, span_id = _ids(job)
    flags = TraceFlags(TraceFlags.SAMPLED)
    above = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(above))


def _tracer() -> Any:
    if _tracing.provider is None or _tracing.made_in != os.getpid():
        with _tracing.lock:
            if _tracing.provider is None or _tracing.made_in != os.getpid():
                _tracing.provider, _tracing.made_in = _made(), os.getpid()
    return _tracing.provider.get_tracer("threadsworker")


def _made() -> TracerProvider | NoOpTracerProvider:
    try:
        return _provider(_tracing.endpoint)
    except Exception as error:
        # One of OpenTelemetry's variables is wrong. The step that is traced matters more.
        from opentelemetry.trace import NoOpTracerProvider

        logger.warning("Nothing is traced: %s", error)
        return NoOpTracerProvider()


def _provider(endpoint: str | None) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(
        endpoint=f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None,
        timeout=EXPORT_TIMEOUT,
    )
    resource = Resource.create()
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        # OTEL_SERVICE_NAME is not set.
        resource = resource.merge(Resource({"service.name": "threadsworker"}))
    provider = TracerProvider(resource=resource, id_generator=_id_generator())
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            schedule_delay_millis=EXPORT_EVERY,
            export_timeout_millis=EXPORT_TIMEOUT * 1000,
        )
    )
    return provider


def _id_generator() -> IdGenerator:
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    class Ids(IdGenerator):
        """The ids that are wanted, or random ones, also after a fork."""

        def generate_span_id(self) -> int:
            wanted = _next_ids.get()
            return wanted[1] if wanted else secrets.randbelow(2**64 - 1) + 1

        def generate_trace_id(self) -> int:
            wanted = _next_ids.get()
            return wanted[0] if wanted else secrets.randbelow(2**128 - 1) + 1

    return Ids()


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
