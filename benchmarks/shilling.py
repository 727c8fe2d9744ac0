"""Shilling: how much made-up profiles push an item, with the caps on what models learn from and without them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, report_path
from goodsense.events import Interactions
from goodsense.events.filters import filtered
from goodsense.recommend import make_model
from goodsense.recommend.histories import blocks_of

PROTOCOL = (
    "generated shop: 2,000 items in groups of 20, popularity with a long tail (Zipf, exponent .9); a shopper cares for "
    "one to five groups and takes four fifths of their items there, activity is log-normal; they come at any day of "
    "two years and return in visits. Made-up profiles, one per cent as many as shoppers, push one item at a time, "
    "each with as many other items as an ordinary profile: at random, as popular as shoppers take them (average), or "
    "the most popular ones and some at random (bandwagon); Lam and Riedl (2004), Mobasher and others (2007). Each "
    "profile is made in a visit of an hour, all within the days of the campaign. Pushed items are of the middle to the "
    "upper part of popularity. Exposure: in how many of 3,000 shoppers' lists of 20 it stands; told is the sum over "
    "pushed items after the attack against before it, or against what one average item has where that is more; all "
    "counts are in details. Learned from is what `filtered` leaves with its defaults (caps), or everything (bare). "
    "All models with their default options. Campaigns of a day and a month are aimed at; that of two years shows what "
    "caps cannot see"
)
USERS, ITEMS, EVENTS, GROUP = 10_000, 2_000, 300_000, 20
SHARE, ASKED, K, DAY_S = 0.01, 3_000, 20, 86_400.0
YEARS, BEGIN = 2 * 365.0, 1.7e9
PUSHED = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)  # quantiles of popularity
MODELS = ("popular", "item-knn", "graph-filter")
ATTACKS = ("random", "average", "bandwagon")
CAMPAIGNS = {"day": 1.0, "month": 30.0, "two years": YEARS}
MOST = 2.0


def main() -> None:
    made = parser(__doc__ or "", data=False)
    made.add_argument("--limit", type=int, help="shoppers; items and events in proportion")
    made.add_argument("--models", nargs="+", default=MODELS)
    made.add_argument("--campaigns", nargs="+", choices=tuple(CAMPAIGNS), default=tuple(CAMPAIGNS))
    options = made.parse_args()
    settings = {"limit": options.limit, "models": list(options.models)}
    bench = Bench("shilling", PROTOCOL, seeds={"data": 0, "attacks": 1, "models": 0}, settings=settings)
    whole = options.limit is None and tuple(options.models) == MODELS and tuple(options.campaigns) == tuple(CAMPAIGNS)
    share = (options.limit or USERS) / USERS
    with bench.stage("generate"):
        shop = Shop.generated(round(USERS * share), round(ITEMS * share), round(EVENTS * share))
    bench.details["shop"] = shop.told()
    for _ in run(bench, shop, options.models, options.campaigns):
        bench.write(report_path(options, bench.name, whole=whole))


def run(bench: Bench, shop: Shop, models: list[str], campaigns: list[str]) -> Iterator[None]:
    calm = filtered(shop.log)
    bench.figure("events of shoppers that the caps leave out", calm.events / len(shop.log), better="lower")
    for model in models:
        with bench.stage(model):
            before = {"caps": shop.exposure(model, calm.interactions), "bare": shop.exposure(model, shop.log)}
            found = bench.details.setdefault(model, {"before": {way: own.tolist() for way, own in before.items()}})
            for campaign in campaigns:
                for attack in ATTACKS:
                    after = shop.attacked(model, attack, CAMPAIGNS[campaign])
                    found[f"{attack}, {campaign}"] = {way: own.tolist() for way, own in after.items()}
                    for way, own in after.items():
                        aimed = way == "caps" and campaign != "two years"
                        bench.figure(
                            f"{model}, {attack}, {campaign}, {way}: exposure after / before",
                            times(before[way], own, shop.average),
                            better="lower",
                            target=MOST if aimed else None,
                        )
        yield


def times(before: NDArray[np.int64], after: NDArray[np.int64], average: float) -> float:
    """How many times as often pushed items stand in lists; fewer lists than an average item has count as that many."""
    return float(after.sum() / max(before.sum(), average)) if after.sum() != before.sum() else 1.0


@dataclass(frozen=True, eq=False)
class Shop:
    """A log, shoppers whose lists are looked at, and items that are pushed, one at a time."""

    log: Interactions
    asked: Interactions
    pushed: tuple[int, ...]

    @classmethod
    def generated(cls, users: int, items: int, events: int, *, seed: int = 0) -> Shop:
        rng = np.random.default_rng(seed)
        log = timed(generated(users, items, events, rng), rng)
        taken = np.bincount(log.pairs.item_rows, minlength=items)
        order = np.argsort(taken, kind="stable")
        pushed = tuple(int(order[int(share * items)]) for share in PUSHED)
        some = np.sort(rng.choice(users, min(ASKED, users), replace=False))
        return cls(log, log.select(users=[log.users[row] for row in some.tolist()]), pushed)

    @property
    def average(self) -> float:
        """In how many of the lists an item stands, on average."""
        return len(self.asked.users) * K / len(self.log.items)

    def told(self) -> dict[str, Any]:
        taken = np.bincount(self.log.pairs.item_rows, minlength=len(self.log.items))
        return {
            "shoppers": len(self.log.users),
            "items": len(self.log.items),
            "events": len(self.log),
            "shoppers of the pushed items": [int(taken[row]) for row in self.pushed],
            "of the hundredth and the twentieth item": [int(np.sort(taken)[-100]), int(np.sort(taken)[-20])],
            "lists": len(self.asked.users),
        }

    def exposure(self, model: str, learned: Interactions, pushed: int | None = None) -> NDArray[np.int64]:
        """In how many lists each pushed item stands, ``(p,)``; all of them, or one alone."""
        fitted = make_model(model).fit(learned, seed=0)
        items = self.pushed if pushed is None else (pushed,)
        counts = np.zeros(len(fitted.items), dtype=np.int64)
        for block in blocks_of(self.asked, 1_000):
            rows = fitted.recommend(block, K).rows
            counts += np.bincount(rows[rows >= 0], minlength=len(counts))
        places = {id: row for row, id in enumerate(fitted.items)}
        return np.array([counts[places[self.log.items[row]]] for row in items])

    def attacked(self, model: str, attack: str, days: float) -> dict[str, NDArray[np.int64]]:
        """The same after each of the pushed items was attacked, one at a time; with caps and bare."""
        found: dict[str, list[int]] = {"caps": [], "bare": []}
        for row in self.pushed:
            log = joined(self.log, profiles(self.log, row, attack, days))
            left = filtered(log).interactions
            bare = self.exposure(model, log, row)[0]
            found["bare"].append(bare)
            found["caps"].append(bare if len(left) == len(log) else self.exposure(model, left, row)[0])
        return {way: np.array(own) for way, own in found.items()}


def generated(users: int, items: int, events: int, rng: np.random.Generator) -> Interactions:
    """Who took what, each item once; times are to come."""
    appeal = 1.0 / np.arange(1, items + 1) ** 0.9
    groups = rng.permutation(items).reshape(-1, GROUP)  # (g, 20) items
    within = np.cumsum(appeal[groups], axis=1)
    activity = rng.lognormal(0, 1, users)
    owners = rng.choice(users, events, p=activity / activity.sum())
    wishes = rng.choice(len(groups), (users, 5), p=within[:, -1] / appeal.sum())
    wanted = wishes[owners, rng.integers(0, rng.integers(1, 6, users)[owners])]
    places = (rng.random(events)[:, None] * within[wanted, -1:] > within[wanted]).sum(axis=1)
    anywhere = rng.choice(items, events, p=appeal / appeal.sum())
    rows = np.where(rng.random(events) < 0.2, anywhere, groups[wanted, np.minimum(places, GROUP - 1)])
    codes = rng.permutation(np.unique(owners * items + rows))
    codes = codes[np.argsort(codes // items, kind="stable")]
    return Interactions(
        tuple(f"u{number:06d}" for number in range(users)),
        tuple(f"i{number:06d}" for number in range(items)),
        np.searchsorted(codes // items, np.arange(users + 1)).astype(np.int64),
        (codes % items).astype(np.int32),
        np.ones(len(codes)),
        np.zeros(len(codes)),
        np.zeros(len(codes), np.int8),
    )


def timed(log: Interactions, rng: np.random.Generator) -> Interactions:
    """Shoppers come at any day; their events lie in visits of three or so until the end."""
    sizes = np.diff(log.starts)
    owners = log.user_rows
    first = BEGIN + rng.random(len(sizes)) * 0.95 * YEARS * DAY_S
    place = np.arange(len(owners)) - log.starts[:-1][owners]
    visit = place // 3
    when = np.random.default_rng(5).random((int(visit.max()) + 1, 1_000))  # shares of what is left of the years
    share = np.where(visit == 0, 0.0, when[visit, owners % 1_000])
    times = first[owners] + share * (BEGIN + YEARS * DAY_S - first[owners]) + rng.random(len(owners)) * 1_200
    order = np.lexsort((times, owners))
    return replace(log, item_rows=log.item_rows[order], times=times[order])


def profiles(log: Interactions, pushed: int, attack: str, days: float, *, seed: int = 1) -> Interactions:
    """Made-up shoppers with the pushed item and fillers, over the items of the log."""
    rng = np.random.default_rng([seed, pushed])
    count = max(1, round(SHARE * len(log.users)))
    pairs = log.pairs
    taken = np.bincount(pairs.item_rows, minlength=len(log.items)).astype(np.float64)
    sizes = rng.choice(np.bincount(pairs.user_rows), count)
    mass = {"random": np.ones(len(taken)), "average": taken, "bandwagon": np.ones(len(taken))}[attack]
    head = np.argsort(-taken, kind="stable")[:20]
    rows, owners = [], []
    for user, size in enumerate(np.clip(sizes, 2, len(taken) // 2).tolist()):
        known = rng.permutation(head)[: size // 2] if attack == "bandwagon" else np.empty(0, np.int64)
        fillers = rng.choice(len(taken), size - len(known), replace=False, p=mass / mass.sum())
        own = np.unique(np.concatenate([[pushed], known, fillers]))
        rows.append(own)
        owners.append(np.full(len(own), user))
    flat, users = np.concatenate(rows).astype(np.int32), np.concatenate(owners)
    begin = BEGIN + rng.random() * max(0.0, YEARS - days) * DAY_S + rng.random(count) * days * DAY_S
    times = begin[users] + rng.random(len(users)) * 3_600
    order = np.lexsort((times, users))
    return Interactions(
        tuple(f"x{number:06d}" for number in range(count)),
        log.items,
        np.searchsorted(users, np.arange(count + 1)).astype(np.int64),
        flat[order],
        np.ones(len(flat)),
        times[order],
        np.zeros(len(flat), np.int8),
    )


def joined(log: Interactions, more: Interactions) -> Interactions:
    """Both, over the same items; the users of the second come after those of the first."""
    return Interactions(
        log.users + more.users,
        log.items,
        np.concatenate([log.starts, log.starts[-1] + more.starts[1:]]),
        np.concatenate([log.item_rows, more.item_rows]),
        np.concatenate([log.weights, more.weights]),
        np.concatenate([log.times, more.times]),
        np.concatenate([log.labels, more.labels]),
    )


if __name__ == "__main__":
    main()
