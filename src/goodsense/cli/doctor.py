"""What is installed, what is missing, and how a shop is."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from goodsense._version import __version__


def examine(shop: Path | None) -> dict[str, Any]:
    """Versions of everything goodsense declares, and the state of a shop."""
    packages = {"goodsense": __version__, "python": platform.python_version()}
    for line in requires("goodsense") or []:
        name = _name(line)
        extra = line.partition("extra ==")[2].strip(" '\"")
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = f"missing: pip install 'goodsense[{extra}]'" if extra else "missing: reinstall goodsense"
    return {"packages": packages, "shop": _examine_shop(shop) if shop is not None else []}


def _name(requirement: str) -> str:
    name = requirement
    for sign in "<>=!~;[ ":
        name = name.partition(sign)[0]
    return name


def _examine_shop(directory: Path) -> list[str]:
    from goodsense.shop import Shop

    with Shop.open(directory) as shop:
        lines = [f"{directory}: {len(shop)} products, change number {shop.truth.seq}"]
        if not (directory / "CURRENT").exists():
            return [*lines, f"not built yet: goodsense build {directory}"]
        snapshot = shop.snapshot
        lines.append(f"live build: {(directory / 'CURRENT').read_text().strip()}, engine {snapshot.meta['engine']}")
        behind = shop.truth.seq - snapshot.meta["seq"]
        lines.append(f"changes since: {behind} batches" if behind else "the build is up to date")
        for name, block in snapshot.blocks.items():
            lines.append(f"block {name}: {int(block.present.sum())} products, {block.dim} dimensions")
        lines += [f"pending {name} vectors: {count}" for name, count in shop.pending.items()]
        return lines
