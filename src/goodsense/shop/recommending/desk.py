"""Where recommendations are asked for: a build's recommender beside what the shop has at this moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from goodsense.errors import UsageError
from goodsense.recommend import make_model
from goodsense.recommend.reranking import ByRate
from goodsense.search.snapshot import Snapshot
from goodsense.shop.recommending.answering import Recommended, Wish, answer, merged, recent_items
from goodsense.shop.recommending.complements import goes_with
from goodsense.shop.recommending.content import content_of
from goodsense.shop.recommending.making import HOME, learned_from
from goodsense.shop.recommending.newcomers import Newcomers
from goodsense.shop.recommending.opened import Opened
from goodsense.shop.recommending.past import Past, given_past, has_shopper, last_time, read_past, read_visit
from goodsense.shop.recommending.profiles import Profile, Profiles
from goodsense.shop.recommending.rates import load_rates
from goodsense.shop.recommending.rules import Rules, read_bids
from goodsense.shop.recommending.shelf import Shelf
from goodsense.shop.recommending.visits import Foretelling, Outlook, given_visit, read_visit_of
from goodsense.shop.recommending.wording import Suggested, suggested_queries, suggested_tags
from goodsense.shop.stock import StockLevels
from goodsense.shop.truth import Truth
from goodsense.types import Encoder


class Desk:
    """Answers for one build; what changed since is taken up with every question."""

    def __init__(self, truth: Truth, build: Path, base: Snapshot, encoders: Mapping[str, Encoder]) -> None:
        self.truth, self.build, self.encoders = truth, build, encoders
        self.opened = Opened.of(build, tuple(sorted(base.ids)))
        self._stock = StockLevels()
        self._levels: dict[str, float] = {}
        self._shelf: Shelf | None = None
        self.newcomers: Newcomers | None = None
        self._profiles: Profiles | None = None
        self._rules: Rules | None = None
        self._by_rate: tuple[Shelf, ByRate] | None = None

    @cached_property
    def told(self) -> dict[str, Any]:
        """What the build says of its recommender; empty where it has none."""
        path = self.build / HOME / "recommender.json"
        found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return found

    @cached_property
    def foretelling(self) -> Foretelling:
        """What the build learned of visits."""
        return Foretelling.of(self.build / HOME, self.told.get("visits"))

    def look(self, snapshot: Snapshot) -> Shelf:
        """What can be recommended now."""
        levels = dict(self._stock.of(self.truth))
        if self._shelf is None or self._shelf.snapshot is not snapshot or levels != self._levels:
            self._shelf = Shelf(snapshot, self.opened.items, levels)
            self.newcomers = Newcomers(self._shelf, self.opened.statistics.seen_by, self.truth, self.encoders)
            self._levels, self._profiles = levels, None
        return self._shelf

    def past(
        self, shelf: Shelf, *, user: str = "", history: Sequence[str] = (), session: Sequence[str] | str = ()
    ) -> Past:
        """What is known of a shopper: the log, then products that whoever asks names, then this visit."""
        found = read_past(self.truth, user, exclude=self.opened.settings.exclude) if user else Past()
        for ids in (history, self._visit(shelf, session, user)):
            if isinstance(ids, Past):
                found = found.plus(ids)
            elif ids:
                found = merged(found, given_past(ids, shelf.places, after=last_time(found.events)))
        return found

    def _visit(self, shelf: Shelf, session: Sequence[str] | str, user: str) -> Past | Sequence[str]:
        if not isinstance(session, str):
            return session
        ids = [id.strip() for id in session.split(",") if id.strip()]
        if len(ids) == 1 and ids[0] not in shelf.places:
            visit = read_visit(self.truth, ids[0], user=user)
            if not visit.events:
                raise UsageError(
                    f"there is no product and no visit {ids[0]!r}.", fix="Give products, or a session of the log."
                )
            return visit
        return ids

    def recommend(self, snapshot: Snapshot, past: Past, wish: Wish, *, model: str = "") -> Recommended:
        """The best products for a history."""
        shelf = self.look(snapshot)
        return self._answer(shelf, self._with(model, snapshot), past, wish)

    def _answer(self, shelf: Shelf, opened: Opened, past: Past, wish: Wish) -> Recommended:
        return answer(opened, shelf, past, wish, newcomers=self.newcomers, rules=self.rules(shelf))

    def rules(self, shelf: Shelf) -> Rules:
        """The recipe's rules, with the bids as they are at this moment."""
        settings = self.opened.settings
        if not settings.sponsored:
            if self._rules is None or self._rules.shelf is not shelf:
                self._rules = Rules(settings, shelf, rates=self._rates(shelf))
            return self._rules
        bids, told = read_bids(self.build.parent.parent / settings.sponsored)
        return Rules(settings, shelf, bids, told, self._rates(shelf))

    def _rates(self, shelf: Shelf) -> ByRate | None:
        """The build's click rates, over the products and the log as they were when the shelf was last filled."""
        if not self.told.get("rates", {}).get("kept"):
            return None
        if self._by_rate is None or self._by_rate[0] is not shelf:
            content = content_of(shelf.snapshot)
            log = learned_from(self.truth, content.aligned(self.opened.items), self.opened.settings)
            self._by_rate = shelf, load_rates(self.build / HOME, content, log)
        return self._by_rate[1]

    def _with(self, model: str, snapshot: Snapshot) -> Opened:
        """The build's own recommender, or another one learned on the spot."""
        if not model or model == self.opened.name:
            return self.opened
        content = content_of(snapshot).aligned(self.opened.items)
        interactions = learned_from(self.truth, content, self.opened.settings)
        return self.opened.with_model(make_model(model).fit(interactions, content))

    def like(self, snapshot: Snapshot, id: str, wish: Wish, *, model: str = "") -> Recommended:
        """What those who took to one product take to."""
        shelf = self.look(snapshot)
        self._need(shelf, id)
        past = given_past([id], shelf.places)
        return self._answer(shelf, self._with(model, snapshot), past, wish)

    def goes_with(self, snapshot: Snapshot, id: str, wish: Wish) -> Recommended:
        """What is bought beside a product, rather than in its place."""
        shelf = self.look(snapshot)
        self._need(shelf, id)
        return goes_with(self.opened, shelf, id, wish)

    def recently_viewed(self, snapshot: Snapshot, past: Past, wish: Wish) -> Recommended:
        """What a shopper looked at last."""
        return recent_items(self.look(snapshot), past, wish)

    def tags(self, snapshot: Snapshot, past: Past, k: int) -> tuple[Suggested, ...]:
        """Attributes that a shopper cares for more than others do."""
        return suggested_tags(self.opened, self.look(snapshot), past, k)

    def queries(self, snapshot: Snapshot, past: Past, k: int) -> tuple[Suggested, ...]:
        """Searches of shoppers with like tastes that led somewhere."""
        return suggested_queries(self.opened, self.look(snapshot), past, k)

    def profile(self, snapshot: Snapshot, past: Past, visit: Outlook | None = None) -> Profile:
        """What is known of a shopper, with its evidence."""
        shelf = self.look(snapshot)
        if self._profiles is None:
            self._profiles = Profiles(self.opened, shelf, self.told.get("profiles", {}))
        return self._profiles(past, visit=visit)

    def outlook(self, snapshot: Snapshot, session: Sequence[str] | str, user: str = "") -> Outlook:
        """How likely a visit is to buy: one of the log by its name, or products that somebody looks at now."""
        shelf = self.look(snapshot)
        ids = [id.strip() for id in session.split(",") if id.strip()] if isinstance(session, str) else list(session)
        if isinstance(session, str) and len(ids) == 1 and ids[0] not in shelf.places:
            return self.foretelling(read_visit_of(self.truth, ids[0], user))
        return self.foretelling(given_visit(self.truth, ids, user))

    def knows(self, user: str) -> bool:
        """Whether this shopper did anything at all."""
        return has_shopper(self.truth, user)

    @staticmethod
    def _need(shelf: Shelf, id: str) -> None:
        if id not in shelf.places or not shelf.there[shelf.places[id]]:
            raise UsageError(f"there is no product {id!r} in this build.", fix="Check the id, or build again.")
