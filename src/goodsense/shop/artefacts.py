"""Where a shop keeps what it derived: frozen encoders, builds, and the name of the live one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from goodsense.catalog.product import content_hash
from goodsense.encoders import load_encoder
from goodsense.errors import DataError
from goodsense.types import Encoder, Modality


def write_atomically(path: Path, text: str) -> None:
    """Replace a file's text so that a reader sees the old or the new, never a part; durable on return."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    _sync(path.parent)


def current_build(shop: Path) -> Path | None:
    """The live build's directory; None before the first build.

    Raises
    ------
    DataError
        If ``CURRENT`` names a build that is not there.
    """
    try:
        name = (shop / "CURRENT").read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    build = shop / "builds" / name
    if not name or Path(name).name != name or not build.is_dir():
        raise DataError(
            f"{shop / 'CURRENT'} names the build {name!r}, which is not there.", fix="Build the shop again."
        )
    return build


def clear_drafts(shop: Path) -> None:
    """Remove what killed builds left behind; call it with the build lock held."""
    for draft in (shop / "builds").glob(".*"):
        shutil.rmtree(draft, ignore_errors=True)


def save_encoder(shop: Path, modality: str, encoder: Any, facts: dict[str, Any]) -> None:
    """Freeze a fitted encoder, or fusion, under its fingerprint, with what it was fitted on."""
    home = model_home(shop, modality, encoder.fingerprint)
    draft = home.with_name(f".{home.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    encoder.save(draft)
    (draft / "fit.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1), "utf-8")
    shutil.rmtree(home, ignore_errors=True)
    draft.rename(home)


def frozen_encoder(shop: Path, modality: Modality, key: str) -> tuple[Encoder, dict[str, Any]] | None:
    """The encoder last fitted with these settings, and what it was fitted on; None when there is none."""
    found = last_fitted(shop, modality, key)
    return None if found is None else (load_encoder(modality, found[1]["encoder"], found[0]), found[1])


def model_home(shop: Path, modality: str, fingerprint: str) -> Path:
    """Where a frozen encoder, or fusion, lies."""
    return shop / "models" / modality / fingerprint[:32]


def last_fitted(shop: Path, modality: str, key: str) -> tuple[Path, dict[str, Any]] | None:
    """Where what was last fitted with these settings lies, and what it was fitted on; None when there is none."""
    found = []
    for path in (shop / "models" / modality).glob("[!.]*/fit.json"):
        facts = json.loads(path.read_text("utf-8"))
        if facts["key"] == key:
            found.append((facts["number"], path.parent, facts))
    if not found:
        return None
    _, home, facts = max(found, key=lambda item: item[0])
    return home, facts


def settings_key(**settings: Any) -> str:
    """A short name for settings: equal settings, equal key."""
    return content_hash(json.dumps(settings, sort_keys=True, ensure_ascii=False, default=list))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
