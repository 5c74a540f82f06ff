"""`threadsworker prune` and `export`: what becomes of data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from threadsworker.cli.console import Json, errors_as_exit_codes, say, say_json
from threadsworker.cli.looking import JobId
from threadsworker.errors import InvalidSettings

if TYPE_CHECKING:
    from threadsworker.steps.desk import Desk


def prune(
    older_than: Annotated[
        str | None,
        typer.Option(
            help="Jobs that ended longer ago than this, such as 90d, failed ones too; by default "
            "as THREADSWORKER_KEEP_JOBS and its like say."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
) -> None:
    """
    Remove jobs that ended long ago, and media left over.

    Left over are files in the spool that no post needs. Workers do this every hour. What is at
    work or needs a person is never removed.
    """
    from threadsworker.steps import prune as pruning

    with errors_as_exit_codes(as_json=as_json):
        age = None if older_than is None else _age(older_than)
        with _desk() as desk:
            keep = pruning.keep_of(desk)
            if age is not None:
                keep = pruning.Keep(jobs=age, failed_jobs=age, events=keep.events)
            found = pruning.preview(desk, keep) if dry_run else pruning.prune(desk, keep)
        if as_json:
            told = asdict(found)
            if dry_run:
                # What was not looked at is no zero.
                told = {name: told[name] for name in ("jobs", "spool_files")}
            say_json({"dry_run": dry_run, **told})
        else:
            would = "would be removed" if dry_run else "removed"
            say(f"{found.jobs} jobs and {found.spool_files} contents of the spool {would}")


@contextmanager
def _desk() -> Iterator[Desk]:
    """The installation's rows and spool, after making sure that the schema is there."""
    from threadsworker.settings import load_settings
    from threadsworker.steps.desk import Desk
    from threadsworker.store import schema

    desk = Desk(load_settings())
    desk.settings.ensure_home()
    try:
        schema.ensure(desk.engine, embedded=desk.settings.embedded_database)
        yield desk
    finally:
        desk.engine.dispose()


def _age(written: str) -> timedelta:
    from datetime import UTC, datetime

    from threadsworker.cli import moments
    from threadsworker.settings import SHORTEST_KEEP

    now = datetime.now(UTC)
    since = moments.since(written, now=now)
    if since is None:
        raise InvalidSettings(f"--older-than {written!r} is no duration: give one such as 90d")
    if now - since < SHORTEST_KEEP:
        raise InvalidSettings(
            f"--older-than {written!r} is below {SHORTEST_KEEP}: quotas and containers of the last "
            "day are still counted and asked about"
        )
    return now - since


def export(
    job: JobId,
    without_content: Annotated[
        bool,
        typer.Option(
            "--without-content",
            help="Leave out what its author wrote: texts, alternative texts, options.",
        ),
    ] = False,
) -> None:
    """
    Print everything about a job as JSON, for a fault report.

    There is no token in it, and no address of a file or a hook. What its author wrote is in it,
    unless it is left out.
    """
    from contextlib import suppress

    from threadsworker.errors import ThreadsWorkerError
    from threadsworker.store import export as exporting
    from threadsworker.store import jobs
    from threadsworker.store.database import clock

    with errors_as_exit_codes():
        with _desk() as desk, desk.reading() as session:
            account_id = jobs.find(session, job).account_id
            # Known from here on, and so redacted wherever they stand.
            with suppress(ThreadsWorkerError):
                desk.credentials(session, account_id)
            told = exporting.export(session, job, content=not without_content, now=clock(session))
        say_json(told)
