"""``conv3d``: it learns moves and products from few small clips."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.encoders.conv3d import Conv3dEncoder, Cube
from goodsense.encoders.conv3d_network import clip_network
from goodsense.errors import UsageError
from tests.encoders import clip_samples

pytest.importorskip("torch")


@pytest.mark.parametrize("kind", ["3d", "2+1d"])
def test_it_learns_which_way_things_move(kind: str) -> None:
    """Rolling right and rolling left have the same pictures, in another order."""
    made = {"right": clip_samples.rolling, "left": clip_samples.returning}
    clips = [clip_samples.clip(place, seed=i, frames=6, side=16, radius=3) for place in made.values() for i in range(8)]
    labels = [{"id": str(i), "move": name} for i, name in enumerate(name for name in made for _ in range(8))]
    encoder = Conv3dEncoder(kind=kind, frames=6, side=16, width=8, epochs=20)
    train, test = list(range(0, 16, 2)), list(range(1, 16, 2))
    raw = [encoder.describe(clip) for clip in clips]
    encoder.fit_described([raw[i] for i in train], labels=[labels[i] for i in train], seed=0)
    names = [label["move"] for label in labels]
    found = encoder.project(raw)
    answers = clip_samples.nearest(found[test], found[train], [names[i] for i in train])
    assert answers == [names[i] for i in test]


def test_both_kinds_have_about_as_many_weights() -> None:
    sizes = [sum(p.numel() for p in clip_network(kind, 16, {}).parameters()) for kind in ("3d", "2+1d")]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.03)


def test_a_cube_shows_few_frames_for_longer_and_many_evenly() -> None:
    clip = clip_samples.clip(clip_samples.rolling, frames=3)
    found = Cube(6, 16)(clip)
    assert found.shape == (6, 16, 16, 3)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[4], found[5])
    assert not np.array_equal(found[0], found[5])
    assert Cube(6, 16)(clip_samples.nothing()).shape == (0, 16, 16, 3)


@pytest.mark.parametrize("options", [{"kind": "4d"}, {"frames": 1}, {"side": 8}, {"width": 1}, {"epochs": 0}])
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Conv3dEncoder(**options)  # type: ignore[arg-type]
