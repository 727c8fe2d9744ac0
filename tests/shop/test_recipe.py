from __future__ import annotations

from pathlib import Path

import pytest

from goodsense.errors import UsageError
from goodsense.shop import Recipe


def test_the_default_recipe_survives_its_own_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(Recipe().to_toml(), "utf-8")
    assert Recipe.load(path) == Recipe()


def test_a_recipe_survives_its_own_file(tmp_path: Path) -> None:
    recipe = Recipe.model_validate(
        {
            "currency": "CNY",
            "encoders": {"image": ""},
            "options": {"text": {"dim": 64, "char_ngrams": [3, 4]}},
            "text": {"dictionary": ["乐高", 'quo"te\\', "line\nbreak"]},
            "fusion": {"weights": {"text": 0.5}},
        }
    )
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), "utf-8")
    assert Recipe.load(path) == recipe


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("colour = 1", "the key 'colour' is unknown; known here: currency"),
        ("[index]\nengin = 'exact'", "the key 'index.engin' is unknown; known here: candidates, distance, engine"),
        ("[index]\nengine = 'faiss'", "'index.engine' is 'faiss'"),
        ("[lexical]\nk1 = -1", "'lexical.k1' is -1"),
        ("currency = 'yuan'", "'currency' is 'yuan'"),
        ("[[[", "no readable TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError) as error:
        Recipe.load(path)
    assert expected in str(error.value)


def test_a_missing_recipe_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no recipe"):
        Recipe.load(tmp_path / "none.toml")


def test_int8_is_for_pretrained_models() -> None:
    given = {"encoders": {"text": "minilm", "image": "hub:some/model"}, "options": {"text": {"max_tokens": 64}}}
    recipe = Recipe.model_validate(given).with_int8()
    assert recipe.options_of("text") == {"max_tokens": 64, "int8": True}
    assert recipe.options_of("image") == {"int8": True}
    assert recipe.options_of("attributes") == {}
    joined = Recipe.model_validate({"encoders": {"image": "descriptors+hub:some/model"}}).with_int8()
    assert joined.options_of("image") == {"hub:some/model": {"int8": True}}
    with pytest.raises(UsageError, match="names none"):
        Recipe().with_int8()
