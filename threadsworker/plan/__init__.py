"""
A `Post` becomes `Segment`s, with every rule checked. Pure.

`plan` is all that others need. `rules` checks, with `attachments` and `combinations`; `bodies`
cuts the text and deals tags out; `spoilers` follow the text.
"""

from threadsworker.plan.given import as_post
from threadsworker.plan.planning import plan
from threadsworker.plan.written import options_of

__all__ = ["as_post", "options_of", "plan"]
