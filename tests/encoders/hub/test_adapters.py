"""Adapters of pretrained models: exact where nothing is learned, true to the layers where something is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from goodsense.encoders import load_encoder, make_encoder
from goodsense.encoders.hub.adapters import Adapter, LowRank, injected
from goodsense.encoders.hub.adapting import adapt_pictures, adapt_texts, adapt_words, guessing
from goodsense.encoders.hub.loading import find_model, load_network
from goodsense.encoders.hub.sentence import read_layout
from goodsense.encoders.hub.tokens import Tokens
from goodsense.encoders.text_pairs import TextPairs
from goodsense.errors import DataError, DependencyError, UsageError
from goodsense.learning.low_rank import restore_thin
from goodsense.learning.networks import seeded
from goodsense.learning.schedules import Schedule
from goodsense.types import Vectors
from tests.encoders import samples
from tests.encoders.hub import models

TEXTS = ["red shoe", "a steel watch by acme. cotton shirt", "红色 leather"]
PAIRS = TextPairs.of(samples.texts())
SMALL = LowRank(rank=2, alpha=4.0)
QUICK = Schedule(epochs=6, batch=12, rate=2e-2)
UNTRAINED = Schedule(epochs=0, batch=12, rate=1e-2)


def text_vectors(source: Any) -> Vectors:
    found: Vectors = make_encoder("text", f"hub:{source}").encode(TEXTS)
    return found


def picture_vectors(source: Any) -> Vectors:
    found: Vectors = make_encoder("image", f"hub:{source}").encode(samples.pictures()[:4])
    return found


def pictures() -> tuple[list[Any], list[Any]]:
    """Two photos of twelve things."""
    found = samples.pictures(copies=2)
    return found[::2], found[1::2]


@pytest.fixture(scope="module")
def bert() -> Adapter:
    return adapt_texts(str(models.ready("bert")), PAIRS, settings=SMALL, schedule=QUICK)


# ---- nothing is learned


@pytest.mark.parametrize("settings", [SMALL, LowRank(rank=0)], ids=["untrained", "rank 0"])
@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_texts_have_the_models_own_vectors_where_nothing_is_learned(
    kind: str, settings: LowRank, tmp_path: Path
) -> None:
    source = models.ready(kind)
    adapter = adapt_texts(str(source), PAIRS, settings=settings, schedule=UNTRAINED)
    assert not adapter.history.learned  # type: ignore[union-attr]
    assert (adapter.parameters > 0) == (settings.rank > 0)
    np.testing.assert_array_equal(text_vectors(adapter.merge(tmp_path / "merged")), text_vectors(source))


@pytest.mark.parametrize("settings", [SMALL, LowRank(rank=0)], ids=["untrained", "rank 0"])
def test_pictures_have_the_models_own_vectors_where_nothing_is_learned(settings: LowRank, tmp_path: Path) -> None:
    source = models.ready("vit")
    adapter = adapt_pictures(str(source), *pictures(), settings=settings, schedule=UNTRAINED)
    np.testing.assert_array_equal(picture_vectors(adapter.merge(tmp_path / "merged")), picture_vectors(source))


# ---- something is


def test_texts_learn_from_pairs(bert: Adapter) -> None:
    history = bert.history
    assert history is not None
    assert history.learned
    assert history.losses[-1] < 0.8 * history.losses[0]
    assert bert.model == find_model(str(models.ready("bert"))).hash
    layers = {name.rpartition(".")[0] for name in bert.arrays}
    assert {name.rpartition(".")[2] for name in layers} == {"query", "value"}
    assert len(layers) == 4  # two of each of two layers
    assert bert.parameters == 4 * 2 * (32 + 32)


def test_a_seed_repeats_a_training() -> None:
    def fingerprint(seed: int) -> str:
        short = Schedule(epochs=1, batch=24, rate=1e-2)
        source = str(models.ready("bert"))
        return adapt_texts(source, PAIRS, settings=SMALL, schedule=short, seed=seed).fingerprint

    assert fingerprint(0) == fingerprint(0) != fingerprint(1)


def test_the_merged_model_is_the_adapted_one(bert: Adapter, tmp_path: Path) -> None:
    folder = find_model(str(models.ready("bert")))
    network, plain, merged = load_network(folder), load_network(folder), bert.network()
    restore_thin(injected(network, SMALL, seed=5), bert.arrays)
    ids = torch.tensor([[2, 9, 12, 3]])
    with torch.inference_mode():
        expected = network(input_ids=ids).last_hidden_state
        torch.testing.assert_close(merged(input_ids=ids).last_hidden_state, expected, atol=1e-5, rtol=1e-4)
        assert (plain(input_ids=ids).last_hidden_state - expected).abs().max() > 1e-2
    changed = {
        name.removesuffix(".weight")
        for name, value in merged.state_dict().items()
        if not torch.equal(value, plain.state_dict()[name])
    }
    assert changed == {name.rpartition(".")[0] for name in bert.arrays}
    one = f"{sorted(changed)[0]}.weight"
    down, up = (bert.arrays[one.replace("weight", part)] for part in ("down", "up"))
    whole = plain.state_dict()[one].numpy() + 4.0 / 2 * up @ down
    np.testing.assert_allclose(merged.state_dict()[one].numpy(), whole, atol=1e-6)
    # a folder of its own is a model like any other
    place = bert.merge(tmp_path / "merged")
    again = load_network(find_model(str(place)))
    for name, value in merged.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    encoder = make_encoder("text", f"hub:{place}")
    assert encoder.fingerprint != make_encoder("text", f"hub:{folder.path}").fingerprint
    encoder.save(tmp_path / "saved")
    loaded = load_encoder("text", f"hub:{place}", tmp_path / "saved")
    np.testing.assert_array_equal(loaded.encode(TEXTS), encoder.encode(TEXTS))
    with pytest.raises(UsageError, match="not empty"):
        bert.merge(tmp_path / "merged")


def test_pairs_find_each_other_better_afterwards(bert: Adapter, tmp_path: Path) -> None:
    def found(source: Any) -> float:
        encoder = make_encoder("text", f"hub:{source}")
        left = encoder.encode_query([row["title"] for row in samples.texts()])
        right = encoder.encode([row["description"] for row in samples.texts()])
        scores = left @ right.T
        return float((scores.argmax(axis=1) // 3 // 4 == np.arange(36) // 3 // 4).mean())  # of the same kind

    assert found(bert.merge(tmp_path / "merged")) > found(models.ready("bert"))


def test_it_comes_back_from_disk_and_knows_its_model(bert: Adapter, tmp_path: Path) -> None:
    bert.save(tmp_path / "adapter")
    loaded = Adapter.load(tmp_path / "adapter")
    assert loaded.fingerprint == bert.fingerprint
    assert loaded.settings == bert.settings
    for name, value in bert.network().state_dict().items():
        assert torch.equal(value, loaded.network().state_dict()[name])
    moved = Path(shutil.copytree(models.ready("bert"), tmp_path / "moved"))
    loaded.network(str(moved))
    weights = moved / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(DependencyError, match="is not the one"):
        loaded.network(str(moved))


def test_what_texts_begin_with_is_kept_under_another_name(tmp_path: Path) -> None:
    source = Path(shutil.copytree(models.ready("bert"), tmp_path / "multilingual-e5-small"))
    (source / "pytorch_model.bin").write_bytes(b"another copy of the weights")
    (source / "README.md").write_text("---\nlicense: mit\n---\n", "utf-8")
    adapter = adapt_texts(str(source), PAIRS, settings=LowRank(rank=0))
    merged = adapter.merge(tmp_path / "ours")
    layout = read_layout(find_model(str(merged)))
    assert (layout.query, layout.passage) == ("query: ", "passage: ")
    assert (merged / "README.md").is_file()
    assert not (merged / "pytorch_model.bin").exists()
    np.testing.assert_array_equal(text_vectors(merged), text_vectors(source))
    config = json.loads((merged / "config.json").read_text("utf-8"))
    assert config == json.loads((source / "config.json").read_text("utf-8"))


# ---- hidden words


@pytest.mark.parametrize("kind", ["bert", "albert"])  # words as wide as the states, and narrower
def test_a_model_learns_a_shops_words_by_a_head_of_its_own(kind: str) -> None:
    texts = [f"{row['title']}. {row['description']}" for row in samples.texts()]
    adapter = adapt_words(str(models.ready(kind)), texts, settings=SMALL, schedule=QUICK)
    history = adapter.history
    assert history is not None
    assert history.losses[-1] < 0.8 * history.losses[0]
    assert all(np.abs(array).max() > 0 for array in adapter.arrays.values())
    assert all(".down" in name or ".up" in name for name in adapter.arrays)  # the head is not kept


def test_the_models_own_head_tells_words_where_there_is_one(tmp_path: Path) -> None:
    import transformers

    source = Path(shutil.copytree(models.ready("bert"), tmp_path / "model"))
    with seeded(0):
        whole = transformers.BertForMaskedLM(transformers.BertConfig.from_pretrained(source)).eval()
    with samples.quiet():
        whole.save_pretrained(source)
    network, guesser = guessing(find_model(str(source)), seed=0)
    ids, mask = torch.tensor([[2, 9, 4, 12, 3], [2, 4, 3, 0, 0]]), torch.tensor([[1] * 5, [1, 1, 1, 0, 0]])
    asked = ids == 4
    with torch.inference_mode():
        expected = whole(input_ids=ids, attention_mask=mask).logits[asked]
        torch.testing.assert_close(guesser(ids, mask, asked), expected)
    assert guesser.learning == ()  # it stays as it is
    assert network is guesser.model.base_model

    still = Schedule(epochs=1, batch=12, rate=0.0)
    adapter = adapt_words(str(source), [row["title"] for row in samples.texts()], settings=SMALL, schedule=still)
    assert {name.split(".")[0] for name in adapter.arrays} == {"encoder"}  # as in the model without its head
    np.testing.assert_array_equal(text_vectors(adapter.merge(tmp_path / "merged")), text_vectors(source))


def test_words_are_hidden_but_no_special_tokens() -> None:
    tokens = Tokens.of(find_model(str(models.ready("bert"))))
    assert tokens.mask == 4
    assert {0, 1, 2, 3, 4} == tokens.special


# ---- pictures


def test_pictures_learn_from_pictures(tmp_path: Path) -> None:
    adapter = adapt_pictures(str(models.ready("vit")), *pictures(), settings=SMALL, schedule=QUICK)
    history = adapter.history
    assert history is not None
    assert history.losses[-1] < history.losses[0]
    merged = adapter.merge(tmp_path / "merged")
    assert np.abs(picture_vectors(merged) - picture_vectors(models.ready("vit"))).max() > 1e-3


def test_pictures_learn_from_texts_in_a_model_of_both(tmp_path: Path) -> None:
    source, (seen, _) = models.ready("clip"), pictures()
    texts = [row["title"] for row in samples.texts()[::3]]
    groups = np.arange(12)
    adapter = adapt_pictures(str(source), seen, texts, groups, settings=SMALL, schedule=QUICK)
    history = adapter.history
    assert history is not None
    assert history.losses[-1] < 0.9 * history.losses[0]
    sides = {name.split(".")[0] for name in adapter.arrays}
    assert {"text_model", "vision_model"} <= sides
    for part in sides:  # both towers have learned
        assert any(np.abs(array).max() > 0 for name, array in adapter.arrays.items() if name.startswith(part))
    encoder = make_encoder("image", f"hub:{adapter.merge(tmp_path / 'merged')}")
    scores = encoder.encode_query(texts) @ encoder.encode(seen).T
    plain = make_encoder("image", f"hub:{source}")
    before = plain.encode_query(texts) @ plain.encode(seen).T
    own = np.eye(12, dtype=bool)
    assert (scores[own].mean() - scores[~own].mean()) > (before[own].mean() - before[~own].mean())


# ---- bad input


def test_what_cannot_be_adapted_is_refused() -> None:
    bert, vit = str(models.ready("bert")), str(models.ready("vit"))
    with pytest.raises(DataError, match="no pairs of different texts"):
        adapt_texts(bert, TextPairs.of([{"title": "red"}, {"title": "blue"}]))
    with pytest.raises(UsageError, match="their names end in: "):
        adapt_texts(bert, PAIRS, settings=LowRank(layers="convolution"))
    with pytest.raises(UsageError, match="rank"):
        adapt_texts(bert, PAIRS, settings=LowRank(rank=-1))
    with pytest.raises(UsageError, match="is for image"):
        adapt_texts(vit, PAIRS)
    with pytest.raises(UsageError, match="no token that hides"):
        adapt_words(str(tokenless()), ["red shoe"])
    with pytest.raises(DataError, match="no texts"):
        adapt_words(bert, ["", " "])
    seen, others = pictures()
    with pytest.raises(DataError, match="expected as many"):
        adapt_pictures(vit, seen, others[:3])
    with pytest.raises(UsageError, match="is for image"):
        adapt_pictures(vit, seen, ["red"] * 12)
    with pytest.raises(UsageError, match="convolutions alone"):
        adapt_pictures(str(models.ready("vgg")), seen, others)


def tokenless() -> Path:
    """A model whose tokenizer has no mask."""
    place = models.HOME / "tokenless"
    if not place.exists():
        shutil.copytree(models.ready("gpt2"), place)
        path = place / "tokenizer_config.json"
        settings = json.loads(path.read_text("utf-8"))
        settings.pop("mask_token", None)
        path.write_text(json.dumps(settings), "utf-8")
    return place
