"""What Meta tells unasked: kept before it is answered, and turned into notices afterwards."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlmodel import Session

from threadsworker.steps.desk import Desk
from threadsworker.store import accounts, inbox
from threadsworker.store.database import clock
from threadsworker.threads_api.notifications import CLOCK_SKEW, Notification, SignedRequest

logger = logging.getLogger(__name__)

#: Most in one go.
BATCH = 200


def keep(desk: Desk, told: Sequence[Notification]) -> list[str]:
    """Keep what Meta told; ids of what was not known yet. Committed when this returns."""
    with desk.transaction() as session:
        now = clock(session)
        kept = [
            inbox.keep(
                session,
                field=one.field,
                value=one.value,
                digest=one.digest,
                user_ids=one.user_ids,
                media_ids=one.media_ids,
                now=now,
            )
            for one in told
        ]
    new = [one for one in kept if one is not None]
    logger.info("Meta told of %s, %s of it new", len(told), len(new))
    return new


def handle(desk: Desk, notification_id: str) -> bool:
    """Turn one of them into notices; False if that was done, or it is not there any more."""
    with desk.transaction() as session:
        return inbox.handle(session, notification_id, now=clock(session))


def handle_all(desk: Desk) -> int:
    """Turn all into notices whose message was lost, or is still on its way; how many."""
    with desk.reading() as session:
        found = inbox.unhandled(session, limit=BATCH)
    return sum(_handle_or_log(desk, notification_id) for notification_id in found)


def _handle_or_log(desk: Desk, notification_id: str) -> bool:
    """One that cannot be handled must not keep the others, and all deliveries, waiting."""
    try:
        return handle(desk, notification_id)
    except Exception as error:
        # Not in full: it may hold what somebody wrote.
        name = type(error).__name__
        logger.error("Notification %s could not be made a notice: %s", notification_id, name)
        return False


def deauthorize(desk: Desk, said: SignedRequest) -> None:
    """A user has removed the app: its token is gone, and the account has to be reconnected."""
    with desk.transaction() as session:
        names = _revoke(desk, session, said)
    logger.warning("Accounts whose owner has removed the app: %s", ", ".join(names) or "none")


def _revoke(desk: Desk, session: Session, said: SignedRequest) -> list[str]:
    """What is told late, or told again, takes no token away that came after it was said."""
    at = said.issued_at
    issued_before = None if at is None else datetime.fromtimestamp(at + CLOCK_SKEW, UTC)
    return accounts.revoked(
        session,
        said.user_id,
        issued_before=issued_before,
        cipher=desk.cipher,
        now=clock(session),
    )


def delete_data(desk: Desk, said: SignedRequest) -> str:
    """Remove the user's token and what Meta told of the user; the code to ask for it later."""
    with desk.transaction() as session:
        names = _revoke(desk, session, said)
        inbox.forget_user(session, said.user_id)
        code = inbox.note_deletion(session, now=clock(session))
    logger.warning("Accounts whose owner has asked for deletion: %s", ", ".join(names) or "none")
    return code


def deletion(desk: Desk, code: str) -> datetime | None:
    """When the data of that code were deleted; None: there is no such code."""
    with desk.reading() as session:
        return inbox.deletion(session, code)


def now_of(desk: Desk) -> float:
    """Seconds since 1970, by the database's clock; asking shows that it answers, too."""
    with desk.reading() as session:
        return clock(session).timestamp()
