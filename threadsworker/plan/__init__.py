"""
A `Post` becomes `Segment`s, with every rule checked. Pure.

`plan` is all that others need. `rules` checks; `bodies` cuts the text and deals tags out.
"""

from threadsworker.plan.given import as_post
from threadsworker.plan.planning import plan

__all__ = ["as_post", "plan"]
