"""
Local servers that play Meta and GitHub: for the demo, for our tests, and for yours.

They check what Meta checks, take their time, fail on demand, and keep a ledger of what really
happened. Nothing leaves the machine.
"""

from __future__ import annotations

from threadsworker.sandbox.faults import Fault, FaultAnswer, FaultMatch
from threadsworker.sandbox.notifications import notify, signed_request
from threadsworker.sandbox.options import SandboxAccount, SandboxOptions
from threadsworker.sandbox.posts import SandboxMedia, SandboxPost
from threadsworker.sandbox.server import Sandbox

__all__ = [
    "Fault",
    "FaultAnswer",
    "FaultMatch",
    "Sandbox",
    "SandboxAccount",
    "SandboxMedia",
    "SandboxOptions",
    "SandboxPost",
    "notify",
    "signed_request",
]
