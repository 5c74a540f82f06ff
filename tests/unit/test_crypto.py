"""Tokens at rest."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from threadsworker.crypto import Cipher, KeyRing, key_file, load_cipher
from threadsworker.errors import InvalidSettings
from threadsworker.redaction import redacted
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


def test_a_ciphertext_says_nothing_of_its_row_and_opens_in_no_other() -> None:
    cipher = Cipher(SecretStr(OLD))
    written = cipher.encrypt(TOKEN, bound_to="a")
    with pytest.raises(InvalidSettings, match="belongs to another account"):
        cipher.decrypt(written, bound_to="b")


def test_a_changed_key_file_is_read_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    at_work, file = load_cipher(settings), key_file(settings)
    written = at_work.encrypt(TOKEN, bound_to="a")
    old = file.read().get_secret_value()
    file.write([NEW, old])
    assert at_work.decrypt(written, bound_to="a") == TOKEN
    later = at_work.encrypt(TOKEN, bound_to="a")
    assert Cipher(SecretStr(NEW)).decrypt(later, bound_to="a") == TOKEN
    # While somebody replaces it, the keys that were read last are those.
    file.path.unlink()
    assert at_work.decrypt(written, bound_to="a") == TOKEN


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_key_file_that_others_may_read_is_refused_with_what_to_do(
    tmp_path: Path, mode: int
) -> None:
    settings = Settings(home=tmp_path)
    load_cipher(settings)
    path = tmp_path / "secret.key"
    path.chmod(mode)
    with pytest.raises(InvalidSettings, match=f"has mode {mode:04o}.*chmod 600 {path}"):
        load_cipher(settings)
    path.chmod(0o400)
    load_cipher(settings)


def test_of_a_link_the_file_at_its_end_counts_and_is_replaced(tmp_path: Path) -> None:
    """As a platform mounts secrets."""
    real, link = tmp_path / "real" / "key", tmp_path / "secret.key"
    real.parent.mkdir()
    real.write_text(OLD)
    real.chmod(0o644)
    link.symlink_to(real)
    settings = Settings(home=tmp_path)
    with pytest.raises(InvalidSettings, match="has mode 0644"):
        load_cipher(settings)
    real.chmod(0o600)
    file = key_file(settings)
    assert file.read().get_secret_value() == OLD
    file.write([NEW, OLD])
    assert link.is_symlink()
    assert real.read_text() == f"{NEW},{OLD}\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is empty"), (b"\xff\xfe", "is not text"), (b"short", "has 5 characters")],
)
def test_a_key_file_without_a_key_is_none(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InvalidSettings, match=problem):
        load_cipher(Settings(home=tmp_path))


def test_a_key_file_of_ones_own_is_read_and_never_made(tmp_path: Path) -> None:
    mine = tmp_path / "mounted"
    settings = Settings(home=tmp_path / "home", secret_key_file=mine)
    with pytest.raises(InvalidSettings, match="mounted cannot be read: No such file"):
        load_cipher(settings)
    mine.write_text(OLD)
    mine.chmod(0o600)
    written = load_cipher(settings).encrypt(TOKEN, bound_to="a")
    assert Cipher(SecretStr(OLD)).decrypt(written, bound_to="a") == TOKEN
    mine.unlink()
    mine.mkdir()
    with pytest.raises(InvalidSettings, match="is no regular file"):
        load_cipher(settings)


def test_keys_are_in_no_repr_and_are_redacted(tmp_path: Path) -> None:
    keys = Fernet.generate_key().decode(), "a passphrase that is long enough"
    ring = KeyRing(SecretStr(", ".join(keys)))
    for key in keys:
        assert key not in redacted(f"the key is {key}.")
        assert key not in repr(ring)
    assert len(set(ring.ids)) == 2
