"""Several encoders as one: where each part stands, which values reach it, and how media are decoded for all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.encoders import encoder_options, load_encoder, make_encoder, parts_of
from goodsense.encoders.joined import JoinedEncoder, as_wished, join, merged
from goodsense.errors import DataError, UsageError
from goodsense.media.reading import ClipWish, ImageWish, SoundWish
from goodsense.types import MediaEncoder, Sound
from tests.encoders import samples

PICTURES = samples.pictures()
TEXTS = samples.texts()
TWO = {"descriptors": {"dim": 24}, "fisher": {"dim": 16, "components": 2, "side": 32}}


class Lengths:
    """Says ``(width, 1)`` of every value that is not in ``silent``; a part by hand."""

    learns_labels = False

    def __init__(self, dim: int = 2, silent: Sequence[str] = (), accepts: Sequence[str] = ("text",)) -> None:
        self.dim, self.silent, self.accepts, self.fingerprint = dim, silent, frozenset(accepts), f"lengths-{dim}"

    def fit(self, values: Sequence[Any], *, seed: int) -> Lengths:
        return self

    def encode(self, values: Sequence[Any]) -> Any:
        rows = [np.zeros(self.dim) if value in self.silent else np.arange(1, self.dim + 1) for value in values]
        return np.array(rows, dtype=np.float32).reshape(-1, self.dim)

    def encode_query(self, values: Sequence[Any]) -> Any:
        return self.encode(["" if isinstance(value, np.ndarray) else value for value in values])


def joined(parts: Mapping[str, Any], weights: Mapping[str, float] | None = None) -> JoinedEncoder:
    return join("text", parts, weights)


def test_every_part_keeps_its_own_vectors_by_the_root_of_its_weight() -> None:
    encoder = make_encoder("image", "descriptors+fisher", {**TWO, "weights": {"fisher": 3.0}})
    encoder.fit(PICTURES, seed=0)
    vectors = encoder.encode(PICTURES)
    places = encoder.slices  # type: ignore[attr-defined]
    assert dict(places) == {"descriptors": slice(0, 24), "fisher": slice(24, 40)}
    for name, scale in (("descriptors", math.sqrt(0.25)), ("fisher", math.sqrt(0.75))):
        alone = make_encoder("image", name, TWO[name]).fit(PICTURES, seed=0)
        np.testing.assert_allclose(vectors[:, places[name]], alone.encode(PICTURES) * scale, atol=1e-6)


def test_a_part_that_says_nothing_leaves_its_place_to_the_others() -> None:
    encoder = joined({"a": Lengths(2, silent=["x", "z"]), "b": Lengths(3, silent=["z"])})
    found = encoder.encode(["w", "x", "z"])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(found[0, :2], np.array([1, 2]) / math.sqrt(5) / math.sqrt(2), atol=1e-6)
    assert not found[1, :2].any()
    np.testing.assert_allclose(found[1, 2:], np.array([1, 2, 3]) / math.sqrt(14), atol=1e-6)


def test_queries_go_to_the_parts_that_accept_their_kind() -> None:
    encoder = join("image", {"looks": Lengths(2, accepts=["image"]), "tower": Lengths(2, accepts=["image", "text"])})
    assert encoder.accepts == {"image", "text"}
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    found = encoder.encode_query(["a red shoe", picture])
    assert found.astype(bool).tolist() == [[False, False, True, True], [True, True, True, True]]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_texts_join_too_and_are_not_in_two_halves() -> None:
    options = {"lsa": {"dim": 8}, "word2vec": {"dim": 8, "epochs": 1}}
    encoder = make_encoder("text", "lsa+word2vec", options)
    assert encoder.dim == 16
    assert not isinstance(encoder, MediaEncoder)
    assert isinstance(make_encoder("image", "descriptors+fisher"), MediaEncoder)
    assert encoder_options("text", "lsa+word2vec")["lsa"] == encoder_options("text", "lsa")


def test_labels_reach_the_parts_and_are_said_to(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    tiny = {"side": 24, "width": 4, "epochs": 1}
    encoder = make_encoder("image", "descriptors+cnn", {"descriptors": {"dim": 16}, "cnn": tiny})
    assert isinstance(encoder, MediaEncoder)
    assert encoder.learns_labels
    raw = [encoder.describe(picture) for picture in PICTURES[:12]]
    assert raw[0].shape == ()
    assert raw[0]["part-1"].shape == (24, 24, 3)
    labels = [{"kind": "ab"[row % 2]} for row in range(12)]
    encoder.fit_described(raw, labels=labels, seed=0)
    assert set(encoder.parts["cnn"].scores([raw[0]["part-1"]])) == {"kind"}  # type: ignore[attr-defined]
    assert not make_encoder("image", "descriptors+fisher").learns_labels  # type: ignore[attr-defined]


def test_a_part_that_was_exchanged_is_noticed(tmp_path: Path) -> None:
    for name, dim in (("one", 24), ("two", 32)):
        make_encoder("image", "descriptors+fisher", {**TWO, "descriptors": {"dim": dim}}).save(tmp_path / name)
    for file in ("encoder.json", "encoder.safetensors"):
        (tmp_path / "one" / "part-0" / file).write_bytes((tmp_path / "two" / "part-0" / file).read_bytes())
    with pytest.raises(DataError, match="another encoder 'descriptors'"):
        load_encoder("image", "descriptors+fisher", tmp_path / "one")
    assert json.loads((tmp_path / "two" / "encoder.json").read_text("utf-8"))["kind"] == "joined"


def test_one_decoding_serves_all_parts() -> None:
    assert merged([ImageWish(224), ImageWish(96)]) == ImageWish(224)
    assert merged([ImageWish(224), ImageWish()]) == ImageWish()
    assert merged([SoundWish(16_000, True, 5.0), SoundWish(22_050, False, 3.0)]) == SoundWish(22_050, False, 5.0)
    slow, fast = ClipWish(2.0, 16, 112, motion=True), ClipWish(8.0, 8, 96, sound=SoundWish(8_000))
    assert merged([slow, fast]) == ClipWish(8.0, 16, 112, True, SoundWish(8_000))
    with pytest.raises(UsageError, match="different media"):
        merged([ImageWish(), SoundWish()])


def test_each_part_gets_what_it_wished_for() -> None:
    picture = np.zeros((80, 40, 3), dtype=np.uint8)
    assert as_wished(picture, ImageWish(20)).shape == (20, 10, 3)
    assert as_wished(picture, ImageWish(100)) is picture
    tone = np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000).astype(np.float32)
    sound = Sound(np.stack([tone, np.zeros_like(tone)], axis=1), 16_000)
    found = as_wished(sound, SoundWish(8_000, True, 0.5))
    assert found.rate == 8_000
    assert found.samples.shape == (4_000, 1)
    assert 0.3 < np.abs(found.samples).max() < 0.6  # the mean of a tone and silence


def test_names_are_split_where_encoders_are_on_both_sides() -> None:
    assert parts_of("image", "descriptors") == ()
    assert parts_of("image", "descriptors + fisher") == ("descriptors", "fisher")
    assert parts_of("image", "fisher+hub:org/model") == ("fisher", "hub:org/model")
    assert parts_of("image", "hub:/models/a+b") == ()


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("descriptors+nothing", {}, "no image encoder 'nothing'"),
        ("fisher+fisher", {}, "one of its parts twice"),
        ("descriptors+fisher", {"dim": 3}, "no option 'dim'; it has descriptors, fisher, weights"),
        ("descriptors+fisher", {"fisher": 3}, "expected a table"),
        ("descriptors+fisher", {"fisher": {"dims": 3}}, "'fisher' has no option 'dims'"),
        ("descriptors+fisher", {"weights": {"cnn": 1}}, "names the part 'cnn'"),
        ("descriptors+fisher", {"weights": {"fisher": 0}}, "above 0"),
    ],
)
def test_what_cannot_be_joined_is_refused(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make_encoder("image", name, options)
