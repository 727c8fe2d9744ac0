"""Which feeds a shop has read from the web, so that an unchanged one need not be read again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goodsense.errors import StorageError


@dataclass(frozen=True)
class FeedMemory:
    """Which content of an address was read last, and how, so that it need not be read twice."""

    path: Path

    def known(self, url: str) -> Mapping[str, str]:
        """What is remembered of an address."""
        found = self._load().get(url, {})
        return found if isinstance(found, dict) else {}

    def note(self, feeds: Mapping[str, Mapping[str, str]]) -> None:
        """Remember what was read without a reject."""
        if not feeds:
            return
        half = self.path.with_suffix(".half")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            half.write_text(json.dumps({**self._load(), **feeds}, indent=1, sort_keys=True), "utf-8")
            os.replace(half, self.path)
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be written ({error.strerror or error}).") from error

    def _load(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def memory_of(directory: Path) -> FeedMemory:
    """What a shop remembers of the addresses that it was fed from."""
    return FeedMemory(directory / "fetch" / "feeds.json")
