"""How well the detectors find defects that were put in: precision and recall per kind.

What the sound catalog shows already is set aside: precision is that of the findings that the injection added.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from goodsense.catalog.product import Product
from goodsense.media import MediaStore
from goodsense.quality.census import Census
from goodsense.quality.check import DETECTORS, Detector
from goodsense.quality.evidence import Evidence
from goodsense.quality.kinds import KINDS
from goodsense.quality.pictures import PictureFacts
from tests.quality.defects import SPOILERS, TODAY, Sound
from tests.quality.picture_defects import PICTURES, WAYS, changed_a_little, opened, twin, with_picture

TWINS = ("near_duplicate_text", "near_duplicate_picture", "split_leak", "repeated_id")
INJECTED = (*SPOILERS, *PICTURES, *TWINS)
_TAKEN_OVER = frozenset({"shared_sku", "shared_gtin", "same_title"})
_LOOKS = frozenset(PICTURES) | {"near_duplicate_picture", "split_leak"}


@dataclass(frozen=True, slots=True)
class Injection:
    """A catalog with defects of one kind: which products have them, and who else is rightly named with them."""

    products: Sequence[Product]
    spoilt: Collection[str]
    partners: Collection[str] = ()
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    kind: str
    injected: int
    precision: float
    recall: float
    natural: int
    wrong: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()

    @property
    def reached(self) -> bool:
        return self.precision >= 0.9 and self.recall >= 0.9


def pooled(scores: Sequence[Score]) -> tuple[float, float]:
    """Precision and recall over all defects of several runs together."""
    hit = sum(score.injected - len(score.missed) for score in scores)
    wrong = sum(len(score.wrong) for score in scores)
    return hit / max(1, hit + wrong), hit / max(1, sum(score.injected for score in scores))


class Trial:
    """One sound catalog and its media; scores one kind of defect after the other.

    ``known`` are duplicates that whoever made the catalog put into it: a product to the one that it lists again. Where
    one of the two is copied, the other is rightly named as well.
    """

    def __init__(
        self,
        products: Sequence[Product],
        store: MediaStore,
        *,
        cache: Path,
        workers: int = 1,
        known: Mapping[str, str] | None = None,
    ) -> None:
        self.sound = Sound(tuple(products))
        self.store = store
        self._cache = cache
        self._workers = workers
        self._known = known or {}
        self._natural: dict[str, set[str]] = {}

    def natural(self, kind: str) -> set[str]:
        """The products of which the sound catalog shows the kind already."""
        if kind not in self._natural:
            self._natural[kind] = self._found(kind, Injection(self.sound.products, ()))
        return self._natural[kind]

    def score(self, kind: str, *, share: float = 0.02, seed: int = 1, way: str = "all") -> Score | None:
        """Put the defect into a share of the products and look for it; None where the catalog has no place for it."""
        rng = Random(f"{kind} {seed}")
        injection = self._inject(kind, max(2, round(share * len(self.sound.products))), rng, way)
        if injection is None:
            return None
        before = self.natural(kind)
        added = self._found(kind, injection) - before
        spoilt = set(injection.spoilt)
        right = added & (spoilt | set(injection.partners))
        hit = added & spoilt
        precision = len(right) / len(added) if added else 0.0
        missed, wrong = tuple(sorted(spoilt - hit)), tuple(sorted(added - right))
        return Score(kind, len(spoilt), precision, len(hit) / len(spoilt), len(before), wrong, missed)

    def _inject(self, kind: str, count: int, rng: Random, way: str) -> Injection | None:
        clean = [product for product in self.sound.products if product.id not in self.natural(kind)]
        rng.shuffle(clean)
        if kind in _TAKEN_OVER:
            clean = [product for product in clean if not self.sound.gives(product)]
        if kind in TWINS:
            return self._twins(kind, clean, count, rng, way)
        if kind in PICTURES:
            chosen = [product for product in clean if product.images and product.images[0].sha256][:count]
            done = [self._with_spoilt_picture(kind, product, rng) for product in chosen]
        else:
            done = []
            for product in clean:
                spoilt = SPOILERS[kind](product, rng, self.sound)
                if spoilt is not None and spoilt != product:
                    done.append(spoilt)
                if len(done) == count:
                    break
        if len(done) < 2:
            return None
        return self._replaced(kind, done)

    def _replaced(self, kind: str, done: Sequence[Product]) -> Injection:
        spoilt = {product.id: product for product in done}
        products = [spoilt.get(product.id, product) for product in self.sound.products]
        partners = self._sharing(kind, products, spoilt)
        links = {ref.uri: "404 Not Found" for product in done for ref in product.media if "gone.example" in ref.uri}
        return Injection(products, tuple(spoilt), partners, links)

    def _sharing(self, kind: str, products: Sequence[Product], spoilt: Mapping[str, Product]) -> set[str]:
        """Products whose own value was given to a spoilt one: they are rightly named too."""
        from goodsense.quality.consistency import folded

        keys = {
            "shared_sku": lambda product: {one.sku for one in product.variants},
            "shared_gtin": lambda product: {one.gtin for one in product.variants if one.gtin},
            "same_title": lambda product: {folded(product.title)},
        }
        if kind not in keys:
            return set()
        shared = set().union(*(keys[kind](product) for product in spoilt.values()))
        return {product.id for product in products if keys[kind](product) & shared}

    def _with_spoilt_picture(self, kind: str, product: Product, rng: Random) -> Product:
        return with_picture(product, self.store, PICTURES[kind](opened(product, self.store), rng))

    def _twins(self, kind: str, clean: Sequence[Product], count: int, rng: Random, way: str) -> Injection | None:
        looks = kind == "near_duplicate_picture"
        able = [one for one in clean if (one.images and one.images[0].sha256 if looks else len(one.title) > 9)]
        if kind == "split_leak":
            able = [product for product in able if product.split in ("val", "test")]
        chosen = able[:count]
        if len(chosen) < 2:
            return None
        if kind == "repeated_id":
            copies = [replace(product, title=f"{product.title} 2") for product in chosen]
            return Injection([*self.sound.products, *copies], [product.id for product in chosen])
        copies = [twin(product, rng) for product in chosen]
        if looks:
            data = (changed_a_little(opened(one, self.store), rng, way=way) for one in chosen)
            copies = [with_picture(one, self.store, bytes_) for one, bytes_ in zip(copies, data, strict=True)]
        if kind == "split_leak":
            copies = [replace(one, split="train") for one in copies]
        originals = {product.id for product in chosen}
        originals |= {id for pair in self._known.items() if originals & set(pair) for id in pair}
        if kind == "split_leak":  # whoever was like an original before is now leaked too
            originals |= {id for group in self._alike() if group & originals for id in group}
        return Injection([*self.sound.products, *copies], [copy.id for copy in copies], originals)

    def _alike(self) -> list[set[str]]:
        evidence = self._evidence(self.sound.census, looks=True)
        groups = [*evidence.same_texts, *evidence.same_pictures]
        return [{self.sound.census.ids[member.row] for member in group.members} for group in groups]

    def _found(self, kind: str, injection: Injection) -> set[str]:
        evidence = self._evidence(Census.of(injection.products), looks=kind in _LOOKS, links=injection.links)
        found = (one for detector in detectors_of(kind) for one in detector(evidence))
        return {id for one in found if one.kind == kind for id in one.ids}

    def _evidence(self, census: Census, *, looks: bool, links: Mapping[str, str] | None = None) -> Evidence:
        facts = None
        if looks:
            hashes = [picture.sha256 for picture in census.pictures if picture.sha256]
            facts = PictureFacts.of(hashes, self.store, cache=self._cache, workers=self._workers)
        return Evidence(census, TODAY.date(), pictures=facts, links=links or {})


def detectors_of(kind: str) -> list[Detector]:
    """The detectors of a kind's file; all of them tell more than one kind."""
    homes = {
        "completeness": ("completeness",),
        "consistency": ("consistency", "contradictions", "measures", "spelling"),
        "accuracy": ("accuracy",),
        "plausibility": ("plausibility", "prices", "titles", "languages", "privacy"),
        "uniqueness": ("uniqueness",),
    }[KINDS[kind].dimension]
    return [one for one in DETECTORS if one.__module__.rsplit(".", 1)[-1] in homes]


__all__ = ["INJECTED", "WAYS", "Score", "Trial", "pooled"]
