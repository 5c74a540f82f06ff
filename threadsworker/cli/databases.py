"""`threadsworker db …`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from threadsworker.cli.console import Json, errors_as_exit_codes, note, say, say_json
from threadsworker.errors import InvalidSettings

if TYPE_CHECKING:
    from threadsworker.store.generations import Generation

app = typer.Typer(help="The database.", no_args_is_help=True)

#: Suspects that are listed unless --json asks for all.
MOST_SHOWN = 50


@app.command()
def upgrade() -> None:
    """Bring the schema up to this version's. Safe to run twice."""
    from threadsworker.cli import running

    with errors_as_exit_codes():
        running.upgrade_database()


@app.command()
def restored(
    backup_from: Annotated[
        str,
        typer.Option(help='When the backup was made: "2026-11-25 03:00", "6h", "yesterday 3am".'),
    ],
    as_json: Json = False,
) -> None:
    """
    Say that the database was restored from a backup.

    Say it before any worker is started. What was written after the backup is lost, publishes among
    it. From now on nothing is taken for unpublished because the rows do not say that it was:
    containers are asked first, and the account's posts are looked through for what has none. See
    docs/backup.md.
    """
    from threadsworker.settings import load_settings
    from threadsworker.store import generations, schema
    from threadsworker.store.database import clock, make_engine, transaction

    with errors_as_exit_codes(as_json=as_json):
        settings = load_settings()
        settings.ensure_home()
        engine = make_engine(settings.sqlalchemy_url)
        try:
            schema.ensure(engine, embedded=settings.embedded_database)
            with transaction(engine) as session:
                now = clock(session)
                moment = _moment(backup_from, now=now)
                begun = generations.begin(session, backup_from=moment, now=now)
        finally:
            engine.dispose()
        say_json(_as_json(begun)) if as_json else _show(begun)


def _moment(written: str, *, now: datetime) -> datetime:
    from threadsworker.cli import moments

    found = moments.since(written, now=now)
    if found is None:
        raise InvalidSettings(
            f"--backup-from {written!r} is no moment: give an ISO 8601 time, or a duration "
            "such as 6h"
        )
    return found.astimezone(UTC)


def _as_json(begun: Generation) -> dict[str, Any]:
    return {
        "generation": begun.number,
        "began_at": begun.began_at.isoformat(),
        "suspects": [
            {
                "job": one.job_id,
                "account": one.account,
                "segment": one.index,
                "state": one.state,
                "container_id": one.container_id,
            }
            for one in begun.suspects
        ],
        "passed_over": [
            {
                "schedule": one.schedule,
                "first": one.first.isoformat(),
                "next_at": one.next_at.isoformat() if one.next_at else None,
            }
            for one in begun.passed_over
        ],
    }


def _show(begun: Generation) -> None:
    say(f"generation {begun.number} of the database has begun")
    for one in begun.suspects[:MOST_SHOWN]:
        how = (
            f"container {one.container_id} is asked"
            if one.container_id
            else "the account's posts are looked through"
        )
        say(f"job {one.job_id} ({one.account}) segment {one.index}, {one.state}: {how}")
    if len(begun.suspects) > MOST_SHOWN:
        say(f"and {len(begun.suspects) - MOST_SHOWN} more; --json names all")
    for passed in begun.passed_over:
        until = f"{passed.next_at:%Y-%m-%d %H:%M} UTC" if passed.next_at else "none"
        say(
            f"schedule {passed.schedule}: from {passed.first:%Y-%m-%d %H:%M} UTC on nothing is "
            f"made; the next is {until}"
        )
    note(
        "Start the workers now. What looks like a post that is live becomes needs_review: "
        "threadsworker jobs --state needs_review"
    )
