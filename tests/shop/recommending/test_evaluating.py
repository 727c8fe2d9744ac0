"""A shop's recommendations evaluated: honest figures, nothing of the test in the choice, and commands that say it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from goodsense.cli.app import app
from goodsense.errors import DataError, UsageError
from goodsense.evaluate import evaluate_run
from goodsense.events import Event
from goodsense.recommend import make_model
from goodsense.recommend.search import Budget
from goodsense.shop import Shop
from goodsense.shop.recommending.comparing import compare_recommenders
from goodsense.shop.recommending.evaluating import evaluate_recommend
from goodsense.shop.recommending.parting import SPLITS, parted
from tests.shop.recommending.shops import DAY, START

QUICK = Budget(trials=1)


def test_the_figures_are_those_of_a_model_that_learned_from_train_alone(shop: Shop) -> None:
    found = evaluate_recommend(shop, ks=(5, 10), budget=QUICK, model="item-knn", refit=True, folds=3)
    parts = parted(shop).split
    model = make_model(found.name, **found.options).fit(parts.train, parted(shop).content)
    histories = parts.train.select(users=found.report.user_ids)
    wanted = evaluate_run(
        model.recommend(histories, 100).run(),
        {user: dict.fromkeys(items, 1) for user, items, _, _ in parts.test.histories()},
        ks=(5, 10),
    ).metrics
    for name in ("ndcg@5", "ndcg@10", "recall@10", "recall@100", "mrr@10"):
        assert found.report.metrics[name] == pytest.approx(wanted[name], abs=1e-9)
    shown = found.to_json()
    assert {"metrics", "users", "model", "fit_seconds", "skipped", "slices", "notes"} <= set(shown)
    assert shown["model"].startswith("item-knn (")
    assert shown["users"] == 30  # the others did one thing only
    assert found.report.metrics["ndcg@10"] > found.baseline.metrics["ndcg@10"]
    assert found.gain.lower > 0
    assert found.refit is not None
    assert found.refit.users == 30
    assert found.buying is not None
    assert found.buying.mean["auc"] > 0.7
    json.dumps(shown)


def test_what_learned_from_events_is_left_out_and_said(shop: Shop) -> None:
    parts = parted(shop)
    assert not {"behaviour", "reviews", "joint"} & set(parts.content.blocks)
    said = " ".join(parts.notes)
    assert "behaviour, reviews and joint learned from events and are left out" in said
    assert "products that the catalog does not have: 1" in said
    assert "--split time" in said
    assert "--split time" not in " ".join(parted(shop, "time").notes)
    assert set(parts.groups) >= {"u00", "u29"}


def test_a_bot_teaches_nothing_and_keeps_its_history(own: Shop) -> None:
    """Two hundred views within a minute: out of train, and still what the bot is answered by."""
    toys = [f"toy-{n % 40:04d}" for n in range(200)]
    own.add_events(Event("bot", toy, "view", time=START + DAY + n / 4) for n, toy in enumerate(toys))
    found = parted(own)
    row = found.split.train.users.index("bot")
    assert np.diff(found.split.train.starts)[row] == 0
    assert found.split.given is not None
    assert len(set(found.split.given.history("bot")[0])) == 38  # the last two are for val and test
    assert any("not learned from, as in a build" in note for note in found.notes)
    assert evaluate_recommend(own, budget=QUICK, model="popular").report.users == 31


@pytest.mark.parametrize("split", [name for name in SPLITS if name != "label"])
def test_every_split_has_three_parts_that_share_nothing(shop: Shop, split: str) -> None:
    found = parted(shop, split).split
    pairs = [
        set(zip(part.user_rows.tolist(), part.item_rows.tolist(), strict=True))
        for part in (found.train, found.val, found.test)
    ]
    assert all(pairs)
    assert not (pairs[0] & pairs[1] or pairs[0] & pairs[2] or pairs[1] & pairs[2])  # noqa: PT018


def test_test_labels_do_not_touch_the_choice(own: Shop) -> None:
    """Other test events: other figures, but the same search, the same model, the same lists."""
    val = [Event(f"u{n:02d}", f"toy-{(n * 5) % 48:04d}", "view", time=START + 50 * DAY, split="val") for n in range(30)]
    own.add_events(val)
    found = []
    for turn in range(2):
        toys = [f"toy-{(n * 7 + 11 * turn) % 48:04d}" for n in range(30)]
        own.add_events(
            Event(f"u{n:02d}", toy, "view", time=START + (60 + turn) * DAY, split="test") for n, toy in enumerate(toys)
        )
        found.append(evaluate_recommend(own, budget=QUICK))
    assert found[0].split == "label"
    assert found[0].options == found[1].options
    figures = [[each.trial.metrics for each in one.candidates] for one in found]
    assert figures[0] == figures[1]
    assert found[0].report.metrics != found[1].report.metrics


def test_what_cannot_be_evaluated_is_told(shop: Shop, own: Shop, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="by 'lsat'"):
        evaluate_recommend(shop, split="lsat")
    with pytest.raises(DataError, match="no event names its split"):
        evaluate_recommend(shop, split="label")
    with pytest.raises(UsageError, match="item-kmm"):
        evaluate_recommend(shop, model="item-kmm")
    own.add_events([Event("u00", "toy-0001", "view", time=START + 90 * DAY, split="test")])
    with pytest.raises(DataError, match="leaves nothing for val"):
        evaluate_recommend(own, split="label")


def test_recommenders_side_by_side(shop: Shop) -> None:
    found = compare_recommenders(shop, ["popular", "item-knn"], budget=QUICK, ks=(5,))
    assert [row.name for row in found.found.rows] == ["item-knn", "popular"]
    assert found.found.rows[0].gain.lower > 0  # type: ignore[union-attr]
    assert "every recommender: 1 at most" in " ".join(found.notes)
    json.dumps(found.to_json())


def test_the_commands_print_keep_and_refuse(visited: Path, tmp_path: Path) -> None:
    run = CliRunner()
    asked = ["evaluate", "recommend", str(visited), "--model", "item-knn", "--trials", "1", "--out", str(tmp_path)]
    said = run.invoke(app, asked)
    assert said.exit_code == 0, said.output
    for words in ("chosen by ndcg@20 on validation", "On test: 30 shoppers", "recall@100", "items: tail", "note: "):
        assert words in said.output
    kept = json.loads((tmp_path / "recommend-item-knn.json").read_text("utf-8"))
    assert kept["metrics"]["recall@20"] > 0
    assert (tmp_path / "recommend-item-knn.png").stat().st_size > 10_000
    said = run.invoke(
        app,
        ["compare", str(visited), "--models", "popular,nothing", "--split", "time", "--out", str(tmp_path), "--json"],
    )
    rows = {row["name"]: row for row in json.loads(said.stdout)["models"]}
    assert rows["popular"]["fit_seconds"] >= 0
    assert "nothing" in rows["nothing"]["failed"]
    assert (tmp_path / "compare-time.png").stat().st_size > 10_000
    for wrong, words in (
        (["--split", "time", "--split-column", "split"], "the same thing twice"),
        (["--split-column", "fold"], "no column 'fold'"),
        (["--refit", "all"], "expected train+val"),
    ):
        refused = run.invoke(app, [*asked, *wrong])
        assert isinstance(refused.exception, UsageError)
        assert words in refused.exception.message
