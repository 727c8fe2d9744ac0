"""Missing modalities: what goes, who keeps what, and figures that are known by construction."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.evaluate import paired_bootstrap
from goodsense.evaluate.robustness import drop, missing_modalities, without
from goodsense.types import Embeddings

NAMES = ("text", "image", "audio", "attributes")


def blocks(n: int = 60, *, seed: int = 0, names: tuple[str, ...] = NAMES) -> dict[str, Embeddings]:
    """Product 0 has nothing, product 1 the first block only, the rest each block with probability .8."""
    rng = np.random.default_rng(seed)
    found = {}
    for at, name in enumerate(names):
        present = rng.random(n) < 0.8
        present[:2] = (False, at == 0)
        rows = np.where(present[:, None], rng.normal(size=(n, 3)), 0).astype(np.float32)
        found[name] = Embeddings.of_products([f"p{i}" for i in range(n)], rows, present)
    return found


def masks(given: Mapping[str, Embeddings]) -> NDArray[np.bool_]:
    return np.stack([given[name].present for name in sorted(given)])


def worth(given: Mapping[str, Embeddings]) -> dict[str, NDArray[np.float64]]:
    """Per product: .5 for a text, .25 for a picture; and how many modalities there are."""
    has = {name: block.present.astype(float) for name, block in given.items()}
    return {"hit": 0.5 * has["text"] + 0.25 * has["image"], "count": np.sum(list(has.values()), axis=0)}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9, 1.0])
def test_a_share_goes_and_every_product_keeps_one(share: float) -> None:
    given = blocks()
    fewer = drop(given, share, seed=1)
    before, after = masks(given), masks(fewer)
    assert not (after & ~before).any()
    np.testing.assert_array_equal(after.any(axis=0), before.any(axis=0))
    most = int(before.sum() - before.any(axis=0).sum())  # all but one of each product
    assert before.sum() - after.sum() == min(round(share * before.sum()), most)
    for name, block in fewer.items():
        assert not block.vectors[~block.present].any()
        np.testing.assert_array_equal(block.vectors[block.present], given[name].vectors[block.present])
        assert block.ids == given[name].ids


def test_more_missing_contains_less_missing_and_the_seed_decides() -> None:
    given = blocks()
    few, many = masks(drop(given, 0.3, seed=1)), masks(drop(given, 0.6, seed=1))
    assert not (many & ~few).any()
    np.testing.assert_array_equal(few, masks(drop(given, 0.3, seed=1)))
    assert (few != masks(drop(given, 0.3, seed=2))).any()


def test_what_goes_is_spread_evenly() -> None:
    """No block is favoured: each loses about the share."""
    given = blocks(2000)
    for name, block in drop(given, 0.4, seed=3).items():
        lost = 1 - block.present.sum() / given[name].present.sum()
        assert lost == pytest.approx(0.4, abs=0.05)


def test_losses_are_known_by_construction() -> None:
    given = blocks()
    found = missing_modalities(worth, given, samples=400, seed=4)
    assert [c.name for c in found.conditions] == [
        *(f"without {name}" for name in sorted(NAMES)),
        "30% missing",
        "60% missing",
        "90% missing",
    ]
    has_text, has_image = given["text"].present, given["image"].present
    assert found["without text"]["hit"].loss.mean == pytest.approx(0.5 * has_text.mean())
    assert found["without image"]["hit"].loss.mean == pytest.approx(0.25 * has_image.mean())
    assert found["without audio"]["hit"].loss.lower == found["without audio"]["hit"].loss.upper == 0
    assert found["without text"].emptied == int((masks(without(given, "text")).sum(0) == 0).sum() - 1)
    assert found["without text"].missing == pytest.approx(has_text.sum() / masks(given).sum())
    random = found["60% missing"]
    fewer = drop(given, 0.6, seed=4)
    expected = paired_bootstrap(worth(fewer)["hit"], worth(given)["hit"], samples=400, seed=4)
    assert random["hit"].loss == expected
    assert random["count"].value == pytest.approx(masks(fewer).sum(0).mean())
    assert (random.removed, random.emptied) == ("", 0)
    assert random.missing == pytest.approx(0.6, abs=0.01)
    assert found["90% missing"].missing < 0.9  # every product keeps one
    assert found.complete["count"] == pytest.approx(masks(given).sum(0).mean())


def test_against_training_without_the_modality() -> None:
    def better(given: Mapping[str, Embeddings]) -> dict[str, NDArray[np.float64]]:
        return {metric: values + 0.125 for metric, values in worth(given).items()}

    found = missing_modalities(worth, blocks(), shares=(), retrained={"image": better}, samples=100)
    penalty = found["without image"]["hit"].penalty
    assert penalty is not None
    assert (penalty.mean, penalty.lower) == pytest.approx((0.125, 0.125))
    assert found["without text"]["hit"].penalty is None


def test_it_is_read_as_json_and_as_a_table() -> None:
    found = missing_modalities(worth, blocks(), shares=(0.5,), samples=100)
    written = json.loads(json.dumps(found.to_json()))
    assert written["conditions"][0]["changes"][0]["metric"] == "hit"
    table = found.table("hit").splitlines()
    assert len(table) == 2 + 4 + 1
    assert f"{found.complete['hit']:.3f}" in table[1]
    loss = found["50% missing"]["hit"].loss
    assert f"{loss.mean:+.3f} [{loss.lower:+.3f}, {loss.upper:+.3f}]" in table[-1]


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(UsageError, match="1 modalities; expected two"):
        missing_modalities(worth, {"text": blocks()["text"]})
    with pytest.raises(UsageError, match=r"share of 30"):
        drop(blocks(), 30, seed=0)
    with pytest.raises(UsageError, match="'video' cannot be removed"):
        without(blocks(), "video")

    def shrinking(given: Mapping[str, Embeddings]) -> dict[str, NDArray[np.float64]]:
        return {"hit": np.ones(int(given["text"].present.sum()))}

    with pytest.raises(UsageError, match="the same queries every time"):
        missing_modalities(shrinking, blocks(), samples=10)
