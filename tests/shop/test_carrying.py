"""What old vectors are worth in a new space, between builds whose spaces are known."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.catalog.product import content_hash
from goodsense.evaluate import migration
from goodsense.search.calibration import Calibration
from goodsense.search.columns import Columns
from goodsense.search.snapshot import Block, Snapshot
from goodsense.shop import Recipe, Shop
from goodsense.shop.build import build
from goodsense.shop.carrying import Carried, carried_blocks, changed_blocks
from goodsense.shop.migrating import switch
from goodsense.shop.old_vectors import OldVectors
from goodsense.shop.trial_queries import Asked
from goodsense.shop.vectors import VectorCache
from goodsense.text import Tokenizer
from goodsense.types import Query, Vectors, normalise
from tests.shop.catalogs import toys

N, DIM = 150, 12
IDS = tuple(f"p{number}" for number in range(N))


@dataclass
class Knows:
    """An encoder whose query "7" is the vector of product 7."""

    vectors: Vectors
    accepts: frozenset[str] = frozenset({"text"})
    modality: str = "text"

    def encode_query(self, values: Any) -> Vectors:
        return self.vectors[[int(value) for value in values]]


@dataclass
class FakeLive:
    """As much of an opened build as carrying looks at."""

    base: Snapshot
    encoders: dict[str, Any] = field(default_factory=dict)


def live(vectors: Vectors, fingerprint: str, *, ids: tuple[str, ...] = IDS) -> Any:
    block = Block(vectors, np.ones(len(vectors), dtype=np.bool_), "cosine")
    spec = {"name": "known", "fingerprint": fingerprint}
    snapshot = Snapshot(
        ids=ids,
        titles=ids,
        blocks={"text": block},
        columns=Columns.from_fields({}, len(ids)),
        calibration=Calibration({}),
        tokenizer=Tokenizer(),
        lexical=None,
        base_rows=len(ids),
        _row_of={id: row for row, id in enumerate(ids)},
        meta={"encoders": {"text": spec}},
    )
    return FakeLive(snapshot, {"text": Knows(vectors)})


def points(seed: int) -> Vectors:
    return normalise(np.random.default_rng(seed).normal(size=(N, DIM)).astype(np.float32))


def asked(ids: tuple[str, ...] = IDS) -> Asked:
    return Asked(
        {f"q{number}": Query.of_text(str(number)) for number in range(40)},
        {f"q{number}": {ids[number]: 1} for number in range(40)},
        "40 known answers",
        judged=True,
    )


def only(found: tuple[list[Carried], list[str]]) -> Carried:
    (carried,), notes = found
    assert notes == []
    return carried


def test_a_turned_space_needs_no_encoding() -> None:
    old = points(0)
    turned = old @ np.linalg.qr(np.random.default_rng(1).normal(size=(DIM, DIM)))[0].astype(np.float32)
    carried = only(carried_blocks(live(old, "old"), live(turned, "new"), asked(), seed=0))
    assert carried.quality.kept > 0.99
    assert carried.recall is not None
    assert (carried.recall.queries, carried.recall.old, carried.recall.new, carried.recall.carried) == (40, 1, 1, 1)
    assert "good enough to wait with encoding" in carried.verdict
    assert carried.to_json()["quality"]["good_enough"]


def test_an_unrelated_space_is_encoded_anew() -> None:
    carried = only(carried_blocks(live(points(0), "old"), live(points(2), "new"), asked(), seed=0))
    assert not carried.quality.good_enough
    assert carried.recall is not None
    assert (carried.recall.old, carried.recall.new) == (1, 1)
    assert carried.recall.carried < 0.3  # by chance 10 of 150
    assert carried.verdict.endswith("encode anew")


def test_products_are_paired_by_id() -> None:
    """The new build has them in another order, one of its own, and one fewer."""
    old = points(0)
    order = np.random.default_rng(3).permutation(N)[:-1]
    ids = (*(IDS[at] for at in order), "born since")
    new = np.concatenate([old[order], points(4)[:1]])
    answered = Asked(
        {f"q{row}": Query.of_text(str(row)) for row in range(20)},
        {f"q{row}": {ids[row]: 1} for row in range(20)},
        "",
        True,
    )
    carried = only(carried_blocks(live(old, "old"), live(new, "new", ids=ids), answered, seed=0))
    assert carried.quality.kept > 0.99
    assert carried.recall is not None
    assert carried.recall.carried == 1


def test_queries_that_reach_no_block_leave_recall_out() -> None:
    old, new = live(points(0), "old"), live(points(0), "new")
    new.encoders["text"].accepts = frozenset()
    assert only(carried_blocks(old, new, asked(), seed=0)).recall is None


def test_same_encoders_are_not_mapped() -> None:
    old, new = live(points(0), "one"), live(points(0), "one")
    assert changed_blocks(old, new) == []
    assert carried_blocks(old, new, asked(), seed=0) == ([], [])


@pytest.mark.parametrize("common", [0, 20])
def test_too_few_products_in_both_say_so(common: int) -> None:
    ids = (*IDS[:common], *(f"new-{number}" for number in range(N - common)))
    found, notes = carried_blocks(live(points(0), "old"), live(points(0), "new", ids=ids), asked(), seed=0)
    assert found == []
    assert f"{common} products have both" in notes[0]


# ---- a build that carries

OLD, NEW = "[options.text]\ndim = 32\n", "[options.text]\ndim = 16\n"


def recipe(text: str) -> Recipe:
    return Recipe.parse(text, Path("some.toml"))


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop of 144 toys; the new recipe's space is a part of the old one's. Not to be changed by tests."""
    directory = tmp_path_factory.mktemp("carrying") / "shop"
    with Shop.create(directory) as shop:
        shop.add(toys(144))
    build(directory, recipe(OLD), workers=1)
    return directory


@pytest.fixture
def own(serving: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(serving, tmp_path / "shop"))


def cached(shop: Path, fingerprint: str) -> int:
    return len(VectorCache(shop / "vectors" / fingerprint[:32], 16))


def test_a_build_may_carry_what_it_does_not_encode_yet(own: Path) -> None:
    report = build(own, recipe(NEW), workers=1, role="beside", recipe_file=NEW, carry=100)
    text = report.modalities["text"]
    assert (text["encoded"], text["carried"], text["present"]) == (100, 44, 144)
    assert "44 vectors are old ones, carried: a linear map" in text["note"]
    assert report.modalities["attributes"]["carried"] == 0  # its encoder is the same
    with Shop.open(own) as shop:
        moved = switch(shop)
        assert moved.carried == {"text": 44}
        mapped, fingerprint = np.array(shop.snapshot.blocks["text"].vectors), shop.encoders["text"].fingerprint
        assert cached(own, fingerprint) == 100  # what is carried never passes for what is encoded
        after = build(own, shop.recipe, workers=1)
        assert (after.modalities["text"]["encoded"], after.modalities["text"]["cached"]) == (44, 100)
        encoded = np.array(shop.snapshot.blocks["text"].vectors)
        same = np.abs(mapped - encoded).max(axis=1) < 1e-6
        assert same.sum() == 100
        assert (mapped * encoded).sum(axis=1).min() > 0.8  # near what the encoder says
        assert build(own, shop.recipe, workers=1).notes[0].startswith("nothing changed")


def test_a_poor_map_encodes_everything(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "GOOD", 1.1)
    report = build(own, recipe(NEW), workers=1, role="beside", recipe_file=NEW, carry=100)
    text = report.modalities["text"]
    assert (text["encoded"], text["carried"]) == (144, 0)
    assert "all are encoded anew" in text["note"]


def test_nothing_is_carried_where_nothing_serves(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        shop.add(toys(40))
    report = build(tmp_path / "shop", recipe(NEW), workers=1, role="beside", recipe_file=NEW, carry=30)
    assert (report.modalities["text"]["encoded"], report.modalities["text"]["carried"]) == (40, 0)


def test_an_unrelated_cache_is_not_carried(tmp_path: Path) -> None:
    hashes = [content_hash(id) for id in IDS]
    old, new = VectorCache(tmp_path / "old", DIM), VectorCache(tmp_path / "new", DIM)
    old.put(hashes, points(0))
    new.put(hashes[:100], points(2)[:100])
    known = OldVectors({"text": tmp_path / "old"}, {"text": DIM}, anew=100, seed=0)
    vectors, said = known.carried("text", new, hashes[:100], hashes[100:])
    assert vectors is None
    assert said.endswith("all are encoded anew")
    vectors, said = known.carried("text", new, hashes[:20], hashes[100:])
    assert vectors is None
    assert "20 products have both" in said
