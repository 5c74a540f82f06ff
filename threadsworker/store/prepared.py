"""
Statements of the steps that every segment takes: put together once, since that takes longer than
the database's work on them.

What differs from call to call is `given` by name. Times are the database's own, in the statement
itself, so that no other has to ask for them first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Executable,
    Insert,
    Interval,
    String,
    Update,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.sql.selectable import CTE
from sqlmodel import Session

from threadsworker.store.database import given_time
from threadsworker.store.moment import Moment

Write = Insert | Update

#: As `Moment` writes it, but for the last three digits.
_SQLITE_MOMENT = "%Y-%m-%d %H:%M:%f"


def given(name: str, type_: Any = None) -> BindParameter[Any]:
    """What the caller gives under this name. `type_`: where it does not show from its place."""
    # Under that of a column SQLAlchemy would take it for its own.
    return bindparam(f"given_{name}", type_=type_)


def among(column: Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """`column` is one of the values. `in_` would be put together anew at each execution."""
    is_one: ColumnElement[bool] = or_(*(column == value for value in values))
    return is_one


class Times:
    """The present as part of a statement, and what lies a given while behind it."""

    def __init__(self, dialect: str, *, own: bool) -> None:
        """`own`: the engine has a time of its own, see `make_engine`."""
        self.dialect = dialect
        self._own = own
        self._whiles: set[str] = set()

    @property
    def now(self) -> ColumnElement[Any]:
        return type_coerce(self.after("no_time"), Moment)

    def after(self, name: str) -> ColumnElement[Any]:
        """The moment that comes the `timedelta` after now that is given under `name`."""
        self._whiles.add(name)
        if self._own:
            return bindparam(f"given_{name}", type_=Moment)
        if self.dialect == "sqlite":
            shift = bindparam(f"given_{name}", type_=String)
            return func.strftime(_SQLITE_MOMENT, "now", shift, type_=String).concat("000")
        shift = bindparam(f"given_{name}", type_=Interval)  # type: ignore[arg-type]
        return func.clock_timestamp(type_=Moment) + shift

    def before(self, seconds: ColumnElement[int]) -> ColumnElement[Any]:
        """The moment so many seconds ago, which are a column."""
        if self.dialect == "sqlite":
            now = self.after("no_time") if self._own else literal("now", String)
            shift = literal("-", String).concat(cast(seconds, String)).concat(" seconds")
            told = func.strftime(_SQLITE_MOMENT, now, shift, type_=String)
            return type_coerce(told.concat("000"), Moment)
        span = func.make_interval(0, 0, 0, 0, 0, 0, seconds, type_=Interval)
        return type_coerce(self.now - span, Moment)

    def parameters(self, given: Mapping[str, Any], now: datetime | None) -> dict[str, Any]:
        """What is given, as the statement wants it. `now` is the engine's own time."""
        found = {f"given_{name}": value for name, value in given.items()}
        for name in self._whiles:
            span: timedelta = given.get(name, timedelta(0))
            if now is not None:
                found[f"given_{name}"] = now + span
            elif self.dialect == "sqlite":
                found[f"given_{name}"] = f"{span.total_seconds():+f} seconds"
            else:
                found[f"given_{name}"] = span
        return found


class Prepared:
    """One statement."""

    def __init__(self, build: Callable[[Times], Executable]) -> None:
        self._build = build
        self._built: dict[tuple[str, bool], tuple[Times, Executable]] = {}

    def run(self, session: Session, *, now: datetime | None = None, **given: Any) -> Any:
        """
        SQLAlchemy's result of it. An ORM's select gives objects of the session.

        `now`: what goes for the present; None: what the database's clock says.
        """
        now, dialect = now or given_time(session), session.get_bind().dialect.name
        key = (dialect, now is not None)
        if key not in self._built:
            times = Times(dialect, own=now is not None)
            self._built[key] = times, self._build(times)
        times, statement = self._built[key]
        session.flush()
        return self._executed(session, statement, times.parameters(given, now))

    def _executed(self, session: Session, statement: Executable, given: dict[str, Any]) -> Any:
        return session.execute(statement, given)


class PreparedWrite(Prepared):
    """One statement that writes. What the session holds of the rows it does not look after."""

    def _executed(self, session: Session, statement: Executable, given: dict[str, Any]) -> Any:
        return session.connection().execute(statement, given)


class Together:
    """
    Writes that belong together: one statement where the database can.

    On PostgreSQL they cost one way to the server and back; SQLite, which is in the same process,
    takes them in turn. No two may write the same row. What each has to find is in its own
    condition, and how many rows it wrote tells whether it did.
    """

    def __init__(
        self,
        build: Callable[[Times], Mapping[str, Write]],
        *,
        ask: Callable[[Times], Mapping[str, ColumnElement[Any]]] = lambda _: {},
    ) -> None:
        """`ask`: values that are read with them."""
        self._build = build
        self._ask = ask
        self._built: dict[tuple[str, bool], _Built] = {}

    def write(
        self, session: Session, *, now: datetime | None = None, **given: Any
    ) -> dict[str, Any]:
        """How many rows each of them wrote, and the values that were read, by their names."""
        now, dialect = now or given_time(session), session.get_bind().dialect.name
        key = (dialect, now is not None)
        if key not in self._built:
            self._built[key] = self._put_together(Times(dialect, own=now is not None))
        built = self._built[key]
        session.flush()
        connection, parameters = session.connection(), built.times.parameters(given, now)
        done = {
            name: connection.execute(write, parameters).rowcount
            for name, write in built.in_turn.items()
        }
        if built.asked is not None:
            done.update(connection.execute(built.asked, parameters).mappings().one())
        return done

    def _put_together(self, times: Times) -> _Built:
        writes, asked = self._build(times), self._ask(times)
        columns = [one.label(name) for name, one in asked.items()]
        if times.dialect != "postgresql":
            return _Built(times, writes, select(*columns) if columns else None)
        counts = [
            select(func.count()).select_from(_as_cte(name, one)).scalar_subquery().label(name)
            for name, one in writes.items()
        ]
        return _Built(times, {}, select(*counts, *columns))


@dataclass(frozen=True)
class _Built:
    """Writes that are done in turn, and a statement that tells what is asked, or does it all."""

    times: Times
    in_turn: Mapping[str, Write]
    asked: Executable | None


def _as_cte(name: str, write: Write) -> CTE:
    key = next(iter(write.table.primary_key))
    return write.returning(key).cte(f"do_{name}")
