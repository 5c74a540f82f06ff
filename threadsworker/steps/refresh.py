"""
Tokens live 60 days: beat's duty keeps them alive, and tells in time where it cannot.

Each token is held by one worker at a time, see `threadsworker.renewal`, so two beats do no harm.
"""

from __future__ import annotations

import logging

from threadsworker.renewal import Renewal
from threadsworker.steps.desk import Desk
from threadsworker.store import expiring
from threadsworker.store.database import clock
from threadsworker.store.expiring import Expiring
from threadsworker.token_life import WARN_AHEAD

logger = logging.getLogger(__name__)

#: Most tokens looked at, and most accounts with posts to warn of, in one go.
BATCH = 100


def refresh_tokens(desk: Desk) -> int:
    """
    Refresh the tokens whose time has come, learn what is not known of others, and warn of those
    that will soon be over; how many were looked at.
    """
    renewal = Renewal(
        desk.engine,
        settings=desk.settings,
        cipher=desk.cipher,
        http=desk.http,
        dice=desk.dice,
    )
    looked = 0
    while looked < BATCH and renewal.next_due():
        looked += 1
    # After the refreshing: what is still about to end was tried in vain.
    _warn(desk)
    return looked


def _warn(desk: Desk) -> None:
    with desk.transaction() as session:
        now = clock(session)
        told = expiring.take_soon_over(session, before=now + WARN_AHEAD, now=now)
        outliving = expiring.accounts_to_outlive(session, limit=BATCH)
    for account_id in outliving:
        with desk.transaction() as session:
            told += expiring.take_outliving(session, account_id, now=clock(session))
    for one in told:
        logger.warning("%s", _sentence(one))


def _sentence(found: Expiring) -> str:
    ends = f"{found.expires_at:%Y-%m-%d %H:%M} UTC"
    plan = "as soon as may be" if found.refresh_at is None else f"{found.refresh_at:%Y-%m-%d %H:%M}"
    failed = f", {found.tries} tries have failed" if found.tries else ""
    if found.job_id is None:
        return (
            f"token.expiring: the token of account {found.account} ends {ends} and could not be "
            f"refreshed so far; next try {plan}{failed}. If that goes on, sign in again: "
            f"threadsworker auth login {found.account}"
        )
    return (
        f"token.expiring: job {found.job_id} is scheduled for {found.scheduled_at:%Y-%m-%d %H:%M} "
        f"UTC, after the token of account {found.account} ends ({ends}); it is to be refreshed "
        f"{plan}{failed}"
    )
