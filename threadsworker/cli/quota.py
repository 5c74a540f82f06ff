"""`threadsworker quota`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from threadsworker.cli.console import Json, errors_as_exit_codes, say_json

if TYPE_CHECKING:
    from threadsworker import report


def quota(
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    as_json: Json = False,
) -> None:
    """Show what is used, set aside and free of publishing quotas."""
    from threadsworker.client import Client
    from threadsworker.steps.desk import Desk
    from threadsworker.steps.quota import figures
    from threadsworker.store import accounts

    with errors_as_exit_codes(as_json=as_json):
        client = Client()
        names = [account] if account else [one.name for one in client.accounts()]
        desk, found = Desk(client.settings), []
        for name in names:
            with desk.reading() as session:
                account_id = accounts.find(session, name).id
            found.append(figures(desk, account_id))
        if as_json:
            say_json(found)
        else:
            _show(found)


def _show(found: list[report.Quotas]) -> None:
    from rich import box
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    from threadsworker.cli.tables import console

    table = Table(box=box.SIMPLE)
    for column in ("account", "quota", "", "used", "set aside", "free", "next slot"):
        table.add_column(column)
    for one in found:
        for n, kind in enumerate(one.quotas):
            table.add_row(
                "" if n else one.account,
                kind.kind,
                ProgressBar(
                    total=max(kind.total, 1), completed=kind.used + kind.reserved, width=24
                ),
                f"{kind.used} of {kind.total}",
                str(kind.reserved),
                str(kind.free),
                _next_slot(kind.opens_at),
            )
    console().print(table)


def _next_slot(opens_at: datetime | None) -> str:
    if opens_at is None:
        return "now"
    return f"{opens_at:%Y-%m-%d %H:%M:%S} UTC, in {str(opens_at - datetime.now(UTC)).split('.')[0]}"
