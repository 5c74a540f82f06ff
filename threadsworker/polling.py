"""
When to look at a container again: gaps by kind, learned from what containers took. Pure.

How long Meta works on a container is taken as log-normal. A belief of each kind comes from what
others measured, and gives way to what this installation has seen: after 10 to 20 containers
little of it is left, and it may have been wrong by a factor of three.

Between two looks a container may wait in vain, being ready; a look costs a call. So the next look
is due as soon as the wait in vain that is to be expected until then has grown to what a look is
worth. With a constant hazard h that is a gap of sqrt(2 cost / h), which is optimal; and it holds
as well where the hazard rises from nothing, as it does at first.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from statistics import NormalDist

#: Seconds; no gap is longer.
LONGEST_GAP = 30.0
#: Share of the containers that are ready by an age beyond which processing counts as stalled.
STALLED = 0.999
#: By how much the gap grows then, as a share of the age.
STALLED_GROWTH = 0.25
#: A look is due soon if it is due within so many seconds.
SOON = 1.0

#: The latest first look, and the latest one that still tells something if it finds the container
#: ready; both in believed medians.
LATEST_FIRST_LOOK = 2.0
LATEST_TELLING_LOOK = 4.0

#: How many of the newest containers are learned from.
MEMORY = 50
#: What a container counts next to the one after it: newer ones say more.
FADING = 0.95
#: How many containers the belief counts as, for the median and for the spread.
BELIEF_OF_MEDIAN = 1.0
BELIEF_OF_SPREAD = 4.0
#: So many sigmas from the others a container counts at most: one that stalled is no rule.
FURTHEST = 3.0
#: So many containers in a row may be ready at the first look by mere chance.
USUAL_ROW = 2
#: Seconds; less cannot be told from nothing.
SHORTEST = 0.001
#: How exactly a gap is computed, as a share of it.
PRECISION = 0.01

#: Seconds between two looks after a publish that nobody answered: at least, and as a share of the
#: time since. It takes effect at once or never, so there is nothing to learn.
DOUBT_GAP = 5.0
DOUBT_SHARE = 0.1

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Belief:
    """What is assumed of a kind before any container was seen, and what a look is worth."""

    #: Seconds until ready.
    median: float
    #: Standard deviation of the logarithm.
    sigma: float
    #: Seconds of waiting that a look is worth.
    cost: float
    #: Seconds; no gap is shorter.
    least: float


#: Texts take about a second, images 1 to 5, videos 15 to 60; measured by others, Meta's
#: documentation gives no times. A text is waited for by the whole rest of its thread, and soon
#: over: looks are cheap. Meta grants 48,000 calls a day and account at least, which is 38 for each
#: of the 250 posts and 1,000 replies that it lets an account publish.
#: https://developers.facebook.com/documentation/threads/overview (2026-04-21).
BELIEFS = {
    "text": Belief(median=0.8, sigma=0.5, cost=0.01, least=0.1),
    "image": Belief(median=4.0, sigma=0.6, cost=0.05, least=0.25),
    "carousel": Belief(median=0.8, sigma=0.5, cost=0.01, least=0.1),
    "video": Belief(median=30.0, sigma=0.7, cost=0.3, least=1.0),
}


#: Seconds; no gap is longer while none of the kind was seen. What is believed may not be so here:
#: a short film, or an afternoon on which Meta is quick. Fixed gaps of 5 s cost a video that takes
#: what is believed hardly more, see docs/performance.md.
FIRST_GAPS = {"image": 1.0, "video": 5.0}


@dataclass(frozen=True)
class Seen:
    """A container that became ready; seconds of age between which that happened."""

    #: At the last look that read IN_PROGRESS; 0 if there was none.
    unready: float
    #: At the look that read FINISHED.
    ready: float

    @property
    def midpoint(self) -> float:
        """Seconds that it is taken to have been at work, if nothing else is known."""
        return (self.unready + self.ready) / 2

    @property
    def at_once(self) -> bool:
        """Whether the first look found it ready."""
        return self.unready == 0


@dataclass(frozen=True)
class Expectation:
    """How long a container takes, as far as is known, and when to look at it therefore."""

    belief: Belief
    #: Seconds until ready.
    median: float
    #: Standard deviation of the logarithm.
    sigma: float
    #: Seconds; no gap is longer, unless processing has stalled.
    longest: float = LONGEST_GAP

    def first_look(self) -> timedelta:
        """
        The age at which a container is looked at for the first time.

        Never later than nearly all are ready; nor much later than was believed, since a look that
        comes late cannot tell that containers have become quick again.
        """
        worth_it = self._gap(0.0, least=0.0)
        latest = LATEST_FIRST_LOOK * self.belief.median
        return timedelta(seconds=min(worth_it, self._stalled, latest, self.longest))

    def gap(self, age: timedelta) -> timedelta:
        """From a look at `age` that read IN_PROGRESS to the next one."""
        seconds = max(0.0, age.total_seconds())
        beyond = seconds - self._stalled
        if beyond <= 0:
            worth_it = self._gap(seconds, least=self.belief.least)
            return timedelta(seconds=min(worth_it, self.longest))
        grown = self._longest_usual_gap + STALLED_GROWTH * beyond
        return timedelta(seconds=min(LONGEST_GAP, grown))

    def soon(self, age: timedelta) -> bool:
        """Whether the look after one at `age` is due within a second."""
        return self.gap(age) <= timedelta(seconds=SOON)

    def quantile(self, share: float) -> float:
        """Seconds within which that share of the containers is ready."""
        return self.median * math.exp(self.sigma * _NORMAL.inv_cdf(share))

    @cached_property
    def _stalled(self) -> float:
        return self.quantile(STALLED)

    @cached_property
    def _longest_usual_gap(self) -> float:
        return self._gap(self._stalled, least=self.belief.least)

    def _gap(self, age: float, *, least: float) -> float:
        """Seconds until the wait in vain that is to be expected is worth a look; by bisection."""
        low, high = least, LONGEST_GAP
        if self._in_vain(age, low) >= self.belief.cost:
            return low
        if self._in_vain(age, high) <= self.belief.cost:
            return high
        while high - low > PRECISION * high:
            middle = (low + high) / 2
            if self._in_vain(age, middle) < self.belief.cost:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def _in_vain(self, age: float, gap: float) -> float:
        """
        Seconds that a container, not ready at `age`, is expected to wait in vain at the end of
        the gap: E[max(0, age + gap - T) | T > age].
        """
        end = age + gap
        ready, ready_at_all = self._ready(age), self._ready(end)
        mean = self.median * math.exp(self.sigma**2 / 2)
        spent = mean * (self._ready(end, self.sigma) - self._ready(age, self.sigma))
        return (end * (ready_at_all - ready) - spent) / (1.0 - ready)

    def _ready(self, age: float, shift: float = 0.0) -> float:
        """The share that is ready at `age`; with a shift of sigma: weighted by what they took."""
        if age <= 0:
            return 0.0
        place = math.log(age / self.median) / self.sigma - shift
        return 0.5 * math.erfc(-place / math.sqrt(2.0))


def at_first(kind: str) -> Expectation:
    """What is to be expected of a kind of which no container was seen yet."""
    believed = expect(BELIEFS[kind], [])
    return replace(believed, longest=FIRST_GAPS.get(kind, LONGEST_GAP))


def expect(belief: Belief, seen: Sequence[Seen]) -> Expectation:
    """
    What is to be expected after the belief and what was `seen`, newest first.

    The belief counts as a few containers: one for the median, so that a wrong one is soon
    forgotten, and more for the spread, of which a few containers tell little.
    """
    taken = _taken([one for one in seen if _tells(belief, one)][:MEMORY])
    if not taken:
        return Expectation(belief, belief.median, belief.sigma)
    middle, furthest = statistics.median(taken), FURTHEST * belief.sigma
    logs = [min(max(one, middle - furthest), middle + furthest) for one in taken]
    weights = [FADING**place for place in range(len(logs))]
    total = sum(weights)
    mean = sum(map(math.prod, zip(weights, logs, strict=True))) / total
    believed, counts = math.log(belief.median), BELIEF_OF_MEDIAN
    squares = BELIEF_OF_SPREAD * belief.sigma**2 + sum(
        weight * (one - mean) ** 2 for weight, one in zip(weights, logs, strict=True)
    )
    return Expectation(
        belief,
        median=math.exp((counts * believed + total * mean) / (counts + total)),
        sigma=math.sqrt(squares / (BELIEF_OF_SPREAD + total)),
    )


def _taken(seen: Sequence[Seen]) -> list[float]:
    """
    Logarithms of the seconds that each took, newest first: of the middle of its interval.

    The more in a row were ready at once, the less they are taken to have needed: each one
    halves it, since looks that are too late tell nothing but that.
    """
    found: list[float] = []
    row = 0
    for one in reversed(seen):
        row = row + 1 if one.at_once else 0
        halvings = max(0, row - USUAL_ROW)
        found.append(math.log(max(SHORTEST, one.midpoint * 0.5**halvings)))
    return found[::-1]


def _tells(belief: Belief, one: Seen) -> bool:
    """
    Whether it says what a container takes.

    Of one that nobody looked at for long, because its job was parked, throttled or without a
    worker, only that is known: its interval is long compared with its middle. But who looks within
    a few believed medians is not late, and that it was ready at the first look has to count: else
    the first look would never become earlier.
    """
    prompt = one.ready <= LATEST_TELLING_LOOK * belief.median
    return prompt or one.ready - one.unready <= one.midpoint


def doubt_gap(since: timedelta) -> timedelta:
    """Until the next look at a container whose publish, `since` ago, nobody answered."""
    return min(
        max(timedelta(seconds=DOUBT_GAP), DOUBT_SHARE * since), timedelta(seconds=LONGEST_GAP)
    )
