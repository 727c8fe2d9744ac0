"""New shops that never came to life are taken away again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goodsense.errors import GoodsenseError
from goodsense.shop.truth import Truth


@contextmanager
def removed_if_empty(directory: Path) -> Iterator[None]:
    """An error inside takes the shop in this directory away, if it was made inside and holds nothing."""
    before = set(directory.iterdir()) if directory.is_dir() else None
    try:
        yield
    except Exception:
        if not before and _is_empty(directory):
            for path in directory.iterdir() if before is not None else (directory,):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        raise


def _is_empty(directory: Path) -> bool:
    """Whether its owner would miss nothing: no product, no reject, no download that could be resumed."""
    begun = (directory / "fetch" / "partial").glob("*")
    if (directory / "rejects.jsonl").exists() or any(path.stat().st_size for path in begun):
        return False
    try:
        with Truth.open(directory) as truth:
            return len(truth) == 0
    except GoodsenseError:
        return False
