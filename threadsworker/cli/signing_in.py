"""`threadsworker auth …`"""

from __future__ import annotations

import sys
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import typer

from threadsworker.cli.console import Json, errors_as_exit_codes, note, say, say_json
from threadsworker.cli.secrets import ask
from threadsworker.errors import AuthorizationFailed, InvalidSettings

app = typer.Typer(help="Signing in to Threads.", no_args_is_help=True)

#: Where the window leads back to, unless something else is registered with the app.
REDIRECT_URI = "http://127.0.0.1:8737/threads"

T = TypeVar("T")


@app.callback()
def _group() -> None:
    pass


@app.command()
def login(
    name: Annotated[
        str | None, typer.Argument(help="The account's short name [the profile's].")
    ] = None,
    app_id: Annotated[
        str | None, typer.Option(help="The Threads app id [THREADSWORKER_APP_ID].")
    ] = None,
    redirect_uri: Annotated[
        str | None,
        typer.Option(
            help="As it is registered with the app, to the last slash "
            f"[THREADSWORKER_REDIRECT_URI, or {REDIRECT_URI}]."
        ),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What the app may do, such as publish, read_replies, delete, or all; repeatable "
            "[basic, content_publish, manage_replies, read_replies, manage_insights]."
        ),
    ] = None,
    github_repo: Annotated[
        str | None,
        typer.Option(help="owner/name of the public repository where local media are staged."),
    ] = None,
    paste: Annotated[
        bool, typer.Option("--paste", help="Paste the address that the window led to.")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the window's address.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=1.0, help="Seconds to wait for the window's answer.")
    ] = 300.0,
    as_json: Json = False,
) -> None:
    """
    Sign in to Threads in a browser, and keep the account.

    The app's secret comes from THREADSWORKER_APP_SECRET or is asked for, a GitHub token from
    THREADSWORKER_GITHUB_TOKEN. An account of that name gets the new token, and its posts go on.
    """
    from threadsworker.client import Client
    from threadsworker.http import Http
    from threadsworker.settings import load_settings
    from threadsworker.threads_api import (
        USUAL_SCOPES,
        OAuth,
        authorization_url,
        new_state,
        scopes_named,
    )

    with errors_as_exit_codes(as_json=as_json):
        settings = load_settings()
        scopes = scopes_named(scope) if scope else USUAL_SCOPES
        app_id = _needed(app_id or settings.app_id, "--app-id or THREADSWORKER_APP_ID")
        secret = settings.app_secret or ask("App secret")
        secret = _needed(secret, "THREADSWORKER_APP_SECRET")
        github = settings.github_token
        if github_repo and github is None:
            github = _needed(ask("GitHub token"), "THREADSWORKER_GITHUB_TOKEN")
        back = _address(redirect_uri or settings.redirect_uri or REDIRECT_URI)
        state = new_state()
        window = authorization_url(
            client_id=app_id,
            redirect_uri=back,
            scopes=scopes,
            state=state,
            auth_url=settings.threads_auth_url,
        )
        code = _code(window, back, state, paste=paste, browser=not no_browser, timeout=timeout)
        http = Http(read_timeout=settings.http_timeout.total_seconds())
        granted = OAuth(
            base_url=settings.threads_api_url, app_id=app_id, app_secret=secret, http=http
        ).grant(code, redirect_uri=back)
        account = Client(settings).connect_account(
            granted, name=name, github_repo=github_repo, github_token=github
        )
        say_json(account) if as_json else say(f"{account.name}: {account.status}")


def _needed(found: T | None, what: str) -> T:
    if not found:
        raise InvalidSettings(f"{what} is missing, and there is nobody to ask")
    return found


def _address(redirect_uri: str) -> str:
    """It as it is, if the window could lead there."""
    try:
        parts = urlsplit(redirect_uri)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise InvalidSettings(
            f"a redirect URI is an address such as {REDIRECT_URI}, and this is {redirect_uri!r}"
        )
    return redirect_uri


def _code(
    window: str, redirect_uri: str, state: str, *, paste: bool, browser: bool, timeout: float
) -> str:
    from threadsworker.cli.loopback import Loopback, can_listen

    if paste or not can_listen(redirect_uri):
        _show(window, browser=browser)
        return _pasted(redirect_uri, state)
    with Loopback(redirect_uri, state) as loopback:
        _show(window, browser=browser)
        return loopback.code(timeout=timeout)


def _show(window: str, *, browser: bool) -> None:
    # Not by `note`, which might take a part of the address for a secret.
    sys.stderr.write(f"Sign in here, with the profile that is to publish:\n\n  {window}\n\n")
    sys.stderr.flush()
    if browser:
        import webbrowser

        webbrowser.open(window)


def _pasted(redirect_uri: str, state: str) -> str:
    from threadsworker.cli.loopback import can_listen, is_this_machine
    from threadsworker.threads_api import code_from_redirect

    if is_this_machine(redirect_uri) and not can_listen(redirect_uri):
        note(
            f"Nobody can answer at {redirect_uri}, since that takes a certificate: the browser "
            "will say that it cannot connect. The address that it shows then is what counts."
        )
    note("When the window has led back, paste the whole address of the page here:")
    line = sys.stdin.readline()
    if not line.strip():
        raise AuthorizationFailed("nothing was pasted", code="auth.no_code")
    return code_from_redirect(line, state)
