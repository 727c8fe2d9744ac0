"""Paid places in a list: sold by click rate times bid at the price of the next one, never to what nobody wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.recommend.reranking.draft import Draft, Phase, Request

ClickRates: TypeAlias = Callable[[Sequence[str], Request], NDArray[np.float64]]  # ids -> (n,) probabilities


@dataclass(frozen=True)
class Sponsored:
    """Sells places to advertisers by a generalised second-price auction (Edelman, Ostrovsky and Schwarz, 2007).

    Offers are ranked by predicted click rate times bid. What wins pays per click the least bid with which it would
    still stand there, and at least the reserve. An offer whose click rate is below ``floor`` times the mean rate of
    the products that it would stand among is not shown. What stands at the place or above it by itself pays nothing.

    ``detail`` of a sold place: ``sponsored`` (true: the label that a page must show), ``place``, ``bid``,
    ``click_rate`` and ``charge`` per click.

    Parameters
    ----------
    bids
        Product -> most that a click is worth to its advertiser.
    rates
        Predicted click rates, such as :meth:`goodsense.recommend.reranking.rates.RateModel.probabilities` of features.
    places
        Places (from 1) for sale.
    floor
        Share of the unpaid products' mean click rate.
    reserve
        Least charge; lower bids are not considered.
    """

    bids: Mapping[str, float]
    rates: ClickRates
    places: tuple[int, ...] = (4,)
    floor: float = 0.5
    reserve: float = 0.0
    name: str = "sponsored"
    phase: ClassVar[Phase] = Phase.PLACE

    def __post_init__(self) -> None:
        if any(not (np.isfinite(bid) and bid >= 0) for bid in self.bids.values()):
            raise UsageError("a bid is negative or no number.", fix="Give the most that a click is worth.")
        if any(place < 1 for place in self.places) or self.floor < 0 or self.reserve < 0:
            raise UsageError(
                f"places are {self.places}, floor {self.floor:g}, reserve {self.reserve:g}; expected places from 1 "
                "up, and no negative number."
            )

    def adds(self, request: Request) -> Sequence[str]:
        return tuple(id for id, bid in self.bids.items() if bid >= self.reserve and bid > 0)

    def __call__(self, draft: Draft, request: Request) -> Draft:
        usual = [id for id in draft.ids if id not in self.bids][: request.k]
        offers = self._offers(draft, usual, request)
        order = list(range(len(draft)))
        sold: dict[str, Mapping[str, object]] = {}
        for place in sorted(place for place in set(self.places) if place <= min(request.k, len(draft))):
            above = {draft.ids[row] for row in order[:place]}
            offers = [offer for offer in offers if offer.id not in above]
            if not offers:
                break
            winner, offers = offers[0], offers[1:]
            charge = max(self.reserve, offers[0].worth / winner.rate if offers else 0.0)
            order.remove(winner.row)
            order.insert(place - 1, winner.row)
            sold[winner.id] = winner.told(place, min(charge, winner.bid))
        return draft.arranged(order, self.name, sold).placed(sold).saying(sold)

    def _offers(self, draft: Draft, usual: Sequence[str], request: Request) -> list[_Offer]:
        """Offers that may be shown, the most worth first; equal ones by their place in the list."""
        ids = [id for id in draft.ids if id in set(self.adds(request))]
        if not ids:
            return []
        found = np.asarray(self.rates([*ids, *usual], request), dtype=np.float64)
        own, others = found[: len(ids)], found[len(ids) :]
        least = self.floor * float(others.mean()) if len(others) else 0.0
        rows = {id: row for row, id in enumerate(draft.ids)}
        offers = [_Offer(id, rows[id], float(rate), self.bids[id]) for id, rate in zip(ids, own, strict=True)]
        return sorted(
            (o for o in offers if o.rate > 0 and o.rate >= least), key=lambda offer: (-offer.worth, offer.row)
        )


@dataclass(frozen=True)
class _Offer:
    id: str
    row: int
    rate: float
    bid: float

    @property
    def worth(self) -> float:
        return self.rate * self.bid

    def told(self, place: int, charge: float) -> Mapping[str, object]:
        return {"sponsored": True, "place": place, "bid": self.bid, "click_rate": self.rate, "charge": charge}
