"""What the recipe wants of lists whatever shoppers want: pins, boosts, caps, prices, chance, paid places.

What a rule names wrongly (a product that is gone, a filter that is none) costs that rule, and the answer says so.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.recommend.reranking import (
    Boost,
    Bury,
    ByRate,
    CategoryCap,
    Diversify,
    EpsilonGreedy,
    Filters,
    Pick,
    Pin,
    Request,
    Reranker,
    Sponsored,
    Step,
)
from goodsense.shop.recipe import BoostRule, RecommendTable
from goodsense.shop.recommending.candidates import POPULAR, Candidate
from goodsense.shop.recommending.past import Past
from goodsense.shop.recommending.shelf import Shelf
from goodsense.types import Embeddings, Mask, Terms, Vectors

DEPTH = 100  # candidates that rules choose from, at least
BASE = "base"

More = Callable[[Mask, int], list[Candidate]]  # candidates among the allowed ones, so many
Looks = Callable[[Sequence[str]], Vectors]  # ids -> (r, d)


@dataclass(frozen=True)
class Moment:
    """When a list is asked for (seconds since 1970 UTC), on which device and where, as the log calls them."""

    time: float | None = None
    device: str = ""
    place: str = ""


@dataclass(frozen=True)
class Placed:
    """A candidate with what rules add to its score, what moved it, and what else they say of it."""

    candidate: Candidate
    added: Mapping[str, float] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)

    def whole(self, explained: Candidate) -> Candidate:
        """The candidate, with its own terms explained, and the rules' terms beside them."""
        return replace(explained, terms={**explained.terms, **self.added}) if self.added else explained


@dataclass(frozen=True, eq=False)
class Rules:
    """The recipe's rules over what can be recommended now.

    Parameters
    ----------
    settings
        The recipe's table.
    shelf
        What can be recommended.
    bids
        Product -> the most that a click is worth to whoever wants it shown.
    told
        What was wrong with the bids.
    rates
        Adds what click rates say; None where a build knows none.
    """

    settings: RecommendTable
    shelf: Shelf
    bids: Mapping[str, float] = field(default_factory=dict)
    told: str = ""
    rates: ByRate | None = None

    # ---- what the recipe says

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """What rules name that is not there."""
        rules, places = self.settings.rules, self.shelf.places
        texts = (*rules.bury, *(rule.where for rule in rules.boost), *([self._bounds] if self._bounds else []))
        said = [problem for text in texts if (problem := self._read(text)[1])]
        gone = [f"the rule pin: there is no product {id!r}" for id in rules.pin if id not in places]
        return tuple(dict.fromkeys([*said, *gone, *([self.told] if self.told else [])]))

    @cached_property
    def inside(self) -> Mask | None:
        """Which products have an allowed price ``(n + m,)``; None without bounds."""
        if not self._bounds:
            return None
        found, problem = self._read(self._bounds)
        return None if problem else found

    @property
    def _bounds(self) -> str:
        low, high = self.settings.rules.min_price, self.settings.rules.max_price
        parts = [f"price >= {low!r}"] if low else []
        parts += [f"price <= {high!r}"] if high else []
        return " and ".join(parts)

    @cached_property
    def buried(self) -> Mask:
        """Which products stand behind all others ``(n + m,)``."""
        found = np.zeros(len(self.shelf.ids), dtype=np.bool_)
        for text in self.settings.rules.bury:
            found |= self._read(text)[0]
        return found

    @cached_property
    def boosts(self) -> tuple[tuple[str, BoostRule, Mask], ...]:
        """The name of each boost, and which products it is for."""
        rules = self.settings.rules.boost
        return tuple((rule.name or f"boost-{at}", rule, self._read(rule.where)[0]) for at, rule in enumerate(rules, 1))

    def _read(self, text: str) -> tuple[Mask, str]:
        """The products that an id or a filter means, and what is wrong with it."""
        found = np.zeros(len(self.shelf.ids), dtype=np.bool_)
        if (place := self.shelf.places.get(text)) is not None:
            found[place] = True
            return found, ""
        try:
            return self.shelf.passing(text), ""
        except UsageError as error:
            return found, f"the rule {text!r} is neither a product nor a filter: {error}"

    def at_work(self, diversity: float, *, chance: bool = True) -> bool:
        """Whether anything is done to lists but filtering them by price."""
        rules, settings = self.settings.rules, self.settings
        usual = bool(rules.pin or rules.bury or rules.boost or rules.per_category or diversity)
        return usual or (chance and bool(settings.explore or self.bids or self.rates is not None))

    def depth(self, k: int) -> int:
        """How many candidates are chosen from."""
        return max(DEPTH, 4 * k)

    # ---- what becomes of a list

    def __call__(
        self,
        found: Sequence[Candidate],
        past: Past,
        allowed: Mask,
        k: int,
        *,
        more: More,
        looks: Looks,
        diversity: float = 0.0,
        chance: bool = True,
        moment: Moment | None = None,
    ) -> tuple[list[Placed], str]:
        """The first ``k`` by the rules, and what is to be told of the list.

        Parameters
        ----------
        found
            The best candidates.
        allowed
            What may be shown ``(n + m,)``; pinned and paid products, too, must be.
        more
            Gives candidates for products that are to be placed and are none yet.
        looks
            Vectors that tell products apart.
        chance
            With click rates, exploration and paid places.
        moment
            When and where it is asked.
        """
        base = {candidate.id: candidate for candidate in pool(found, past, k, self.settings.known)}
        bids = self._offers(allowed) if chance else {}
        extra = [id for id in (*self.settings.rules.pin, *bids) if id not in base and self._may(id, allowed)]
        scores = np.array([[candidate.score] for candidate in base.values()], np.float64).reshape(len(base), 1)
        terms = Terms(tuple(base), (BASE,), scores)
        if extra:
            mask = np.zeros(len(self.shelf.ids), dtype=np.bool_)
            mask[[self.shelf.places[id] for id in extra]] = True
            wanted = rescaled(more(mask, len(extra)), found)
            base |= {candidate.id: candidate for candidate in wanted}
        steps = list(self._steps(base, allowed, bids, looks, diversity, chance))
        at = moment or Moment()
        history = past.items[::-1]
        request = Request(
            k, past.user, history, past.owned, time=at.time, device=at.device, place=at.place, seed=_seed(past, k)
        )
        ranked = Reranker(steps)(terms, request)
        return [_placed(pick, base, self.rates is not None) for pick in ranked], ranked.message if ranked.picks else ""

    def _steps(
        self,
        base: Mapping[str, Candidate],
        allowed: Mask,
        bids: Mapping[str, float],
        looks: Looks,
        diversity: float,
        chance: bool,
    ) -> Iterator[Step]:
        rules, settings, shelf = self.settings.rules, self.settings, self.shelf
        yield Filters((_Allowed(shelf, allowed),))
        for name, rule, mask in self.boosts:
            matching = [candidate for id, candidate in base.items() if mask[shelf.places[id]]]
            yield Boost({one.id: rule.amount + (rule.factor - 1) * abs(one.score) for one in matching}, 1.0, name)
        if chance and self.rates is not None:
            yield self.rates
        if diversity and base:
            ids = tuple(base)
            vectors = looks(ids)
            block = Embeddings.of_products(ids, vectors, np.asarray(vectors.any(axis=1)))
            yield Diversify(block, trade=1.0 - diversity, depth=len(ids))
        if rules.per_category:
            yield CategoryCap({id: shelf.categories[shelf.places[id]] for id in base}, most=rules.per_category)
        if chance and settings.explore:
            yield EpsilonGreedy(settings.explore)
        if rules.bury:
            yield Bury(frozenset(id for id in base if self.buried[shelf.places[id]]))
        pins = {id: place for id, place in rules.pin.items() if id in shelf.places}
        if pins:
            yield Pin(pins)
        if bids:
            free = tuple(place for place in settings.sponsored_places if place not in pins.values())
            yield Sponsored(
                bids,
                _by_relevance(base) if self.rates is None else _by_clicks(self.rates),
                places=free,
                floor=settings.sponsored_floor,
            )
        if bids and pins:
            yield Pin(pins)  # what was sold above a pin moved it

    def _may(self, id: str, allowed: Mask) -> bool:
        place = self.shelf.places.get(id)
        return place is not None and bool(allowed[place])

    def _offers(self, allowed: Mask) -> dict[str, float]:
        """Bids for what may be shown, is neither pinned nor buried, and is worth anything."""
        rules, places = self.settings.rules, self.shelf.places
        there = {id: bid for id, bid in self.bids.items() if bid > 0 and id not in rules.pin and self._may(id, allowed)}
        return {id: bid for id, bid in there.items() if not self.buried[places[id]]}


@dataclass(frozen=True, eq=False)
class _Allowed:
    """Only what may be shown: in stock, passing the filter, not bought."""

    shelf: Shelf
    allowed: Mask
    strict: bool = True
    name: str = "sold out, filtered out, or the shopper's already"

    def keeps(self, ids: Sequence[str], request: Request) -> Mask:
        places = [self.shelf.places.get(id, -1) for id in ids]
        return np.array([place >= 0 and bool(self.allowed[place]) for place in places], dtype=np.bool_)


def pool(found: Sequence[Candidate], past: Past, k: int, known: float) -> list[Candidate]:
    """The candidates with at most a share of ``k`` known to the shopper, as long as there are ``k`` others."""
    most = math.ceil(known * k)
    spare = [candidate for candidate in found if candidate.id in past.actions][most:]
    dropped = {candidate.id for candidate in spare}
    chosen = [candidate for candidate in found if candidate.id not in dropped]
    return chosen + spare[: max(0, k - len(chosen))]


def rescaled(extra: Sequence[Candidate], found: Sequence[Candidate]) -> list[Candidate]:
    """Candidates that were scored by themselves, on the scale of others for the same history."""
    own = next((candidate.scale for candidate in extra if candidate.scale), 1.0)
    scale = next((candidate.scale for candidate in found if candidate.scale), 0.0)
    if not scale:
        return list(extra)
    return [_by(candidate, own / scale, scale) for candidate in extra]


def _by(candidate: Candidate, factor: float, scale: float) -> Candidate:
    if POPULAR in candidate.terms:
        return candidate
    terms = {name: value * factor for name, value in candidate.terms.items()}
    return replace(candidate, terms=terms, scale=scale if candidate.scale else 0.0)


def _by_relevance(base: Mapping[str, Candidate]) -> Callable[[Sequence[str], Request], NDArray[np.float64]]:
    """Without a model of clicks, what a product scores for the shopper stands for its click rate."""

    def rates(ids: Sequence[str], request: Request) -> NDArray[np.float64]:
        return np.array([max(0.0, base[id].score) if id in base else 0.0 for id in ids], dtype=np.float64)

    return rates


def _by_clicks(rates: ByRate) -> Callable[[Sequence[str], Request], NDArray[np.float64]]:
    def probabilities(ids: Sequence[str], request: Request) -> NDArray[np.float64]:
        return rates.model.probabilities(rates.features.of_candidates(ids, request))

    return probabilities


def _placed(pick: Pick, base: Mapping[str, Candidate], rated: bool) -> Placed:
    detail = dict(pick.detail)
    if "click_rate" in detail and not rated:
        detail["relevance"] = detail.pop("click_rate")
    if pick.moves:
        detail["moved_by"] = pick.to_json()["moved_by"]
    added = {name: value for name, value in pick.terms.items() if name != BASE and value}
    return Placed(base[pick.id], added, detail)


def _seed(past: Past, k: int) -> int:
    """The same for the same shopper with the same history."""
    return crc32("\0".join((past.user, str(k), *past.items)).encode("utf-8", "surrogatepass"))


def read_bids(path: Path) -> tuple[dict[str, float], str]:
    """A table of the columns ``id`` and ``bid``, and what is wrong with it; nothing is sold from a wrong one."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return {}, f"no places are sold: {path.name} cannot be read ({type(error).__name__})"
    found: dict[str, float] = {}
    for line, row in enumerate(rows, start=2):
        try:
            id, bid = (row["id"] or "").strip(), float(row["bid"] or "")
        except (KeyError, TypeError, ValueError):
            return {}, f"no places are sold: line {line} of {path.name} has no id and bid"
        if not id or not (math.isfinite(bid) and bid >= 0):
            return {}, f"no places are sold: the bid in line {line} of {path.name} is no amount"
        found[id] = bid
    return found, ""
