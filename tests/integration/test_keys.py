"""Changing the key that secrets are sealed with, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import Engine, event, text
from typer.testing import CliRunner

from threadsworker import Client
from threadsworker.cli.application import app
from threadsworker.crypto import KeyRing
from threadsworker.errors import InvalidSettings, NotPossible
from threadsworker.keyfile import KeyFile
from threadsworker.rotation import KEEP_OLD_KEYS, Rotation
from threadsworker.settings import load_settings
from threadsworker.steps.desk import Desk
from threadsworker.store import accounts, sealed, tokens
from threadsworker.store.database import clock, make_engine
from threadsworker.store.sealed import COLUMNS
from threadsworker.store.tables import METADATA

ACCOUNTS = 5


class House:
    """An installation with accounts and a subscription, and a process that is at work in it."""

    def __init__(self, home: Path, database_url: str, **settings: Any) -> None:
        self.settings = load_settings(home=home, database_url=database_url, **settings)
        self.client = Client(self.settings)
        #: A worker: it has read the keys long ago.
        self.desk = Desk(self.settings)
        self.file = KeyFile(home / "secret.key")

    def fill(self) -> None:
        for n in range(ACCOUNTS):
            self.client.add_account(
                f"a{n}", user_id=f"{n}", access_token=f"access-{n}", github_token=f"github-{n}"
            )
        self.client.subscribe("https://93.184.215.14/hook", secret="a-secret-of-a-hook")
        with self.desk.transaction() as session:
            row = accounts.find(session, "a0")
            previous = self.desk.cipher.encrypt(SecretStr("previous-0"), bound_to=row.id)
            row.previous_token = previous
            session.add(row)

    def rotation(self, engine: Engine | None = None) -> Rotation:
        return Rotation(engine or self.desk.engine, settings=self.settings, batch=3)

    def sealed_values(self) -> dict[str, list[tuple[str, str]]]:
        with self.desk.reading() as session:
            return {of.name: sealed.batch(session, of, after="", limit=1000) for of in COLUMNS}

    def opened(self) -> dict[str, list[str]]:
        """Every secret, opened by the process that is at work."""
        return {
            name: sorted(
                self.desk.cipher.decrypt(value, bound_to=row).get_secret_value()
                for row, value in found
            )
            for name, found in self.sealed_values().items()
        }

    def close(self) -> None:
        self.client.close()
        self.desk.engine.dispose()


@pytest.fixture
def house(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "home", database_url)
    made.fill()
    yield made
    made.close()


def grow_old(file: KeyFile) -> None:
    """As if the keys had been changed long enough ago."""
    then = time.time() - KEEP_OLD_KEYS.total_seconds() - 60
    os.utime(file.path, (then, then))


ALL = {
    "threadsworker_account.access_token": [f"access-{n}" for n in range(ACCOUNTS)],
    "threadsworker_account.previous_token": ["previous-0"],
    "threadsworker_account.github_token": [f"github-{n}" for n in range(ACCOUNTS)],
    "threadsworker_subscription.secret": ["a-secret-of-a-hook"],
}
VALUES = sum(map(len, ALL.values()))


def test_every_ciphertext_of_the_database_is_known(house: House) -> None:
    """Or a rotation would leave it with the old key."""
    found = set()
    with house.desk.engine.connect() as connection:
        for table in METADATA.sorted_tables:
            for row in connection.execute(table.select()).mappings():
                found |= {
                    f"{table.name}.{name}"
                    for name, value in row.items()
                    if isinstance(value, str) and value.startswith("gAAAA")
                }
    assert found == {of.name for of in COLUMNS}


def test_a_ciphertext_opens_in_its_own_row_only(house: House) -> None:
    every = house.sealed_values()
    rows = {row for found in every.values() for row, _ in found}
    for name, found in every.items():
        for own, value in found:
            assert house.desk.cipher.decrypt(value, bound_to=own).get_secret_value() in ALL[name]
            for other in rows - {own}:
                with pytest.raises(InvalidSettings, match="belongs to another"):
                    house.desk.cipher.decrypt(value, bound_to=other)


def test_all_is_sealed_anew_and_a_process_at_work_goes_on(house: House) -> None:
    assert house.opened() == ALL
    before = house.sealed_values()
    told = house.rotation().rotate()
    assert told.resealed == VALUES
    assert [(key.seals, key.values) for key in told.keys] == [(True, VALUES), (False, 0)]
    after = house.sealed_values()
    assert all(not set(before[name]) & set(after[name]) for name in ALL)
    # The worker has noticed, reads all, and seals with the new key.
    assert house.opened() == ALL
    fresh = house.desk.cipher.encrypt(SecretStr("later"), bound_to="x")
    assert KeyRing(house.file.read()).id_of(fresh) == told.keys[0].id


def test_an_old_key_goes_when_nothing_can_need_it_any_more(house: House) -> None:
    house.rotation().rotate()
    with pytest.raises(NotPossible, match="wait") as young:
        house.rotation().retire()
    assert young.value.code == "keys.too_young"
    grow_old(house.file)
    left = house.rotation().retire()
    assert len(left.keys) == 1
    assert house.opened() == ALL
    with pytest.raises(NotPossible) as alone:
        house.rotation().retire()
    assert alone.value.code == "keys.nothing_to_retire"


def test_an_old_key_that_a_value_needs_stays(house: House) -> None:
    slow = house.desk.cipher.ring()
    late = slow.encrypt(json.dumps([account_id(house), "stored late"]).encode())
    house.rotation().rotate()
    store(house, late)
    grow_old(house.file)
    with pytest.raises(NotPossible) as needed:
        house.rotation().retire()
    assert needed.value.code == "keys.needed"
    # Run again it finishes, with the key that is there already.
    keys = house.file.read()
    assert house.rotation().rotate().resealed == 1
    assert house.file.read() == keys
    grow_old(house.file)
    house.rotation().retire()
    assert "stored late" in house.opened()["threadsworker_account.access_token"]


def account_id(house: House) -> str:
    with house.desk.reading() as session:
        return accounts.find(session, "a0").id


def store(house: House, value: str) -> None:
    with house.desk.engine.begin() as connection:
        statement = text("UPDATE threadsworker_account SET access_token = :value WHERE name = 'a0'")
        connection.execute(statement, {"value": value})


@pytest.fixture
def operators(house: House) -> Iterator[Engine]:
    """The connections of the process that changes the keys, to be disturbed."""
    engine = make_engine(house.settings.sqlalchemy_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("updates", [0, 1, 4, 7])
def test_killed_in_the_middle_it_is_finished_later(
    house: House, operators: Engine, updates: int
) -> None:
    class Killed(BaseException):
        pass

    left = [updates]

    @event.listens_for(operators, "before_cursor_execute")
    def die(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        left[0] -= statement.startswith("UPDATE")
        if left[0] < 0:
            raise Killed

    with pytest.raises(Killed):
        house.rotation(operators).rotate()
    # Whoever is at work reads all of it, whichever key sealed it.
    assert house.opened() == ALL
    keys = house.file.read()
    told = house.rotation().rotate()
    assert house.file.read() == keys
    assert [key.values for key in told.keys] == [VALUES, 0]
    assert house.opened() == ALL


def test_a_token_that_is_refreshed_meanwhile_is_not_overwritten(
    house: House, operators: Engine
) -> None:
    # It looks once for what is needed, and then for what it seals anew.
    looks = []

    @event.listens_for(operators, "after_cursor_execute")
    def refresh(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT") and "threadsworker_account.access_token" in statement:
            looks.append(statement)
            if len(looks) == 3:
                keep_fresh(house)

    house.rotation(operators).rotate()
    assert len(looks) > 3
    opened = house.opened()
    assert "fresh" in opened["threadsworker_account.access_token"]
    assert "access-1" not in opened["threadsworker_account.access_token"]
    assert house.rotation().status().keys[1].values == 0


def keep_fresh(house: House) -> None:
    """What a worker does with the token that Meta has given it."""
    with house.desk.transaction() as session:
        held = tokens.claim(session, "a1", lease=KEEP_OLD_KEYS, now=clock(session))
        assert held is not None
        fresh = house.desk.cipher.encrypt(SecretStr("fresh"), bound_to=held.account_id)
        now = clock(session)
        assert tokens.keep(session, held, fresh, same=False, expires_at=None, now=now)


def test_accounts_are_added_all_the_while(house: House) -> None:
    added: list[str] = []
    stop = threading.Event()

    def add() -> None:
        while not stop.is_set() and len(added) < 100:
            name = f"b{len(added)}"
            house.client.add_account(name, user_id="7", access_token=f"token-of-{name}")
            added.append(f"token-of-{name}")

    adding = threading.Thread(target=add)
    adding.start()
    try:
        for _ in range(3):
            house.rotation().rotate()
    finally:
        stop.set()
        adding.join()
    assert added
    assert set(added) <= set(house.opened()["threadsworker_account.access_token"])
    assert house.rotation().status().unreadable == 0


def test_two_do_not_change_the_keys_at_once(house: House) -> None:
    with house.file.lock(), pytest.raises(NotPossible) as busy:
        house.rotation().rotate()
    assert busy.value.code == "keys.in_hand"


def test_a_value_that_no_key_opens_is_told_and_the_others_are_sealed_anew(house: House) -> None:
    lost = Fernet(Fernet.generate_key()).encrypt(b"[]").decode()
    store(house, lost)
    with pytest.raises(InvalidSettings, match="1 of the stored secrets"):
        house.rotation().rotate()
    told = house.rotation().status()
    assert (told.unreadable, [key.values for key in told.keys]) == (1, [VALUES - 1, 0])


def test_keys_of_the_environment_are_changed_there(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    old, new = Fernet.generate_key().decode(), "a passphrase of the operator's"
    before = House(tmp_path, database_url, secret_key=old)
    before.fill()
    assert before.rotation().rotate().resealed == 0
    both = House(tmp_path, database_url, secret_key=f"{new},{old}")
    told = both.rotation().rotate()
    assert (told.where, told.resealed) == ("THREADSWORKER_SECRET_KEY", VALUES)
    with pytest.raises(NotPossible, match="THREADSWORKER_SECRET_KEY"):
        both.rotation().retire()
    after = House(tmp_path, database_url, secret_key=new)
    assert after.opened() == ALL
    assert not after.file.path.exists()
    for one in (before, both, after):
        one.close()


def test_the_commands(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADSWORKER_HOME", str(house.settings.home))
    assert house.settings.database_url is not None
    monkeypatch.setenv("THREADSWORKER_DATABASE_URL", house.settings.database_url.get_secret_value())

    def run(*arguments: str, expect: int = 0) -> Any:
        done = CliRunner().invoke(app, ["keys", *arguments])
        assert done.exit_code == expect, done.output
        return done

    told = json.loads(run("rotate", "--json").stdout)
    assert [key["values"] for key in told["keys"]] == [VALUES, 0]
    shown = run("status").stdout
    assert f"{told['keys'][0]['id']}  seals and opens  {VALUES} secrets" in shown
    assert "keys.too_young" in run("retire", expect=5).stderr
    made = run("new").stdout.strip()
    Fernet(made)
    keys = house.file.read().get_secret_value().split(",")
    assert not any(key in shown for key in keys)
    house.file.path.chmod(0o640)
    assert "chmod 600" in run("status", expect=1).stderr
