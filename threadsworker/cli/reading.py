"""`threadsworker posts`, `post-info`, `replies`, `conversation`, `mentions`, `search` …"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from threadsworker.cli.asking import (
    AccountName,
    Everything,
    Limit,
    OldestFirst,
    PostId,
    Since,
    Until,
    acting,
    how_many,
    period,
    plain,
)
from threadsworker.cli.console import Json, say, say_json

if TYPE_CHECKING:
    from threadsworker.threads_api import MediaObject

Username = Annotated[
    str | None, typer.Argument(help="A public profile, with or without @; none: one's own.")
]


def posts(
    username: Username = None,
    ghost: Annotated[bool, typer.Option("--ghost", help="One's own ghost posts.")] = False,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    everything: Everything = False,
    account: AccountName = "main",
    as_json: Json = False,
) -> None:
    """List the posts of the account, or of a public profile. The newest come first."""
    if ghost and username is not None:
        raise typer.BadParameter("ghost posts of others cannot be read", param_hint="--ghost")
    chosen, count = period(since, until), how_many(limit, everything=everything)
    with acting(account, as_json=as_json) as acted:
        if username is not None:
            _answer(acted.posts_of(username, **chosen, limit=count), as_json=as_json)
        elif ghost:
            _answer(acted.ghost_posts(**chosen, limit=count), as_json=as_json)
        else:
            _answer(acted.posts(**chosen, limit=count), as_json=as_json)


def post_info(
    post: PostId,
    embed: Annotated[
        bool, typer.Option("--embed", help="The HTML that shows it in a web page.")
    ] = False,
    account: AccountName = "main",
    as_json: Json = False,
) -> None:
    """Show what Meta tells of a post."""
    from threadsworker.cli.told import detail

    with acting(account, as_json=as_json) as acted:
        found = acted.post(post)
        if embed:
            shown = acted.embed(found.permalink or "")
            say_json(plain(shown)) if as_json else say(shown.html)
        elif as_json:
            say_json(plain(found))
        else:
            detail(found)


def replies(
    post: Annotated[
        str | None, typer.Argument(help="The media id of a post; none: the account's own replies.")
    ] = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="Those that wait for approval.")
    ] = False,
    ignored: Annotated[bool, typer.Option("--ignored", help="Those that were ignored.")] = False,
    oldest_first: OldestFirst = False,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    everything: Everything = False,
    account: AccountName = "main",
    as_json: Json = False,
) -> None:
    """List the direct replies to a post, or the account's own."""
    if post is None and (pending or ignored or oldest_first):
        raise typer.BadParameter("--pending, --ignored and --oldest-first need a post")
    if post is not None and (since is not None or until is not None):
        raise typer.BadParameter("Meta takes no period for the replies to a post")
    chosen, count = period(since, until), how_many(limit, everything=everything)
    with acting(account, as_json=as_json) as acted:
        if post is None:
            _answer(acted.own_replies(**chosen, limit=count), as_json=as_json)
        elif pending or ignored:
            status = None if pending and ignored else "pending" if pending else "ignored"
            found = acted.pending_replies(post, status, newest_first=not oldest_first, limit=count)
            _answer(found, as_json=as_json)
        else:
            found = acted.replies(post, newest_first=not oldest_first, limit=count)
            _answer(found, as_json=as_json)


def conversation(
    post: PostId,
    oldest_first: OldestFirst = False,
    limit: Limit = None,
    everything: Everything = False,
    account: AccountName = "main",
    as_json: Json = False,
) -> None:
    """List all replies below a root post, at any depth."""
    count = how_many(limit, everything=everything)
    with acting(account, as_json=as_json) as acted:
        found = acted.conversation(post, newest_first=not oldest_first, limit=count)
        _answer(found, as_json=as_json)


def mentions(
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    everything: Everything = False,
    account: AccountName = "main",
    as_json: Json = False,
) -> None:
    """List posts of public accounts that mention the account."""
    chosen, count = period(since, until), how_many(limit, everything=everything)
    with acting(account, as_json=as_json) as acted:
        _answer(acted.mentions(**chosen, limit=count), as_json=as_json)


def search(
    q: Annotated[str, typer.Argument(help="A word, or with --tag a topic.")],
    tag: Annotated[bool, typer.Option("--tag", help="Search the topics, not the texts.")] = False,
    recent: Annotated[
        bool, typer.Option("--recent", help="The newest first, not the top ones.")
    ] = False,
    media_type: Annotated[
        str | None, typer.Option("--media", help="Only text, image or video.")
    ] = None,
    author: Annotated[str | None, typer.Option(help="Only those of this profile.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    everything: Everything = False,
    account: AccountName = "main",
    as_json: Json = False,
) -> None:
    """Search public posts. Meta finds nothing for words that it calls sensitive."""
    chosen, count = period(since, until), how_many(limit, everything=everything)
    with acting(account, as_json=as_json) as acted:
        found = acted.search(
            q,
            type="RECENT" if recent else None,
            mode="TAG" if tag else None,
            media_type=media_type.upper() if media_type is not None else None,
            author=author,
            **chosen,
            limit=count,
        )
        _answer(found, as_json=as_json)


def profile(
    username: Username = None, account: AccountName = "main", as_json: Json = False
) -> None:
    """Show the account's profile, or a public one. Meta shows those of 100 followers or more."""
    from threadsworker.cli.told import detail

    with acting(account, as_json=as_json) as acted:
        found = acted.profile() if username is None else acted.lookup(username)
        say_json(plain(found)) if as_json else detail(found)


def locations(
    q: Annotated[str | None, typer.Argument(help="A word to search for.")] = None,
    latitude: Annotated[float | None, typer.Option(help="Degrees, with --longitude.")] = None,
    longitude: Annotated[float | None, typer.Option(help="Degrees, with --latitude.")] = None,
    location_id: Annotated[
        str | None, typer.Option("--id", help="Show this one instead of searching.")
    ] = None,
    account: AccountName = "main",
    as_json: Json = False,
) -> None:
    """Search places to tag posts with, by word or by position."""
    from threadsworker.cli.told import detail, locations_table

    if location_id is not None and (q, latitude, longitude) != (None, None, None):
        raise typer.BadParameter("--id searches nothing", param_hint="--id")
    with acting(account, as_json=as_json) as acted:
        if location_id is not None:
            place = acted.location(location_id)
            say_json(plain(place)) if as_json else detail(place)
            return
        found = acted.locations(q, latitude=latitude, longitude=longitude)
        say_json(plain(found)) if as_json else locations_table(found)


def _answer(found: Iterable[MediaObject], *, as_json: bool) -> None:
    from threadsworker.cli.told import posts_table

    listed = list(found)
    say_json(plain(listed)) if as_json else posts_table(listed)
