"""Titles that say one thing and fields that say another."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from goodsense.quality.census import Census
from goodsense.quality.consistency import folded
from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.kinds import finding
from goodsense.quality.units import UNITS
from goodsense.quality.vocabulary import FACETS, Facet

_SEEN = 5  # so often two words must stand together before they can be known to be a name
_TRUSTED = 0.4  # of the titles with a word must agree with the attribute; else the word means something else there
_LONGEST = 400  # characters of a title that are read
_WORD = re.compile(r"[a-z0-9+'-]+|[\u4e00-\u9fff]+")


@dataclass(frozen=True, slots=True)
class _Claim:
    """What one title says about a facet against what an attribute says."""

    row: int
    field: str
    value: object
    families: frozenset[str]
    said: tuple[tuple[str, str], ...]  # word, the word beside it that may make it a name


def contradicted_attributes(evidence: Evidence) -> list[Finding]:
    """Colour, material, gender and size of the title against those of the attributes and variants."""
    found: list[Finding] = []
    for facet in FACETS:
        cases = [*_against_title(evidence.census, facet), *_against_variants(evidence.census, facet)]
        if facet.key == "size":
            cases += _measures_against_title(evidence.census)
        found += finding(f"{facet.key}_contradiction", cases)
    return found


def _against_title(census: Census, facet: Facet) -> Iterator[Case]:
    """Cases where no word of the title goes with the attribute.

    Words inside names are found out by the catalog itself: where most products with "Red Tape" in the title are not
    red, "red" says nothing there.
    """
    claims = list(_claims(census, facet))
    doubtful = _doubtful(claims, facet)
    for claim in claims:
        unsure = {word for word, beside in claim.said if word in doubtful or f"{word} {beside}" in doubtful}
        words = [word for word, _ in claim.said if word not in unsure]
        if words and not any(facet.families[word] & claim.families for word in words):
            yield Case(census.ids[claim.row], claim.field, found=claim.value, expected=words[0])


def _claims(census: Census, facet: Facet) -> Iterator[_Claim]:
    for name, value_rows in _columns(census, facet):
        families: dict[object, frozenset[str]] = {}
        for row, value in value_rows:
            if value not in families:
                families[value] = facet.of_value(value)
            if families[value] and (said := _said(census, row, facet)):
                yield _Claim(row, f"attribute.{name}", value, families[value], said)


def _columns(census: Census, facet: Facet) -> Iterator[tuple[str, Iterable[tuple[int, object]]]]:
    for name, column in census.attributes.items():
        if folded(name) in facet.names:
            yield name, column


def _said(census: Census, row: int, facet: Facet) -> tuple[tuple[str, str], ...]:
    """The facet's words in a title without its brand, each with the word after it and the word before it."""
    title = census.titles[row][:_LONGEST].casefold()
    if brand := census.brands[row].casefold():
        title = title.replace(brand, " ")
    hits = list(facet.words(title))
    if not hits:
        return ()
    words = _WORD.findall(title)
    places = {word: at for at, word in enumerate(words)}
    said = []
    for word in hits:
        at = places.get(word)
        if at is None:
            said.append((word, ""))
            continue
        said.append((word, f"> {words[at + 1]}" if at + 1 < len(words) else ""))
        said.append((word, f"< {words[at - 1]}" if at else ""))
    return tuple(said)


def _doubtful(claims: Sequence[_Claim], facet: Facet) -> frozenset[str]:
    """Words, alone or beside another, that mostly stand in titles whose attribute says something else."""
    agree: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for claim in claims:
        keys = {key: word for word, beside in claim.said for key in (word, f"{word} {beside}")}
        for key, word in keys.items():
            counts = agree[key]
            counts[0] += 1
            counts[1] += bool(facet.families[word] & claim.families)
    return frozenset(key for key, (seen, good) in agree.items() if seen >= _SEEN and good < _TRUSTED * seen)


def _against_variants(census: Census, facet: Facet) -> Iterator[Case]:
    """Attributes that none of the product's variants has."""
    options: defaultdict[int, set[str]] = defaultdict(set)
    for offer in census.offers:
        for name, option in offer.options.items():
            if folded(name) in facet.names:
                options[offer.row].update(facet.of_value(option))
    if not options:
        return
    for name, column in _columns(census, facet):
        for row, value in column:
            wanted = options.get(row)
            families = facet.of_value(value) if wanted else frozenset()
            if wanted and families and not families & wanted:
                yield Case(census.ids[row], f"attribute.{name}", found=value, expected=" / ".join(sorted(wanted)))


# ---- measures

_SIZE_NAMES = frozenset("size capacity volume netweight netcontent 尺寸 规格 容量 净含量 净重".split())
_UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
_MEASURE = re.compile(rf"(\d{{1,9}}(?:[.,]\d{{1,4}})?)\s?({_UNIT})(?![a-z0-9])", re.IGNORECASE)
_CLOSE = 0.02


def _measures_against_title(census: Census) -> Iterator[Case]:
    """Sizes in the title of which none is that of the attribute, in whatever unit."""
    for name, column in census.attributes.items():
        if folded(name) not in _SIZE_NAMES:
            continue
        for row, value in column:
            if not isinstance(value, str) or len(value) > 60 or not (own := _measures(value)):
                continue
            said = _measures(census.titles[row][:_LONGEST])
            alike = [(size, text) for dimension, size, text in said if dimension in {one[0] for one in own}]
            if alike and not any(abs(size / one[1] - 1) < _CLOSE for size, _ in alike for one in own if one[1]):
                yield Case(census.ids[row], f"attribute.{name}", found=value, expected=alike[0][1])


def _measures(text: str) -> list[tuple[str, float, str]]:
    """Dimension, size in its base unit and wording of every measure in a text."""
    found = []
    for match in _MEASURE.finditer(text):
        dimension, factor = UNITS[match[2].lower()]
        found.append((dimension, float(match[1].replace(",", ".")) * factor, match[0]))
    return found


# ---- brands

_MARKS = 0.6  # of the titles with a brand's name belong to that brand: then the name marks it
_SHORTEST = 3


def contradicted_brands(evidence: Evidence) -> list[Finding]:
    """Titles that name another brand of the catalog and not their own."""
    census = evidence.census
    names = _names(census)
    if not names:
        return []
    longest = max(len(name.split()) for name in names)
    named = [_brands_in(title, names, longest) for title in census.titles]
    marks = _marking(census, names, named)
    cases = []
    for row, (brand, found) in enumerate(zip(census.brands, named, strict=True)):
        own = folded(brand)
        others = [name for name in found if name in marks and names[name] != own]
        if own and others and own not in folded(census.titles[row]):
            cases.append(Case(census.ids[row], "brand", found=brand, expected=marks[others[0]]))
    return finding("brand_contradiction", cases)


def _names(census: Census) -> dict[str, str]:
    """Brands that several products have: the words of each to its folded form."""
    found: dict[str, str] = {}
    for brand, rows in census.by_brand.items():
        words = " ".join(_WORD.findall(brand[:100].casefold()))
        if len(rows) > 1 and (len(words) >= _SHORTEST or (len(words) > 1 and not words.isascii())):
            found[words] = folded(brand)
    return found


def _brands_in(title: str, names: Mapping[str, str], longest: int) -> list[str]:
    words = _WORD.findall(title[:_LONGEST].casefold())
    found = []
    for at, word in enumerate(words):
        if word.isascii():
            phrases = (" ".join(words[at : at + length]) for length in range(min(longest, 5), 0, -1))
            found += [phrase for phrase in phrases if phrase in names][:1]
        else:  # a run of Han characters begins or ends with a brand
            pieces = (piece for size in range(min(len(word), 8), 1, -1) for piece in (word[:size], word[-size:]))
            found += [piece for piece in pieces if piece in names][:1]
    return found


def _marking(census: Census, names: Mapping[str, str], named: Sequence[Sequence[str]]) -> dict[str, str]:
    """Names that mostly stand in titles of their own brand, each with the usual spelling of the brand."""
    seen, own = Counter[str](), Counter[str]()
    for brand, found in zip(census.brands, named, strict=True):
        for name in set(found) if brand else ():
            seen[name] += 1
            own[name] += names[name] == folded(brand)
    spelled: dict[str, str] = {}
    for brand, rows in sorted(census.by_brand.items(), key=lambda item: len(item[1])):
        spelled[folded(brand)] = brand if rows else ""
    return {name: spelled[names[name]] for name, count in seen.items() if own[name] >= _MARKS * count}
