"""Texts in the wrong language, in two languages, in a wrong encoding, or with markup."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Mapping

from goodsense.quality.census import Census
from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.kinds import finding
from goodsense.text import detect_language
from goodsense.text.clean import repair_mojibake, strip_html

_READ = 400  # characters by which the language is told
_SHARE = 0.05  # of the products are in a language: then the catalog is in that language too
_LETTERS = 40  # Latin letters; below that a guess without any function word is none
_SOME = 0.08  # of the words are function words of a language: then the text is in it

_FUNCTION_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the and of with for is are this that it you your from in to on by as be can or not all at its an will",
        "de": "der die das und mit für ist ein eine einen auf aus den dem von zu im nicht auch sich wird sind oder bei",
        "fr": "le la les des et avec pour est une un du dans sur par qui que vous votre au aux ce cette en ou sont",
        "es": "el los las y con para es una un del en por que su sus al como este esta más o son de la",
        "it": "il lo gli i e con per è una un del della dei nel che sono di la le da al questo questa più o",
        "pt": "o os as e com para é uma um do da dos das no na que seu sua em por não mais ou são de ao",
        "nl": "de het een en met voor is van op te in dat die zijn niet ook aan uit bij naar of wordt deze",
    }.items()
}
_ACCENTED = frozenset("cs da fi hu no pl ro sk sv tr vi".split())  # Latin letters, but not without accents
_WORD = re.compile(r"[^\W\d_]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")
_KANA = re.compile("[\u3041-\u30fa]")


def language_of(text: str) -> str:
    """The language of a listing's text, ``""`` when unsure; quick for English and Chinese, which are most."""
    text = text[:_READ]
    han = len(_HAN.findall(text))
    letters = len(_LATIN.findall(text))
    if han * 2 > letters and not _KANA.search(text):
        return "zh"
    words = _WORD.findall(text.casefold())
    if letters * 2 < sum(map(len, words)):
        return detect_language(text)
    votes = {name: sum(word in known for word in words) for name, known in _FUNCTION_WORDS.items()}
    others = max(count for name, count in votes.items() if name != "en")
    if votes["en"] > others and votes["en"] >= max(2, _SOME * len(words)):
        return "en"
    if letters < _LETTERS and others < 2:
        return ""
    found = detect_language(text)
    if found in _FUNCTION_WORDS:
        return found if found == "en" or votes[found] > votes["en"] else ""
    return found if found in _ACCENTED and not text.isascii() else ""


def foreign_languages(evidence: Evidence) -> list[Finding]:
    """Products in another language than they declare, or than those that the catalog is in."""
    census = evidence.census
    told = [language_of(text) for text in census.texts]
    counts = Counter(language for language in told if language)
    usual = _usual(counts, sum(not language and bool(text) for language, text in zip(told, census.texts, strict=True)))
    cases = []
    for row, (language, declared) in enumerate(zip(told, census.languages, strict=True)):
        expected = declared.split("-")[0].lower() if declared else ""
        if language and (language != expected if expected else language not in usual):
            wanted = expected or " / ".join(sorted(usual))
            cases.append(Case(census.ids[row], "language", language, wanted))
    return finding("foreign_language", cases, {"languages": dict(counts.most_common())})


def _usual(counts: Counter[str], unsure: int) -> set[str]:
    """The languages of the catalog; texts without a sentence to tell by count for its main one."""
    latin = [language for language in counts if language in _FUNCTION_WORDS or language in _ACCENTED]
    main = max(latin, key=lambda language: (counts[language], language == "en"), default="")
    whole = counts.total() + unsure
    share = {language: count + unsure * (language == main) for language, count in counts.items()}
    return {language for language, count in share.items() if count >= _SHARE * whole}


# ---- two languages in one title

_OWN_WORDS = re.compile(r"[A-Za-z][a-z]{2,}")
_MIXED_WORDS = 3  # Latin words that are no brand, and Han characters, from which on a title is in two languages
_MIXED_HAN = 4


def mixed_titles(evidence: Evidence) -> list[Finding]:
    """Titles with several words of two scripts; brands, models and units do not count."""
    census = evidence.census
    brands = {word for brand in census.by_brand for word in _OWN_WORDS.findall(brand)}
    cases = []
    for row, title in enumerate(census.titles):
        if title.isascii() or len(_HAN.findall(title)) < _MIXED_HAN:
            continue
        words = {word for word in _OWN_WORDS.findall(title) if word not in brands}
        if len(words) >= _MIXED_WORDS:
            cases.append(Case(census.ids[row], "title", title[:_READ]))
    return finding("mixed_language_title", cases)


# ---- damage


def damaged_texts(evidence: Evidence) -> list[Finding]:
    """Texts read in a wrong encoding, and texts with tags or entities in them."""
    census = evidence.census
    return [
        *finding("mojibake", _cases(census, repaired)),
        *finding("html_in_text", _cases(census, _without_html)),
    ]


def _cases(census: Census, mend: Callable[[str], str | None]) -> list[Case]:
    fields = {"title": census.titles, "description": census.descriptions, "bullets": census.bullets}
    cases = []
    for field, texts in fields.items():
        for row, text in enumerate(texts):
            if (mended := mend(text)) is not None:
                cases.append(Case(census.ids[row], field, text[:_READ], mended[:_READ] or None))
    brands = {brand: mend(brand) for brand in census.by_brand}
    for brand, right in brands.items():
        if right is not None:
            cases += [Case(census.ids[row], "brand", brand, right or None) for row in census.by_brand[brand]]
    return cases


_SURE_DAMAGE = re.compile("\ufffd|锟斤拷|烫烫烫|屯屯屯|ï»¿")
_HIGH_RUN = re.compile("[\xa1-\xfe]{4,}")
_HAN_RUNS = re.compile("[\u3400-\u9fff\u20ac]{3,}")
_COMMON_HAN = re.compile(r"[\u4e00-\u9fff]")


def repaired(text: str) -> str | None:
    """The text with its encoding damage undone, ``""`` if it is damaged beyond repair, None if it is sound.

    Three damages are undone: UTF-8 read as Windows-1252 (``cafÃ©``), GB18030 read as Latin-1 (``ÖÐ¹ú``) and UTF-8
    read as GB18030 (``浣犲ソ``).
    """
    if text.isascii():
        return None
    if _SURE_DAMAGE.search(text):
        return ""
    done = repair_mojibake(text)
    done = _HIGH_RUN.sub(lambda run: _reread(run.group(), "latin-1", "gb18030", least=2), done)
    done = _reread(done, "gb18030", "utf-8", least=1)
    done = _HAN_RUNS.sub(lambda run: _reread(run.group(), "gb18030", "utf-8", least=1), done)
    return None if done == text else done


def _reread(run: str, wrong: str, right: str, *, least: int) -> str:
    """Text decoded anew, if what is not ASCII then is common Chinese; else as it is."""
    try:
        found = run.encode(wrong).decode(right)
    except UnicodeError:
        return run
    odd = [char for char in found if not char.isascii()]
    common = "".join(odd).encode("gb2312", errors="ignore").decode("gb2312")
    return found if len(_COMMON_HAN.findall(common)) >= max(least, len(odd) * 0.7) else run


def _without_html(text: str) -> str | None:
    if "<" not in text and "&" not in text:
        return None
    done = strip_html(text)
    return None if done == text or done == html.unescape(text) == text else done
