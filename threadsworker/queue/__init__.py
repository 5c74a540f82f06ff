"""
Builds a job's chain and sends it, by task name. The library's only imports of Celery.

A message is a doorbell: it carries the job's id, its run and a segment's index, never text,
media or tokens. What is to be done is in the rows, so a message may be lost, late or
doubled. It is JSON and nothing else; where the installation says so it is signed, and what is
not signed is refused. Events, which Flower reads and nobody acts upon, are never signed.
"""

from __future__ import annotations

from threadsworker.queue.app import (
    SIGNED,
    is_genuine,
    make_app,
    tls_of,
)
from threadsworker.queue.doorbell import (
    Doorbell,
)
from threadsworker.queue.messages import (
    Title,
    cleanup,
    job_chain,
    segment_steps,
    send_notice,
)
from threadsworker.queue.names import (
    CLEANUP,
    CREATE_CONTAINERS,
    DELIVER,
    DISPATCH_DUE,
    DUTIES,
    EVENT,
    POLL_STATUS,
    PRUNE,
    PUBLISH,
    REFRESH_TOKENS,
    REPLY_CHAIN,
    RESCUE_STALLED,
    STEPS_QUEUE,
    SWEEP_STAGED,
    UPKEEP_QUEUE,
    UPLOAD,
    VERSION,
    VERSION_HEADER,
)
from threadsworker.queue.redis import (
    BrokerFacts,
    backlog,
    facts_of,
    lengths,
)

__all__ = [
    "CLEANUP",
    "CREATE_CONTAINERS",
    "DELIVER",
    "DISPATCH_DUE",
    "DUTIES",
    "EVENT",
    "POLL_STATUS",
    "PRUNE",
    "PUBLISH",
    "REFRESH_TOKENS",
    "REPLY_CHAIN",
    "RESCUE_STALLED",
    "SIGNED",
    "STEPS_QUEUE",
    "SWEEP_STAGED",
    "UPKEEP_QUEUE",
    "UPLOAD",
    "VERSION",
    "VERSION_HEADER",
    "BrokerFacts",
    "Doorbell",
    "Title",
    "backlog",
    "cleanup",
    "facts_of",
    "is_genuine",
    "job_chain",
    "lengths",
    "make_app",
    "segment_steps",
    "send_notice",
    "tls_of",
]
