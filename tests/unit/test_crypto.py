"""Tokens at rest."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from threadsworker.crypto import Cipher, load_cipher
from threadsworker.errors import InvalidSettings
from threadsworker.settings import Settings

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
TOKEN = SecretStr("THAA-token")


def test_the_first_key_encrypts_and_all_open() -> None:
    written = Cipher(SecretStr(OLD)).encrypt(TOKEN, bound_to="a")
    both = Cipher(SecretStr(f"{NEW},{OLD}"))
    assert both.decrypt(written, bound_to="a") == TOKEN
    again = both.encrypt(TOKEN, bound_to="a")
    assert Cipher(SecretStr(NEW)).decrypt(again, bound_to="a") == TOKEN


def test_a_wrong_key_is_named_without_the_token() -> None:
    written = Cipher(SecretStr(OLD)).encrypt(TOKEN, bound_to="a")
    with pytest.raises(InvalidSettings, match="THREADSWORKER_SECRET_KEY"):
        Cipher(SecretStr(NEW)).decrypt(written, bound_to="a")


def test_a_passphrase_will_do_and_a_short_one_will_not() -> None:
    cipher = Cipher(SecretStr("correct horse battery staple"))
    assert cipher.decrypt(cipher.encrypt(TOKEN, bound_to="a"), bound_to="a") == TOKEN
    with pytest.raises(InvalidSettings, match="has 5 characters"):
        Cipher(SecretStr("short"))


def test_the_key_file_is_for_its_owner_alone_and_two_first_starts_agree(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with ThreadPoolExecutor(4) as pool:
        ciphers = list(pool.map(lambda _: load_cipher(settings), range(8)))
    written = ciphers[0].encrypt(TOKEN, bound_to="a")
    assert all(cipher.decrypt(written, bound_to="a") == TOKEN for cipher in ciphers)
    key_file = settings.home / "secret.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700
    assert list(settings.home.iterdir()) == [key_file]
