"""Augmentation of texts, sentence by sentence: another order, and another form of the same sentence, by rules.

The rules know a few forms that shops write often. What fits none stays as it is; what fits is changed so that the
facts stay: who does what, made of what, with which properties.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from goodsense.text.augment_words import check_share, pieces
from goodsense.text.script import HAN
from goodsense.text.sentences import sentences

Rule = Callable[[str], str | None]  # a sentence without its mark at the end -> another form of it


@dataclass(frozen=True)
class ReorderSentences:
    """The sentences of a text in another order; those of one line stay on it where the text has one line only."""

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        found = sentences(text)
        if len(found) < 2:
            return text
        between = "\n" if "\n" in text.strip() else "" if HAN.search(text) and " " not in text.strip() else " "
        return between.join(found[i] for i in rng.permutation(len(found)))


@dataclass(frozen=True)
class ChangeForm:
    """Another form of some sentences, in Chinese and English.

    Parameters
    ----------
    share
        Chance of each sentence that a rule fits; of several rules that fit, one is drawn.
    kinds
        Which rules: ``"order"`` (of adjectives, of joined words, of clauses), ``"voice"`` (active and passive, 把 and
        被), ``"material"`` (made of, 由...制成), ``"purpose"`` (toy for kids, 适合儿童的玩具), ``"question"`` (a
        statement and a question; leave it out where it matters what is claimed).
    """

    share: float = 0.5
    kinds: tuple[str, ...] = ("order", "voice", "material", "purpose", "question")

    def __post_init__(self) -> None:
        check_share(self.share)
        unknown = set(self.kinds) - set(RULES)
        if unknown:
            raise ValueError(f"kinds has {sorted(unknown)}; expected some of {', '.join(RULES)}")

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        for sentence in sentences(text):
            forms = other_forms(sentence, kinds=self.kinds)
            if forms and rng.random() < self.share:
                text = text.replace(sentence, forms[int(rng.integers(len(forms)))], 1)
        return text


def other_forms(sentence: str, *, kinds: tuple[str, ...]) -> list[str]:
    """Every other form of one sentence that the rules know, without doubles."""
    body = sentence.rstrip("。．.！!？? ")
    mark = sentence[len(body) :]
    asked = mark.strip()[:1] in ("?", "？") if mark.strip() else False
    found: dict[str, None] = {}
    for kind in kinds:
        for rule in RULES[kind]:
            form = None if asked and kind != "question" else rule(body)
            if form and form != body:
                found[form if kind == "question" else form + mark] = None
    found.pop(sentence, None)
    return list(found)


def _pattern(pattern: str, form: str | Callable[[re.Match[str]], str]) -> Rule:
    """A rule: where the whole sentence has the pattern, ``form`` (``{1}`` is its first group) with a capital."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def rule(body: str) -> str | None:
        match = compiled.fullmatch(body)
        if match is None:
            return None
        made = form.format(*([body, *match.groups(default="")])) if isinstance(form, str) else form(match)
        return _cased(body, made)

    return rule


def _part(pattern: str, form: str) -> Rule:
    """A rule: the first place that has the pattern takes the form; the rest of the sentence stays."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def rule(body: str) -> str | None:
        match = compiled.search(body)
        if match is None:
            return None
        made = form.format(*([match.group(), *match.groups(default="")]))
        return _cased(body, body[: match.start()] + made + body[match.end() :])

    return rule


_STARTS = frozenset(
    "a an the this that these those our its it is are made because although if when while we they you he she".split()
)


def _cased(body: str, made: str) -> str:
    """Small letters for a beginning that has moved inside, a capital for the new beginning if there was one."""
    first, _, _ = body.partition(" ")
    if first[:1].isupper() and first.lower() in _STARTS and not made.startswith(first):
        made = re.sub(rf"\b{re.escape(first)}\b", first.lower(), made, count=1)
    return made[:1].upper() + made[1:] if body[:1].isupper() else made


# ---- English

_NAME = r"((?:[\w'-]+ ){0,4}[\w'-]+)"  # one to five words
_THING = r"((?:(?:this|the|that|our|a|an|these|those|its) )(?:[\w'-]+ ){0,4}?[\w'-]+)"
_ADJECTIVES = (
    "red|blue|green|yellow|black|white|gr[ae]y|pink|purple|brown|orange|beige|gold|silver|soft|light|lightweight|large|big"
    "|small|little|mini|cheap|new|old|cute|warm|cosy|cozy|strong|sturdy|durable|waterproof|wireless|portable|foldable"
    "|cotton|leather|wool|silk|wooden|metal|plastic|steel|glass|comfortable|beautiful|elegant|simple|modern|classic|thin|thick"
)
_NOT_THINGS = "is|are|was|be|it|perfect|great|good|best|ideal|suitable|fit|made|designed|and|or|not|only|just|safe|fun"
_PERSONS = "kids|children|men|women|girls|boys"
_VERBS: Mapping[str, str] = {
    "makes": "made",
    "designs": "designed",
    "produces": "produced",
    "sells": "sold",
    "ships": "shipped",
    "delivers": "delivered",
    "recommends": "recommended",
    "supports": "supported",
    "protects": "protected",
    "includes": "included in",
}
_ACTIVE = {past: verb for verb, past in _VERBS.items()}


def _passive(match: re.Match[str]) -> str:
    who, verb, what = match.groups()
    past = _VERBS[verb.lower()]
    be = "are" if what.lower().startswith(("these", "those")) else "is"
    return f"{what} {be} {past} {'' if past.endswith(' in') else 'by '}{who}"


def _active(match: re.Match[str]) -> str:
    what, past, who = match.groups()
    return f"{who} {_ACTIVE[past.lower()]} {what}"


_ENGLISH: Mapping[str, tuple[Rule, ...]] = {
    "order": (
        _part(rf"\b({_ADJECTIVES})(,? )({_ADJECTIVES})\b", "{3}{2}{1}"),
        _part(rf"\b({_ADJECTIVES}) and ({_ADJECTIVES})\b", "{2} and {1}"),
        _pattern(r"(because|although|if|when|while) ([^,]+), ([^,]+)", "{3} {1} {2}"),
        _pattern(r"([^,]{8,}?),? (because|although|if|when|while) ([^,]{8,})", "{2} {3}, {1}"),
        _pattern(rf"{_THING} comes with {_NAME}", "{2} comes with {1}"),
    ),
    "voice": (
        _pattern(rf"{_NAME} ({'|'.join(_VERBS)}) {_THING}", _passive),
        _pattern(rf"{_THING} (?:is|are) ({'|'.join(p for p in _ACTIVE if ' ' not in p)}) by {_NAME}", _active),
    ),
    "material": (
        _pattern(rf"{_THING} (?:is|are) made (?:of|from|out of) ([^,.]+)", "made of {2}, {1}"),
        _pattern(rf"made (?:of|from|out of) ([^,.]+?), {_THING}", "{2} is made of {1}"),
        _pattern(rf"(?!.*\b(?:is|are|was|were)\b){_NAME} made (?:of|from) ([\w'-]+)", "{2} {1}"),
    ),
    "purpose": (
        _part(rf"\b(?!(?:{_NOT_THINGS})\b)([\w'-]+) for ({_PERSONS}|babies|adults|dogs|cats)\b", "{2} {1}"),
        _part(rf"\b({_PERSONS}) (toys?|shoes?|shirts?|watch(?:es)?|hats?|books?|bags?)\b", "{2} for {1}"),
    ),
    "question": (
        _pattern(rf"{_THING} (is|are) ([^?]+)", "{2} {1} {3}?"),
        _pattern(r"(is|are) ((?:this|the|that|these|those) [\w'-]+) ([^?]+)", "{2} {1} {3}."),
        _pattern(rf"{_THING} has ([^?]+)", "does {1} have {2}?"),
        _pattern(r"does ((?:this|the|that) [\w'-]+) have ([^?]+)", "{1} has {2}."),
        _pattern(rf"{_THING} can ([^?]+)", "can {1} {2}?"),
        _pattern(r"can ((?:this|the|that) [\w'-]+) ([^?]+)", "{1} can {2}."),
    ),
}

# ---- Chinese

_H = "[\u4e00-\u9fff\\w]"
_FRONT = rf"({_H}{{1,12}}?)"
_COLOURS = "红色|蓝色|绿色|黄色|黑色|白色|灰色|粉色|紫色|棕色|橙色|米色|金色|银色"
_KINDS_OF = (
    f"{_COLOURS}|纯棉|真皮|羊毛|真丝|木质|金属|塑料|不锈钢|玻璃|柔软|轻便|防水|无线|便携"
    "|保暖|透气|可爱|简约|时尚|大号|小号"
)


def _ba_to_bei(body: str) -> str | None:
    """店家把杯子包好了 -> 杯子被店家包好了; where the object ends is where the next word is no longer part of it."""
    match = re.fullmatch(rf"({_H}{{1,8}})把({_H}{{2,24}})", body)
    if match is None:
        return None
    cut = _object_and_deed(match.group(2))
    return f"{cut[0]}被{match.group(1)}{cut[1]}" if cut else None


def _object_and_deed(rest: str) -> tuple[str, str] | None:
    words = pieces(rest)
    for at in range(1, min(4, len(words))):
        if "".join(words[at:])[:1] in "的和与":
            continue
        if words[at - 1] not in ("的", "和", "与"):
            return "".join(words[:at]), "".join(words[at:])
    return None


def _bei_to_ba(body: str) -> str | None:
    """杯子被店家包好了 -> 店家把杯子包好了."""
    match = re.fullmatch(rf"({_H}{{1,10}})被({_H}{{2,24}})", body)
    if match is None:
        return None
    cut = _object_and_deed(match.group(2))
    return f"{cut[0]}把{match.group(1)}{cut[1]}" if cut else None


_CHINESE: Mapping[str, tuple[Rule, ...]] = {
    "order": (
        _part(rf"({_KINDS_OF})({_KINDS_OF})", "{2}{1}"),
        _part(rf"({_KINDS_OF})的({_KINDS_OF})", "{2}的{1}"),
        _part(rf"({_KINDS_OF})[、和]({_KINDS_OF})", "{2}和{1}"),
        _part(r"又([\u4e00-\u9fff]{1,2})又([\u4e00-\u9fff]{1,2})(?![\u4e00-\u9fff])", "又{2}又{1}"),
        _part(r"既([\u4e00-\u9fff]{1,4})又([\u4e00-\u9fff]{1,4})(?![\u4e00-\u9fff])", "既{2}又{1}"),
        _pattern(r"因为([^，。]+)，所以([^，。]+)", "{2}，因为{1}"),
        _pattern(r"([^，。]+)，因为([^，。]+)", "因为{2}，所以{1}"),
        _pattern(r"虽然([^，。]+)，(?:但是|但|不过)([^，。]+)", "{2}，虽然{1}"),
    ),
    "voice": (_ba_to_bei, _bei_to_ba),
    "material": (
        _pattern(rf"{_FRONT}(?:是)?由({_H}{{1,8}})制成(?:的)?", "{1}是用{2}做的"),
        _pattern(rf"{_FRONT}是用({_H}{{1,8}})(?:做|制作)的", "{1}由{2}制成"),
        _pattern(rf"{_FRONT}(?:采用|选用)({_H}{{1,8}}?)(?:材质|材料|制成|制作)", "{1}由{2}制成"),
        _pattern(rf"({_H}{{1,8}})材质的({_H}{{1,8}})", "{2}，材质是{1}"),
        _pattern(rf"({_H}{{1,8}})，材质是({_H}{{1,8}})", "{2}材质的{1}"),
    ),
    "purpose": (
        _part(r"适合(儿童|宝宝|男士|女士|老人|孩子|女孩|男孩)的?(玩具|衣服|鞋子?|帽子?|书|手表|包)", "{1}{2}"),
        _part(r"(?<!适合)(儿童|宝宝|男士|女士|老人)(玩具|衣服|鞋子?|帽子?|手表)", "适合{1}的{2}"),
    ),
    "question": (
        _pattern(rf"(这[个款件双只条种]?{_H}{{1,8}}?)(是|能|会|有|可以)({_H}{{1,16}}?)[吗么]", "{1}{2}{3}。"),
        _pattern(rf"(这[个款件双只条种]?{_H}{{1,8}}?)(是|能|会|有|可以)({_H}{{1,16}}(?<![吗么呢]))", "{1}{2}{3}吗？"),
        _part(r"有没有([\u4e00-\u9fff]{1,8})$", "有{1}吗？"),
        _part(r"有([\u4e00-\u9fff]{1,8})吗$", "有没有{1}？"),
        _part(r"能不能([\u4e00-\u9fff]{1,10})$", "能{1}吗？"),
        _part(r"好不好([\u4e00-\u9fff]{0,3})$", "好{1}吗？"),
        _part(r"是不是([\u4e00-\u9fff]{1,10})$", "是{1}吗？"),
    ),
}

RULES: Mapping[str, tuple[Rule, ...]] = {kind: _ENGLISH[kind] + _CHINESE[kind] for kind in _ENGLISH}
"""Kind of change -> its rules, English and Chinese."""
