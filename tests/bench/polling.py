"""
What a policy of polling costs: `python -m tests.bench.polling`.

For each kind of container: how long one waits in vain after it became ready until it is looked
at, and how many looks that takes, with processing times drawn from a log-normal distribution.
Ours is the real `threadsworker.polling`: with the right belief, and after it has learned from some
containers, having believed in a median three times too low or too high. Looks take no time here:
what messages and round trips add is the same for every policy.

*Optimum*: gaps of sqrt(2 cost / hazard) from the 2 % quantile on, for somebody who knows the
distribution. *Least cost*: the best looks there are, for the same, by dynamic programming. Cost is
seconds waited in vain plus what the looks are worth; all are compared by it with the least.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import Any

from tests.bench.measured import table, write
from threadsworker.polling import BELIEFS, LONGEST_GAP, Belief, Expectation, Seen, at_first, expect

KINDS = ("text", "image", "video")
#: Containers of a chain.
CHAIN = 10
#: Containers that are learned from, and how many learn in a round.
LEARNED_FROM = 20
LEARNERS = 40
#: How wrong the believed median is that is learned from.
WRONG = {"too low": 1 / 3, "too high": 3.0}
#: The policies that are compared with: the first look and each next, in seconds.
FIXED = 5.0
DOCUMENTED = (30.0, 60.0)
EXPONENTIAL = (1.0, 1.5, 30.0)
#: Points of time that the least cost is searched among, and the share that is ready by the last.
GRID = 3000
NEARLY_ALL = 0.99999

_NORMAL = NormalDist()

#: The ages of looks without end.
Looks = Iterator[float]


@dataclass(frozen=True)
class Outcome:
    """What some containers came to, each: seconds waited in vain, and looks."""

    excess: list[float]
    looks: list[int]

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.excess + other.excess, self.looks + other.looks)


@dataclass(frozen=True)
class Means:
    """What a container came to in a round, and what a whole chain waited in vain, in seconds."""

    excess: float
    looks: float
    chain_p50: float
    chain_p95: float


def main() -> int:
    """Print the tables, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(prog="tests.bench.polling", description=__doc__)
    parser.add_argument("--draws", type=int, default=200_000, help="containers of each kind")
    parser.add_argument("--rounds", type=int, default=5, help="seeds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    found: dict[str, Any] = {}
    for kind in KINDS:
        rounds = [_round(kind, asked.draws, seed) for seed in range(1, asked.rounds + 1)]
        rows = [_row(name, [one[name] for one in rounds], kind) for name in rounds[0]]
        least = rows[-1]["cost, s"]
        for row in rows:
            row["over least"] = round(row["cost, s"] / least, 2)
        found[kind] = rows
        sys.stdout.write(table(f"{kind}, median {BELIEFS[kind].median} s", rows) + "\n")
    write(asked.json, found)
    return 0


def _round(kind: str, count: int, seed: int) -> dict[str, Means]:
    """What each policy comes to with the times of one seed."""
    dice, true = random.Random(seed), BELIEFS[kind]
    times = _drawn(true, count, dice)
    right = expect(true, [])
    policies: dict[str, Callable[[], Looks]] = {
        "fixed 5 s": lambda: _growing(FIXED, 1.0, FIXED),
        "docs, 30 s then 60 s": _documented,
        "exponential 1 s x 1.5": lambda: _growing(*EXPONENTIAL),
        "optimum": lambda: _by_hazard(right),
        "least cost": lambda: iter(_least_cost(kind)),
    }
    found = {
        "ours, right belief": _means(_outcome(_ours(right), times)),
        "ours, nothing seen yet": _means(_outcome(_ours(at_first(kind)), times)),
    }
    for name, factor in WRONG.items():
        belief = replace(true, median=factor * true.median)
        title = f"ours, 3x {name}"
        found[title] = _means(_outcome(_ours(expect(belief, [])), times))
        found[f"{title}, learned"] = _means(_learned(belief, true, times, dice))
    return found | {name: _means(_outcome(policy(), times)) for name, policy in policies.items()}


def _drawn(belief: Belief, count: int, dice: random.Random) -> list[float]:
    mu = math.log(belief.median)
    return [dice.lognormvariate(mu, belief.sigma) for _ in range(count)]


def _outcome(policy: Looks, times: Sequence[float]) -> Outcome:
    """What the containers come to, all looked at at the same ages."""
    ages: list[float] = []
    latest = max(times)
    while not ages or ages[-1] < latest:
        ages.append(next(policy))
    if any(later <= earlier for earlier, later in pairwise(ages)):
        raise SystemExit("a policy looks twice at the same time")
    places = [bisect_left(ages, taken) for taken in times]
    excess = [ages[place] - taken for place, taken in zip(places, times, strict=True)]
    if min(excess) < 0:
        raise SystemExit("a container was found ready before it was")
    return Outcome(excess, [place + 1 for place in places])


def _learned(belief: Belief, true: Belief, times: Sequence[float], dice: random.Random) -> Outcome:
    """The same times, shared by some who have each learned from other containers."""
    share = math.ceil(len(times) / LEARNERS)
    found = Outcome([], [])
    for start in range(0, len(times), share):
        expected = expect(belief, _seen(belief, _drawn(true, LEARNED_FROM, dice)))
        found += _outcome(_ours(expected), times[start : start + share])
    return found


def _seen(belief: Belief, times: Sequence[float]) -> list[Seen]:
    """What is known of containers that were looked at as was right after those before them."""
    known: list[Seen] = []
    for taken in times:
        unready = 0.0
        for age in _ours(expect(belief, known)):
            if age >= taken:
                known.insert(0, Seen(unready=unready, ready=age))
                break
            unready = age
    return known


# Policies


def _ours(expected: Expectation) -> Looks:
    age = expected.first_look()
    while True:
        yield age.total_seconds()
        age += expected.gap(age)


def _growing(first: float, factor: float, longest: float) -> Looks:
    age, gap = first, first
    while True:
        yield age
        gap = min(longest, gap * factor)
        age += gap


def _documented() -> Looks:
    age, gap = DOCUMENTED
    while True:
        yield age
        age += gap


def _by_hazard(true: Expectation) -> Looks:
    age = true.quantile(0.02)
    while True:
        yield age
        place = math.log(age / true.median) / true.sigma
        hazard = _NORMAL.pdf(place) / (age * true.sigma) / max(_NORMAL.cdf(-place), 1e-12)
        age += min(LONGEST_GAP, math.sqrt(2 * true.belief.cost / hazard))


@cache
def _least_cost(kind: str) -> list[float]:
    """
    The ages of looks that cost least, to the precision of the grid.

    From the end: what is to come after a look at a point in vain is, for the best next point, the
    wait in vain until there, the look, and what is to come from there.
    """
    true = expect(BELIEFS[kind], [])
    step = true.quantile(NEARLY_ALL) / GRID
    ready = [0.0, *(_share(true, point * step, 0.0) for point in range(1, GRID + 1))]
    mean = true.median * math.exp(true.sigma**2 / 2)
    spent = [0.0, *(mean * _share(true, point * step, true.sigma) for point in range(1, GRID + 1))]
    to_come, following = [0.0] * (GRID + 1), [GRID] * (GRID + 1)
    for point in range(GRID - 1, -1, -1):
        look = true.belief.cost * (1.0 - ready[point])
        best = math.inf
        for later in range(point + 1, GRID + 1):
            in_vain = later * step * (ready[later] - ready[point]) - spent[later] + spent[point]
            if in_vain > best:
                break
            if in_vain + look + to_come[later] < best:
                best, following[point] = in_vain + look + to_come[later], later
        to_come[point] = best
    points = [following[0]]
    while points[-1] < GRID:
        points.append(following[points[-1]])
    # Beyond the grid is nearly nothing.
    return [*(point * step for point in points), *(step * (GRID * 2**n) for n in range(1, 40))]


def _share(true: Expectation, age: float, shift: float) -> float:
    return _NORMAL.cdf(math.log(age / true.median) / true.sigma - shift)


# Figures


def _means(found: Outcome) -> Means:
    # Neighbours are of one learner, as containers of one chain are.
    chains = sorted(
        sum(found.excess[start : start + CHAIN])
        for start in range(0, len(found.excess) - CHAIN + 1, CHAIN)
    )
    return Means(
        statistics.fmean(found.excess),
        statistics.fmean(found.looks),
        statistics.median(chains),
        chains[int(0.95 * len(chains))],
    )


def _row(name: str, rounds: Sequence[Means], kind: str) -> dict[str, Any]:
    """Medians of the rounds, and the spread."""
    worth = BELIEFS[kind].cost
    excess, looks = [one.excess for one in rounds], [one.looks for one in rounds]
    return {
        "name": name,
        "excess, s": round(statistics.median(excess), 3),
        "spread": f"{min(excess):.3f}-{max(excess):.3f}",
        "looks": round(statistics.median(looks), 2),
        "spread ": f"{min(looks):.2f}-{max(looks):.2f}",
        "cost, s": round(statistics.median(one.excess + worth * one.looks for one in rounds), 3),
        f"{CHAIN} in a row: excess p50, s": round(
            statistics.median(one.chain_p50 for one in rounds), 2
        ),
        "p95, s": round(statistics.median(one.chain_p95 for one in rounds), 2),
    }


if __name__ == "__main__":
    sys.exit(main())
