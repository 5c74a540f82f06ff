"""`threadsworker jobs`, `show`, `watch`, `retry`, `cancel`, `resolve`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from threadsworker.cli.console import (
    NOT_PUBLISHED,
    Json,
    errors_as_exit_codes,
    note,
    say,
    say_json,
)
from threadsworker.job import JobState

if TYPE_CHECKING:
    from threadsworker.client import Client
    from threadsworker.report import Job

#: Jobs that `jobs` shows unless told otherwise.
NEWEST = 50

JobId = Annotated[str, typer.Argument(help="The job's id.")]


def jobs(
    state: Annotated[JobState | None, typer.Option(help="Only those in this state.")] = None,
    account: Annotated[str | None, typer.Option(help="Only those of this account.")] = None,
    limit: Annotated[int | None, typer.Option(help=f"At most this many [{NEWEST}].")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    as_json: Json = False,
) -> None:
    """List jobs, newest first; the 50 newest, or with --json all."""
    from threadsworker.cli.tables import jobs_table
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        if limit is None and not everything and not as_json:
            limit = NEWEST
        found = Client().jobs(state=state, account=account, limit=None if everything else limit)
        if as_json:
            say_json(found)
        else:
            jobs_table(found)


def show(job: JobId, as_json: Json = False) -> None:
    """Show a job with its segments and events."""
    from threadsworker.cli.tables import job_detail
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        found = Client().get(job)
        if as_json:
            say_json(found)
        else:
            job_detail(found)


def watch(
    job: JobId,
    timeout: Annotated[float | None, typer.Option(help="Seconds to watch at most.")] = None,
) -> None:
    """Follow a job until it has ended, or needs a person."""
    from threadsworker.cli.progress import follow
    from threadsworker.client import Client

    with errors_as_exit_codes():
        last = follow(Client().watch(job, timeout=timeout))
        _explain(last)
        if last.state != JobState.PUBLISHED:
            raise typer.Exit(NOT_PUBLISHED)


def retry(
    job: Annotated[list[str] | None, typer.Argument(help="Ids of jobs.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
    since: Annotated[
        str | None,
        typer.Option(help="With --failed: those since then, such as 24h or '2 hours ago'."),
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="With --failed: those of this account.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Start failed or missed jobs again. Each goes on behind its last live segment."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        if not job and not failed:
            raise typer.BadParameter("name a job, or say --failed")
        if not failed and (since is not None or account is not None):
            raise typer.BadParameter("--since and --account go with --failed")
        moment = None if since is None else _past(since)
        client = Client()
        retried = []
        for start in _retries(client, job or [], failed=failed, since=moment, account=account):
            retried.append(start)
            if not as_json:
                say(start.id)
        if as_json:
            say_json(retried)


def _retries(
    client: Client,
    named: list[str],
    *,
    failed: bool,
    since: datetime | None,
    account: str | None,
) -> Iterator[Job]:
    """One after the other, so that those before one that cannot be retried are told."""
    for job_id in dict.fromkeys(named):
        yield client.retry(job_id)
    if failed:
        yield from client.retry_failed(since=since, account=account)


def _past(written: str) -> datetime:
    from threadsworker.cli.moments import since

    now = datetime.now(UTC)
    moment = since(written, now=now)
    if moment is None or moment > now:
        raise typer.BadParameter(
            f"{written!r} is no moment in the past; write it like 24h, '2 hours ago' or "
            "2026-12-01T09:00",
            param_hint="--since",
        )
    return moment


def cancel(job: JobId) -> None:
    """Stop a job before its next side effect. What is live stays live."""
    from threadsworker.client import Client

    with errors_as_exit_codes():
        cancelled = Client().cancel(job)
        live = len(cancelled.media_ids)
        note(f"cancelled; {live} of {len(cancelled.segments)} segments are live and stay so")
        say(cancelled.id)


def resolve(
    job: JobId,
    published: Annotated[
        str | None, typer.Option(help="It is live: its media id. The thread goes on below it.")
    ] = None,
    not_published: Annotated[
        bool, typer.Option("--not-published", help="It is not live, or no more: publish it anew.")
    ] = False,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="End the job as failed. What is live stays live.")
    ] = False,
) -> None:
    """Decide about a job that needs review. Look into the Threads app first."""
    from threadsworker.client import Client

    if sum([published is not None, not_published, give_up]) != 1:
        raise typer.BadParameter("say one of --published MEDIA_ID, --not-published and --give-up")
    if published is not None and not (published.isascii() and published.isdigit()):
        raise typer.BadParameter("a media id is a number of Meta's", param_hint="--published")
    with errors_as_exit_codes():
        resolved = Client().resolve(
            job, published=published, not_published=not_published, give_up=give_up
        )
        last = resolved.events[-1]
        if any(event.data.get("risk") for event in resolved.events if event.what == "resolved"):
            note("an earlier publish may still be on its way: look again in a while")
        note(f"{last.what} by {last.data.get('by', '-')}")
        say(resolved.id)


def _explain(job: Job) -> None:
    if job.error is not None and job.state != JobState.PUBLISHED:
        note(f"{job.error.message} [{job.error.code}]")
        note(job.error.advice)
