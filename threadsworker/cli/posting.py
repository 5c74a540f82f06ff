"""`threadsworker post` and `threadsworker thread`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from threadsworker.cli.console import (
    NOT_PUBLISHED,
    Json,
    errors_as_exit_codes,
    note,
    say,
    say_json,
)
from threadsworker.errors import InvalidPost, Problem
from threadsworker.job import JobState
from threadsworker.post import Media, MediaKind

Account = Annotated[str, typer.Option(help="The account's name.")]
Key = Annotated[
    str | None, typer.Option(help="An idempotency key: the same post under it is the same job.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan; store and send nothing.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is published; exit 6 if not.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds that --wait waits at most.")]
ReplyTo = Annotated[str | None, typer.Option(help="Media id of the post to reply to.")]
Quote = Annotated[str | None, typer.Option(help="Media id of the post to quote.")]
QuoteAll = Annotated[bool, typer.Option("--quote-all", help="Quote it on every segment.")]
Tag = Annotated[list[str] | None, typer.Option(help="A hashtag to deal out; may be repeated.")]
Topic = Annotated[str | None, typer.Option(help="The topic of the first segment.")]
Link = Annotated[list[str] | None, typer.Option(help="A link attachment; may be repeated.")]
ReplyControl = Annotated[
    str | None,
    typer.Option(
        help="everyone, accounts_you_follow, mentioned_only, parent_post_author_only or "
        "followers_only."
    ),
]
Countries = Annotated[str | None, typer.Option(help="Two-letter codes: US,CA.")]
NoChain = Annotated[bool, typer.Option("--no-chain", help="Refuse what does not fit one post.")]
Marks = Annotated[bool, typer.Option("--continuation-marks", help="Mark cuts with an ellipsis.")]
Numbering = Annotated[bool, typer.Option("--numbering", help="End each segment with 1/7.")]
AutoTags = Annotated[
    bool, typer.Option("--auto-hashtags", help="Deal tags to segments that have none.")
]
NoTags = Annotated[bool, typer.Option("--no-hashtags", help="Leave the tags in the text alone.")]
PersistTags = Annotated[bool, typer.Option("--persist-tags", help="All tags on every segment.")]


def post(
    text: Annotated[str | None, typer.Argument(help="The text; - reads it from stdin.")] = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", help="A path or public URL of an image or video; repeat."),
    ] = None,
    alt: Annotated[
        list[str] | None, typer.Option(help="Alt text, in the order of the files; repeat.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="image or video, in the order of the files; empty: recognise it."),
    ] = None,
    account: Account = "main",
    key: Key = None,
    reply_to: ReplyTo = None,
    quote: Quote = None,
    quote_all: QuoteAll = False,
    tag: Tag = None,
    topic: Topic = None,
    link: Link = None,
    reply_control: ReplyControl = None,
    countries: Countries = None,
    no_chain: NoChain = False,
    continuation_marks: Marks = False,
    numbering: Numbering = False,
    auto_hashtags: AutoTags = False,
    no_hashtags: NoTags = False,
    persist_tags: PersistTags = False,
    dry_run: DryRun = False,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Enqueue a post of any length; prints the job's id."""
    with errors_as_exit_codes(as_json=as_json):
        if text == "-":
            text = sys.stdin.read()
        options = options_of(locals())
        media = media_of(file or [], alt or [], kind or [])
        _enqueue(
            text or "",
            media,
            options,
            account=account,
            key=key,
            dry_run=dry_run,
            wait=wait,
            timeout=timeout,
            as_json=as_json,
        )


def thread(
    file: Annotated[Path, typer.Argument(help="A Markdown file; - reads stdin.")],
    account: Annotated[str | None, typer.Option(help="The account's name.")] = None,
    key: Key = None,
    dry_run: DryRun = False,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """
    Enqueue a Markdown file: `---` between segments, front matter for options, ![alt](path)
    for media.
    """
    from threadsworker.cli.markdown import read_thread

    with errors_as_exit_codes(as_json=as_json):
        document = read_thread(text_of(file), folder=file.parent)
        front = document.options
        _enqueue(
            document.text,
            document.media,
            options_of(front),
            account=account or front.get("account", "main"),
            key=key or front.get("key"),
            dry_run=dry_run,
            wait=wait,
            timeout=timeout,
            as_json=as_json,
        )


def text_of(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InvalidPost(
            [Problem("thread.file.unreadable", f"{file}: {reason}", "file")]
        ) from None


def options_of(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Post`, from options of the command line or of front matter."""
    named = {
        "reply_to": given.get("reply_to"),
        "quote": given.get("quote"),
        "quote_all": given.get("quote_all"),
        "tags": tuple(given.get("tag") or ()),
        "topic": given.get("topic"),
        "links": tuple(given.get("link") or ()),
        "reply_control": given.get("reply_control"),
        "countries": given.get("countries"),
        "continuation_marks": given.get("continuation_marks"),
        "numbering": given.get("numbering"),
        "auto_handle_hashtags": given.get("auto_hashtags"),
        "persist_tags": given.get("persist_tags"),
    }
    options = {name: value for name, value in named.items() if value}
    # An empty topic, id or control is a mistake, not the absence of one.
    options |= {name: value for name, value in named.items() if value == ""}
    if given.get("no_chain"):
        options["chain"] = False
    if given.get("no_hashtags"):
        options["handle_hashtags"] = False
    return options


def media_of(files: list[str], alts: list[str], kinds: list[str]) -> list[Media]:
    problems = []
    if len(alts) > len(files):
        problems.append(
            Problem(
                "media.alt_text.without_file",
                f"{len(alts)} alt texts for {len(files)} files",
                "alt",
                len(files),
                len(alts),
            )
        )
    unknown = [kind for kind in kinds if kind and kind not in list(MediaKind)]
    if unknown or len(kinds) > len(files):
        problems.append(
            Problem(
                "media.kind.unknown",
                f"A kind is image or video, one per file, and these are {', '.join(kinds)}",
                "kind",
            )
        )
    if problems:
        raise InvalidPost(problems)
    filled = zip(
        files,
        [*alts, *[""] * len(files)],
        [*kinds, *[""] * len(files)],
        strict=False,
    )
    return [
        Media(file, MediaKind(kind) if kind else None, alt or None) for file, alt, kind in filled
    ]


def _enqueue(
    text: str,
    media: list[Media],
    options: dict[str, Any],
    *,
    account: str,
    key: str | None,
    dry_run: bool,
    wait: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    from threadsworker.client import Client

    client = Client()
    if dry_run:
        from threadsworker.cli.tables import plan_json, plan_table

        planned = client.plan(text, media=media, account=account, **options)
        if as_json:
            say_json(plan_json(planned))
        else:
            plan_table(planned)
        return
    job = client.enqueue(text, media=media, account=account, key=key, **options)
    if client.settings.embedded_broker and job.state == JobState.QUEUED:
        from threadsworker.broker import is_running

        if not is_running(client.settings.home):
            note(
                "no worker is running here; the post is safe and goes out when one is: "
                "threadsworker up"
            )
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
