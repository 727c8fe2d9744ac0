"""Which language a text is in: by its script where that tells, else by a small n-gram model."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from goodsense.text.clean import clean

_SCRIPTS = {  # script -> characters; each counts once
    "kana": "\u3041-\u3096\u30a1-\u30fa",
    "han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "ko": "\uac00-\ud7a3\u1100-\u11ff\u3131-\u318e",
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "he": "\u0590-\u05ff",
    "th": "\u0e01-\u0e5b",
    "ka": "\u10a0-\u10ff",
    "hy": "\u0531-\u058f",
    "letters": "A-Za-z\u00c0-\u024f\u1e00-\u1eff\u0400-\u052f\u0600-\u06ff\u0750-\u077f\u0900-\u0fff",
}
_HAN_WEIGHT = 3  # a Han character says about as much as three letters of a word
_SHORTEST = 12  # letters; below that an n-gram model guesses
_SUREST = 0.4  # of the model's probability; titles of goods seldom reach more, nonsense stays below .3


def detect_language(text: str) -> str:
    """Return the ISO 639 code of the text's language, or ``""`` when unsure.

    Han characters mean ``zh`` and kana ``ja``, Hangul ``ko``, and so for the other scripts of a single language, if
    they make up the greater part (``Nike 运动鞋 男`` is Chinese). Latin, Cyrillic, Arabic and Indic letters are left to
    py3langid (Lui and Baldwin, 2012); few letters or a low probability give ``""``.
    """
    text = clean(text)
    counts = {script: len(counter.findall(text)) for script, counter in _counters().items()}
    letters = counts.pop("letters")
    kana, han = counts.pop("kana"), counts.pop("han")
    counts["ja" if kana * 10 > han else "zh"] = (han + kana) * _HAN_WEIGHT
    best = max(counts, key=lambda script: counts[script])
    if counts[best] > letters:
        return best
    return _by_model(text) if letters >= _SHORTEST else ""


@lru_cache(maxsize=1)
def _counters() -> dict[str, re.Pattern[str]]:
    return {script: re.compile(f"[{chars}]") for script, chars in _SCRIPTS.items()}


def _by_model(text: str) -> str:
    label, probability = _identifier().classify(text)
    return str(label) if float(probability) >= _SUREST else ""


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """The model that comes with py3langid, giving probabilities; loaded at the first use."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
