"""Pseudonyms of users: the same name for the same user of one shop, and no way back without the shop's secret."""

from __future__ import annotations

import os
import re
import secrets
from hashlib import blake2b
from pathlib import Path

from goodsense.errors import DataError, StorageError

KEY_FILE = "pseudonyms.key"
_SECRET_BYTES = 32
_PSEUDONYM = re.compile(r"user-[0-9a-f]{32}")


class Pseudonyms:
    """Replaces user ids by keyed BLAKE2b hashes (RFC 7693), ``user-`` and 32 hexadecimal digits.

    What looks like such a pseudonym already stays as it is, so that exported rows read back to themselves.

    Parameters
    ----------
    secret
        32 random bytes. Whoever has them can test whether a known id stands behind a pseudonym.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) != _SECRET_BYTES:
            raise ValueError(f"the secret has {len(secret)} bytes, expected {_SECRET_BYTES}")
        self._keyed = blake2b(key=secret, digest_size=16)

    @classmethod
    def of_shop(cls, directory: Path) -> Pseudonyms:
        """Take the secret of a shop; it is made at the first use, readable by the shop's owner alone (mode 0600).

        Raises
        ------
        DataError
            If the secret is damaged.
        StorageError
            If it cannot be read or written.
        """
        path = directory / KEY_FILE
        try:
            if not path.exists():
                _make_secret(path)
            text = path.read_bytes().decode("ascii", "replace").strip()
        except OSError as error:
            raise StorageError(
                f"{path}: the secret of the pseudonyms cannot be used ({error.strerror or error}).",
                fix="Check the permissions of the shop's directory.",
            ) from error
        if re.fullmatch(rf"[0-9a-f]{{{2 * _SECRET_BYTES}}}", text) is None:
            raise DataError(
                f"{path}: expected {2 * _SECRET_BYTES} hexadecimal digits, found something else.",
                fix="Restore the file from a backup; with a new secret every user would get a new name.",
            )
        return cls(bytes.fromhex(text))

    @staticmethod
    def used_in(directory: Path) -> bool:
        """Whether a shop has a secret, so that users in it have pseudonyms."""
        return (directory / KEY_FILE).exists()

    def __call__(self, user: str) -> str:
        """The pseudonym of a user."""
        if _PSEUDONYM.fullmatch(user):
            return user
        digest = self._keyed.copy()
        digest.update(user.encode("utf-8", "surrogatepass"))
        return f"user-{digest.hexdigest()}"


def _make_secret(path: Path) -> None:
    """Write a new secret, whole or not at all; whoever was faster wins."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{secrets.token_hex(_SECRET_BYTES)}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
