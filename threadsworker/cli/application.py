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
from threadsworker.cli.overview import (
    ACCOUNTS,
    JOBS,
    KEEPING,
    PUBLISHING,
    READING,
    RUNNING,
    Overview,
)
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
    cls=Overview,
    help="Publish posts of any length to Threads: in order, once, and never lost.",
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
#: Ours first, what is left goes to Celery.
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

app.command(rich_help_panel=PUBLISHING)(posting.post)
app.command(rich_help_panel=PUBLISHING)(posting.thread)
app.command("import", rich_help_panel=PUBLISHING)(importing.import_posts)
app.add_typer(schedules.app, name="schedule", rich_help_panel=PUBLISHING)

app.command(rich_help_panel=JOBS)(looking.jobs)
app.command(rich_help_panel=JOBS)(looking.show)
app.command(rich_help_panel=JOBS)(looking.watch)
app.command(rich_help_panel=JOBS)(looking.retry)
app.command(rich_help_panel=JOBS)(changing.reschedule)
app.command(rich_help_panel=JOBS)(changing.edit)
app.command(rich_help_panel=JOBS)(looking.cancel)
app.command(rich_help_panel=JOBS)(looking.resolve)
app.command(rich_help_panel=JOBS)(keeping.export)

app.command(rich_help_panel=READING)(reading.posts)
app.command("post-info", rich_help_panel=READING)(reading.post_info)
app.command(rich_help_panel=READING)(reading.replies)
app.command(rich_help_panel=READING)(reading.conversation)
app.command(rich_help_panel=READING)(reading.mentions)
app.command(rich_help_panel=READING)(reading.search)
app.command(rich_help_panel=READING)(reading.profile)
app.command(rich_help_panel=READING)(reading.locations)
app.command(rich_help_panel=READING)(insights.insights)
app.command(rich_help_panel=READING)(managing.delete)
app.command(rich_help_panel=READING)(managing.repost)
app.command(rich_help_panel=READING)(managing.hide)
app.command(rich_help_panel=READING)(managing.unhide)
app.command(rich_help_panel=READING)(managing.approve)
app.command(rich_help_panel=READING)(managing.ignore)

app.add_typer(signing_in.app, name="auth", rich_help_panel=ACCOUNTS)
app.add_typer(accounts.app, name="account", rich_help_panel=ACCOUNTS)
app.command(rich_help_panel=ACCOUNTS)(quota.quota)
app.command("access_token", cls=tokens.WithSwitches, rich_help_panel=ACCOUNTS)(tokens.access_token)
app.command("refresh_token", cls=tokens.WithSwitches, rich_help_panel=ACCOUNTS)(
    tokens.refresh_token
)

app.command(rich_help_panel=RUNNING)(running.demo)
app.command(rich_help_panel=RUNNING)(running.up)
app.command(context_settings=_PASSED_ON, rich_help_panel=RUNNING)(running.worker)
app.command(context_settings=_PASSED_ON, rich_help_panel=RUNNING)(running.beat)
app.command(context_settings=_PASSED_ON, rich_help_panel=RUNNING)(running.flower)
app.command(rich_help_panel=RUNNING)(receiving.webhooks)
app.command(rich_help_panel=RUNNING)(watching.metrics)
app.command(rich_help_panel=RUNNING)(running.check)
app.command(rich_help_panel=RUNNING)(running.sandbox)

app.add_typer(databases.app, name="db", rich_help_panel=KEEPING)
app.add_typer(keys.app, name="keys", rich_help_panel=KEEPING)
app.add_typer(subscriptions.app, name="subscription", rich_help_panel=KEEPING)
app.command(rich_help_panel=KEEPING)(keeping.prune)


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
