"""
What Flower, and whoever else listens to Celery's events, gets to see of a task that did not
succeed: nothing secret, and no traceback where the words say it all.
"""

from __future__ import annotations

from typing import Any

from threadsworker.log import redacted


class Told(Exception):
    """Not a fault in the program: how the chain is told what became of a job."""


def clean(einfo: Any, error: BaseException) -> None:
    """
    Take out of Celery's report of `error` what nobody should see.

    Called in the process that took the step: it alone knows the tokens by their value.
    """
    if isinstance(error, Told):
        einfo.traceback = ""
        return
    einfo.traceback = redacted(einfo.traceback)
    error.args = tuple(redacted(one) if isinstance(one, str) else one for one in error.args)
