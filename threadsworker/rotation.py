"""
Changing the key that secrets are sealed with, while everything is at work.

1. A new key is put in front of the key file. Processes that are at work notice: from now on they
   seal with the new key, and open what was sealed with either.
2. Every ciphertext that another key opens is sealed anew, batch by batch, each by
   compare-and-set: whatever was stored in the meantime stays as it is.
3. Once no value needs the old key any more it may be retired.

At every moment each value in the database is opened by a key of the file, so it may be killed
anywhere; run again, it goes on. Keys that an operator has put into the environment are changed
there, by hand, and only step 2 is done here.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta

from cryptography.fernet import Fernet
from sqlalchemy import Engine

from threadsworker import report
from threadsworker.crypto import KeyRing, key_file, load_cipher
from threadsworker.errors import InvalidSettings, NotPossible
from threadsworker.keyfile import KeyFile
from threadsworker.settings import Settings
from threadsworker.store import sealed
from threadsworker.store.database import reading, transaction
from threadsworker.store.sealed import Sealed

#: How long an old key is kept at least: a refresh that began before the new key was there may
#: put the token that it holds back into the row until its lease is over.
KEEP_OLD_KEYS = timedelta(minutes=15)
#: Requests that such a refresh may be waiting for, see `threadsworker.renewal`.
REQUESTS = 10
#: Times that all values are gone through: whoever has just sealed one with the old key has by
#: then noticed the new one.
MOST_ROUNDS = 5
#: Values that are looked at, and replaced, in one transaction.
BATCH = 200
#: What `Keys` calls values that no key opens.
UNREADABLE = "none"


class Rotation:
    """The keys of an installation, and what is sealed with them."""

    def __init__(self, engine: Engine, *, settings: Settings, batch: int = BATCH) -> None:
        self._engine = engine
        self._size = batch
        self._kept_for = max(KEEP_OLD_KEYS, settings.lease, REQUESTS * settings.http_timeout)
        self._cipher = load_cipher(settings)
        self._file: KeyFile | None = None if settings.secret_key else key_file(settings)

    def status(self) -> report.Keys:
        """Which keys there are, and how many values each of them opens."""
        ring = self._cipher.ring()
        counts = Counter(dict.fromkeys(ring.ids, 0))
        for _, found in sealed.walk(self._batch):
            counts.update(ring.id_of(value) or UNREADABLE for _, value in found)
        return self._told(ring, dict(counts), resealed=0)

    def rotate(self) -> report.Keys:
        """
        Seal everything with a new key; or finish what was begun and not finished.

        With keys in the environment: with the first of them.

        Raises
        ------
        NotPossible:
            Somebody else is at it (`keys.in_hand`); the key file cannot be replaced
            (`keys.read_only`).
        InvalidSettings:
            A value is opened by none of the keys. The others are sealed anew all the same.
        """
        if self._file is None:
            return self._reseal()
        with self._file.lock():
            ring = self._cipher.ring()
            # Values that need an old key: somebody has begun, and was kept from finishing.
            if not self._needed(ring) & set(ring.ids[1:]):
                self._file.write([Fernet.generate_key().decode(), *ring.written])
            return self._reseal()

    def retire(self) -> report.Keys:
        """
        Drop the keys that no value needs any more from the key file.

        Raises
        ------
        NotPossible:
            There is none, or the keys are in the environment (`keys.nothing_to_retire`); a value
            needs one (`keys.needed`); they were changed a moment ago (`keys.too_young`).
        """
        if self._file is None:
            raise NotPossible(
                "the keys are in THREADSWORKER_SECRET_KEY: once `threadsworker keys status` shows "
                "no value for an old one, take it out there, in every process",
                code="keys.nothing_to_retire",
            )
        with self._file.lock():
            ring = self._cipher.ring()
            if len(ring.ids) == 1:
                raise NotPossible("there is one key only", code="keys.nothing_to_retire")
            rest = self._kept_for.total_seconds() - (time.time() - self._file.changed_at())
            if rest > 0:
                raise NotPossible(
                    f"the keys were changed less than {self._kept_for} ago, and a process may be "
                    f"about to store what it has sealed with an old one: wait {rest:.0f} s",
                    code="keys.too_young",
                )
            needed = self._needed(ring)
            if UNREADABLE in needed or needed & set(ring.ids[1:]):
                raise NotPossible(
                    "a value is sealed with an old key still, or with none of these: "
                    "`threadsworker keys status` tells, and `keys rotate` seals anew",
                    code="keys.needed",
                )
            self._file.write(ring.written[:1])
        return self.status()

    def _reseal(self) -> report.Keys:
        ring, done = self._cipher.ring(), 0
        for _ in range(MOST_ROUNDS):
            done += self._round(ring)
            told = self.status()
            if all(not key.values for key in told.keys if not key.seals):
                break
        told = told.model_copy(update={"resealed": done})
        if told.unreadable:
            raise InvalidSettings(
                f"{told.unreadable} of the stored secrets are opened by none of the keys: put the "
                "key that they were stored with behind the others, and run `threadsworker keys "
                "rotate` again; or store them anew"
            )
        return told

    def _round(self, ring: KeyRing) -> int:
        """Seal anew what another key than the first has sealed; how many were."""
        done = 0
        for of, found in sealed.walk(self._batch):
            fresh = {
                row_id: (value, ring.encrypt(ring.decrypt(value)))
                for row_id, value in found
                if ring.id_of(value) in ring.ids[1:]
            }
            if not fresh:
                continue
            with transaction(self._engine) as session:
                for row_id, (old, new) in fresh.items():
                    done += sealed.replace(session, of, row_id, old=old, new=new)
        return done

    def _needed(self, ring: KeyRing) -> set[str]:
        """Ids of the keys that values need; with `UNREADABLE` if one is opened by none."""
        return {
            ring.id_of(value) or UNREADABLE
            for _, found in sealed.walk(self._batch)
            for _, value in found
        }

    def _batch(self, of: Sealed, after: str) -> list[tuple[str, str]]:
        with reading(self._engine) as session:
            return sealed.batch(session, of, after=after, limit=self._size)

    def _told(self, ring: KeyRing, counts: dict[str, int], *, resealed: int) -> report.Keys:
        return report.Keys(
            where="THREADSWORKER_SECRET_KEY" if self._file is None else str(self._file.path),
            keys=tuple(
                report.Key(id=name, seals=place == 0, values=counts[name])
                for place, name in enumerate(ring.ids)
            ),
            unreadable=counts.get(UNREADABLE, 0),
            resealed=resealed,
        )


def fresh_key() -> str:
    """A key for THREADSWORKER_SECRET_KEY. Whoever shows it decides who sees it."""
    return Fernet.generate_key().decode()
