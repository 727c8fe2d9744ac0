"""Products that say nearly the same: found by MinHash over character n-grams, made sure by comparing them exactly.

N-grams that half the catalog has (boilerplate) and those that nobody else has (a typo) tell nothing about who is alike;
the signatures are of the others (Broder, 1997; the choice of n-grams as in near-duplicate detection for the web).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from goodsense.progress import Progress, silent
from goodsense.quality.census import Census
from goodsense.quality.consistency import folded
from goodsense.quality.groups import Group, Pair, grouped
from goodsense.quality.spelling import edit_distance
from goodsense.quality.vocabulary import FACETS

ALIKE = 0.7  # Jaccard similarity of the n-grams of two texts from which on they say nearly the same
_TITLES_ALIKE = 0.5
_SURELY_ALIKE, _TITLES_RELATED = 0.85, 0.25  # or with titles less alike, the rest more
_SIZE = 4  # characters of an n-gram; a Chinese character counts as two
_LONGEST = 1_500  # characters of a text that are compared
_BUCKETS = 22  # bits of an n-gram's hash by which it is counted
_COMMON = 50  # products with an n-gram from which on it is boilerplate; or so many in ten thousand:
_COMMON_SHARE = 50
_KEPT = 8  # n-grams, the rarest, that a text keeps however common they are
_ROWS, _BANDS = 2, 24  # a pair is compared if it agrees in both hashes of two bands
_NEIGHBOURS = 3  # products with the same words in the title that one is compared with
_BANDS_ALIKE = 2
_WINDOW = 40  # neighbours within a band's run of equal hashes that are compared
_SHORT = 150  # n-grams; of shorter texts the titles' words are compared one by one
_HAN_PER_SLIP = 8  # Chinese characters of a title for each that may differ
_CHUNK = 2_000  # texts whose n-grams are in memory at once
_CERTAIN = 0.15  # share of equal hashes below which a pair is not worth an exact comparison
_NO_HASH = np.uint32(0xFFFFFFFF)
_BRAND_SLIPS = 2  # typing slips between two spellings of one brand
_SETTING_APART = frozenset(name for facet in FACETS for name in facet.names)

Hashes = NDArray[np.uint32]


def similar_texts(census: Census, *, progress: Progress = silent) -> list[Group]:
    """Groups of products whose texts are nearly the same and whose facts do not contradict each other."""
    texts = [_normal(text) for text in census.texts]
    if len(texts) < 2:
        return []
    signatures = _signatures(texts, progress)
    compared = _Comparison(census, texts)
    pairs = _uncontradicted(census, np.unique(np.concatenate((_candidates(signatures), _same_titles(census))), axis=0))
    found = []
    for done, (a, b) in enumerate(pairs.tolist()):
        if (score := compared.alike(a, b)) > 0:
            found.append(Pair(a, b, score))
        if done % 20_000 == 0:
            progress("similar texts", done, len(pairs))
    return grouped(found, census.ids)


_BETWEEN = re.compile(r"[\W_]+")
_HAN = re.compile(r"([\u3400-\u9fff])")


def _normal(text: str) -> str:
    """Case-folded words with one space between, each Chinese character twice: it says as much as two letters."""
    text = text[:_LONGEST]
    if not text.isascii():
        text = _HAN.sub(r"\1\1", unicodedata.normalize("NFKC", text))
    return f" {_BETWEEN.sub(' ', text.casefold()).strip()} "


# ---- signatures


def _signatures(texts: Sequence[str], progress: Progress) -> Hashes:
    """MinHash signatures. ``-> (n, _ROWS * _BANDS)``."""
    counts = np.zeros(1 << _BUCKETS, dtype=np.int32)
    for _, grams, _ in _chunks(texts):
        counts += np.bincount(_bucket(grams), minlength=len(counts)).astype(np.int32)
    common = max(_COMMON, len(texts) * _COMMON_SHARE // 10_000)
    rng = np.random.default_rng(0)
    factors = rng.integers(1, 2**31, _ROWS * _BANDS, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    signatures = np.full((len(texts), len(factors)), _NO_HASH, dtype=np.uint32)
    for start, grams, offsets in _chunks(texts):
        kept = _telling(counts[_bucket(grams)], offsets, common)
        for column, factor in enumerate(factors):
            mixed = (grams ^ (grams >> np.uint32(15))) * factor
            mixed ^= mixed >> np.uint32(13)
            mixed[~kept] = _NO_HASH
            signatures[start : start + len(offsets), column] = np.minimum.reduceat(mixed, offsets)
        progress("text signatures", min(start + _CHUNK, len(texts)), len(texts))
    return signatures


def _bucket(grams: Hashes) -> NDArray[np.int64]:
    return (grams >> np.uint32(32 - _BUCKETS)).astype(np.int64)


def _telling(counts: NDArray[np.int32], offsets: NDArray[np.int64], common: int) -> NDArray[np.bool_]:
    """Which n-grams are neither boilerplate nor unique; of a text that has too few such, its rarest ones."""
    kept = (counts > 1) & (counts <= common)
    few = np.add.reduceat(kept, offsets, dtype=np.int64) < _KEPT
    ends = np.append(offsets[1:], len(counts))
    for text in np.flatnonzero(few).tolist():
        own = slice(int(offsets[text]), int(ends[text]))
        shared = np.flatnonzero(counts[own] > 1)
        rarest = shared[np.argsort(counts[own][shared], kind="stable")[:_KEPT]]
        kept[own.start + rarest] = True
    return kept


def _chunks(texts: Sequence[str]) -> Iterator[tuple[int, Hashes, NDArray[np.int64]]]:
    """Number of the first text, hashes of all n-grams of some texts, where each text's begin."""
    for start in range(0, len(texts), _CHUNK):
        some = [text if len(text) >= _SIZE else text.ljust(_SIZE) for text in texts[start : start + _CHUNK]]
        lengths = np.array([len(text) for text in some])
        codes = np.frombuffer("".join(some).encode("utf-32-le", "surrogatepass"), dtype="<u4")
        inside = np.ones(len(codes), dtype=np.bool_)  # n-grams that begin here lie within one text
        ends = np.cumsum(lengths)
        for back in range(1, _SIZE):
            inside[ends - back] = False
        hashes = gram_hashes(codes)
        offsets = np.concatenate(([0], np.cumsum(lengths - (_SIZE - 1))[:-1]))
        yield start, hashes[inside[: len(hashes)]], offsets


def gram_hashes(codes: NDArray[np.uint32]) -> Hashes:
    """A hash of every run of characters. ``(n,) -> (n - 3,)``."""
    n = len(codes) - _SIZE + 1
    found = np.zeros(max(n, 0), dtype=np.uint32)
    for at in range(_SIZE if n > 0 else 0):
        found = (found ^ codes[at : at + n]) * np.uint32(0x01000193 + 2 * at)
        found ^= found >> np.uint32(14)
    return found * np.uint32(0x9E3779B1)


# ---- candidates


def _candidates(signatures: Hashes) -> NDArray[np.int64]:
    """Pairs of rows that agree in a band and, as far as the signatures tell, in enough of the rest. ``-> (m, 2)``."""
    n = len(signatures)
    codes = []
    for band in range(_BANDS):
        own = signatures[:, band * _ROWS : (band + 1) * _ROWS].astype(np.uint64)
        keys = own[:, 0] << np.uint64(32) | own[:, 1]
        rows = np.flatnonzero((own != _NO_HASH).all(axis=1))
        rows = rows[np.argsort(keys[rows], kind="stable")]
        ordered = keys[rows]
        starts = np.flatnonzero(ordered[1:] == ordered[:-1])
        for step in range(1, _WINDOW + 1):
            starts = starts[starts < len(rows) - step]
            starts = starts[ordered[starts] == ordered[starts + step]]
            if not len(starts):
                break
            codes.append(rows[starts] * n + rows[starts + step])  # rows of a run ascend
    if not codes:
        return np.zeros((0, 2), np.int64)
    unique, bands = np.unique(np.concatenate(codes), return_counts=True)
    unique = unique[bands >= _BANDS_ALIKE]
    pairs = np.stack((unique // n, unique % n), axis=1)
    equal = [
        (signatures[some[:, 0]] == signatures[some[:, 1]]).mean(axis=1)
        for some in np.array_split(pairs, len(pairs) // 50_000 + 1)
    ]
    return pairs[np.concatenate(equal) >= _CERTAIN]


def _same_titles(census: Census) -> NDArray[np.int64]:
    """Pairs whose titles have the same words but for praise; signatures of common words miss them. ``-> (m, 2)``."""
    keys = [" ".join(sorted(_plain_words(title))) for title in census.titles]
    order = sorted((row for row, key in enumerate(keys) if key), key=lambda row: (keys[row], row))
    pairs = [
        sorted((order[at], order[at + step]))
        for step in range(1, _NEIGHBOURS + 1)
        for at in range(len(order) - step)
        if keys[order[at]] == keys[order[at + step]]
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _plain_words(title: str) -> list[str]:
    text = title[:400].casefold()
    latin = [word for word in _LATIN_WORD.findall(text) if word not in _PRAISE]
    return [*latin, *_NUMBER.findall(text), *_HAN_RUN.findall(_PRAISE_ZH.sub(" ", text))]


def _uncontradicted(census: Census, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pairs whose brands are not two, nor their colours, materials, sizes by the attributes; told all at once."""
    a, b = pairs[:, 0], pairs[:, 1]
    brands, names = _codes(enumerate(census.brands), len(census))
    differing = (brands[a] != brands[b]) & (brands[a] >= 0) & (brands[b] >= 0)
    joint = brands[a[differing]] * len(names) + brands[b[differing]]
    different = [divmod(code, len(names)) for code in np.unique(joint).tolist()]
    unlike = [one * len(names) + other for one, other in different if not _one_brand(names[one], names[other])]
    dropped = np.zeros(len(pairs), dtype=np.bool_)
    dropped[np.flatnonzero(differing)[np.isin(joint, unlike)]] = True
    for name, column in census.attributes.items():
        if folded(name) in _SETTING_APART:
            values, _ = _codes(column, len(census))
            dropped |= (values[a] != values[b]) & (values[a] >= 0) & (values[b] >= 0)
    return pairs[~dropped]


def _codes(values: Iterable[tuple[int, object]], count: int) -> tuple[NDArray[np.int64], list[str]]:
    """A number for each different value, -1 for a missing one, by row; and the folded values by number."""
    codes = np.full(count, -1, dtype=np.int64)
    known: dict[str, int] = {}
    for row, value in values:
        text = folded(value[:100]) if isinstance(value, str) else repr(value)[:100]
        if text:
            codes[row] = known.setdefault(text, len(known))
    return codes, list(known)


def _one_brand(one: str, other: str) -> bool:
    return edit_distance(one[:50], other[:50]) <= _BRAND_SLIPS


# ---- the exact comparison

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


class _Comparison:
    """Compares pairs of products; remembers the n-grams of those seen lately."""

    def __init__(self, census: Census, texts: Sequence[str]) -> None:
        self._census = census
        self._texts = texts
        self._attributes: dict[int, dict[str, object]] = {}
        for name, column in census.attributes.items():
            for row, value in column:
                self._attributes.setdefault(row, {})[name] = value
        self._grams = lru_cache(maxsize=50_000)(self._grams_of)
        self._title_grams = lru_cache(maxsize=50_000)(self._title_grams_of)
        self._said = lru_cache(maxsize=50_000)(self._said_in_title)

    def alike(self, a: int, b: int) -> float:
        """The Jaccard similarity of two products' texts; 0 if they are about different things."""
        if self._contradict(a, b):
            return 0.0
        titles = _jaccard(self._title_grams(a), self._title_grams(b))
        if titles < _TITLES_RELATED:
            return 0.0
        mine, other = self._grams(a), self._grams(b)
        if min(len(mine), len(other)) < _SHORT:
            alike = titles >= _TITLES_ALIKE and same_words(self._census.titles[a], self._census.titles[b])
            return round(max(titles, _jaccard(mine, other)), 4) if alike else 0.0
        score = _jaccard(mine, other)
        return round(score, 4) if score >= (ALIKE if titles >= _TITLES_ALIKE else _SURELY_ALIKE) else 0.0

    def _contradict(self, a: int, b: int) -> bool:
        """Whether two products differ in what their titles say, or in most of their attributes."""
        (numbers, *facets), (other_numbers, *other_facets) = self._said(a), self._said(b)
        if not (numbers <= other_numbers or other_numbers <= numbers):
            return True
        if any(one and other and one != other for one, other in zip(facets, other_facets, strict=True)):
            return True
        mine, other = self._attributes.get(a, {}), self._attributes.get(b, {})
        shared = mine.keys() & other.keys()
        return sum(mine[name] != other[name] for name in shared) > len(shared) / 2

    def _grams_of(self, row: int) -> frozenset[str]:
        return _grams(self._texts[row])

    def _title_grams_of(self, row: int) -> frozenset[str]:
        return _grams(_normal(self._census.titles[row]))

    def _said_in_title(self, row: int) -> tuple[frozenset[str], ...]:
        title = self._census.titles[row][:400].casefold()
        families = (
            frozenset(family for word in facet.words(title) for family in facet.families[word]) for facet in FACETS
        )
        return frozenset(_NUMBER.findall(title)), *families


_PRAISE = frozenset(
    "new hot sale best bestseller bestselling seller limited edition offer deal flash free shipping top rated highly "
    "award winning original genuine official authentic promo promotion discount cheap".split()
)
_PRAISE_ZH = re.compile(
    "新品|新款|爆款|热卖|热销|特价|限时|限量|包邮|正品|官方|旗舰店|店长推荐|促销|清仓|买一送一|现货|秒杀|优惠|推荐|\\d{4}款?"
)
_LATIN_WORD = re.compile(r"[^\W\d_\u3400-\u9fff]+")
_HAN_RUN = re.compile(r"[\u3400-\u9fff]+")


def same_words(one: str, other: str) -> bool:
    """Whether two titles have the same words in any order, but for slips and praise.

    >>> same_words("NEW! Red canvas shoees", "Canvas shoes red")
    True
    """
    mine, theirs = (Counter(_LATIN_WORD.findall(title[:400].casefold())) for title in (one, other))
    left = [word for word in (mine - theirs).elements() if word not in _PRAISE]
    right = [word for word in (theirs - mine).elements() if word not in _PRAISE]
    for word in left:
        match = next((near for near in right if _is_misspelt(word, near)), None)
        if match is None:
            return False
        right.remove(match)
    if right:
        return False
    chinese = ["".join(_HAN_RUN.findall(_PRAISE_ZH.sub(" ", title[:400]))) for title in (one, other)]
    longest = max(map(len, chinese))
    return chinese[0] == chinese[1] or edit_distance(*chinese) <= longest // _HAN_PER_SLIP


def _is_misspelt(one: str, other: str) -> bool:
    if sorted(one) == sorted(other):
        return edit_distance(one[:40], other[:40]) <= 1  # two letters swapped, in however short a word
    return min(len(one), len(other)) >= 4 and edit_distance(one[:40], other[:40]) <= 1


def _grams(text: str) -> frozenset[str]:
    return frozenset(text[at : at + _SIZE] for at in range(len(text) - _SIZE + 1))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / max(1, len(one) + len(other) - shared)
