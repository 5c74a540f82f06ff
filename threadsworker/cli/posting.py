"""`threadsworker post` and `threadsworker thread`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from threadsworker.cli.console import (
    NOT_PUBLISHED,
    Json,
    errors_as_exit_codes,
    note,
    say,
    say_json,
)
from threadsworker.cli.given import media_of, post_fields
from threadsworker.cli.options import with_post_options
from threadsworker.cli.written import read_file, read_stdin, with_plain_ends
from threadsworker.errors import InvalidPost, Problem
from threadsworker.job import JobState

if TYPE_CHECKING:
    from threadsworker.client import Client
    from threadsworker.post import Media

Files = Annotated[
    list[str] | None,
    typer.Option("--file", "-f", help="A path or public URL of an image or video; repeat."),
]
Alts = Annotated[
    list[str] | None, typer.Option(help="Alt text, in the order of the files; repeat.")
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(help="image or video, in the order of the files; empty: recognise it."),
]
Account = Annotated[str, typer.Option(help="The account's name.")]
Key = Annotated[
    str | None, typer.Option(help="An idempotency key: the same post under it is the same job.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan; store and send nothing.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is published; exit 6 if not.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds that --wait waits at most.")]
At = Annotated[
    str | None,
    typer.Option(help="When to publish: 2026-12-01T09:00+01:00, 'tomorrow 9am', 'in 2 hours'."),
]
Timezone = Annotated[
    str | None,
    typer.Option(help="Zone of a time without one, such as Africa/Lagos [this machine's]."),
]


@with_post_options
def post(
    text: Annotated[str | None, typer.Argument(help="The text; - reads it from stdin.")] = None,
    file: Files = None,
    alt: Alts = None,
    kind: Kinds = None,
    account: Account = "main",
    key: Key = None,
    at: At = None,
    timezone: Timezone = None,
    *,
    given: dict[str, Any],
    dry_run: DryRun = False,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Enqueue a post of any length; prints the job's id."""
    with errors_as_exit_codes(as_json=as_json):
        if text == "-":
            text = text_from_stdin()
        options = post_fields(given)
        media = media_of(file or [], alt or [], kind or [])
        _enqueue(
            text or "",
            media,
            options,
            account=account,
            key=key,
            at=at,
            timezone=timezone,
            dry_run=dry_run,
            wait=wait,
            timeout=timeout,
            as_json=as_json,
        )


@with_post_options
def thread(
    file: Annotated[Path, typer.Argument(help="A Markdown file; - reads stdin.")],
    account: Annotated[str | None, typer.Option(help="The account's name.")] = None,
    key: Key = None,
    at: At = None,
    timezone: Timezone = None,
    *,
    given: dict[str, Any],
    dry_run: DryRun = False,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """
    Enqueue a Markdown file; `---` separates its segments.

    Its front matter has the options, and ![alt](path) stands for media.
    """
    from threadsworker.cli.markdown import read_thread

    with errors_as_exit_codes(as_json=as_json):
        document = read_thread(text_of(file), folder=file.parent)
        # The command line overrides the front matter.
        front = document.options | given
        _enqueue(
            document.text,
            document.media,
            post_fields(front),
            account=account or front.get("account", "main"),
            key=key or front.get("key"),
            at=at or front.get("at"),
            timezone=timezone or front.get("timezone"),
            dry_run=dry_run,
            wait=wait,
            timeout=timeout,
            as_json=as_json,
        )


def text_from_stdin() -> str:
    return with_plain_ends(read_stdin(rule="post.stdin.unreadable", where="text"))


def text_of(file: Path) -> str:
    """What a Markdown file holds, or stdin."""
    rule = "thread.file.unreadable"
    if str(file) == "-":
        return with_plain_ends(read_stdin(rule=rule, where="file"))
    return with_plain_ends(read_file(file, rule=rule))


def _enqueue(
    text: str,
    media: list[Media],
    options: dict[str, Any],
    *,
    account: str,
    key: str | None,
    at: str | None,
    timezone: str | None,
    dry_run: bool,
    wait: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    from threadsworker.cli.moments import meant, shown
    from threadsworker.client import Client

    client = Client()
    moment: datetime | str | None = None
    if at is not None:
        moment, timezone = meant(at, timezone=timezone, now=datetime.now(UTC))
    if dry_run:
        _show_plan(client, text, media, options, account, moment, timezone, as_json=as_json)
        return
    job = client.enqueue(
        text, media=media, account=account, key=key, at=moment, timezone=timezone, **options
    )
    if job.scheduled_at is not None:
        note(f"scheduled for {shown(job.scheduled_at, job.timezone)}")
    if job.state in (JobState.QUEUED, JobState.SCHEDULED):
        warn_without_worker(client)
    answer = {
        "id": job.id,
        "state": job.state,
        "account": job.account,
        "scheduled_at": job.scheduled_at.isoformat() if job.scheduled_at else None,
        "segments": len(job.segments),
    }
    if not wait:
        say_json(answer) if as_json else say(job.id)
        return
    done = client.wait(job.id, timeout=timeout)
    if as_json:
        say_json({**answer, "state": done.state})
    else:
        say(job.id)
        note(
            f"{done.state}" + (f": {done.error.message} {done.error.advice}" if done.error else "")
        )
    if done.state != JobState.PUBLISHED:
        raise typer.Exit(NOT_PUBLISHED)


def warn_without_worker(client: Client) -> None:
    """Say so if no worker is there to publish what was enqueued, as far as can be seen."""
    if not client.settings.embedded_broker:
        return
    from threadsworker.broker import is_running

    if not is_running(client.settings.home):
        note(
            "no worker is running here; the post is safe and goes out when one is: threadsworker up"
        )


def _show_plan(
    client: Client,
    text: str,
    media: list[Media],
    options: dict[str, Any],
    account: str,
    moment: datetime | str | None,
    timezone: str | None,
    *,
    as_json: bool,
) -> None:
    from threadsworker.cli.moments import shown
    from threadsworker.cli.tables import plan_json, plan_table
    from threadsworker.when import resolve

    problems: list[Problem] = []
    when = None
    if moment is not None:
        try:
            when = resolve(moment, timezone=timezone, now=datetime.now(UTC))
        except InvalidPost as error:
            problems += error.problems
    try:
        planned = client.plan(text, media=media, account=account, **options)
    except InvalidPost as error:
        raise InvalidPost([*problems, *error.problems]) from None
    if problems:
        raise InvalidPost(problems)
    if as_json:
        say_json(plan_json(planned))
    else:
        plan_table(planned)
    if when is not None:
        note(f"would be scheduled for {shown(when.at, when.timezone)}")
