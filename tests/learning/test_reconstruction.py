"""Codes that tell blocks again."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from goodsense.errors import UsageError
from goodsense.learning.block_networks import BlockEncoder, hide_blocks, noisy
from goodsense.learning.block_rows import BlockScales
from goodsense.learning.reconstruction import BlockReconstruction, reconstruction_loss
from goodsense.learning.schedules import Schedule
from tests.learning.worlds import block, linear_world, take, without

QUICK = Schedule(epochs=30, batch=64, rate=1e-2)
WORLD = linear_world(256)


def _made(kind: Any = "masked", **options: Any) -> BlockReconstruction:
    return BlockReconstruction(kind, **{"dim": 8, "hidden": 32, "schedule": QUICK, **options})


@pytest.fixture(scope="module")
def masked() -> BlockReconstruction:
    return _made().fit(WORLD)


# ---- parts


def test_reconstruction_loss_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    told, rows = ([torch.tensor(rng.normal(size=(6, d)), dtype=torch.float32) for d in (3, 5)] for _ in range(2))
    counted = torch.tensor(rng.random((6, 2)) < 0.5)
    total = count = 0.0
    for row in range(6):
        for place, dim in enumerate((3, 5)):
            if counted[row, place]:
                total += sum(float(told[place][row, c] - rows[place][row, c]) ** 2 for c in range(dim)) / dim
                count += 1
    assert float(reconstruction_loss(told, rows, counted)) == pytest.approx(total / count, rel=1e-5)


def test_what_does_not_count_may_hold_anything() -> None:
    rows, told = [torch.zeros(3, 2)], [torch.ones(3, 2, requires_grad=True)]
    counted = torch.tensor([[True], [False], [True]])
    rows[0][1] = math.nan
    value = reconstruction_loss(told, rows, counted)
    value.backward()
    assert float(value.detach()) == 1.0
    assert torch.isfinite(told[0].grad).all()
    assert float(reconstruction_loss(told, rows, torch.zeros(3, 1, dtype=torch.bool)).detach()) == 0.0


def test_shapes_are_asserted() -> None:
    rows, counted = [torch.zeros(3, 2)], torch.ones(3, 1, dtype=torch.bool)
    for told, other in (([torch.zeros(3, 1)], counted), ([], counted), (rows, counted[:2]), (rows, counted.float())):
        with pytest.raises(AssertionError):
            reconstruction_loss(told, rows, other)


def test_what_is_not_seen_has_no_influence() -> None:
    torch.manual_seed(0)
    encoder, rows = BlockEncoder([3, 4], hidden=8, dim=5), [torch.randn(6, 3), torch.randn(6, 4)]
    seen = torch.tensor([[True, False], [False, True], [True, True], [False, False], [True, False], [True, True]])
    wild = [torch.where(seen[:, i, None], own, torch.full_like(own, math.nan)) for i, own in enumerate(rows)]
    assert torch.equal(encoder(rows, seen), encoder(wild, seen))
    assert not encoder(rows, seen)[3].any()
    assert torch.allclose(encoder([own[2:3] for own in rows], seen[2:3])[0], encoder(rows, seen)[2], atol=1e-6)
    encoder(wild, seen).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in encoder.parameters())


def test_blocks_are_hidden_at_their_share_and_never_the_last_one() -> None:
    torch.manual_seed(0)
    present = torch.rand(4000, 3) < 0.7
    seen = hide_blocks(present, 0.5)
    assert not (seen & ~present).any()
    assert torch.equal(seen.any(dim=1), present.any(dim=1))
    assert torch.equal(hide_blocks(present, 0.0), present)
    whole = hide_blocks(torch.ones(4000, 3, dtype=torch.bool), 0.5)
    expected = 1 / 3 + 2 / 3 * 0.5  # spared in any case, or by its own lot
    assert np.allclose(whole.float().mean(dim=0), expected, atol=0.03)


def test_noise_has_its_deviation_and_gaps_their_share() -> None:
    torch.manual_seed(0)
    (found,) = noisy([torch.full((400, 50), 5.0)], noise=0.5, drop=0.2)
    assert float((found == 0).float().mean()) == pytest.approx(0.2, abs=0.02)
    assert float(found[found != 0].std()) == pytest.approx(0.5, abs=0.02)


def test_scales_are_of_the_products_that_have_the_block() -> None:
    present = np.array([True, True, False, True])
    rows = np.array([[1.0, 2.0], [3.0, 2.0], [99.0, 99.0], [5.0, 2.0]])
    scales = BlockScales.fit({"a": block(rows, present), "b": block(np.ones((4, 3)))}, purpose="a test")
    known = rows[present]
    spread = np.sqrt(((known - known.mean(axis=0)) ** 2).mean())
    assert np.allclose(scales.centres["a"], known.mean(axis=0))
    assert scales.spreads == {"a": pytest.approx(spread), "b": 1.0}
    found = scales.rows({"a": block(rows, present)}, purpose="a test")
    assert np.allclose(found.values["a"][present], (known - known.mean(axis=0)) / spread)
    assert not found.values["a"][2].any()
    assert found.present.tolist() == [[True, False], [True, False], [False, False], [True, False]]
    assert np.allclose(scales.back("a", found.values["a"])[present], known, atol=1e-6)


# ---- learning


def test_a_hidden_block_is_told_from_the_others(masked: BlockReconstruction) -> None:
    new = linear_world(100, seed=1)  # products that it never saw
    assert all(share > 0.9 for share in masked.explained(new).values())
    told = masked.tell(without(new, "b", np.arange(100)), "b")
    error = np.square(told.vectors - new["b"].vectors).mean() / new["b"].vectors.var(axis=0).mean()
    assert error < 0.1
    assert np.array_equal(masked.tell(new, "b").vectors, told.vectors)  # the block itself is not looked at
    alone = masked.tell({"a": new["a"]}, "c").vectors
    assert np.square(alone - new["c"].vectors).mean() / new["c"].vectors.var(axis=0).mean() < 0.3


def test_of_blocks_that_have_nothing_in_common_nothing_is_told() -> None:
    rng = np.random.default_rng(0)
    blocks = {name: block(rng.normal(size=(128, 4))) for name in ("a", "b")}
    told = _made(schedule=Schedule(epochs=10, batch=64, rate=3e-3)).fit(blocks)
    fresh = {name: block(rng.normal(size=(128, 4))) for name in ("a", "b")}
    assert all(share < 0.1 for share in told.explained(fresh).values())


@pytest.mark.parametrize("kind", ["autoencoder", "denoising"])
def test_what_lies_in_few_dimensions_is_told_again(kind: str) -> None:
    learned = _made(kind).fit(WORLD)
    assert learned.history is not None
    assert learned.history.learned
    assert learned.history.losses[-1] < (0.1 if kind == "autoencoder" else 0.35) < learned.history.losses[0]
    codes = learned.encode(linear_world(60, seed=2))
    assert codes.vectors.shape == (60, 8)


def test_codes_of_like_products_are_alike(masked: BlockReconstruction) -> None:
    codes = masked.encode(WORLD).vectors
    partial = masked.encode({"a": WORLD["a"], "c": WORLD["c"]}).vectors
    centred, other = codes - codes.mean(axis=0), partial - codes.mean(axis=0)
    nearest = ((centred[:, None] - other[None]) ** 2).sum(axis=2).argmin(axis=0)
    assert (nearest == np.arange(256)).mean() > 0.3  # by chance: 1 in 256


def test_products_may_lack_blocks_and_one_row_is_a_row_of_the_batch(masked: BlockReconstruction) -> None:
    blocks = WORLD
    for name, rows in (("a", [0, 3]), ("b", [0, 4]), ("c", [0, 5])):
        blocks = without(blocks, name, np.array(rows))
    codes = masked.encode(blocks)
    assert codes.present.tolist() == [False] + [True] * 255
    assert not codes.vectors[0].any()
    assert np.allclose(masked.encode(take(blocks, np.array([3]))).vectors[0], codes.vectors[3], atol=1e-5)
    left_out = masked.encode({"b": WORLD["b"], "c": WORLD["c"]})
    assert np.allclose(left_out.vectors[3], codes.vectors[3], atol=1e-5)


def test_two_fits_are_equal_to_the_bit_and_parts_come_back() -> None:
    short = Schedule(epochs=2, batch=64, rate=1e-2)
    first, again, other = (_made(schedule=short).fit(WORLD, seed=seed) for seed in (0, 0, 1))
    codes = first.encode(WORLD).vectors
    assert np.array_equal(again.encode(WORLD).vectors, codes)
    assert not np.array_equal(other.encode(WORLD).vectors, codes)
    settings, arrays = first.to_parts()
    back = BlockReconstruction.from_parts(json.loads(json.dumps(settings)), arrays)
    assert np.array_equal(back.encode(WORLD).vectors, codes)


def test_a_modality_that_is_missing_everywhere_says_nothing() -> None:
    quick = Schedule(epochs=2, batch=64, rate=1e-3)
    none = without(WORLD, "c", np.arange(256))
    learned = _made(schedule=quick).fit(none)
    full = learned.encode(none)
    assert full.present.all()
    assert np.array_equal(learned.encode({"a": WORLD["a"], "b": WORLD["b"]}).vectors, full.vectors)
    assert set(learned.explained(none)) == {"a", "b"}
    with pytest.raises(UsageError, match="never saw the block 'c'"):
        learned.tell(none, "c")


def test_equal_products_have_equal_codes_and_nothing_was_learned() -> None:
    same = {"a": block(np.ones((9, 3))), "b": block(np.full((9, 2), 4.0))}
    learned = _made(schedule=Schedule(epochs=3, batch=4, rate=1e-3)).fit(same)
    codes = learned.encode(same).vectors
    assert np.isfinite(codes).all()
    assert np.allclose(codes, codes[0])
    assert all(math.isnan(share) for share in learned.explained(same).values())
    assert np.allclose(learned.tell(same, "b").vectors, 4.0, atol=0.5)


def test_what_cannot_be_learned_is_refused_with_a_remedy(masked: BlockReconstruction) -> None:
    with pytest.raises(UsageError, match=r"one product alone.*two products"):
        _made().fit(take(WORLD, np.array([0])))
    with pytest.raises(UsageError, match=r"no product has two.*denoising"):
        _made().fit({"a": WORLD["a"]})
    with pytest.raises(UsageError, match="no block at all"):
        _made().fit({})
    with pytest.raises(UsageError, match="no product with any"):
        _made().fit(without({"a": WORLD["a"]}, "a", np.arange(256)))
    with pytest.raises(UsageError, match="fit"):
        _made().encode(WORLD)
    with pytest.raises(UsageError, match="got the block 'd'"):
        masked.encode({**WORLD, "d": WORLD["a"]})
    with pytest.raises(UsageError, match="4 columns"):
        masked.encode({"a": WORLD["b"]})
    with pytest.raises(UsageError, match="no block at all"):
        masked.tell({"b": WORLD["b"]}, "b")
    with pytest.raises(UsageError, match="different ids"):
        _made().fit({"a": WORLD["a"], "b": WORLD["b"].take(np.arange(256)[::-1])})
    with pytest.raises(UsageError, match="kind"):
        _made("sparse")
    with pytest.raises(UsageError, match="hide"):
        _made(hide=1.0)
