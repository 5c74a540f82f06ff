"""`threadsworker up`, `worker`, `beat`, `flower`, `sandbox`, `demo`, `check`, `db upgrade`."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from threadsworker.cli.console import (
    FAILED,
    INVALID_POST,
    Json,
    errors_as_exit_codes,
    note,
    say,
    say_json,
)
from threadsworker.errors import InvalidSettings

if TYPE_CHECKING:
    from threadsworker.broker import Hold
    from threadsworker.settings import Settings


def up(
    flower: Annotated[
        bool, typer.Option("--flower", help="Flower too, on THREADSWORKER_FLOWER_PORT, or 5555.")
    ] = False,
) -> None:
    """Run worker, beat and broker in the foreground. No broker is run if a Redis is set."""
    from threadsworker.cli import processes
    from threadsworker.settings import load_settings

    with errors_as_exit_codes():
        if flower:
            _may_open(load_settings())
        settings, _hold = _ready()
        commands = {
            "worker": processes.worker_command(settings),
            "beat": processes.beat_command(settings),
        }
        if flower:
            commands["flower"] = processes.flower_command()
        note(f"{', '.join(commands)} at work in {settings.home}; Ctrl-C ends them")
        processes.Family(commands, grace=settings.shutdown_grace + processes.FAREWELL).run()


def worker(
    context: typer.Context,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve metrics on this port. [THREADSWORKER_METRICS_PORT]")
    ] = None,
    metrics_address: Annotated[
        str | None,
        typer.Option(help="The address for that. [THREADSWORKER_METRICS_ADDRESS, or 127.0.0.1]"),
    ] = None,
) -> None:
    """
    Run a worker, which takes the steps of jobs: 4 at a time.

    Extra options, such as --concurrency 8, go to `celery worker`: `threadsworker worker -- --help`
    lists them.
    """
    from threadsworker.cli import processes

    given = {"metrics_port": metrics_port, "metrics_address": metrics_address}
    told = {name: value for name, value in given.items() if value is not None}
    with errors_as_exit_codes():
        settings, _hold = _ready(**told)
        changes = {f"THREADSWORKER_{name.upper()}": str(value) for name, value in told.items()}
        processes.become(processes.worker_command(settings, context.args), changes)


def beat(context: typer.Context) -> None:
    """
    Run a beat, which rings for what is due.

    Extra options go to `celery beat`: `threadsworker beat -- --help` lists them.
    """
    from threadsworker.cli import processes

    with errors_as_exit_codes():
        settings, _hold = _ready()
        processes.become(processes.beat_command(settings, context.args))


def flower(
    context: typer.Context,
    address: Annotated[
        str | None,
        typer.Option(help="Where to listen. [THREADSWORKER_FLOWER_ADDRESS, or 127.0.0.1]"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port. [THREADSWORKER_FLOWER_PORT, or 5555]"),
    ] = None,
    url_prefix: Annotated[
        str | None,
        typer.Option(
            "--url-prefix",
            "--url_prefix",
            help="The path below which a proxy shows it. [THREADSWORKER_FLOWER_URL_PREFIX]",
        ),
    ] = None,
    basic_auth: Annotated[
        str | None,
        typer.Option(
            "--basic-auth",
            "--basic_auth",
            help="name:password, several with commas; - reads it from standard input. "
            "[THREADSWORKER_FLOWER_BASIC_AUTH, which other users cannot see]",
        ),
    ] = None,
) -> None:
    """
    Run Flower, which shows what the workers do. Outside loopback it needs a password.

    Extra options, written --name=value, go to `celery flower`.
    """
    from threadsworker.cli import processes
    from threadsworker.cli.secrets import secret
    from threadsworker.settings import load_settings

    with errors_as_exit_codes():
        auth = secret(
            basic_auth,
            None,
            option="--basic-auth",
            variable="THREADSWORKER_FLOWER_BASIC_AUTH",
        )
        given = {
            "flower_address": address,
            "flower_port": None if port is None else str(port),
            "flower_url_prefix": url_prefix,
            "flower_basic_auth": None if auth is None else auth.get_secret_value(),
        }
        changes = {name: value for name, value in given.items() if value is not None}
        if not any("unix" in part for part in context.args):
            _may_open(load_settings(**changes))
        _settings, _hold = _ready()
        # To the next program in the environment, which other users cannot read.
        processes.become(
            processes.flower_command(context.args),
            {f"THREADSWORKER_{name.upper()}": value for name, value in changes.items()},
        )


def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8787,
    ledger: Annotated[
        str | None, typer.Option(help="File to write what happens to, as JSON lines.")
    ] = None,
) -> None:
    """Play Meta's Threads API and GitHub on this machine."""
    from pathlib import Path

    from threadsworker.sandbox import Sandbox

    with errors_as_exit_codes():
        served = Sandbox(port=port, ledger_path=Path(ledger) if ledger else None)
        try:
            served.start()
        except OSError as error:
            note(f"port {port}: {error.strerror}")
            raise typer.Exit(FAILED) from None
        say(f"THREADSWORKER_THREADS_API_URL={served.threads_api_url}")
        say(f"THREADSWORKER_GITHUB_API_URL={served.github_api_url}")
        say(f"THREADSWORKER_GITHUB_RAW_URL={served.github_raw_url}")
        note("any access token that begins with sandbox- is accepted; Ctrl-C ends it")
        sys.stdout.flush()
        asked = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: asked.set())
        signal.signal(signal.SIGINT, lambda *_: asked.set())
        asked.wait()
        served.stop()


def demo(
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the worker's log.")] = False,
) -> None:
    """Publish a long post to a local sandbox, and watch it."""
    from threadsworker.cli.demonstration import demonstrate

    with errors_as_exit_codes():
        raise typer.Exit(demonstrate(verbose=verbose))


def check(
    only: Annotated[
        list[str] | None, typer.Option(help="Make this check only. Repeat for several.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option(help="Do not make this check. Repeat for several.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Name the checks, and end.")] = False,
    as_json: Json = False,
) -> None:
    """
    Check all that this installation needs.

    One line each, and what to do about it. OK and WARN exit with 0, FAILED with 1. For the health
    check of a container name a few: `check --only database --only this-worker` for a worker,
    `check --only database --only broker --only dispatch` for a beat. It takes 15 seconds at most.
    """
    from threadsworker.cli import checking

    with errors_as_exit_codes():
        if listed:
            _list_checks(as_json=as_json)
            return
        try:
            checking.chosen(only or (), skip or ())
        except InvalidSettings as error:
            raise typer.BadParameter(str(error)) from None
        results = checking.run_checks(only or (), skip or ())
        if as_json:
            say_json([result.as_json() for result in results])
        for result in results if not as_json else []:
            say(f"{result.name}: {result.level} {result.detail}".rstrip())
            if result.advice:
                say(f"  {result.advice}")
        if not all(result.ok for result in results):
            raise typer.Exit(FAILED)


def _list_checks(*, as_json: bool) -> None:
    from threadsworker.cli.checking import CHECKS

    if as_json:
        say_json(
            [{"name": one.name, "about": one.about, "on_request": one.on_request} for one in CHECKS]
        )
        return
    for one in CHECKS:
        say(f"{one.name:<12} {one.about}{' (only when it is named)' if one.on_request else ''}")


def upgrade_database() -> None:
    """Bring the schema of the configured database up to date."""
    from threadsworker.settings import load_settings
    from threadsworker.store import schema
    from threadsworker.store.database import make_engine

    with errors_as_exit_codes():
        settings = load_settings()
        settings.ensure_home()
        engine = make_engine(settings.sqlalchemy_url)
        schema.upgrade(engine)
        present, ours = schema.versions(engine)
        newer = f"; that is newer than this program's {ours}" if schema.is_newer(present) else ""
        note(f"the database is at schema version {present}{newer}")


def _may_open(settings: Settings) -> None:
    """Exit, with a sentence, where Flower would be open to strangers."""
    from threadsworker.cli.flower import credentials, refused

    credentials(settings)
    if sentence := refused(settings):
        note(sentence)
        raise typer.Exit(INVALID_POST)


def _ready(**given: object) -> tuple[Settings, Hold | None]:
    """Settings, and the embedded broker running if it is the one to be used."""
    from threadsworker.broker import hold
    from threadsworker.redaction import redact_settings
    from threadsworker.settings import load_settings

    settings = load_settings(**given)
    redact_settings(settings)
    settings.ensure_home()
    return settings, hold(settings.home) if settings.embedded_broker else None
