"""
Room in a quota that counts over a moving window. Pure: the present is an argument.

Meta says how much was used, not when; our own rows say when, and know of sends that nobody
answered. The greater figure counts, so a quota is rather thought fuller than it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: A full window is looked at again at least so often in its length: a day's every 15 minutes.
LOOKS = 96
#: After the moment at which a use leaves the window, since clocks differ.
SLACK = timedelta(seconds=1)


@dataclass(frozen=True)
class Window:
    """One quota of one account."""

    total: int
    length: timedelta
    #: Our own uses, oldest first; unanswered ones count.
    uses: Sequence[datetime]
    #: What Meta said was used, and when it did; None if it was not asked.
    told: int = 0
    told_at: datetime | None = None
    #: Set aside for posts that have begun.
    reserved: int = 0

    def used(self, now: datetime) -> int:
        """How much of the window is used at `now`."""
        own = len(self._in_window(now))
        if self.told_at is None or self.told_at <= now - self.length:
            # What was used then has left the window since.
            return own
        since = sum(use > self.told_at for use in self.uses)
        return max(own, self.told + since)

    def free(self, now: datetime) -> int:
        """How many more may be begun at `now`."""
        return max(0, self.total - self.used(now) - self.reserved)

    def opens_at(self, need: int, now: datetime) -> datetime:
        """
        When to look again for room for `need`: `now` if there is some.

        Else when enough of our own uses have left the window, or after a while, since others
        may have used it too.
        """
        missing = need - self.free(now)
        if missing <= 0:
            return now
        look = now + self.length / LOOKS
        own = self._in_window(now)
        if missing <= len(own):
            look = min(look, own[missing - 1] + self.length + SLACK)
        return look

    def _in_window(self, now: datetime) -> list[datetime]:
        return [use for use in self.uses if use > now - self.length]
