"""`threadsworker schedule …`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tzlocal import get_localzone_name

from threadsworker.cli import posting
from threadsworker.cli.console import Json, errors_as_exit_codes, note, say, say_json
from threadsworker.cli.given import media_of, post_fields
from threadsworker.cli.options import with_post_options
from threadsworker.recurrence import LatePolicy, PostOrder

if TYPE_CHECKING:
    from threadsworker.post import Post
    from threadsworker.report import Schedule

app = typer.Typer(help="Recurring posts.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The schedule's name.")]


@app.command()
@with_post_options
def add(
    name: Name,
    text: Annotated[str | None, typer.Argument(help="The text; - reads it from stdin.")] = None,
    posts: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A Markdown file of posts to take turns with: --- between them, front matter "
            "for options, ![alt](path) for media; - reads stdin.",
        ),
    ] = None,
    cron: Annotated[
        str | None, typer.Option(help='Minute, hour, day, month, day of the week: "0 9 * * *".')
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(help="The time between two posts: seconds, 2h, 1d, PT30M. Instead of --cron."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Such as Africa/Lagos [this machine's].")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="The first possible moment: 2026-12-01T09:00 [now].")
    ] = None,
    end: Annotated[str | None, typer.Option(help="The last possible moment.")] = None,
    count: Annotated[int | None, typer.Option(help="At most so many times.")] = None,
    jitter: Annotated[
        str, typer.Option(help="The most that a post is later, at random: seconds, 5m.")
    ] = "0",
    late: Annotated[
        LatePolicy,
        typer.Option(help="What becomes of posts whose time came while nothing was running."),
    ] = LatePolicy.SKIP,
    order: Annotated[
        PostOrder, typer.Option(help="How one of several posts is taken.")
    ] = PostOrder.TURN,
    file: posting.Files = None,
    alt: posting.Alts = None,
    kind: posting.Kinds = None,
    account: Annotated[str | None, typer.Option(help="The account's name [main].")] = None,
    *,
    given: dict[str, Any],
    as_json: Json = False,
) -> None:
    """Publish a post again and again. It is checked, and its files are kept, now."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        media = media_of(file or [], alt or [], kind or [])
        taken: list[Post]
        if posts is not None:
            if text is not None or media:
                raise typer.BadParameter("give a text and files, or --from, not both")
            taken, named = _posts_in(posts, given)
            account = account or named
        else:
            from threadsworker.plan import as_post

            text = posting.text_of(Path("-")) if text == "-" else text
            taken = [as_post(text or "", media, post_fields(given))]
        added = Client().schedule(
            name,
            taken,
            cron=cron,
            every=every,
            timezone=timezone or get_localzone_name() or "UTC",
            account=account or "main",
            start=start,
            end=end,
            count=count,
            jitter=jitter,
            late=late,
            order=order,
        )
        _answer(added, as_json)


@app.command(name="list")
def list_(as_json: Json = False) -> None:
    """List the schedules."""
    from threadsworker.cli.tables import schedules_table
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        found = Client().schedules()
        if as_json:
            say_json(found)
        elif found:
            schedules_table(found)
        else:
            note('no schedules yet: threadsworker schedule add NAME TEXT --cron "0 9 * * *"')


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show a schedule and its posts."""
    from threadsworker.cli.tables import schedule_detail
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        found = Client().get_schedule(name)
        if as_json:
            say_json(found)
        else:
            schedule_detail(found)


@app.command()
def remove(name: Name, as_json: Json = False) -> None:
    """Remove a schedule. What it has prepared for later is cancelled; what is live stays live."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        cancelled = Client().unschedule(name)
        if as_json:
            say_json({"name": name, "cancelled": cancelled})
        else:
            say(f"{name}: removed; prepared for later and cancelled: {cancelled}")


@app.command()
def pause(name: Name, as_json: Json = False) -> None:
    """Publish nothing of a schedule until it is resumed."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        _answer(Client().pause_schedule(name), as_json)


@app.command()
def resume(name: Name, as_json: Json = False) -> None:
    """End a pause. The posts whose time it was are not made up for."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        _answer(Client().resume_schedule(name), as_json)


def _posts_in(file: Path, given: dict[str, Any]) -> tuple[list[Post], str | None]:
    """The posts of the file, and the account that its front matter names."""
    from threadsworker.cli.markdown import read_posts
    from threadsworker.plan import as_post

    found = read_posts(posting.text_of(file), folder=file.parent)
    account = None
    posts = []
    for one in found:
        account = one.options.get("account")
        # What the command line says comes first.
        fields = post_fields({**one.options, **given})
        posts.append(as_post(one.text, one.media, fields))
    return posts, account


def _answer(schedule: Schedule, as_json: bool) -> None:
    from threadsworker.cli.tables import next_of

    if as_json:
        say_json(schedule)
    else:
        say(f"{schedule.name}: {next_of(schedule)}")
