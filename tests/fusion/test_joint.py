from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from goodsense.fusion import make_fusion
from goodsense.fusion.joint import JointEncoder, rows_of
from goodsense.types import Embeddings, Vectors

COUNT = 60


class Letters:
    """Texts of ``a`` and ``b`` as their counts; arrays as they are."""

    dim, fingerprint = 2, "letters"

    def __init__(self, *accepts: str) -> None:
        self.accepts = frozenset(accepts)

    def encode(self, values: Sequence[Any]) -> Vectors:
        rows = [[value.count("a"), value.count("b")] if isinstance(value, str) else value for value in values]
        return np.array(rows, dtype=np.float32).reshape(-1, 2)

    encode_query = encode


def views(names: Sequence[str]) -> dict[str, Embeddings]:
    """Each block is the same two numbers, turned a little further."""
    hidden = np.random.default_rng(0).normal(size=(COUNT, 2))
    turned = {}
    for place, name in enumerate(names):
        angle = 0.7 * place
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned[name] = rows_of((hidden @ turn).astype(np.float32), np.ones(COUNT, dtype=bool))
    return turned


def joint(name: str = "cca", members: Sequence[str] = ("text", "image", "audio"), **options: Any) -> JointEncoder:
    fusion = make_fusion(name, **options).fit(views(members))
    return JointEncoder(fusion, {member: Letters(member) for member in members})


def test_it_accepts_what_its_members_read_by_their_own_kind() -> None:
    assert joint().accepts == {"text", "image", "audio"}
    fusion = make_fusion("cca").fit(views(("text", "image")))
    crossing = JointEncoder(fusion, {"text": Letters("text"), "image": Letters("text", "image")})
    assert list(crossing.readers("text")) == ["text"]
    silent = JointEncoder(fusion, {"text": Letters(), "image": Letters("image")})
    assert silent.accepts == {"image"}


def test_a_clip_is_read_by_its_sound_where_there_are_no_clips() -> None:
    assert list(joint().readers("video")) == ["audio"]
    assert list(joint(members=("audio", "text", "video")).readers("video")) == ["video", "audio"]


def test_words_and_mappings_are_queries() -> None:
    encoder = joint()
    mixed = encoder.encode_query(["aab", {"image": np.array([1.0, 2.0], np.float32)}, "", {}])
    assert mixed.shape == (4, encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(mixed, axis=1), [1, 1, 0, 0], atol=1e-6)
    alone = encoder.fuse({"text": rows_of(np.array([[2.0, 1.0]], np.float32), np.ones(1, bool))})
    np.testing.assert_allclose(mixed[0], alone.vectors[0], atol=1e-6)
    assert encoder.encode([]).shape == (0, encoder.dim)


@pytest.mark.parametrize(
    ("name", "options"), [("cca", {}), ("mean", {}), ("additive", {"weights": {"text": 1.0, "image": 2.0}})]
)
def test_what_the_blocks_add_sums_to_the_similarity(name: str, options: dict[str, Any]) -> None:
    encoder = joint(name, ("text", "image"), **options)
    blocks = {key: block.take(np.arange(9)) for key, block in views(("text", "image")).items()}
    absent = np.arange(9) % 3 > 0
    blocks["image"] = rows_of(blocks["image"].vectors, absent)
    probe = encoder.encode_query(["aaab"])[0]
    split = encoder.split(probe, blocks)
    np.testing.assert_allclose(sum(split.values()), encoder.fuse(blocks).vectors @ probe, atol=1e-6)
    np.testing.assert_allclose(split["image"][~absent], 0, atol=1e-9)
