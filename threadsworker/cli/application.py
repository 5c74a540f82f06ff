"""The commands, put together."""

from __future__ import annotations

import os
import traceback
from typing import Annotated

import typer

from threadsworker.cli import (
    accounts,
    changing,
    databases,
    importing,
    insights,
    keeping,
    keys,
    looking,
    managing,
    posting,
    quota,
    reading,
    receiving,
    running,
    schedules,
    signing_in,
    subscriptions,
    tokens,
    watching,
)
from threadsworker.cli.console import FAILED, note
from threadsworker.log import redact_tracebacks

EPILOG = """
Examples:

  threadsworker demo

  threadsworker auth login main --github-repo me/stage

  threadsworker account add main --user-id 17841400000000001 --github-repo me/stage

  threadsworker up &

  threadsworker post "hello" -f cat.jpg --alt "a cat" --wait

  threadsworker thread essay.md --dry-run

  threadsworker schedule add morning "Good morning!" --cron "0 9 * * *" --timezone Africa/Lagos

Exit codes: 0 done, 1 failed, 2 usage, 3 the post is invalid, 4 unknown id, 5 not possible in
this state, 6 --wait ended without the post being published.
"""

app = typer.Typer(
    name="threadsworker",
    help="Publish posts of any length to Threads: in order, once, and never lost.",
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(accounts.app, name="account")
app.add_typer(signing_in.app, name="auth")
app.add_typer(schedules.app, name="schedule")
app.add_typer(subscriptions.app, name="subscription")
app.add_typer(databases.app, name="db")
app.add_typer(keys.app, name="keys")

app.command()(posting.post)
app.command()(posting.thread)
app.command("import")(importing.import_posts)
app.command()(looking.jobs)
app.command()(looking.show)
app.command()(looking.watch)
app.command()(looking.retry)
app.command()(changing.reschedule)
app.command()(changing.edit)
app.command()(looking.cancel)
app.command()(looking.resolve)
app.command()(keeping.export)
app.command()(keeping.prune)
app.command()(quota.quota)
app.command()(reading.posts)
app.command("post-info")(reading.post_info)
app.command()(reading.replies)
app.command()(reading.conversation)
app.command()(reading.mentions)
app.command()(reading.search)
app.command()(reading.profile)
app.command()(reading.locations)
app.command()(insights.insights)
app.command()(managing.delete)
app.command()(managing.repost)
app.command()(managing.hide)
app.command()(managing.unhide)
app.command()(managing.approve)
app.command()(managing.ignore)
app.command()(running.demo)
app.command()(running.up)
passed_on = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
app.command(context_settings=passed_on)(running.worker)
app.command(context_settings=passed_on)(running.beat)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    running.flower
)
app.command()(receiving.webhooks)
app.command()(watching.metrics)
app.command()(running.sandbox)
app.command()(running.check)
app.command("access_token", cls=tokens.WithSwitches)(tokens.access_token)
app.command("refresh_token", cls=tokens.WithSwitches)(tokens.refresh_token)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("threadsworker"))
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The console script. What it writes into the home is its user's alone."""
    os.umask(os.umask(0o077) | 0o077)
    redact_tracebacks()
    try:
        app()
    except Exception:
        # Typer has a hook of its own, which does not redact.
        note(traceback.format_exc().rstrip())
        raise SystemExit(FAILED) from None
