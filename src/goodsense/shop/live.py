"""The live build, opened, and kept in step with the truth."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from goodsense.encoders import load_encoder, make_encoder
from goodsense.fusion.joint import JOINT, JointEncoder
from goodsense.index import ExactIndex, QdrantEdgeIndex
from goodsense.search.snapshot import Snapshot
from goodsense.shop.artefacts import model_home
from goodsense.shop.joining import open_joint
from goodsense.shop.locks import FileLock
from goodsense.shop.overlay import IndexUpkeep, OverlayMaker
from goodsense.shop.ratings import RatingPrior, Ratings
from goodsense.shop.recipe import Recipe
from goodsense.shop.truth import Change, Truth
from goodsense.types import Encoder, Index


class Live:
    """A build, usually the live one, opened and kept in step with the truth.

    With ``exact`` its engine stays with whoever serves from it; every product is scored.
    """

    def __init__(self, shop: Path, build: Path, *, exact: bool = False) -> None:
        self.build = build
        opened = Snapshot.open(build)
        self.encoders = _load_encoders(shop, build, opened)
        joint = self.encoders.get(JOINT)
        self.base = replace(opened, joint=joint) if isinstance(joint, JointEncoder) else opened
        self.snapshot = self.base
        self.overlays = OverlayMaker(shop, self.base, joint=self.base.joint)
        self._rating_prior = RatingPrior.from_json(self.base.meta.get("reviews"))
        recipe = Recipe.load(build / "recipe.toml")
        self.depth = recipe.index.candidates
        self._lock = FileLock(build / "engine.lock")
        index = self._exact_index(recipe) if exact else self._open_index(recipe)
        note = build / "engine" / "overlay-rows" if self._lock.held else None
        self.upkeep = IndexUpkeep(index, self.base, note=note)
        self._seen: tuple[int, int] | None = None

    def catch_up(self, truth: Truth) -> None:
        """Apply what was committed since the last look; costs one pragma when nothing was."""
        seen = (truth.data_version, truth.own_changes)
        if seen == self._seen:
            return
        with truth.snapshot():
            changes: list[Change] = truth.changes_since(self.base.meta["seq"])
            ratings = Ratings.of(truth, self._rating_prior, [change.id for change in changes])
        if changes or self.snapshot is not self.base:
            self.snapshot = self.base.with_overlay(self.overlays.make(changes, ratings))
            self.upkeep.follow(self.snapshot, changes)
        self._seen = seen

    def close(self) -> None:
        self.upkeep.index.close()
        self._lock.release()

    def _open_index(self, recipe: Recipe) -> Index:
        if self.base.meta["engine"] == "qdrant-edge":
            try:
                if self._lock.acquire():
                    return QdrantEdgeIndex.open(self.build / "engine")
                reason = f"is in use by {self._lock.holder()}"
            except OSError as error:  # an engine writes even to be read
                reason = f"cannot be locked ({error.strerror})"
            print(f"the engine of {self.build.name} {reason}: searching exactly", file=sys.stderr)
        return self._exact_index(recipe)

    def _exact_index(self, recipe: Recipe) -> Index:
        return ExactIndex.over(self.base.index_rows(), distance=recipe.index.distance)


def _load_encoders(shop: Path, build: Path, snapshot: Snapshot) -> dict[str, Encoder]:
    recipe = Recipe.load(build / "recipe.toml")
    found: dict[str, Encoder] = {}
    for modality, spec in snapshot.meta["encoders"].items():
        home = model_home(shop, modality, spec["fingerprint"])
        if modality == JOINT:  # the last one: its members are there
            found[modality] = open_joint(home, spec, found)
            continue
        if home.is_dir():
            found[modality] = load_encoder(modality, spec["name"], home)
        else:
            found[modality] = make_encoder(modality, spec["name"], recipe.options_of(modality))
    return found
