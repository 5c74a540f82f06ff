"""`threadsworker metrics`"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from threadsworker.cli.console import errors_as_exit_codes, say
from threadsworker.errors import InvalidSettings

if TYPE_CHECKING:
    from threadsworker.settings import Settings

logger = logging.getLogger(__name__)


def metrics(
    address: Annotated[
        str | None, typer.Option(help="Address to listen on; without one as the settings say.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 9464,
    public: Annotated[
        bool, typer.Option("--open", help="Serve others without a token of theirs.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Print the metrics, and end.")] = False,
) -> None:
    """
    Serve metrics to Prometheus, at /metrics.

    On other addresses than loopback THREADSWORKER_METRICS_TOKEN is needed, or --open.
    """
    from threadsworker import log
    from threadsworker.settings import load_settings

    with errors_as_exit_codes():
        settings = load_settings(metrics_open=True) if public else load_settings()
        log.configure(settings.log_level, form=settings.log_format)
        _look_at_database(settings)
        if once:
            from prometheus_client import generate_latest

            from threadsworker.metrics.collector import registry_of

            say(generate_latest(registry_of(settings)).decode().rstrip())
            return
        _serve(settings, address or settings.metrics_address, port)


def _serve(settings: Settings, address: str, port: int) -> None:
    import signal
    import threading

    from threadsworker.metrics.server import PATH, MetricsServer

    try:
        settings.guard_metrics(address)
    except ValueError as error:
        raise InvalidSettings(str(error)) from None
    try:
        server = MetricsServer(settings, address=address, port=port)
    except OSError as error:
        raise InvalidSettings(
            f"nothing can listen on {address}:{port}: {error.strerror or error}"
        ) from None
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    signal.signal(signal.SIGINT, lambda *_: asked.set())
    server.start()
    logger.info("Metrics at http://%s:%s%s; Ctrl-C ends it", address, server.port, PATH)
    asked.wait()
    server.stop()


def _look_at_database(settings: Settings) -> None:
    """Say now what is wrong with it; the metrics say so too, and are served all the same."""
    from sqlalchemy.exc import SQLAlchemyError

    from threadsworker.store import schema
    from threadsworker.store.database import make_engine

    settings.ensure_home()
    engine = make_engine(settings.sqlalchemy_url)
    try:
        schema.ensure(engine, embedded=settings.embedded_database)
    except (SQLAlchemyError, InvalidSettings) as error:
        logger.warning("The rows cannot be read: %s", str(error).splitlines()[0])
    finally:
        engine.dispose()
