"""A build's recommender: chosen on what shoppers did last, learned again from all they did, kept with its counts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from goodsense.errors import DataError
from goodsense.events import DEFAULT_WEIGHTS, Event, Interactions
from goodsense.events.filters import Filtered, filtered
from goodsense.events.splits import leave_last, per_user
from goodsense.progress import Progress, silent
from goodsense.recommend import Content, Model, make_model
from goodsense.recommend.search import chosen_model, described
from goodsense.search.snapshot import Snapshot
from goodsense.shop.behaviour import stored_events
from goodsense.shop.recipe import RecommendTable
from goodsense.shop.recommending.content import content_of
from goodsense.shop.recommending.leanings import learn_spreads
from goodsense.shop.recommending.log import HELD_OUT, SAYING_NOTHING, read_log
from goodsense.shop.recommending.rates import learn_rates
from goodsense.shop.recommending.statistics import statistics_of
from goodsense.shop.recommending.visits import learn_visits
from goodsense.shop.truth import Truth

HOME = "recommender"
FORMAT = 1
STAGE = "recommender"
LEAST_ASKED = 20  # shoppers whose last product can be asked for; with fewer, nothing is chosen
MOST_ASKED = 2_000
USUAL = "graph-filter"  # where nothing can be chosen


@dataclass
class Made:
    """What became of the recommender of a build; ``model`` is empty if there is none."""

    model: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    shoppers: int = 0
    events: int = 0
    chosen: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, Any] = field(default_factory=dict)
    profiles: dict[str, Any] = field(default_factory=dict)
    visits: dict[str, Any] = field(default_factory=dict)
    rates: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return dict(vars(self))


def make_recommender(
    truth: Truth,
    snapshot: Snapshot,
    settings: RecommendTable,
    directory: Path,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Made:
    """Learn the recommender of a snapshot from the shop's events and write it to ``directory / "recommender"``.

    Nothing is written where the recipe wants none, or no shopper did anything with a product of the catalog.
    """
    if settings.model == "off":
        return Made(note="the recipe wants none")
    started = time.perf_counter()
    progress(STAGE, 0, None)
    content = content_of(snapshot)
    heard = filtered(all_interactions(truth, content, settings))
    interactions = heard.interactions
    if not len(interactions):
        return Made(note="no shopper did anything with a product yet: popular ones are by their ratings")
    model, chosen = chosen_recommender(interactions, content, settings, seed=seed, progress=progress)
    log = read_log(truth, content.ids, without={*heard.suspects, *heard.copies})
    statistics = statistics_of(log, min_shoppers=settings.min_shoppers, heard=interactions)
    home = directory / HOME
    home.mkdir(parents=True)
    model.save(home / "model")
    statistics.save(home)
    made = Made(model.kind, model.options, statistics.shoppers, len(interactions), chosen, left_out=_left_out(heard))
    made.profiles = learn_spreads(interactions, content, statistics.seen_by, seed=seed)
    strangers = frozenset({*heard.suspects, *heard.copies})
    visits = learn_visits(truth, home, without=strangers, seed=seed)
    rates = learn_rates(truth, interactions, content, model, home, without=strangers, seed=seed)
    made.visits, made.rates = visits.to_json(), rates.to_json()
    made.notes = [f"visits: {visits.note}", *([f"click rates: {rates.note}"] if rates.note else [])]
    (home / "recommender.json").write_text(
        json.dumps({"format": FORMAT, **made.to_json()}, ensure_ascii=False, indent=1, default=str), "utf-8"
    )
    made.note = _note(made)
    made.seconds = round(time.perf_counter() - started, 3)
    return made


def learned_from(truth: Truth, content: Content, settings: RecommendTable) -> Interactions:
    """What a recommender learns from: what shoppers did, without bots, copies of profiles, and most of any burst."""
    return filtered(all_interactions(truth, content, settings)).interactions


def all_interactions(truth: Truth, content: Content, settings: RecommendTable) -> Interactions:
    """What was done with the catalog's products, weighed as the recipe has it, without what is held out."""
    events = teaching_events(truth, frozenset(content.ids))
    return weighed(events, settings)


def weighed(events: Iterator[Event], settings: RecommendTable) -> Interactions:
    """Events as interactions, by the recipe's weights and fading."""
    weights = {**DEFAULT_WEIGHTS, **dict.fromkeys(SAYING_NOTHING, 0.0), **settings.weights}
    return Interactions.from_events(events, weights=weights, half_life_days=settings.half_life_days or None)


def teaching_events(truth: Truth, items: frozenset[str]) -> Iterator[Event]:
    """The events that a recommender may learn from."""
    for event in stored_events(truth):
        if event.item in items and event.split not in HELD_OUT:
            yield event


def chosen_recommender(
    interactions: Interactions,
    content: Content,
    settings: RecommendTable,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Model, dict[str, Any]]:
    """The recommender that the recipe names, or the one that validation chooses, learned from everything."""
    if settings.model != "auto":
        model = make_model(settings.model, **settings.options)
        return model.fit(interactions, content, seed=seed, progress=progress), {"by": "the recipe"}
    parts = held_out(interactions, seed=seed)
    if parts is None:
        usual = make_model(USUAL).fit(interactions, content, seed=seed, progress=progress)
        return usual, {"by": "default", "reason": "too few shoppers to choose"}
    train, validation, method = parts
    choice = chosen_model(train, validation, content, seed=seed, users=None, progress=progress)
    model = make_model(choice.name, **choice.options).fit(interactions, content, seed=seed, progress=progress)
    figures = {each.name: round(each.trial.metrics[choice.metric], 4) for each in choice.candidates if not each.failed}
    told = {"metric": choice.metric, "figures": figures, "described": described(model), "notes": list(choice.notes)}
    return model, {"by": "validation", "split": method, "asked": choice.users, **told}


def held_out(interactions: Interactions, *, seed: int = 0) -> tuple[Interactions, Interactions, str] | None:
    """What to learn from, what to ask for, and how they were parted; None if hardly anybody can be asked.

    Asked is the last product of every shopper, where times are known, else a tenth of their products; of many shoppers
    only some.
    """
    try:
        split, method = leave_last(interactions, seed=seed), "the last product of every shopper"
    except DataError:
        split, method = per_user(interactions, seed=seed), "a tenth of every shopper's products"
    asked = np.flatnonzero(np.diff(split.test.starts) > 0)
    if len(asked) < LEAST_ASKED:
        return None
    if len(asked) > MOST_ASKED:
        asked = np.sort(np.random.default_rng(seed).choice(asked, MOST_ASKED, replace=False))
    of_asked = np.zeros(len(interactions.users), dtype=np.bool_)
    of_asked[asked] = True
    test = split.test.only(of_asked[split.test.user_rows])
    return _joined(interactions, split.test, test), test, method


def _joined(interactions: Interactions, whole: Interactions, asked: Interactions) -> Interactions:
    """Everything but what is asked for."""
    width = max(1, len(interactions.items))
    barred = asked.user_rows.astype(np.int64) * width + asked.item_rows
    codes = interactions.user_rows.astype(np.int64) * width + interactions.item_rows
    return interactions.only(~np.isin(codes, barred))


def _left_out(heard: Filtered) -> dict[str, Any]:
    """What nothing is learned from, in numbers."""
    found = {
        "events": heard.events,
        "bots": len(heard.suspects),
        "copies": len(heard.copies),
        "bursts": len(heard.burst_items),
        "capped": len(heard.capped),
    }
    return {name: count for name, count in found.items() if count}


def _note(made: Made) -> str:
    left = ", ".join(f"{name} {count:,}" for name, count in made.left_out.items())
    return _chosen(made) + (f"; left out: {left}" if left else "")


def _chosen(made: Made) -> str:
    if figures := made.chosen.get("figures"):
        reached = f"{made.chosen['metric']} {figures[made.model]:.3f}"
        others = ", ".join(f"{name} {value:.3f}" for name, value in figures.items() if name != made.model)
        return (
            f"{made.model}, learned from {made.events:,} events of {made.shoppers:,} shoppers; chosen by "
            f"{made.chosen['split']}, {made.chosen['asked']:,} asked: {reached} ({others})"
        )
    return f"{made.model}, learned from {made.events:,} events of {made.shoppers:,} shoppers"
