"""Pages of an API on disk while it is read, so that an error on page 57 does not cost the first 56."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, Self

from goodsense.errors import StorageError
from goodsense.tables.paging import ApiSpec

_LIFE_S = 24 * 3600.0  # older pages may not fit to newer ones any more
_INDEX = "pages.jsonl"


@dataclass(frozen=True, slots=True)
class Page:
    """A page on disk, and what its answer said about the next one."""

    path: Path
    sha256: str
    link: str


class KeptPages:
    """The pages of one API in a folder of their own, named after what was asked for.

    A page counts as kept once its line is in the index; a line that was cut off by a crash does not count.
    """

    def __init__(self, folder: Path, spec: ApiSpec) -> None:
        asked = repr(astuple(replace(spec, max_pages=0, rate=0)))
        self._folder = folder / hashlib.sha256(asked.encode()).hexdigest()[:16]
        self._pages: dict[int, Page] = {}

    def __enter__(self) -> Self:
        self._pages = {}
        try:
            if self._is_fresh():
                self._load()
            else:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        return self

    def __exit__(self, *exception: object) -> None:
        """Pages stay; only :meth:`done` removes them."""

    def page(self, number: int) -> Page | None:
        """A page that was kept before."""
        return self._pages.get(number)

    def keep(self, number: int, body: bytes, link: str) -> Page:
        """Write a page so that it survives a crash."""
        page = Page(self._folder / f"{number:07d}.page", hashlib.sha256(body).hexdigest(), link)
        try:
            with page.path.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            with (self._folder / _INDEX).open("a", encoding="utf-8") as index:
                index.write(json.dumps({"number": number, "sha256": page.sha256, "link": link}) + "\n")
                index.flush()
                os.fsync(index.fileno())
        except OSError as error:
            raise self._unusable(error) from error
        self._pages[number] = page
        return page

    def done(self) -> None:
        """Everything was read; the next reading begins anew."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_fresh(self) -> bool:
        index = self._folder / _INDEX
        return index.exists() and time.time() - index.stat().st_mtime < _LIFE_S

    def _load(self) -> None:
        """Take the pages in order, up to the first that is not as it was written."""
        lines = (self._folder / _INDEX).read_text("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, start=1):
            found = _parsed(line)
            path = self._folder / f"{number:07d}.page"
            if found.get("number") != number or not path.exists():
                break
            if hashlib.sha256(path.read_bytes()).hexdigest() != found.get("sha256"):
                break
            self._pages[number] = Page(path, found["sha256"], str(found.get("link", "")))
        kept = "".join(
            json.dumps({"number": number, "sha256": page.sha256, "link": page.link}) + "\n"
            for number, page in self._pages.items()
        )
        (self._folder / _INDEX).write_text(kept, "utf-8")

    def _unusable(self, error: OSError) -> StorageError:
        return StorageError(
            f"{self._folder}: pages cannot be kept there ({error.strerror or error}).", fix="Free some space there."
        )


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
