"""`threadsworker webhooks`"""

from __future__ import annotations

from typing import Annotated

import typer

from threadsworker.cli.console import errors_as_exit_codes, note
from threadsworker.errors import InvalidSettings


def webhooks(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8788,
) -> None:
    """
    Receive what Meta tells: replies, mentions and the like.

    Put a server in front of it that speaks https, and tell Meta https://YOUR.HOST/webhook,
    /deauthorize and /data-deletion.
    """
    from threadsworker import log
    from threadsworker.settings import load_settings

    with errors_as_exit_codes():
        try:
            import uvicorn

            from threadsworker.steps.desk import Desk
            from threadsworker.steps.start import prepare
            from threadsworker.webhooks import make_app
        except ImportError:
            raise InvalidSettings(
                "receiving needs Starlette and uvicorn: pip install 'threadsworker[webhooks]'"
            ) from None
        settings = load_settings()
        if settings.app_secret is None and settings.meta_app_secret is None:
            raise InvalidSettings(
                "set THREADSWORKER_APP_SECRET or THREADSWORKER_META_APP_SECRET: without them "
                "nothing that Meta sends can be believed"
            )
        if settings.webhook_verify_token is None:
            note("THREADSWORKER_WEBHOOK_VERIFY_TOKEN is not set: Meta's first call is refused")
        log.configure(settings.log_level, form=settings.log_format)
        # What is wrong with the database is said now, and not to Meta.
        prepare(Desk(settings))
        note(f"listening on http://{host}:{port}; Ctrl-C ends it")
        # Its own log of requests would hold the verify token, which Meta sends in a query.
        try:
            uvicorn.run(
                make_app(settings),
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                server_header=False,
            )
        except SystemExit:
            # Its own exit code would say that a post is invalid.
            raise InvalidSettings(f"nothing can listen on {host}:{port}, see above") from None
