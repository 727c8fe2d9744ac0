"""The one way a value says that it cannot be taken."""

from __future__ import annotations


class BadValue(ValueError):
    """A value of a field cannot be taken; becomes a reject that names row and column."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix
