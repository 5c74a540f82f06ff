"""
Every ciphertext of the database, to be sealed anew with another key.

A value is only replaced while it is still the one that was read: a token that was refreshed, or
put there by a person, in the meantime stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Mapped
from sqlmodel import Session, SQLModel, col, select, update

from threadsworker.store.account_row import AccountRow
from threadsworker.store.notice_tables import SubscriptionRow


@dataclass(frozen=True)
class Sealed:
    """A column of ciphertexts. Each is bound to the id of its row."""

    row: type[SQLModel]
    column: str

    @property
    def name(self) -> str:
        return f"{self.row.__tablename__}.{self.column}"

    @property
    def id(self) -> Mapped[Any]:
        return col(getattr(self.row, "id"))  # noqa: B009 - of any table

    @property
    def value(self) -> Mapped[Any]:
        return col(getattr(self.row, self.column))


#: All there are: who adds a column of ciphertexts adds it here.
COLUMNS = (
    Sealed(AccountRow, "access_token"),
    Sealed(AccountRow, "previous_token"),
    Sealed(AccountRow, "github_token"),
    Sealed(SubscriptionRow, "secret"),
)


def batch(session: Session, of: Sealed, *, after: str, limit: int) -> list[tuple[str, str]]:
    """Ids and ciphertexts, by id, of those behind `after`; none: that was all."""
    found = (
        select(of.id, of.value)
        .where(of.id > after, of.value.is_not(None))
        .order_by(of.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in session.exec(found).all()]


def replace(session: Session, of: Sealed, row_id: str, *, old: str, new: str) -> bool:
    """old → new. False: it is another one by now."""
    replaced = session.exec(
        update(of.row).where(of.id == row_id, of.value == old).values({of.column: new})
    )
    return replaced.rowcount == 1


def walk(
    reading: Callable[[Sealed, str], list[tuple[str, str]]],
) -> Iterator[tuple[Sealed, list[tuple[str, str]]]]:
    """All columns, batch by batch, each read by `reading` in a transaction of its own."""
    for of in COLUMNS:
        after = ""
        while found := reading(of, after):
            yield of, found
            after = found[-1][0]
