"""Parts of speech: jieba's tagger for Chinese, NLTK's averaged perceptron for English."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

from goodsense.errors import DependencyError, UsageError, missing_extra
from goodsense.text.chinese import import_jieba, shared_tokenizer
from goodsense.text.clean import clean
from goodsense.text.language import detect_language

_ENGLISH_DATA = "averaged_perceptron_tagger_eng"


def pos_tags(text: str, language: str | None = None) -> list[tuple[str, str]]:
    """Tag each word of a text with its part of speech, in the order of the text.

    Parameters
    ----------
    text
        Cleaned before it is tagged.
    language
        ``"zh"`` or ``"en"``; None detects it, and takes English when that is unsure.

    Returns
    -------
    list of (word, tag)
        Chinese words carry the tags of ICTCLAS (``n``, ``v``, ``a``, ``eng`` ...), English ones those of the Penn
        Treebank (``NN``, ``VB``, ``JJ`` ...). Whitespace is no word.

    Raises
    ------
    UsageError
        If the language is neither Chinese nor English.
    DependencyError
        If English is asked for and NLTK or its model is absent. Nothing is downloaded.
    """
    text = clean(text)
    chosen = (detect_language(text) or "en") if language is None else language
    if chosen == "zh":
        return [(pair.word, pair.flag) for pair in _chinese_tagger().cut(text) if pair.word.strip()]
    if chosen == "en":
        return _english_tags(text)
    raise UsageError(f"no part-of-speech tagger for language {chosen!r}; known are 'en' and 'zh'.")


@lru_cache(maxsize=1)
def _chinese_tagger() -> Any:
    import_jieba()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from jieba import posseg
    return posseg.POSTokenizer(shared_tokenizer())


def _english_tags(text: str) -> list[tuple[str, str]]:
    tagger, tokenizer = _english_tagger()
    return [(str(word), str(tag)) for word, tag in tagger.tag(tokenizer.tokenize(text))]


@lru_cache(maxsize=1)
def _english_tagger() -> tuple[Any, Any]:
    try:
        from nltk.tag.perceptron import PerceptronTagger
        from nltk.tokenize import TreebankWordTokenizer
    except ImportError as error:
        raise missing_extra("nltk", "pos", needed_for="Tagging English parts of speech") from error
    try:
        return PerceptronTagger(lang="eng"), TreebankWordTokenizer()
    except LookupError as error:
        raise DependencyError(
            f"Tagging English parts of speech needs NLTK's model {_ENGLISH_DATA!r}, which was not found.",
            fix=f"Run: python -m nltk.downloader {_ENGLISH_DATA}",
        ) from error
