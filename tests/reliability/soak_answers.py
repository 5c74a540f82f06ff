"""
What goes wrong with publish calls, and a record of every one of them.

The sandbox takes planned faults in order, so the whole plan is made in advance: runs of
calls that are only written down, and single ones that go wrong.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import requests

from threadsworker.sandbox import Sandbox
from threadsworker.sandbox.request import Request

PUBLISH = {"service": "threads", "method": "POST", "path_regex": "/threads_publish$"}
#: Of a hundred publishes: acted upon and not answered; refused with 24/4279009, which is said
#: of containers that are there; held up by the network and delivered later.
UNANSWERED, REFUSED, HELD_UP = 2, 3, 1
#: Seconds that a packet is held up.
HELD_FOR = (1.0, 12.0)
#: By this a packet that comes late is known.
LATE = "late packet"

_NOT_FOUND = {
    "error": {
        "message": "The requested resource does not exist",
        "type": "OAuthException",
        "code": 24,
        "error_subcode": 4279009,
        "is_transient": False,
        "error_user_title": "Media Not Found",
        "error_user_msg": "The media with this id cannot be found.",
        "fbtrace_id": "Asoak",
    }
}
#: Seconds until a publish takes effect, and from then to its answer: in both a worker may die.
_TAKES = {"act_after": 0.25, "delay": 0.35}
_FAULTS: dict[str, dict[str, Any]] = {
    "passed": _TAKES,
    "unanswered": {**_TAKES, "answer": "drop"},
    "refused": {"act": False, "answer": {"status": 400, "body": _NOT_FOUND}},
    "held up": {"act": False, "answer": "drop"},
}


@dataclass(frozen=True)
class Call:
    """One ``threads_publish`` that reached the sandbox."""

    #: Seconds since 1970.
    at: float
    container: str
    what: str
    #: It was held up by the network, and is the second that is seen of one send.
    is_late_packet: bool


@dataclass
class Answers:
    """Plans what happens to publish calls, and keeps a list of them."""

    sandbox: Sandbox
    dice: random.Random
    calls: list[Call] = field(default_factory=list)
    _packets: list[threading.Timer] = field(default_factory=list)

    def plan(self, count: int) -> None:
        """Faults for the next `count` calls; from then on all pass."""
        weights = (100 - UNANSWERED - REFUSED - HELD_UP, UNANSWERED, REFUSED, HELD_UP)
        drawn = self.dice.choices(list(_FAULTS), weights=weights, k=count)
        for what, group in groupby(drawn):
            self._plan(what, len(list(group)))
        self._plan("passed", 10**9)

    def _plan(self, what: str, times: int) -> None:
        def on_hit(request: Request) -> None:
            self._note(what, request)

        self.sandbox.plan_fault({"match": PUBLISH, "times": times, **_FAULTS[what]}, on_hit=on_hit)

    def _note(self, what: str, request: Request) -> None:
        again = request.headers.get("user-agent") == LATE
        container = request.parameters.get("creation_id", "")
        self.calls.append(Call(self.sandbox.now(), container, what, again))
        if what == "held up" and not again:
            packet = threading.Timer(self.dice.uniform(*HELD_FOR), self._deliver, [request])
            packet.daemon = True
            self._packets.append(packet)
            packet.start()

    def _deliver(self, request: Request) -> None:
        # Nobody waits for the answer, and a fault may be planned for it too.
        with suppress(requests.ConnectionError):
            requests.post(
                f"{self.sandbox.url}{request.path}",
                data=request.body,
                headers={
                    "Authorization": request.headers["authorization"],
                    "Content-Type": request.headers["content-type"],
                    "User-Agent": LATE,
                },
                timeout=30,
            )

    def all_delivered(self) -> None:
        """Wait for the packets that are still held up."""
        for packet in list(self._packets):
            packet.join()

    def counts(self) -> dict[str, int]:
        return dict(Counter(call.what for call in self.calls))
