"""
What the tasks, the queues and the header of a message's version are called.
"""

from __future__ import annotations

UPLOAD = "threadsworker.upload"
CREATE_CONTAINERS = "threadsworker.create_containers"
POLL_STATUS = "threadsworker.poll_status"
PUBLISH = "threadsworker.publish"
REPLY_CHAIN = "threadsworker.reply_chain"
CLEANUP = "threadsworker.cleanup"
DISPATCH_DUE = "threadsworker.dispatch_due"
RESCUE_STALLED = "threadsworker.rescue_stalled"
SWEEP_STAGED = "threadsworker.sweep_staged"
REFRESH_TOKENS = "threadsworker.refresh_tokens"
PRUNE = "threadsworker.prune"
DELIVER = "threadsworker.deliver"
EVENT = "threadsworker.event"

#: What beat sends for, every few seconds.
DUTIES = frozenset({DISPATCH_DUE, RESCUE_STALLED, SWEEP_STAGED, REFRESH_TOKENS, PRUNE, DELIVER})

#: Steps of jobs, and beat's duties. Two queues, so that a duty does not wait behind ten
#: thousand steps; of our own, so that a Redis may be shared with other applications.
STEPS_QUEUE = "threadsworker"
UPKEEP_QUEUE = "threadsworker-upkeep"


#: What a message means and which arguments it has. It grows when a worker of before could
#: misunderstand it; then that gives the message back to the rows. Without the header it is 1.
VERSION = 1
VERSION_HEADER = "message_version"
