"""`threadsworker insights`: figures of the account or of a post, as bars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from threadsworker.cli.asking import AccountName, Since, Until, acting, period, plain
from threadsworker.cli.console import Json, say_json

if TYPE_CHECKING:
    from rich.table import Table

    from threadsworker.threads_api import Insight

#: Characters of the longest bar.
WIDTH = 40


def insights(
    post: Annotated[
        str | None, typer.Argument(help="The media id of a post; none: the whole account.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="views, likes, replies, reposts, quotes; of a post shares; of the account clicks, "
            "followers_count, follower_demographics. Repeat; none: all that fit."
        ),
    ] = None,
    breakdown: Annotated[
        str | None,
        typer.Option(help="Followers by country, city, age or gender."),
    ] = None,
    since: Since = None,
    until: Until = None,
    account: AccountName = "main",
    as_json: Json = False,
) -> None:
    """Show how often posts were seen, liked, answered. Of the account: who follows, too."""
    if post is not None and (breakdown, since, until) != (None, None, None):
        raise typer.BadParameter("--breakdown, --since and --until are for the whole account")
    chosen = period(since, until)
    with acting(account, as_json=as_json) as acted:
        if post is not None:
            found = acted.post_insights(post, metric or None)
        else:
            found = acted.insights(metric or None, breakdown=breakdown, **chosen)
        say_json(plain(found)) if as_json else chart(found)


def chart(found: Sequence[Insight]) -> None:
    """One chart of the totals, and one of each series: of days, links, or kinds of followers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from threadsworker.cli.tables import console

    out = console()
    totals = [(one.title or one.name, one.total) for one in found if len(_parts(one)) <= 1]
    if totals:
        table = Table(box=box.SIMPLE)
        for column in ("", "", "total"):
            table.add_column(column)
        _bars(table, totals)
        out.print(table)
    for one in found:
        parts = _parts(one)
        if len(parts) > 1:
            table = Table(box=None, show_header=False)
            _bars(table, parts)
            out.print(Text(f"{one.title or one.name}: {_figure(one.total)}", style="bold"))
            out.print(table)
    if not found:
        out.print("Meta counts nothing of this.")


def _parts(insight: Insight) -> list[tuple[str, float | None]]:
    """What a figure is the sum of; nothing if it is one by itself."""
    return list(_each(insight))


def _each(insight: Insight) -> Iterator[tuple[str, float | None]]:
    for day in insight.values:
        yield (f"{day.end_time:%Y-%m-%d}" if day.end_time else insight.name), day.value
    for link in insight.link_total_values:
        yield link.link_url, link.value
    if insight.total_value is not None:
        for breakdown in insight.total_value.breakdowns:
            for result in breakdown.results:
                yield ", ".join(result.dimension_values), result.value


def _bars(table: Table, rows: Iterable[tuple[str, float | None]]) -> None:
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    listed = list(rows)
    most = max((value or 0.0 for _, value in listed), default=0.0)
    for name, value in listed:
        bar = ProgressBar(total=max(most, 1.0), completed=value or 0.0, width=WIDTH)
        table.add_row(Text(name), bar, _figure(value))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
