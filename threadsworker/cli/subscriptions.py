"""`threadsworker subscription …`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from threadsworker.cli.console import Json, errors_as_exit_codes, note, say, say_json

if TYPE_CHECKING:
    from threadsworker.report import Subscription

app = typer.Typer(help="Who is told when something happens.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The subscription's id.")]
#: Deliveries that are shown unless more are asked for.
FEW = 50


@app.command()
def add(
    target: Annotated[
        str,
        typer.Argument(
            help="An https URL, the name of a Celery task (name@queue), or module:function."
        ),
    ],
    event: Annotated[
        list[str] | None, typer.Option("--event", help="Such as job.published; may be repeated.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Of this account alone [all].")] = None,
    as_json: Json = False,
) -> None:
    """
    Tell a target of events: of all, or of those named.

    A target that is subscribed gets the events added. The secret that signs deliveries to a URL is
    printed once. To choose it yourself, use Client.subscribe: an argument could be read by other
    users of the machine.
    """
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        added = Client().subscribe(target, events=event, account=account)
        if as_json:
            say_json(added)
            return
        _answer(added, as_json=False)
        if added.secret is not None:
            say(f"secret: {added.secret}")
            note("keep it: it is not shown again")


@app.command(name="list")
def list_(as_json: Json = False) -> None:
    """List the subscriptions, without their secrets."""
    from threadsworker.cli.tables import subscriptions_table
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        found = Client().subscriptions()
        if as_json:
            say_json(found)
        elif found:
            subscriptions_table(found)
        else:
            note("no subscriptions yet: threadsworker subscription add URL --event job.published")


@app.command()
def remove(subscription: Id, as_json: Json = False) -> None:
    """Remove a subscription and its deliveries."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        Client().unsubscribe(subscription)
        if as_json:
            say_json({"id": subscription, "removed": True})
        else:
            say(f"{subscription}: removed")


@app.command()
def pause(subscription: Id, as_json: Json = False) -> None:
    """Tell nothing until it is resumed."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        _answer(Client().pause_subscription(subscription), as_json)


@app.command()
def resume(subscription: Id, as_json: Json = False) -> None:
    """End a pause. What happened meanwhile is not made up for."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        _answer(Client().resume_subscription(subscription), as_json)


@app.command()
def deliveries(
    subscription: Annotated[
        str | None, typer.Option("--subscription", help="Of this subscription alone.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Those that were given up.")] = False,
    limit: Annotated[int | None, typer.Option(help=f"How many [{FEW}; with --json all].")] = None,
    as_json: Json = False,
) -> None:
    """List what was told to whom, and what came of it. The newest come first."""
    from threadsworker.cli.tables import deliveries_table
    from threadsworker.client import Client
    from threadsworker.notice import DeliveryState

    with errors_as_exit_codes(as_json=as_json):
        found = Client().deliveries(
            subscription=subscription,
            state=DeliveryState.FAILED if failed else None,
            limit=limit if limit is not None or as_json else FEW,
        )
        if as_json:
            say_json(found)
        elif found:
            deliveries_table(found)
        else:
            note("no deliveries")


@app.command()
def replay(
    delivery: Annotated[str, typer.Argument(help="The delivery's id.")], as_json: Json = False
) -> None:
    """Deliver an event again, under the same id."""
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        again = Client().replay(delivery)
        if as_json:
            say_json(again)
        else:
            say(f"{again.id}: {again.state}")


def _answer(subscription: Subscription, as_json: bool) -> None:
    if as_json:
        say_json(subscription)
    else:
        events = ", ".join(subscription.events) or "all events"
        say(f"{subscription.id}: {subscription.state}, {events}")
