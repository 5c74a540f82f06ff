"""`threadsworker reschedule` and `edit`: a change of mind, until something has gone out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from threadsworker.cli import posting
from threadsworker.cli.console import Json, errors_as_exit_codes, note, say, say_json
from threadsworker.cli.given import media_of, post_fields
from threadsworker.cli.looking import JobId
from threadsworker.cli.options import with_post_options

if TYPE_CHECKING:
    from threadsworker.report import Job

#: Instead of a moment: as soon as possible.
NOW = "now"


def reschedule(
    job: JobId,
    when: Annotated[str, typer.Argument(help="As --at of `post`; or: now.")],
    timezone: posting.Timezone = None,
    as_json: Json = False,
) -> None:
    """Give a post another time, while nothing of it has gone out."""
    from datetime import UTC, datetime

    from threadsworker.cli.moments import meant
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        at: Any = None
        if when != NOW:
            at, timezone = meant(when, timezone=timezone, now=datetime.now(UTC))
        _answer(Client().reschedule(job, at=at, timezone=timezone), as_json=as_json)


@with_post_options
def edit(
    job: JobId,
    text: Annotated[str | None, typer.Argument(help="The new text; - reads it from stdin.")] = None,
    markdown: Annotated[
        Path | None, typer.Option("--from", help="A Markdown file, as for `thread`, instead.")
    ] = None,
    file: posting.Files = None,
    alt: posting.Alts = None,
    kind: posting.Kinds = None,
    *,
    given: dict[str, Any],
    as_json: Json = False,
) -> None:
    """
    Replace a whole post, while nothing of it has gone out.

    Its media and options are replaced too: what is not given again is gone.
    """
    from threadsworker.cli.markdown import read_thread
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        if text == "-":
            text = posting.text_from_stdin()
        media = media_of(file or [], alt or [], kind or [])
        if markdown is not None:
            document = read_thread(posting.text_of(markdown), folder=markdown.parent)
            text, media = document.text, [*document.media, *media]
            given = document.options | given
        _answer(Client().edit(job, text or "", media=media, **post_fields(given)), as_json=as_json)


def _answer(job: Job, *, as_json: bool) -> None:
    if as_json:
        say_json(job)
        return
    say(job.id)
    when = f" for {job.scheduled_at:%Y-%m-%d %H:%M:%S} UTC" if job.scheduled_at else ""
    note(f"{job.state}{when}, revision {job.revision}, {len(job.segments)} segments")
