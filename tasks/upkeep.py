"""Beat's duties. Each is an atomic claim on rows, so two beats, or none for a while, do no harm."""

from __future__ import annotations

from collections.abc import Iterable

from tasks.app import app, desk
from threadsworker import queue
from threadsworker.steps import prune as pruning
from threadsworker.steps import recurring, refresh, sweep, upkeep
from threadsworker.store.runs import Start


@app.task(name=queue.DISPATCH_DUE, send_events=False)
def dispatch_due() -> str:
    """Make the jobs of recurring posts, and start those whose time has come."""
    recurring.make_due(desk)
    return _started(ring(upkeep.dispatch_due(desk, backlog=queue.backlog(app))))


@app.task(name=queue.RESCUE_STALLED, send_events=False)
def rescue_stalled() -> str:
    """Start the jobs again whose worker or message was lost."""
    return _started(ring(upkeep.rescue_stalled(desk, backlog=queue.backlog(app))))


@app.task(name=queue.SWEEP_STAGED, send_events=False)
def sweep_staged() -> None:
    """Take away what ended jobs have left staged."""
    sweep.sweep_staged(desk)


@app.task(name=queue.REFRESH_TOKENS, send_events=False)
def refresh_tokens() -> None:
    """Keep the accounts' tokens alive, and warn of those that will soon be over."""
    refresh.refresh_tokens(desk)


@app.task(name=queue.PRUNE, send_events=False)
def prune() -> None:
    """Forget, now and then, what is long over."""
    pruning.prune_now_and_then(desk)


def ring(starts: Iterable[Start]) -> int:
    """Send the chains of these runs; how many."""
    sent = 0
    for start in starts:
        title = queue.Title(start.account, start.segments)
        queue.job_chain(app, start.job_id, start.run, start.index, title).apply_async()
        sent += 1
    return sent


def _started(jobs: int) -> str:
    return f"{jobs} {'job' if jobs == 1 else 'jobs'} started"
