"""
A worker process that does nothing but refresh tokens, once, at a moment of the test's.

With ``before_store`` it is killed when Meta has answered and the new token is about to be stored.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event

from threadsworker.settings import load_settings
from threadsworker.steps.desk import Desk
from threadsworker.steps.refresh import refresh_tokens


def main(home: str, api_url: str, seconds: str, killed: str) -> None:
    settings = load_settings(home=home, threads_api_url=api_url)
    desk = Desk(settings, now=lambda: datetime.fromtimestamp(float(seconds), UTC))

    @event.listens_for(desk.engine, "before_cursor_execute")
    def shoot(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if killed == "before_store" and "SET access_token=" in statement:
            os.kill(os.getpid(), signal.SIGKILL)

    refresh_tokens(desk)


if __name__ == "__main__":
    main(*sys.argv[1:])
