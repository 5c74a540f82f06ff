"""
The verdict: the invariants, checked on what the world can see and on what the database says.

The sandbox's posts are the truth. They are compared with what the authors wanted, by text,
and with the rows, by creation id: two ways that share nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from pathlib import Path

from tests.reliability.soak_answers import Call
from tests.reliability.soak_audit import AttemptSeen, Audit, ClaimSeen, JobSeen
from tests.reliability.soak_posts import Order
from threadsworker.job import POISON_CLAIMS
from threadsworker.sandbox import Sandbox, SandboxPost

#: States in which a job stays until a person asks for more.
AT_REST = frozenset({"published", "failed", "cancelled", "missed", "needs_review"})
#: What a verdict may find; each is shown, with 0 if there is none.
NAMES = (
    "double posts",
    "lost posts",
    "lost jobs",
    "detached replies",
    "wrong order",
    "wrong content",
    "posts without an order",
    "orphaned files",
    "limbo",
    "unfinished",
    "failed",
    "parked without a cause",
    "sends without an attempt",
    "secrets leaked",
    "deaf workers",
    "surprises",
)


@dataclass
class Verdict:
    """Violations by name, each a sentence; and what is no violation but has to be told."""

    found: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in NAMES})
    #: Jobs that need a person, with the reason: the rate is told.
    parked: dict[str, str] = field(default_factory=dict)
    #: Publishes that arrived after their claim was taken away.
    late_sends: int = 0
    #: Ids of jobs in some violation, for a look at their events.
    suspects: set[str] = field(default_factory=set)

    @property
    def counts(self) -> dict[str, int]:
        return {name: len(sentences) for name, sentences in self.found.items()}

    @property
    def is_clean(self) -> bool:
        return not any(self.found.values())

    def add(self, name: str, sentence: str, job_id: str | None = None) -> None:
        self.found[name].append(sentence if job_id is None else f"job {job_id}: {sentence}")
        if job_id is not None:
            self.suspects.add(job_id)


def judge(
    orders: dict[str, Order],
    *,
    parent: str,
    sandbox: Sandbox,
    audit: Audit,
    calls: Iterable[Call],
) -> Verdict:
    """Check everything; `orders` by job id, `parent` is the media id that replies are for."""
    verdict, jobs = Verdict(), audit.jobs()
    _judge_posts(verdict, orders, parent, sandbox.posts(), jobs)
    _judge_rows(verdict, sandbox.posts(), audit, jobs)
    _judge_rest(verdict, jobs, audit)
    _judge_files(verdict, sandbox, jobs)
    _judge_calls(verdict, list(calls), audit.attempts(), audit.claims())
    return verdict


def _judge_posts(
    verdict: Verdict,
    orders: dict[str, Order],
    parent: str,
    posts: list[SandboxPost],
    jobs: dict[str, JobSeen],
) -> None:
    """What the authors wanted, against what the world sees."""
    by_text = defaultdict(list)
    for post in posts:
        by_text[post.text].append(post)
    place = {post.id: n for n, post in enumerate(posts)}
    for job_id, order in orders.items():
        job = jobs.get(job_id)
        if job is None:
            verdict.add("lost jobs", "it was enqueued and is not in the database", job_id)
            continue
        seen = [by_text.pop(text, []) for text in order.texts]
        for index, found in enumerate(seen):
            if len(found) > 1:
                verdict.add("double posts", f"segment {index}: {len(found)} posts", job_id)
            if not found and job.state == "published":
                verdict.add("lost posts", f"segment {index} was published, they say", job_id)
        if any(after and not before for before, after in pairwise(seen)):
            verdict.add("wrong order", "a segment is missing in the middle", job_id)
        live = [found[0] for found in takewhile(bool, seen)]
        _judge_thread(verdict, job_id, order, parent, live)
        if [place[post.id] for post in live] != sorted(place[post.id] for post in live):
            verdict.add("wrong order", "a reply was published before its parent", job_id)
    for text, found in by_text.items():
        if not any(post.id == parent for post in found):
            verdict.add("posts without an order", repr(text))


def _judge_thread(
    verdict: Verdict, job_id: str, order: Order, parent: str, live: list[SandboxPost]
) -> None:
    """Each post under the one before it, of the right account, with its pictures."""
    above = [parent if order.is_reply else None, *(post.id for post in live)]
    for index, (post, expected) in enumerate(zip(live, above, strict=False)):
        if post.parent_id != expected:
            name = "detached replies" if post.parent_id is None else "wrong order"
            verdict.add(name, f"segment {index} is under {post.parent_id}", job_id)
        if post.user_id != order.owner.user_id:
            verdict.add("wrong content", f"segment {index} is of {post.user_id}", job_id)
    if live and [(media.alt_text, media.sha256) for media in live[0].media] != order.shown:
        verdict.add("wrong content", "other pictures", job_id)
    if any(post.media for post in live[1:]):
        verdict.add("wrong content", "pictures where there are none", job_id)


def _judge_rows(
    verdict: Verdict, posts: list[SandboxPost], audit: Audit, jobs: dict[str, JobSeen]
) -> None:
    """What the rows say, against what the world sees."""
    owners = audit.owners_of_containers()
    by_segment = defaultdict(list)
    for post in posts:
        owner = owners.get(post.container_id or "")
        if owner is None:
            verdict.add("sends without an attempt", f"post {post.id}: a container of nobody")
        else:
            by_segment[owner].append(post.id)
    for (job_id, index), ids in by_segment.items():
        if len(ids) > 1:
            verdict.add("double posts", f"segment {index}: {', '.join(ids)}", job_id)
    for segment in audit.segments():
        ids = by_segment[(segment.job_id, segment.index)]
        if jobs[segment.job_id].state != "published" and segment.state != "verified":
            continue
        if segment.media_id not in ids:
            verdict.add(
                "lost posts",
                f"segment {segment.index} is {segment.media_id}, not {ids}",
                segment.job_id,
            )


def _judge_rest(verdict: Verdict, jobs: dict[str, JobSeen], audit: Audit) -> None:
    attempts = [attempt for some in audit.attempts().values() for attempt in some]
    unanswered = Counter(
        attempt.job_id for attempt in attempts if attempt.state in ("open", "unknown")
    )
    claims = audit.claims()
    for job in jobs.values():
        if job.state not in AT_REST:
            verdict.add("unfinished", f"{job.state}, {job.reason}", job.id)
        elif job.state in ("failed", "missed", "cancelled"):
            verdict.add("failed", f"{job.state}: {job.error}", job.id)
        elif job.state == "needs_review":
            verdict.parked[job.id] = job.reason or "no reason"
            broken = sum(claim.ended is None or claim.broken for claim in claims.get(job.id, []))
            in_doubt = unanswered[job.id] > 0 and job.reason != "poison"
            if not in_doubt and not (job.reason == "poison" and broken >= POISON_CLAIMS):
                verdict.add("parked without a cause", f"{job.reason}", job.id)
    for job_id in audit.limbo():
        verdict.add("limbo", "nobody looks at it again", job_id)


def _judge_files(verdict: Verdict, sandbox: Sandbox, jobs: dict[str, JobSeen]) -> None:
    for path in sandbox.staged_paths():
        job_id = path.split()[1].rpartition("/")[2]
        job = jobs.get(job_id)
        if job is None or (job.state in AT_REST and job.state != "needs_review"):
            verdict.add("orphaned files", path, job_id if job else None)


def _judge_calls(
    verdict: Verdict,
    calls: list[Call],
    attempts: dict[str, list[AttemptSeen]],
    claims: dict[str, list[ClaimSeen]],
) -> None:
    """
    Every send has an attempt of its own, written down before; and how many came late.

    A send is late if its claim was taken away before it arrived. Which attempt a call
    belongs to is not told by Meta's protocol: the newest that is left is taken, so late
    sends are rather counted too low.
    """
    spans = {(job, one.epoch): one for job, some in claims.items() for one in some}
    for container, some in _by_container(calls).items():
        left = list(attempts.get(container, []))
        for call in some:
            if call.is_late_packet:
                continue
            before = [one for one in left if one.sent_at.timestamp() <= call.at + 0.001]
            if not before:
                verdict.add("sends without an attempt", f"container {container} at {call.at}")
                continue
            attempt = before[-1]
            left.remove(attempt)
            claim = spans.get((attempt.job_id, attempt.epoch))
            if claim is not None and claim.ended and claim.ended.timestamp() < call.at:
                verdict.late_sends += 1


def _by_container(calls: list[Call]) -> dict[str, list[Call]]:
    found = defaultdict(list)
    for call in sorted(calls, key=lambda call: call.at):
        found[call.container].append(call)
    return dict(found)


def judge_secrets(
    verdict: Verdict, secrets: Iterable[str], *, logs: Iterable[Path], audit: Audit
) -> None:
    """No token in a log, nor in a row."""
    wanted = list(secrets)
    for log in logs:
        text = log.read_text(errors="replace")
        for secret in wanted:
            if secret in text:
                verdict.add("secrets leaked", f"{secret[:16]}… in {log.name}")
    for secret in wanted:
        for table in audit.tables_with(secret):
            verdict.add("secrets leaked", f"{secret[:16]}… in table {table}")


def late_packets(calls: Iterable[Call]) -> tuple[int, int]:
    """Packets that the network delivered late, and how many of them after a newer send."""
    late, behind = 0, 0
    for some in _by_container(list(calls)).values():
        for n, call in enumerate(some):
            if call.is_late_packet:
                late += 1
                behind += any(one.what not in ("held up", "refused") for one in some[:n])
    return late, behind
