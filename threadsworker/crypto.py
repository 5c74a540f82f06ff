"""
Tokens at rest.

Fernet with a list of keys: the first encrypts, all decrypt, so a key is replaced by
putting a new one in front. A ciphertext is bound to the row that it belongs to: copied
into another row it does not open.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from threadsworker.errors import InvalidSettings
from threadsworker.settings import Settings

#: Characters below which a key that is not a Fernet key is taken for a mistake.
SHORTEST_PASSPHRASE = 16


class Cipher:
    """Encrypts and opens tokens with the installation's keys."""

    def __init__(self, keys: SecretStr) -> None:
        parts = [part.strip() for part in keys.get_secret_value().split(",")]
        self._fernet = MultiFernet([_fernet(part) for part in parts if part])

    def encrypt(self, secret: SecretStr, *, bound_to: str) -> str:
        """`secret` as text for the database; opens only with the same `bound_to`."""
        plain = json.dumps([bound_to, secret.get_secret_value()])
        return self._fernet.encrypt(plain.encode()).decode()

    def decrypt(self, ciphertext: str, *, bound_to: str) -> SecretStr:
        """
        The secret that `encrypt` was given.

        Raises
        ------
        InvalidSettings:
            None of the keys opens it, or it belongs to another row.
        """
        try:
            owner, plain = json.loads(self._fernet.decrypt(ciphertext.encode()))
        except InvalidToken:
            raise InvalidSettings(
                "a stored token cannot be opened with THREADSWORKER_SECRET_KEY; "
                "set the key that it was stored with, or run `threadsworker account add` again"
            ) from None
        if owner != bound_to:
            raise InvalidSettings("a stored token belongs to another account")
        return SecretStr(plain)


def load_cipher(settings: Settings) -> Cipher:
    """The cipher of this installation; its key file is made on first use, mode 0600."""
    if settings.secret_key is not None:
        return Cipher(settings.secret_key)
    return Cipher(_key_file(settings.ensure_home() / "secret.key"))


def _fernet(key: str) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        pass
    if len(key) < SHORTEST_PASSPHRASE:
        raise InvalidSettings(
            f"THREADSWORKER_SECRET_KEY has {len(key)} characters; a key is a Fernet key or "
            f"at least {SHORTEST_PASSPHRASE} characters"
        )
    derived = HKDF(SHA256(), 32, salt=None, info=b"threadsworker token").derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def _key_file(path: Path) -> SecretStr:
    """
    The key in `path`, made if there is none.

    Written aside and linked into place: of two processes that start at the same moment,
    one wins and both read the winner's key.
    """
    if not path.exists():
        # mkstemp's files have mode 0600 from the start.
        descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        try:
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            os.unlink(draft)
    return SecretStr(path.read_text().strip())
