"""The soak's figures: a table for people, and the same as JSON."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.reliability.soak_answers import Answers
from tests.reliability.soak_audit import Audit, ClaimSeen, JobSeen
from tests.reliability.soak_chaos import Deed
from tests.reliability.soak_posts import Order
from tests.reliability.soak_processes import ROOT, Ending
from tests.reliability.soak_verdict import Verdict, late_packets
from threadsworker.sandbox import Sandbox

#: Deeds that end a process which may hold a claim.
KILLS = ("worker killed", "one process of a worker killed")


@dataclass(frozen=True)
class Figures:
    """What the run itself knows."""

    seed: int
    orders: Mapping[str, Order]
    answers: Answers
    deeds: Sequence[Deed]
    endings: Sequence[Ending]
    #: Enqueues that failed because PostgreSQL was away, and were repeated.
    refusals: int
    chaos_seconds: float
    seconds: float


def report(figures: Figures, verdict: Verdict, sandbox: Sandbox, audit: Audit) -> dict[str, Any]:
    """Everything that is told about the run, ready for JSON."""
    jobs = audit.jobs()
    segments = sum(len(order.texts) for order in figures.orders.values())
    ledger = sandbox.ledger
    services = Counter(entry["service"] for entry in ledger)
    late, behind = late_packets(figures.answers.calls)
    return {
        "seed": figures.seed,
        "commit": _commit(),
        "jobs": len(figures.orders),
        "segments": segments,
        "kinds": dict(Counter(order.kind for order in figures.orders.values())),
        "states": dict(Counter(job.state for job in jobs.values())),
        "seconds": round(figures.seconds, 1),
        "chaos_seconds": round(figures.chaos_seconds, 1),
        "chaos": dict(sorted(Counter(deed.what for deed in figures.deeds).items())),
        "ended_on_their_own": dict(
            Counter(f"{one.name.split('-')[0]} with {one.code}" for one in figures.endings)
        ),
        "enqueues_repeated": figures.refusals,
        "publish_calls": figures.answers.counts(),
        "late_sends": verdict.late_sends,
        "late_packets": late,
        "late_packets_behind_a_newer_send": behind,
        "events": audit.event_counts(),
        "violations": verdict.counts,
        "parked": dict(Counter(verdict.parked.values())),
        "parked_rate": round(len(verdict.parked) / max(1, len(figures.orders)), 4),
        "recovery_seconds": percentiles(recoveries(figures.deeds, audit.claims())),
        "publish_seconds": percentiles(_durations(jobs)),
        "calls_per_job": {
            service: round(count / max(1, len(jobs)), 1) for service, count in services.items()
        },
        "threads_calls_per_segment": round(services["threads"] / max(1, segments), 1),
        "rule_of_three": f"0 in {segments} segments: below {3 / max(1, segments):.3%} (95 %)",
        "sentences": {name: found[:50] for name, found in verdict.found.items() if found},
        "suspects": {},
    }


def recoveries(deeds: Sequence[Deed], claims: Mapping[str, Sequence[ClaimSeen]]) -> list[float]:
    """Seconds from the kill of a process to the next claim of each job that it held."""
    found = []
    for deed in deeds:
        if deed.what not in KILLS:
            continue
        for history in claims.values():
            if not any(one.port in deed.ports and _is_held(one, deed.at) for one in history):
                continue
            if later := [one.at.timestamp() for one in history if one.at.timestamp() > deed.at]:
                found.append(min(later) - deed.at)
    return found


def _is_held(claim: ClaimSeen, at: float) -> bool:
    ended = None if claim.ended is None else claim.ended.timestamp()
    return claim.at.timestamp() <= at and (ended is None or ended > at)


def _durations(jobs: Mapping[str, JobSeen]) -> list[float]:
    """Seconds from enqueue to published."""
    return [
        (job.finished_at - job.created_at).total_seconds()
        for job in jobs.values()
        if job.finished_at is not None
    ]


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """How many, and p50, p95, p99 and the greatest."""
    ordered = sorted(values)
    if not ordered:
        return {"n": 0}
    shares = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
    told = {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)
        for name, share in shares.items()
    }
    return {"n": len(ordered), **told, "max": round(ordered[-1], 2)}


def _commit() -> str:
    """The commit that was tested; with a plus if the tree holds more than it."""
    told = [
        subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        for arguments in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain"])
    ]
    return (told[0] or "unknown") + ("+" if told[1] else "")


def table(found: Mapping[str, Any]) -> str:
    """The report for people."""
    lines = []
    for name, value in found.items():
        if name in ("sentences", "suspects"):
            continue
        if isinstance(value, Mapping):
            lines.append(f"{name.replace('_', ' ')}")
            lines += [f"    {key:<40} {inner}" for key, inner in value.items()]
        else:
            lines.append(f"{name.replace('_', ' '):<44} {value}")
    for name, sentences in found["sentences"].items():
        lines += [f"VIOLATION {name}: {sentence}" for sentence in sentences]
    return "\n".join(lines) + "\n"
