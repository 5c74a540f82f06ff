"""
The least time from "post" to "live", from the processing times that Meta took.

With a round trip ``r`` and processing times ``p``:

- *Staging* takes ``4 r``: all blobs at once, the tree, the commit, the ref. A post without
  local files has none.
- A container created at a moment is known to be ready ``r + max(p, r)`` later: half a round
  trip to Meta, processing, and the way back of the status read that finds it ready the moment
  it is. That read cannot be sent before the answer to the creation is here.
- *Carousel items* of all segments are created at the same moment, when staging has ended. A
  carousel can be created when the slowest of its items is known to be ready.
- *Segments* follow each other: a reply needs its parent's id. Each is a creation, its
  processing, and a publish: ``r + max(p, r) + r``, begun at the answer to the publish before, or
  when its items are ready, whichever is later.
- The last post is live when its publish arrives, half a round trip before the answer.

Nothing else is in it: no queue, no database, no processor time, no connection set up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Blobs, tree, commit, ref.
STAGING_ROUND_TRIPS = 4


@dataclass(frozen=True)
class Drawn:
    """Seconds that Meta took for a segment's container, and for its carousel items."""

    post: float
    items: tuple[float, ...] = ()


def staged(*, local: bool, round_trip: float) -> float:
    """When staging has ended, in seconds after the start."""
    return STAGING_ROUND_TRIPS * round_trip if local else 0.0


def live(drawn: Sequence[Drawn], *, local: bool, round_trip: float) -> float:
    """When the last segment is live, in seconds after the start."""
    begun = moment = staged(local=local, round_trip=round_trip)
    for segment in drawn:
        ready = max((_known(p, round_trip) for p in segment.items), default=0.0)
        moment = max(moment, begun + ready) + _known(segment.post, round_trip) + round_trip
    return moment - round_trip / 2


def _known(processing: float, round_trip: float) -> float:
    """Seconds from the creation's start to the knowledge that the container is ready."""
    return round_trip + max(processing, round_trip)
