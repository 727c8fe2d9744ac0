"""The one error tree.

Every error that a user can meet derives from :class:`GoodsenseError`. It carries what went wrong and how to mend
it; only the command line and the HTTP layer turn it into text. Exit codes belong to classes, not to places.
"""

from __future__ import annotations

from typing import ClassVar


class GoodsenseError(Exception):
    """Something a user can understand and mend.

    Parameters
    ----------
    message
        What was found, where, and what was expected.
    fix
        What to do about it, as an imperative sentence; empty when the message says all.
    """

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".rstrip()


class UsageError(GoodsenseError):
    """The request itself is wrong: an unknown option, key, field or format."""

    exit_code = 2
    code = "usage"


class DataError(GoodsenseError):
    """The data is wrong or damaged; names file, row and field where they are known."""

    exit_code = 3
    code = "data"


class NoSoundError(DataError):
    """A clip that has no sound track, where a sound was asked for."""


class StorageError(DataError):
    """The shop's directory cannot be read or written: full disk, no permission, held by another writer."""

    code = "storage"


class FetchError(DataError):
    """A URL could not be fetched, or must not be.

    Parameters
    ----------
    message, fix
        As for every error.
    url
        What was asked for.
    reason
        One word for programs: ``url``, ``address``, ``port``, ``domain``, ``robots``, ``redirect``, ``dns``,
        ``connect``, ``tls``, ``broken``, ``slow``, ``time``, ``size``, ``encoding``, ``status`` or ``stopped``.
    status
        The answer's status code; 0 where there was none.
    """

    code = "fetch"

    def __init__(self, message: str, *, url: str, reason: str, status: int = 0, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.url = url
        self.reason = reason
        self.status = status


class DependencyError(GoodsenseError):
    """A library or model is missing; the fix names the exact extra to install."""

    exit_code = 4
    code = "dependency"


class PartialError(GoodsenseError):
    """The work was done in part; what is done stays done and the fix says how to go on."""

    exit_code = 5
    code = "partial"


def missing_extra(package: str, extra: str, *, needed_for: str) -> DependencyError:
    """Return the error for an optional library that is not installed."""
    return DependencyError(
        f"{needed_for} needs the package {package!r}, which is not installed.",
        fix=f"Run: pip install 'goodsense[{extra}]'",
    )
