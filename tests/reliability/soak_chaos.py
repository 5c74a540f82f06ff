"""Chaos: who is killed, stopped and cut off, and when; seeded, and written down."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from os import kill, killpg
from time import monotonic, time

import psycopg

from tests.reliability.soak_audit import CHANNEL
from tests.reliability.soak_processes import Fleet, client_ports
from tests.reliability.soak_servers import LastingRedis, PostgresCluster

#: Seconds between two actions.
PAUSE = (1.0, 5.0)
#: Who is hit, of a hundred.
WEIGHTS = {"worker": 60, "beat": 15, "redis": 10, "postgres": 15}
#: Seconds that a server is away.
AWAY = (0.0, 2.0)
#: Seconds that a worker is stopped; leases take 4, so most outlast one.
STALL = (0.1, 12.0)
#: Of a hundred intents (to publish, to upload), how many find their process stopped before
#: the request leaves, and for how many seconds: longer than a lease.
AIMED = 4
AIMED_STALL = (5.0, 12.0)
#: Seconds between two looks at which process has which connection.
LOOK_EVERY = 0.2


@dataclass(frozen=True)
class Deed:
    """Something that was done to somebody."""

    #: Seconds since 1970.
    at: float
    what: str
    whom: str
    #: Local ports of the victim's connections to PostgreSQL.
    ports: frozenset[int] = frozenset()
    #: Seconds that it lasted, for what does not happen at once.
    lasted: float = 0.0


@dataclass
class Chaos:
    """Does harm from `start` to `stop`; afterwards all is running again."""

    fleet: Fleet
    redis: LastingRedis
    postgres: PostgresCluster
    seed: int
    deeds: list[Deed] = field(default_factory=list)
    #: What went wrong with the chaos itself.
    troubles: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _outage: threading.Lock = field(default_factory=threading.Lock)
    _pid_by_port: dict[int, int] = field(default_factory=dict)

    def start(self) -> None:
        for act in (self._harm, self._stall, self._watch_ports, self._aim, self._supervise):
            self._begin(act)

    def stop(self) -> None:
        """No more harm: what was stopped goes on, what was down is up."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.fleet.signal_all(signal.SIGCONT)

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for deed in list(self.deeds):
            found[deed.what] = found.get(deed.what, 0) + 1
        return dict(sorted(found.items()))

    def _begin(self, act: Callable[[], None]) -> None:
        def run() -> None:
            try:
                act()
            except BaseException as error:
                self.troubles.append(f"{act.__name__}: {error!r}")
                raise

        thread = threading.Thread(target=run, name=act.__name__, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _supervise(self) -> None:
        while not self._over.wait(0.25):
            self.fleet.look_after()

    # Kills

    def _harm(self) -> None:
        dice = random.Random(f"{self.seed} chaos")
        while not self._over.wait(dice.uniform(*PAUSE)):
            (whom,) = dice.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
            away = dice.uniform(*AWAY)
            if whom == "postgres" and self._outage.acquire(blocking=False):
                # In the background, so that others are hit while it is away or recovers.
                self._begin(lambda away=away: self._cut_off_postgres(away))  # type: ignore[misc]
            elif whom == "redis":
                self._cut_off_redis(away)
            elif whom == "beat":
                name = dice.choice(self.fleet.of_kind("beat"))
                self._note("beat killed", name)
                self.fleet.kill(name)
            else:
                self._kill_worker(dice)

    def _kill_worker(self, dice: random.Random) -> None:
        name = dice.choice(self.fleet.of_kind("worker"))
        pids = self.fleet.pids(name)
        if not pids:
            return
        if dice.random() < 0.5:
            self._note("worker killed", name, self._ports(pids))
            self.fleet.kill(name)
        else:
            pid = dice.choice(pids)
            self._note("one process of a worker killed", name, self._ports([pid]))
            self.fleet.kill_one(name, pid)

    def _cut_off_redis(self, away: float) -> None:
        self._note("redis restarted empty", "redis", lasted=away)
        self.redis.kill()
        self._over.wait(away)
        self.redis.start()

    def _cut_off_postgres(self, away: float) -> None:
        try:
            self._note("postgresql restarted", "postgresql", lasted=away)
            self.postgres.kill()
            self._over.wait(away)
            self.postgres.start()
        finally:
            self._outage.release()

    # Stalls

    def _stall(self) -> None:
        """Stop a whole worker, or one process of it, and let it go on later."""
        dice = random.Random(f"{self.seed} stalls")
        while not self._over.wait(dice.uniform(*PAUSE)):
            name, lasts = dice.choice(self.fleet.of_kind("worker")), dice.uniform(*STALL)
            pids = self.fleet.pids(name)
            if not pids:
                continue
            whole, pid = dice.random() < 0.5, dice.choice(pids)
            stop = killpg if whole else kill
            target = self.fleet.members[name].group if whole else pid
            self._note("worker stalled", name, lasted=lasts)
            with suppress(ProcessLookupError):
                stop(target, signal.SIGSTOP)
                self._over.wait(lasts)
                stop(target, signal.SIGCONT)

    def _aim(self) -> None:
        """Stop processes that have just committed an intent, before they act upon it."""
        dice = random.Random(f"{self.seed} aim")
        while not self._over.is_set():
            try:
                with psycopg.connect(self.postgres.url, autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    while not self._over.is_set():
                        for told in connection.notifies(timeout=0.5):
                            if dice.random() < AIMED / 100:
                                self._stop_for(told.payload, dice.uniform(*AIMED_STALL))
            except psycopg.Error:
                self._over.wait(0.2)

    def _stop_for(self, intent: str, lasts: float) -> None:
        what, port = intent.split()
        pid = self._pid_by_port.get(int(port))
        if pid is None:
            return
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGSTOP)
            self._note(f"stalled after its intent: {what}", str(pid), lasted=lasts)
            self._begin(lambda: self._go_on(pid, lasts))

    def _go_on(self, pid: int, lasts: float) -> None:
        self._over.wait(lasts)
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGCONT)

    def _watch_ports(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            began = monotonic()
            self._pid_by_port = client_ports(self.fleet.all_pids(), self.postgres.port)
            self._over.wait(monotonic() - began)

    def _ports(self, pids: list[int]) -> frozenset[int]:
        return frozenset(client_ports(pids, self.postgres.port))

    def _note(
        self, what: str, whom: str, ports: frozenset[int] = frozenset(), *, lasted: float = 0.0
    ) -> None:
        self.deeds.append(Deed(time(), what, whom, ports, lasted))
