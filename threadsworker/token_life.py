"""
When a long-lived token may be refreshed, and when it should be: pure.

Source: https://developers.facebook.com/documentation/threads/get-started/long-lived-tokens
(2026-08-12): a token lives 60 days, may be refreshed when it is 24 hours old and not over, and
lives 60 days from then on.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

#: Age below which Meta refuses to refresh a token.
REFRESH_AGE = timedelta(hours=24)
#: A token is refreshed when no more than this is left of it: thirty days for trying.
REFRESH_AHEAD = timedelta(days=30)
#: A token that has less left than this was tried in vain, and its owner should know.
WARN_AHEAD = timedelta(days=7)
#: The gaps between two tries: doubling from the first to the longest.
FIRST_GAP, LONGEST_GAP = timedelta(hours=1), timedelta(days=1)
#: Of what is left of a token, the share that a gap may take: near the end it is tried more often.
GAP_SHARE = 8


def refresh_due(issued_at: datetime | None, expires_at: datetime | None) -> datetime | None:
    """When a token should be refreshed; None: as soon as may be, since nothing is known of it."""
    earliest = issued_at + REFRESH_AGE if issued_at else None
    wanted = expires_at - REFRESH_AHEAD if expires_at else None
    return max((one for one in (earliest, wanted) if one is not None), default=None)


def next_try(
    tries: int, *, expires_at: datetime | None, now: datetime, dice: random.Random
) -> datetime:
    """When to try again after `tries` failures in a row: 1 h, 2 h … 1 day later, ±10 %."""
    gap = min(FIRST_GAP * 2.0 ** min(max(tries - 1, 0), 30), LONGEST_GAP)
    if expires_at is not None and expires_at > now:
        gap = min(gap, max(FIRST_GAP, (expires_at - now) / GAP_SHARE))
    return now + gap * dice.uniform(0.9, 1.1)
