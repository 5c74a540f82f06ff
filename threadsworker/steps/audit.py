"""
After a backup was restored: is this segment live already, although the rows do not say so?

The account's own posts are looked at before a container is made, or sent again, for a segment
that may have gone out in the lost time. A post that looks like it is no proof, somebody may have
written the same by hand: a person decides.
"""

from __future__ import annotations

from threadsworker.job import Review, Trouble
from threadsworker.steps.desk import Desk
from threadsworker.steps.matching import look_alikes
from threadsworker.steps.work import Work
from threadsworker.threads_api import ThreadsApi

#: The reason of a job that waits for a person because of this.
FOUND = "found_after_restore"


def audit(desk: Desk, api: ThreadsApi, work: Work) -> Review | None:
    """None if no post looks like the segment, or if there is no reason to look."""
    if work.row.audit_from is None:
        return None
    found = look_alikes(desk, api, work, since=work.row.audit_from)
    if not found:
        return None
    ids = ", ".join(post.id for post in found[:5])
    return Review(
        Trouble(
            code=FOUND,
            message=f"the database was restored from a backup, and segment {work.row.index} "
            f"looks like what is live as {ids}",
            advice="Look into the Threads app. If it is this post: `threadsworker resolve` the "
            "job with --published and its media id; if it is another one: with --not-published.",
        )
    )
