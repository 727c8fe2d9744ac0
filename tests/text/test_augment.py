from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.augmentation import chain
from goodsense.errors import DependencyError
from goodsense.text.augment import (
    ChangeForm,
    DropWords,
    KeyboardTypos,
    PinyinTypos,
    ReorderSentences,
    ReplaceByNeighbours,
    ReplaceSynonyms,
    Rewrite,
    SwapWords,
    standard,
)
from goodsense.text.augment_forms import RULES, other_forms
from goodsense.text.augment_typos import NEIGHBOURS
from goodsense.text.augment_words import pieces
from goodsense.text.pinyin import to_pinyin

TEXT = "The red shoes are soft. They fit women and men well! 红色运动鞋，适合女士。穿着很舒服！"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Neighbours:
    """Word vectors, as far as a step sees them."""

    def nearest(self, word: str, k: int) -> Sequence[tuple[str, float]]:
        return [("boots", 0.9), ("hats", 0.2)][:k] if word == "shoes" else []


STEPS: list[Any] = [
    ReplaceSynonyms(0.9),
    ReplaceByNeighbours(Neighbours(), 1.0),
    DropWords(0.5),
    SwapWords(0.5),
    KeyboardTypos(0.9),
    PinyinTypos(0.9),
    ReorderSentences(),
    ChangeForm(1.0),
    standard(),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_step_changes_a_text_and_the_seed_says_how(step: Any) -> None:
    found = [step(TEXT, rng(seed)) for seed in range(8)]
    assert found == [step(TEXT, rng(seed)) for seed in range(8)]
    assert any(text != TEXT for text in found)
    assert [step(text, rng()) for text in ("", "7", "!", "\n")] == ["", "7", "!", "\n"]
    assert chain((step, 0.0))(TEXT, rng()) == TEXT


@pytest.mark.parametrize("step", STEPS[:-1], ids=lambda step: type(step).__name__)
def test_steps_are_frozen_values(step: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        step.share = 1.0


@pytest.mark.parametrize("kind", [ReplaceSynonyms, DropWords, SwapWords, KeyboardTypos, PinyinTypos, ChangeForm])
def test_chances_lie_within_bounds(kind: Any) -> None:
    with pytest.raises(ValueError, match=r"share is 1\.5"):
        kind(share=1.5)


def test_pieces_are_the_text_again() -> None:
    assert "".join(pieces(TEXT)) == TEXT
    assert pieces("T恤 don't 保温杯 5ml") == ["T", "恤", " ", "don't", " ", "保温杯", " 5", "ml"]


# ---- words


def test_synonyms_stay_in_their_language_unless_told() -> None:
    within = ReplaceSynonyms(1.0)
    assert within("red", rng()) in ("crimson", "scarlet")
    assert within("RED Shoes", rng()) in ("CRIMSON Footwear", "SCARLET Footwear")
    assert within("红色", rng()) == "大红"
    seen = {ReplaceSynonyms(1.0, across=True)("red", rng(seed)) for seed in range(40)}
    assert seen == {"crimson", "scarlet", "红色", "大红"}


def test_the_shop_extends_the_dictionary() -> None:
    step = ReplaceSynonyms(1.0, extra=(("jug", "pitcher"), ("red", "ruby")))
    assert step("red jug", rng()) == "ruby pitcher"
    assert ReplaceSynonyms(1.0, extra=(("jug", "pitcher"),), builtin=False)("red jug", rng()) == "red pitcher"


def test_neighbours_come_from_the_shops_word_vectors() -> None:
    step = ReplaceByNeighbours(Neighbours(), 1.0, k=2, least=0.5)
    assert step("red shoes", rng()) == "red boots"
    seen = {ReplaceByNeighbours(Neighbours(), 1.0, k=2, least=0.1)("shoes", rng(seed)) for seed in range(20)}
    assert seen == {"boots", "hats"}


def test_dropping_keeps_some_words_in_their_order() -> None:
    for seed in range(20):
        left = pieces(DropWords(0.8)("alpha beta gamma delta", rng(seed)))
        words = [word for word in left if word.isalpha()]
        assert words
        assert words == sorted(words, key="alpha beta gamma delta".split().index)
    assert DropWords(1.0)("alpha", rng()) == "alpha"
    assert DropWords(0.0)("alpha, beta", rng()) == "alpha, beta"


def test_swapping_moves_no_word_across_a_mark() -> None:
    assert SwapWords(1.0)("a b, c d", rng()) == "b a, d c"
    assert SwapWords(1.0)("红色火车", rng()) == "火车红色"
    assert Counter(SwapWords(0.5)(TEXT, rng(3))) == Counter(TEXT)


# ---- letters


def test_slips_are_one_letter_off() -> None:
    for seed in range(60):
        typed = KeyboardTypos(1.0)("ceramic", rng(seed))
        assert typed[0] == "c"
        assert typed in slips("ceramic")
    assert KeyboardTypos(1.0)("red cup 12345 保温杯", rng()) == "red cup 12345 保温杯"  # short words stay


def slips(word: str) -> set[str]:
    """Every word one slip away, the plain way."""
    found = set()
    for i in range(1, len(word)):
        found.add(word[:i] + word[i + 1 :])
        found.add(word[: i + 1] + word[i:])
        found |= {word[:i] + key + word[i + 1 :] for key in NEIGHBOURS[word[i]]}
        if i + 1 < len(word):
            found.add(word[:i] + word[i + 1] + word[i] + word[i + 2 :])
    return found


def test_keys_are_neighbours_both_ways() -> None:
    assert NEIGHBOURS["s"] == "adewxz"
    assert all(key in NEIGHBOURS[other] for key, near in NEIGHBOURS.items() for other in near)


def test_pinyin_typos_sound_alike() -> None:
    characters = PinyinTypos(1.0, letters=0.0)
    for seed in range(20):
        typed = characters("保温杯", rng(seed))
        assert typed != "保温杯"
        assert len(typed) == 3
        assert sum(a != b for a, b in zip(typed, "保温杯", strict=True)) == 1
        at = next(i for i in range(3) if typed[i] != "保温杯"[i])
        assert to_pinyin(typed[at]) == to_pinyin("保温杯"[at])
    assert PinyinTypos(1.0, letters=1.0, blurred=0.0)("红色 cup", rng()) == "hongse cup"
    assert PinyinTypos(1.0, letters=1.0, blurred=1.0)("中", rng()) in ("zong", "zhon")


# ---- sentences

EVERY = tuple(RULES)


def test_sentences_change_places() -> None:
    found = {ReorderSentences()("One. Two.", rng(seed)) for seed in range(10)}
    assert found == {"One. Two.", "Two. One."}
    assert {ReorderSentences()("很好。很快。", rng(seed)) for seed in range(10)} == {"很好。很快。", "很快。很好。"}
    assert ReorderSentences()("Just one.", rng()) == "Just one."


@pytest.mark.parametrize(
    ("sentence", "other"),
    [
        ("This cup is made of steel.", "Made of steel, this cup."),
        ("Made of steel, this cup.", "This cup is made of steel."),
        ("Acme makes this red cup.", "This red cup is made by Acme."),
        ("This cup is made by Acme.", "Acme makes this cup."),
        ("A soft red shirt", "A red soft shirt"),
        ("It is warm and soft.", "It is soft and warm."),
        ("Great toy for kids!", "Great kids toy!"),
        ("kids shoes", "shoes for kids"),
        ("Because it is light, we love it.", "We love it because it is light."),
        ("We love this mug because it is light.", "Because it is light, we love this mug."),
        ("Is this cup waterproof?", "This cup is waterproof."),
        ("This cup is waterproof.", "Is this cup waterproof?"),
        ("The bag has two pockets.", "Does the bag have two pockets?"),
        ("店家把杯子包好了。", "杯子被店家包好了。"),
        ("杯子被店家包好了。", "店家把杯子包好了。"),
        ("这个杯子由不锈钢制成。", "这个杯子是用不锈钢做的。"),
        ("这个杯子是用不锈钢做的。", "这个杯子由不锈钢制成。"),
        ("真丝材质的围巾", "围巾，材质是真丝"),
        ("柔软红色毛衣", "红色柔软毛衣"),
        ("毛衣又轻又软。", "毛衣又软又轻。"),
        ("因为很轻，所以喜欢。", "喜欢，因为很轻。"),
        ("喜欢，因为很轻。", "因为很轻，所以喜欢。"),
        ("适合儿童的玩具", "儿童玩具"),
        ("儿童玩具", "适合儿童的玩具"),
        ("这个杯子能保温吗？", "这个杯子能保温。"),
        ("这款杯子有盖子。", "这款杯子有盖子吗？"),
        ("有没有大号？", "有大号吗？"),
    ],
)
def test_sentences_have_other_forms(sentence: str, other: str) -> None:
    assert other in other_forms(sentence, kinds=EVERY)


@pytest.mark.parametrize("sentence", ["Buy it now.", "These shoes fit women.", "好", "It is for kids.", ""])
def test_what_fits_no_rule_stays(sentence: str) -> None:
    assert other_forms(sentence, kinds=EVERY) == []
    assert ChangeForm(1.0)(sentence, rng()) == sentence


def test_questions_can_be_left_out() -> None:
    assert other_forms("This cup is new.", kinds=("order", "voice", "material", "purpose")) == []
    with pytest.raises(ValueError, match="passive"):
        ChangeForm(kinds=("passive",))


def test_a_form_changes_its_sentence_alone() -> None:
    found = {ChangeForm(1.0, kinds=("voice",))("Good. Acme makes this cup. 好。", rng(seed)) for seed in range(5)}
    assert found == {"Good. This cup is made by Acme. 好。"}


# ---- a language model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A randomly initialised GPT-2 of 16 numbers that knows twenty words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    directory = tmp_path_factory.mktemp("gpt2")
    words = "<end> <unk> a the red cup soft mug is good very new old warm In other words : for tea".split()
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", unk_token="<unk>").save_pretrained(directory)
    torch.manual_seed(0)
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64, "bos_token_id": 0, "eos_token_id": 0}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(words), **sizes)).save_pretrained(directory)
    return directory


def test_a_language_model_rewrites(model: Path) -> None:
    step = Rewrite(str(model), tokens=6)
    found = [step("the red cup", rng(seed)) for seed in range(6)]
    assert found == [step("the red cup", rng(seed)) for seed in range(6)]
    assert len(set(found)) > 1
    assert all(0 < len(text.split()) <= 6 for text in found)
    assert step(" ", rng()) == " "
    likeliest = Rewrite(str(model), tokens=6, temperature=0)
    assert len({likeliest("the red cup", rng(seed)) for seed in range(3)}) == 1


def test_a_folder_without_a_model_names_what_is_missing(tmp_path: Path, model: Path) -> None:
    with pytest.raises(DependencyError, match=r"config\.json, model\.safetensors"):
        Rewrite(str(tmp_path))("text", rng())
    with pytest.raises(DependencyError, match="missing") as raised:
        Rewrite(str(tmp_path / "nowhere"))("text", rng())
    assert "leave out the step" in raised.value.fix
    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "none such"}')
    with pytest.raises(DependencyError, match="no language model that can be used"):
        Rewrite(str(tmp_path))("text", rng())


def test_rewriting_needs_a_place_for_the_text() -> None:
    with pytest.raises(ValueError, match=r"\{text\}"):
        Rewrite("folder", prompt="Say it again.")
    with pytest.raises(ValueError, match="tokens is 0"):
        Rewrite("folder", tokens=0)


def test_rewriting_without_transformers_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(DependencyError, match="transformers") as raised:
        Rewrite("a folder that was never loaded")("text", rng())
    assert "goodsense[hub]" in raised.value.fix
