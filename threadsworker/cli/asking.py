"""What the commands that read Threads have in common: whose account, which period, how many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from threadsworker.cli.console import errors_as_exit_codes

if TYPE_CHECKING:
    from pydantic import BaseModel

    from threadsworker.client import Account

#: Posts that a listing shows unless told otherwise: one page of Meta's.
SHOWN = 25

AccountName = Annotated[str, typer.Option("--account", help="The account to act for.")]
PostId = Annotated[str, typer.Argument(help="The media id of a post.")]
ReplyId = Annotated[str, typer.Argument(help="The media id of a reply.")]
Since = Annotated[
    str | None,
    typer.Option(help="From then on: 2026-01-31, 24h, '2 hours ago'; a time is this machine's."),
]
Until = Annotated[str | None, typer.Option(help="Until then, written like --since.")]
Limit = Annotated[int | None, typer.Option(help=f"At most this many [{SHOWN}].")]
Everything = Annotated[bool, typer.Option("--all", help="All of them, page after page.")]
OldestFirst = Annotated[bool, typer.Option("--oldest-first", help="Turn the order round.")]


@contextmanager
def acting(name: str, *, as_json: bool = False) -> Iterator[Account]:
    """The account, while its errors become exit codes."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        yield Client().acting_as(name)


class Period(TypedDict):
    """What the listings of an `Account` take."""

    since: datetime | None
    until: datetime | None


def period(since: str | None, until: str | None) -> Period:
    """`--since` and `--until` as moments."""
    return {"since": _moment(since, "--since"), "until": _moment(until, "--until")}


def _moment(written: str | None, option: str) -> datetime | None:
    from threadsworker.cli.moments import since

    if written is None:
        return None
    moment = since(written, now=datetime.now(UTC))
    if moment is None:
        raise typer.BadParameter(
            f"{written!r} is no moment; write it like 24h, '2 hours ago' or 2026-12-01T09:00",
            param_hint=option,
        )
    return moment


def how_many(limit: int | None, *, everything: bool) -> int | None:
    """How many objects to ask for in all; None: all there are."""
    if limit is None and not everything:
        return SHOWN
    return None if everything else limit


def plain(found: BaseModel | Sequence[BaseModel]) -> Any:
    """What Meta told as JSON: only what it told, under its names, moments in UTC."""
    from pydantic import BaseModel

    if isinstance(found, BaseModel):
        return found.model_dump(mode="json", exclude_unset=True)
    return [plain(one) for one in found]
