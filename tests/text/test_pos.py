from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from goodsense.errors import DependencyError, UsageError
from goodsense.text import pos, pos_tags


def test_chinese_words_carry_their_tags() -> None:
    tags = pos_tags("这个漂亮的杯子 很便宜")
    assert dict(tags)["杯子"] == "n"
    assert dict(tags)["漂亮"] == "a"
    assert "".join(word for word, _ in tags) == "这个漂亮的杯子很便宜"
    assert pos_tags("漂亮的杯子", "zh") == pos_tags("漂亮的杯子")


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(UsageError, match="'fr'"):
        pos_tags("une tasse", "fr")


def test_english_without_nltk_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    pos._english_tagger.cache_clear()
    monkeypatch.setitem(sys.modules, "nltk", None)
    with pytest.raises(DependencyError) as caught:
        pos_tags("a red cup", "en")
    assert "goodsense[pos]" in caught.value.fix


def test_english_without_its_model_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    import nltk

    pos._english_tagger.cache_clear()
    monkeypatch.setattr(nltk.data, "path", [])
    with pytest.raises(DependencyError, match="averaged_perceptron_tagger_eng"):
        pos_tags("a red cup", "en")


def test_english_words_carry_the_models_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nltk

    folder = tmp_path / "taggers" / "averaged_perceptron_tagger_eng"
    folder.mkdir(parents=True)
    known = {"a": "DT", "red": "JJ", "cup": "NN"}
    for part, content in {"weights": {}, "tagdict": known, "classes": sorted(known.values())}.items():
        (folder / f"averaged_perceptron_tagger_eng.{part}.json").write_text(json.dumps(content))
    pos._english_tagger.cache_clear()
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    assert pos_tags("a red cup", "en") == [("a", "DT"), ("red", "JJ"), ("cup", "NN")]
    pos._english_tagger.cache_clear()
