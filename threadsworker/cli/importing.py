"""`threadsworker import`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from threadsworker.cli.console import Json, errors_as_exit_codes, note, say_json
from threadsworker.cli.given import media_of, post_fields
from threadsworker.cli.markdown import in_folder, source
from threadsworker.cli.moments import local_zone, meant
from threadsworker.cli.posting import DryRun, Timezone, warn_without_worker
from threadsworker.cli.rows import Row, read_rows
from threadsworker.errors import InvalidPost, Problem


def import_posts(
    file: Annotated[Path, typer.Argument(help="A .csv or .jsonl file.")],
    account: Annotated[str, typer.Option(help="The account of rows that name none.")] = "main",
    timezone: Timezone = None,
    spread: Annotated[
        str | None,
        typer.Option(help="Where rows without a moment go: '3/day 09:00-21:00'."),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """
    Enqueue the posts of a file, all of them or none.

    Columns (CSV) or keys (JSONL) are the names of post's options, and text. Several values in
    a cell are separated by |. A row without a key gets one made from its content, account and
    moment as written, so that importing the file again doubles nothing.
    """
    from threadsworker.cli.tables import import_table
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        rows = read_rows(file)
        client = Client()
        client.account(account)
        now = datetime.now(UTC)
        posts = [_post(row, file.parent, account, timezone, now=now) for row in rows]
        # Of a row that cannot be read nothing more can be said.
        readable = [number for number, row in enumerate(rows) if row.options]
        try:
            done = client.enqueue_all(
                [posts[number] for number in readable],
                names=[rows[number].name for number in readable],
                timezone=timezone or local_zone() or "UTC",
                spread=spread,
                dry_run=dry_run,
                also=[problem for row in rows for problem in row.problems],
            )
        except InvalidPost as error:
            raise InvalidPost(sorted(error.problems, key=_row_of)) from None
        answer = [
            {"row": row.number, **one.model_dump(mode="json")}
            for row, one in zip(rows, done, strict=True)
        ]
        if as_json:
            say_json(answer)
        else:
            import_table(answer)
        new = sum(one.new for one in done)
        note(f"{len(done)} posts, {new} {'would be' if dry_run else 'are'} new")
        if new and not dry_run:
            warn_without_worker(client)


def _post(
    row: Row, folder: Path, account: str, timezone: str | None, *, now: datetime
) -> dict[str, Any]:
    """The arguments of `Client.enqueue` that the row means; problems are noted on the row."""
    options = row.options
    post: dict[str, Any] = {
        "post": options.get("text", ""),
        "account": options.get("account", account),
        "key": row.key(account=account, timezone=timezone),
    }
    for problem in _fill(post, options, folder):
        row.problems.append(replace(problem, where=f"{row.name}: {problem.where}"))
    if "at" in options:
        zone = options.get("timezone", timezone)
        post["at"], post["timezone"] = meant(options["at"], timezone=zone, now=now)
    return post


def _fill(post: dict[str, Any], options: dict[str, Any], folder: Path) -> Iterator[Problem]:
    """Add the fields and the media that the options mean; what is wrong with them."""
    try:
        post.update(post_fields(in_folder(options, folder)))
    except InvalidPost as error:
        yield from error.problems
        # It is the attached text: of the rest of the row there may be more to say.
        rest = {name: options[name] for name in options if not name.startswith("attach_")}
        post.update(post_fields(rest))
    files = [source(file, folder) for file in options.get("file", [])]
    try:
        post["media"] = media_of(files, options.get("alt", []), options.get("kind", []))
    except InvalidPost as error:
        yield from error.problems


def _row_of(problem: Problem) -> int:
    found = re.match(r"row (\d+): ", problem.where)
    return int(found.group(1)) if found else 0
