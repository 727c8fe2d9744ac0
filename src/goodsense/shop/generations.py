"""The builds of a shop: the one that serves, one made beside it, and the one before it.

``CURRENT`` names what serves; the change of this one file is the switch. ``generations.json`` names the other builds
with the recipe files they were made of. Before a switch it says what is about to happen, so that whoever comes next
ends what a kill cut off.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from goodsense.errors import DataError, StorageError, UsageError
from goodsense.shop.artefacts import current_build, write_atomically
from goodsense.shop.locks import FileLock
from goodsense.shop.recipe import Recipe

FILE = "generations.json"
FORMAT = 1
RECIPE = "recipe.toml"

Role: TypeAlias = Literal["live", "beside", "against"]


@dataclass(frozen=True)
class Generation:
    """A build that is kept: its name (empty for none), the ``seq`` it absorbed, and the shop's recipe file with it.

    ``recipe`` is None where the shop has no such file.
    """

    build: str
    seq: int
    recipe: str | None


@dataclass(frozen=True)
class Switching:
    """A switch that was begun; it has happened if ``CURRENT`` names its target."""

    source: Generation
    target: Generation
    back: bool


@dataclass(frozen=True)
class Generations:
    """Builds that do not serve: ``beside`` may be switched to, it was compared ``against``, ``previous`` served before.

    ``against`` is None if that was what serves.
    """

    beside: Generation | None = None
    against: Generation | None = None
    previous: Generation | None = None
    switching: Switching | None = None

    @classmethod
    def read(cls, shop: Path) -> Self:
        """What stands in the shop's file; nothing where there is none.

        Raises
        ------
        DataError
            If the file is damaged.
        """
        path = shop / FILE
        try:
            found = json.loads(path.read_text("utf-8"))
            if found.pop("format") != FORMAT:
                raise ValueError(f"another format than {FORMAT}")
            pending = found.pop("switching")
            kept = {name: _generation(given) for name, given in found.items()}
            return cls(**kept, switching=None if pending is None else _switching(pending))
        except FileNotFoundError:
            return cls()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path} is damaged ({error}).",
                fix="Delete it: what serves stays, a build made beside it is forgotten.",
            ) from error

    def write(self, shop: Path) -> None:
        """Replace the shop's file; durable on return."""
        write_atomically(shop / FILE, json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1))

    def kept(self, live_seq: int) -> set[str]:
        """Builds that may still be wanted; what is older than the live build can be switched back to only."""
        ready = [found for found in (self.beside, self.against) if found is not None and found.seq >= live_seq]
        pending = [self.switching.source, self.switching.target] if self.switching is not None else []
        return {found.build for found in (*ready, *pending, self.previous) if found is not None}

    def done(self) -> Generations:
        """What is beside and before once the switch that was begun has happened."""
        assert self.switching is not None
        left = self.switching.source if self.switching.source.build else None
        if self.switching.back:
            return Generations(beside=self.beside or left)
        return Generations(previous=left)


@contextmanager
def building(shop: Path) -> Iterator[Generations]:
    """Hold the shop's build lock; a switch that a kill cut off is ended first.

    Raises
    ------
    StorageError
        If a build of this shop is running.
    """
    lock = FileLock(shop / "build.lock")
    if not lock.acquire():
        raise StorageError(f"{shop} is being built by {lock.holder()}.", fix="Wait until it is done.")
    try:
        yield _settled(shop)
    finally:
        lock.release()


def publish_build(shop: Path, draft: Path, name: str, *, seq: int, role: Role = "live", recipe: str = "") -> Path:
    """Give a finished draft its name and its place, and drop builds that nobody needs.

    What serves changes with the role ``live`` only; ``recipe`` is the text of the file that another was made of.
    """
    build = shop / "builds" / name
    for path in draft.rglob("*"):
        if path.is_file():
            _sync(path)
    draft.rename(build)
    _sync(build.parent)
    before = _live_name(shop)
    if role == "live":
        write_atomically(shop / "CURRENT", f"{name}\n")
        _drop_others(shop, {before, name}, live_seq=seq)
    else:
        place_build(shop, Generation(name, seq, recipe), role)
        _drop_others(shop, {before}, live_seq=0)
    return build


def place_build(shop: Path, generation: Generation, role: Role) -> None:
    """Note that this finished build is the one beside, or the one it is compared against."""
    replace(Generations.read(shop), **{role: generation}).write(shop)  # type: ignore[arg-type]


def switch_to(shop: Path, source_seq: int, target: Generation, *, back: bool = False) -> Generations:
    """Let another build serve, with its recipe; call it with the build lock held.

    A kill at any moment leaves one of the two serving, with the recipe that belongs to it.
    """
    source = Generation(_live_name(shop), source_seq, recipe_text(shop))
    replace(Generations.read(shop), switching=Switching(source, target, back)).write(shop)
    write_atomically(shop / "CURRENT", f"{target.build}\n")
    return _settled(shop)


def recipe_in_force(shop: Path) -> Recipe:
    """What the next build is made with: the shop's ``recipe.toml``, the default recipe where there is none.

    After a switch that was killed before it could write that file, it is the recipe of the build that serves.

    Raises
    ------
    UsageError
        If the recipe has an unknown key or a value out of range.
    """
    text, pending = recipe_text(shop), Generations.read(shop).switching
    if pending is not None and _happened(shop, pending) and text == pending.source.recipe:
        text = pending.target.recipe
    return Recipe() if text is None else Recipe.parse(text, shop / RECIPE)


def recipe_text(shop: Path) -> str | None:
    """The shop's recipe file as it is; None where there is none.

    Raises
    ------
    UsageError
        If it is no text.
    """
    path = shop / RECIPE
    try:
        return path.read_text("utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no readable TOML: {error}.") from error


def _settled(shop: Path) -> Generations:
    """End a switch that was begun: its recipe file and what is beside, or none of it if it has not happened."""
    state = Generations.read(shop)
    pending = state.switching
    if pending is None:
        return state
    if _happened(shop, pending):
        if recipe_text(shop) == pending.source.recipe:  # else it is written, or somebody has changed it since
            _put_recipe(shop, pending.target.recipe)
        state = state.done()
    else:
        state = replace(state, switching=None)
    state.write(shop)
    return state


def _happened(shop: Path, switching: Switching) -> bool:
    return _live_name(shop) == switching.target.build


def _put_recipe(shop: Path, text: str | None) -> None:
    if text is None:
        (shop / RECIPE).unlink(missing_ok=True)
    else:
        write_atomically(shop / RECIPE, text)


def _drop_others(shop: Path, needed: set[str], *, live_seq: int) -> None:
    """Remove finished builds that neither serve nor are kept; who has one open can go on reading it."""
    needed = needed | {_live_name(shop)} | Generations.read(shop).kept(live_seq)
    for path in (shop / "builds").iterdir():
        if not path.name.startswith(".") and path.name not in needed:
            shutil.rmtree(path, ignore_errors=True)


def _live_name(shop: Path) -> str:
    """The live build; empty where there is none."""
    try:
        live = current_build(shop)
    except DataError:
        return ""
    return "" if live is None else live.name


def _generation(given: dict[str, Any] | None) -> Generation | None:
    return None if given is None else Generation(**given)


def _switching(given: dict[str, Any]) -> Switching:
    return Switching(Generation(**given["source"]), Generation(**given["target"]), bool(given["back"]))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
