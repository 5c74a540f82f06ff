"""
Whole programs of things going wrong, made up and cut short by Hypothesis.

Workers die and freeze in the middle of calls, messages are lost and doubled, answers vanish,
time jumps, people cancel. After every step no segment is there twice, nothing is out of order,
and nothing was sent that was not written down. In the end every job is at rest.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.reliability.virtual_workers import Ambush, Zombie
from tests.reliability.virtual_world import World, fast_folder
from threadsworker.job import RESTING, JobState

#: A long run: `STATEFUL_EXAMPLES=5000 pytest tests/reliability/test_stateful.py`.
EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "15"))
STEPS = 25

ambushes = st.builds(
    Ambush,
    what=st.sampled_from(["die", "freeze"]),
    side=st.sampled_from(["before", "behind"]),
    after=st.integers(0, 3),
)
FAULTS: list[dict[str, Any]] = [
    {"act": True, "answer": "drop"},
    {"act": False, "answer": "drop"},
    {"act": True, "answer": {"status": 500}},
    {
        "act": False,
        "answer": {
            "status": 400,
            "body": {"error": {"message": "no", "code": 24, "error_subcode": 4279009}},
        },
    },
    {
        "act": False,
        "answer": {
            "status": 400,
            "body": {"error": {"message": "no", "code": 613, "error_subcode": 4279002}},
        },
    },
]
PATHS = ["/threads_publish$", "/me/threads$", r"/v1.0/\d+$", "/git/"]


class AnythingGoesWrong(RuleBasedStateMachine):
    """One world, its jobs, and whoever works on them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="threadsworker-stateful-")
        self.world = World(fast_folder(Path(self.folder.name)), lease="30", quiet_period="60")
        self.zombies: list[Zombie] = []
        self.jobs: list[str] = []
        self.cancelled: set[str] = set()

    # What happens

    @precondition(lambda self: len(self.jobs) < 3)
    @rule(segments=st.integers(1, 3), picture=st.booleans())
    def submit(self, segments: int, picture: bool) -> None:
        number = len(self.jobs)
        text = "\n---\n".join(f"job {number}, part {part}" for part in range(segments))
        media = [f"{self.world.sandbox.url}/media/sample.jpg"] if picture else []
        self.jobs.append(self.world.client.enqueue(text, media=media).id)

    @rule()
    def work(self) -> None:
        self.world.step()

    @precondition(lambda self: self.world.messages)
    @rule(ambush=ambushes)
    def ambush(self, ambush: Ambush) -> None:
        """A worker takes the next message, and dies or freezes over it."""
        message = self.world.messages.pop(0)
        self.world.clock.seconds = max(self.world.clock.seconds, message.due)
        zombie = Zombie(self.world, message, ambush)
        if zombie.is_frozen:
            self.zombies.append(zombie)

    @precondition(lambda self: self.zombies)
    @rule()
    def thaw(self) -> None:
        self.zombies.pop(0).thaw()

    @rule(seconds=st.sampled_from([1, 31, 61, 400, 3700, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.seconds += seconds
        self.world.upkeep()

    @rule(fault=st.sampled_from(FAULTS), path=st.sampled_from(PATHS))
    def answers_go_astray(self, fault: dict[str, Any], path: str) -> None:
        self.world.sandbox.plan_fault({"match": {"path_regex": path}, **fault})

    @rule()
    def redis_is_emptied(self) -> None:
        self.world.messages.clear()

    @precondition(lambda self: self.world.messages)
    @rule()
    def a_message_comes_twice(self) -> None:
        self.world.messages.insert(0, self.world.messages[0])

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 2))
    def somebody_cancels(self, number: int) -> None:
        job_id = self.jobs[number % len(self.jobs)]
        if self.world.client.get(job_id).state not in RESTING:
            self.world.client.cancel(job_id)
            self.cancelled.add(job_id)

    # What must be true

    @invariant()
    def nothing_is_there_twice_or_out_of_order(self) -> None:
        texts = [post.text for post in self.world.sandbox.posts()]
        assert len(set(texts)) == len(texts), texts
        ids = {post.text: post.id for post in self.world.sandbox.posts()}
        for number in range(len(self.jobs)):
            parts = [text for text in texts if text.startswith(f"job {number},")]
            assert parts == sorted(parts)
            below = [p for p in self.world.sandbox.posts() if p.text in parts[1:]]
            assert [post.parent_id for post in below] == [ids[part] for part in parts[:-1]]

    @invariant()
    def nothing_was_sent_that_was_not_written_down(self) -> None:
        sent = [e for e in self.world.sandbox.ledger if e["path"].endswith("/threads_publish")]
        assert len(sent) <= self.world.rows("SELECT count(*) FROM threadsworker_attempt")[0][0]

    @invariant()
    def somebody_looks_at_every_job_again(self) -> None:
        assert not self.world.rows(
            "SELECT id FROM threadsworker_job WHERE wake_at IS NULL AND state NOT IN "
            "('published', 'failed', 'needs_review', 'cancelled', 'missed')"
        )

    def teardown(self) -> None:
        try:
            for zombie in self.zombies:
                zombie.thaw()
            self.world.sandbox.clear_faults()
            self.world.run()
            self.nothing_is_there_twice_or_out_of_order()
            for job_id in self.jobs:
                self._ended_well(job_id)
            self.world.sweep()
            assert self.world.sandbox.staged_files() == 0
            assert self.world.broken == []
        finally:
            self.world.__exit__()
            self.folder.cleanup()

    def _ended_well(self, job_id: str) -> None:
        job = self.world.client.get(job_id)
        if job_id in self.cancelled:
            assert job.state == JobState.CANCELLED
            return
        # Three publishes in a row without an answer are for a person, if time does not tell.
        in_doubt = job.state == JobState.NEEDS_REVIEW and job.reason == "in_doubt"
        # A parent that Meta does not know for minutes counts as deleted.
        assert job.state == JobState.PUBLISHED or in_doubt, (job.state, job.error)
        if job.state == JobState.PUBLISHED:
            there = {post.id for post in self.world.sandbox.posts()}
            assert there.issuperset(job.media_ids)
            assert len(job.media_ids) == len(job.segments)


TestAnythingGoesWrong = AnythingGoesWrong.TestCase
TestAnythingGoesWrong.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
