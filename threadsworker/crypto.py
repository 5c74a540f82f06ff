"""
Tokens at rest, and the keys that messages are signed with.

Fernet with a list of keys: the first encrypts, all decrypt, so a key is replaced by
putting a new one in front. A ciphertext is bound to the row that it belongs to: copied
into another row it does not open.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from threadsworker.errors import InvalidSettings
from threadsworker.keyfile import KeyFile, Version
from threadsworker.log import redact
from threadsworker.settings import Settings

#: Characters below which a key that is not a Fernet key is taken for a mistake.
SHORTEST_PASSPHRASE = 16


class KeyRing:
    """Keys, the first of which encrypts and signs."""

    def __init__(self, keys: SecretStr) -> None:
        self.written = [part.strip() for part in keys.get_secret_value().split(",")]
        self.written = [part for part in self.written if part]
        if not self.written:
            raise InvalidSettings("THREADSWORKER_SECRET_KEY holds no key")
        for part in self.written:
            redact(SecretStr(part))
        self._fernets = [_fernet(part) for part in self.written]
        self._all = MultiFernet(self._fernets)
        #: Which key is which, without telling what they are.
        self.ids = [_id_of(part) for part in self.written]

    def encrypt(self, plain: bytes) -> str:
        return self._all.encrypt(plain).decode()

    def decrypt(self, ciphertext: str) -> bytes:
        """Raises InvalidToken if no key opens it."""
        return self._all.decrypt(ciphertext.encode())

    def id_of(self, ciphertext: str) -> str | None:
        """Which key opens it; None: none of these."""
        for name, fernet in zip(self.ids, self._fernets, strict=True):
            try:
                fernet.decrypt(ciphertext.encode())
            except InvalidToken:
                continue
            return name
        return None

    def signing_keys(self) -> list[bytes]:
        """What messages are signed with: one for each key, in the same order."""
        return [
            HKDF(SHA256(), 32, salt=None, info=b"threadsworker message").derive(part.encode())
            for part in self.written
        ]


class Cipher:
    """
    Encrypts and opens tokens with the installation's keys.

    Keys in a file are read again as soon as the file is another one: a worker goes on with the
    new key when an operator has changed it.
    """

    def __init__(self, keys: SecretStr | KeyFile) -> None:
        self._file = keys if isinstance(keys, KeyFile) else None
        self._read: tuple[Version | None, KeyRing]
        if isinstance(keys, KeyFile):
            self._read = keys.version(), KeyRing(keys.read())
        else:
            self._read = None, KeyRing(keys)

    def ring(self) -> KeyRing:
        """The keys as they are now."""
        version, ring = self._read
        if self._file is not None and (now := self._file.version()) not in (version, None):
            # Its version is older than its content at most, and then it is read once more.
            ring = KeyRing(self._file.read())
            self._read = now, ring
        return ring

    def encrypt(self, secret: SecretStr, *, bound_to: str) -> str:
        """`secret` as text for the database; opens only with the same `bound_to`."""
        plain = json.dumps([bound_to, secret.get_secret_value()])
        return self.ring().encrypt(plain.encode())

    def decrypt(self, ciphertext: str, *, bound_to: str) -> SecretStr:
        """
        The secret that `encrypt` was given.

        Raises
        ------
        InvalidSettings:
            None of the keys opens it, or it belongs to another row.
        """
        try:
            owner, plain = json.loads(self.ring().decrypt(ciphertext))
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
    file = key_file(settings)
    if settings.secret_key_file is None:
        settings.ensure_home()
        file.ensure()
    return Cipher(file)


def key_file(settings: Settings) -> KeyFile:
    """The file of the keys, if they are not in the environment."""
    return KeyFile(settings.secret_key_file or settings.home / "secret.key")


def signing_keys(settings: Settings) -> Callable[[], Sequence[bytes]] | None:
    """
    What messages are signed with, as it is at each call; None if they are not, by the settings.
    """
    if not settings.sign_messages:
        return None
    cipher = load_cipher(settings)
    kept: list[tuple[KeyRing, list[bytes]]] = []

    def current() -> Sequence[bytes]:
        ring = cipher.ring()
        if not kept or kept[0][0] is not ring:
            kept[:] = [(ring, ring.signing_keys())]
        return kept[0][1]

    return current


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


def _id_of(key: str) -> str:
    return hashlib.sha256(b"threadsworker key " + key.encode()).hexdigest()[:8]
