"""A generated catalog of any size, the same for the same seed: rows of a feed, products, and vectors made to measure.

Products belong to kinds; a kind has a name in English and in Chinese and a place in vector space, so that words,
vectors and filters agree with one another as they do in a shop.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from goodsense.catalog.money import Money
from goodsense.catalog.product import Product, Variant
from goodsense.types import ImageRef, Modality, Vectors, normalise

KINDS = 2_000
DIM = 256
STEPS = 4_096
HEADER = (
    "id",
    "title",
    "description",
    "brand",
    "category",
    "price",
    "currency",
    "colour",
    "material",
    "size",
    "rating",
)
_COLOURS = ("red 红色", "blue 蓝色", "green 绿色", "black 黑色", "white 白色", "yellow 黄色", "grey 灰色", "pink 粉色")
_MATERIALS = ("cotton 棉", "wood 木", "steel 钢", "glass 玻璃", "leather 皮革", "plastic 塑料", "wool 羊毛")
_ADJECTIVES = "small large soft light heavy modern classic portable compact foldable warm quiet bright robust".split()
_ZH = ("便携", "经典", "加厚", "轻便", "防水", "家用", "户外", "儿童", "迷你", "静音", "折叠", "保暖")
_USES = "kitchen garden office travel school sports camping bathroom bedroom workshop".split()
_ONSETS = "b d f g k l m n p r s t v z br dr kl pl st tr".split()
_VOWELS = "a e i o u ai ou".split()
_HAN = "衣裤鞋帽包灯桌椅杯碗盘刀锅壶车球笔书钟表镜架箱柜床毯枕帘伞扇琴棋画"


@lru_cache(maxsize=1)
def kind_names() -> tuple[tuple[str, str], ...]:
    """The English and the Chinese name of every kind; no two alike."""
    names = []
    for number in range(KINDS):
        parts = []
        left = number
        for _ in range(3):
            left, onset = divmod(left, len(_ONSETS))
            parts.append(_ONSETS[onset] + _VOWELS[(number + onset) % len(_VOWELS)])
        signs = [_HAN[number // len(_HAN) ** place % len(_HAN)] for place in range(3)]
        names.append(("".join(parts) + "n", "".join(signs)))
    return tuple(names)


def feed_rows(count: int, *, seed: int = 7) -> Iterator[tuple[str, ...]]:
    """Rows for ``HEADER``; every third title is Chinese."""
    rng = np.random.default_rng(seed)
    names = kind_names()
    for start in range(0, count, 10_000):
        n = min(10_000, count - start)
        draws = rng.integers(0, 2**31, (n, 10))
        for i in range(n):
            yield _row(start + i, draws[i].tolist(), names)


def _row(number: int, draw: Sequence[int], names: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    kind = draw[0] % KINDS
    english, chinese = names[kind]
    colour, material = _COLOURS[draw[1] % len(_COLOURS)].split(), _MATERIALS[draw[2] % len(_MATERIALS)].split()
    adjective, use, zh = _ADJECTIVES[draw[3] % 14], _USES[draw[4] % 10], _ZH[draw[5] % 12]
    size = str(10 * (1 + draw[6] % 20))
    brand = f"Brand{draw[7] % 300}"
    if number % 3 == 0:
        title = f"{brand} {zh}{colour[1]}{chinese}{size}厘米"
        description = (
            f"{material[1]}制的{chinese}，{zh}，适合家庭使用。型号 {english}-{number % 977}。{size}厘米，{colour[1]}。"
        )
    else:
        title = f"{brand} {adjective} {colour[0]} {english} {size} cm"
        description = (
            f"A {adjective} {english} made of {material[0]} for the {use}. It is {size} cm long and comes in "
            f"{colour[0]}; {chinese}. Model {english}-{number % 977}, easy to clean and made to last."
        )
    price = f"{1 + draw[8] % 10_000}.00"
    category = f"Goods > Group {kind % 40} > Kind {kind}"
    rating = f"{(draw[9] % 41) / 10 + 1:.1f}"
    return (f"P{number:08d}", title, description, brand, category, price, "CNY", colour[0], material[0], size, rating)


def products(count: int, *, seed: int = 7) -> Iterator[Product]:
    """The same rows as products; every one names a picture, whose bytes nobody needs."""
    for id, title, description, brand, category, price, currency, *rest in feed_rows(count, seed=seed):
        colour, material, size, rating = rest
        yield Product(
            id=id,
            title=title,
            description=description,
            brand=brand,
            category=tuple(category.split(" > ")),
            attributes={"colour": colour, "material": material, "size": float(size), "rating": float(rating)},
            media=(ImageRef(f"{id}.jpg", picture_of(id)),),
            variants=(Variant(sku=id, price=Money(int(float(price) * 100), currency)),),
        )


def kind_of(product: Product) -> int:
    return int(product.category[-1].split()[-1])


def picture_of(id: str) -> str:
    """A content hash for the picture that this product would have."""
    return hashlib.sha256(id.encode()).hexdigest()


# ---- vectors


@lru_cache(maxsize=4)
def places(stream: int, seed: int = 7) -> Vectors:
    """Where every kind lies ``(KINDS, DIM)``; the spectrum decays as that of learned vectors does."""
    rng = np.random.default_rng([seed, stream])
    return rng.standard_normal((KINDS, DIM), dtype=np.float32) * _spectrum()


@lru_cache(maxsize=8)
def _steps(stream: int) -> Vectors:
    """Small steps away from a place, for the hash of a text or an id to pick from. ``(s, DIM)``."""
    rng = np.random.default_rng([7, 100 + stream])
    return rng.standard_normal((STEPS, DIM), dtype=np.float32) * _spectrum() / np.float32(np.sqrt(2))


def near(kinds: Sequence[int], keys: Sequence[str], *, stream: int, noise: float = 0.6) -> Vectors:
    """Unit vectors around their kinds, a zero row for kind -1; equal keys step aside alike. ``-> (n, DIM)``."""
    at = np.array(kinds, dtype=np.int64)
    first = np.array([zlib.crc32(key.encode()) % STEPS for key in keys], dtype=np.int64)
    second = np.array([zlib.crc32(key.encode()[::-1]) % STEPS for key in keys], dtype=np.int64)
    aside = _steps(stream)[first] + _steps(stream + 10)[second]
    return normalise(np.where((at >= 0)[:, None], places(stream)[at] + np.float32(noise) * aside, np.float32(0)))


def _spectrum() -> NDArray[np.float32]:
    scale = 1 / np.sqrt(1 + np.arange(DIM, dtype=np.float32))
    return (scale / np.linalg.norm(scale)).astype(np.float32)


class GivenEncoder:
    """Stands where a text or picture encoder stands, so that a build can be timed without one.

    A text lies where the kinds it names lie, and a little beside, by its own hash; a text that names none has no
    place. Pictures are never encoded: their vectors are put into the shop's cache beforehand.
    """

    dim = DIM

    def __init__(self, *, stream: int = 1) -> None:
        self.stream = stream
        self.fingerprint = hashlib.sha256(f"given-1-{stream}".encode()).hexdigest()
        self._kinds = {name: kind for kind, names in enumerate(kind_names()) for name in names}

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"text"} if self.stream == 1 else {"image"})

    def encode(self, values: Sequence[Mapping[str, str]]) -> Vectors:
        """Products are placed by their titles."""
        return self.encode_query([value.get("title", "") for value in values])

    def encode_query(self, values: Sequence[str]) -> Vectors:
        return near([self._named(value) for value in values], values, stream=self.stream)

    def _named(self, text: str) -> int:
        for word in text.split():
            if word in self._kinds:
                return self._kinds[word]
        for start in range(len(text)):
            kind = self._kinds.get(text[start : start + 3])
            if kind is not None:
                return kind
        return -1
