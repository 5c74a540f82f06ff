"""`threadsworker account …`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from threadsworker.cli.console import Json, errors_as_exit_codes, note, say, say_json
from threadsworker.cli.secrets import ask
from threadsworker.errors import InvalidSettings

if TYPE_CHECKING:
    from threadsworker import report
    from threadsworker.client import Client

app = typer.Typer(
    help="Threads profiles and their tokens. Tokens are encrypted at rest and never shown.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The account's short name.")]


@app.command()
def add(
    name: Name,
    user_id: Annotated[str, typer.Option(help="Meta's numeric id of the profile.")],
    github_repo: Annotated[
        str | None,
        typer.Option(help="owner/name of the public repository where local media are staged."),
    ] = None,
    check_rate_limit: Annotated[
        bool | None,
        typer.Option(
            "--check-rate-limit/--no-check-rate-limit",
            help="Ask Meta for room in the publishing quota before a post begins [yes].",
        ),
    ] = None,
    wait_on_rate_limit: Annotated[
        bool | None,
        typer.Option(
            "--wait-on-rate-limit/--no-wait-on-rate-limit",
            help="Wait for room in it, or fail at once [wait].",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """
    Add an account, or give an existing one new tokens.

    Tokens come from THREADSWORKER_ACCESS_TOKEN and THREADSWORKER_GITHUB_TOKEN, or are asked
    for; never from an argument, where other users of the machine could read them.
    """
    from threadsworker.client import Client
    from threadsworker.settings import load_settings

    with errors_as_exit_codes(as_json=as_json):
        settings = load_settings()
        access = settings.access_token or ask("Threads access token")
        if access is None:
            raise InvalidSettings("set THREADSWORKER_ACCESS_TOKEN: there is nobody to ask")
        github = settings.github_token
        if github_repo and github is None:
            github = ask("GitHub token")
        account = Client(settings).add_account(
            name,
            user_id=user_id,
            access_token=access,
            github_repo=github_repo,
            github_token=github,
            check_rate_limit_before_post=check_rate_limit,
            wait_on_rate_limit=wait_on_rate_limit,
        )
        _answer(account, as_json=as_json)


@app.command(name="list")
def list_(as_json: Json = False) -> None:
    """List the accounts."""
    from threadsworker.cli.tables import accounts_table
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        accounts = Client().accounts()
        if as_json:
            say_json(accounts)
        elif accounts:
            accounts_table(accounts)
        else:
            note("no accounts yet: threadsworker auth login, or account add NAME --user-id ID")


@app.command()
def show(
    name: Name = "main",
    check: Annotated[
        bool, typer.Option("--check", help="Ask Meta about the token and the quota now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one account: token, scopes, quota, and what is wrong."""
    from datetime import UTC, datetime

    from threadsworker.cli import account_detail
    from threadsworker.client import Client
    from threadsworker.errors import ApiError, NoAnswer

    with errors_as_exit_codes(as_json=as_json):
        client, trouble = Client(), None
        if check:
            try:
                client.check_account(name)
            except (ApiError, NoAnswer) as error:
                trouble = error
        account, now = client.account(name), datetime.now(UTC)
        quotas = _quotas(client, name, ask=check and trouble is None)
        if as_json:
            say_json(account_detail.as_json(account, quotas, now=now))
        else:
            account_detail.show(account, quotas, now=now)
        if trouble is not None:
            raise trouble


def _quotas(client: Client, name: str, *, ask: bool) -> report.Quotas:
    from threadsworker.steps.desk import Desk
    from threadsworker.steps.quota import figures
    from threadsworker.store import accounts

    desk = Desk(client.settings)
    with desk.reading() as session:
        account_id = accounts.find(session, name).id
    return figures(desk, account_id, ask=ask)


@app.command()
def refresh(name: Name, as_json: Json = False) -> None:
    """Exchange the Threads token for one of another 60 days."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        _answer(Client().refresh_account(name), as_json=as_json)


@app.command()
def pause(name: Name, as_json: Json = False) -> None:
    """Publish nothing for the account until it is resumed. Its jobs wait."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        _answer(Client().pause_account(name), as_json=as_json)


@app.command()
def resume(name: Name, as_json: Json = False) -> None:
    """End a pause."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        _answer(Client().resume_account(name), as_json=as_json)


def _answer(account: report.Account, *, as_json: bool) -> None:
    state = "paused" if account.paused_at else account.status
    say_json(account) if as_json else say(f"{account.name}: {state}")


@app.command()
def remove(
    name: Name, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Remove an account and its tokens."""
    from threadsworker.client import Client

    with errors_as_exit_codes():
        if not yes:
            typer.confirm(f"Remove account {name} and its tokens?", abort=True)
        Client().remove_account(name)
        note(f"{name} is removed")
