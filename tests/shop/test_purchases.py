"""Purchases foretold by folds of shoppers: what is there is found, what is not is not, and the classic recipe runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.learning.purchase_cases import Baskets, PurchaseCases
from goodsense.shop import Recipe, Shop
from goodsense.shop.build import build
from goodsense.shop.purchases import STUDY, PurchaseEvaluation, Trial, evaluate_purchases, evaluate_shop_purchases
from goodsense.shop.purchases.scores import Likely, likeness_scores, popularity_scores
from goodsense.shop.recipe import PurchaseTable
from goodsense.types import Embeddings
from tests.cli.calls import Caller
from tests.encoders.hub.models import ready
from tests.shop.catalogs import full_toys, shoppers_of

CLASSIC = Path(__file__).parents[2] / "recipes" / "classic.toml"
SMALL: dict[str, Any] = {"width": 16, "layers": 1, "heads": 2, "epochs": 4, "batch": 32, "rate": 5e-3}
KINDS, ITEMS, USERS = 5, 60, 120


def table(**more: Any) -> PurchaseTable:
    return PurchaseTable.model_validate({"fusion": "additive", "networks": ["gru"], **SMALL, **more})


def world(*, taste: bool, seed: int = 0) -> tuple[dict[str, Embeddings], Baskets]:
    """Products of five kinds; shoppers who keep to a kind, or take anything."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(ITEMS) % KINDS
    ids = [f"p{number}" for number in range(ITEMS)]
    rows = [np.eye(KINDS, 8)[kinds] + 0.3 * rng.normal(size=(ITEMS, 8)) for _ in range(2)]
    blocks = {n: Embeddings.of_products(ids, own.astype(np.float32)) for n, own in zip(("a", "b"), rows, strict=True)}
    own = [
        rng.permutation(np.flatnonzero(kinds == user % KINDS) if taste else np.arange(ITEMS))[:4]
        for user in range(USERS)
    ]
    return blocks, Baskets(np.arange(USERS), 4 * np.arange(USERS + 1), np.concatenate(own), ITEMS)


def evaluated(*, taste: bool, seed: int = 0, **more: Any) -> PurchaseEvaluation:
    blocks, bought = world(taste=taste, seed=seed)
    return evaluate_purchases(Trial(blocks, bought, bought, table(**more), folds=3, seed=seed))


@pytest.fixture(scope="module")
def found() -> PurchaseEvaluation:
    return evaluated(taste=True)


def test_taste_is_found_by_likeness_and_by_networks(found: PurchaseEvaluation) -> None:
    assert found["likeness"].mean("auc") > 0.85
    assert found["gru"].mean("auc") > 0.85
    assert found["gru & both"].mean("accuracy") > 0.8
    assert found["popularity"].mean("auc") < 0.65
    assert found.compared in ("likeness", "logistic of both")
    assert {method.name for method in found.methods if method.kind == "network"} == {"gru", "gru & both"}


def test_saying_yes_always_is_told_for_what_it_is(found: PurchaseEvaluation) -> None:
    always = found["always yes"]
    assert always.mean("recall") == 1
    assert always.mean("precision") == pytest.approx(0.5, abs=0.01)
    assert always.mean("f1") == pytest.approx(2 / 3, abs=0.01)
    assert always.mean("auc") == 0.5


def test_every_shopper_is_tested_once(found: PurchaseEvaluation) -> None:
    assert found.counts == {"users": USERS, "products": ITEMS, "purchases": 4 * USERS, "questions": 2 * 3 * USERS}
    assert {len(method.by_user) for method in found.methods} == {USERS}
    assert [fold.rows for fold in found["gru"].folds] == [240, 240, 240]
    rights = found["gru"].by_user.mean()
    assert found["gru"].mean("accuracy") == pytest.approx(rights)  # equally many questions of everybody


@pytest.mark.parametrize("fusion", ["additive", "graph"])
def test_where_nothing_can_be_known_nothing_is(fusion: str) -> None:
    options = {"epochs": 3, "width": 8, "hidden": 8} if fusion == "graph" else {}
    found = evaluated(taste=False, fusion=fusion, options=options)
    for method in found.methods:
        assert abs(method.mean("auc") - 0.5) < 0.07, method.name  # links that gave answers away would show here


def test_the_same_seed_finds_the_same() -> None:
    one, again = (evaluated(taste=True, seed=2, epochs=1).to_json() for _ in range(2))
    assert {**one, "seconds": 0} == {**again, "seconds": 0}


def test_a_fold_learns_nothing_from_whom_it_tests() -> None:
    blocks, bought = world(taste=True)
    from goodsense.learning.purchase_cases import user_folds

    tested = user_folds(USERS, 3) == 0
    other = bought.items.reshape(USERS, 4).copy()
    other[tested] = other[tested][:, ::-1]  # the same purchases in another order: other questions of these shoppers
    changed = Baskets(bought.users, bought.starts, other.ravel(), ITEMS)
    first, second = (
        evaluate_purchases(Trial(blocks, each, bought, table(networks=[]), folds=3)) for each in (bought, changed)
    )
    thresholds = [[fold.threshold for fold in each["logistic of both"].folds] for each in (first, second)]
    assert thresholds[0][0] == thresholds[1][0]
    assert thresholds[0][1:] != thresholds[1][1:]


# ---- the simple scores


def test_likeness_is_a_mean_over_what_is_known() -> None:
    vectors = np.array([[2, 0], [0, 3], [1, 1], [5, 5]], dtype=np.float32)
    block = Embeddings.of_products("abcd", vectors, np.array([True, True, True, False]))
    history = np.array([[0, 1, -1], [2, 3, -1], [-1, -1, -1], [0, -1, -1]])
    cases = PurchaseCases(np.arange(4), history, np.array([2, 2, 0, 3]), np.zeros(4, dtype=np.int8))
    assert likeness_scores(cases, block) == pytest.approx([0.5**0.5, 1.0, 0.0, 0.0])
    assert popularity_scores(cases, np.array([0, 1, 3, 7])) == pytest.approx(np.log([4, 4, 1, 8]))


def test_probabilities_are_shares_and_one_answer_is_its_share() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=4_000)
    truth = rng.random(4_000) < 1 / (1 + np.exp(-2 * scores - 1))
    assert np.abs(Likely().fit([scores], truth)([scores]) - 1 / (1 + np.exp(-2 * scores - 1))).max() < 0.05
    assert Likely().fit([scores], np.ones(4_000, dtype=np.bool_))([scores[:2]]).tolist() == [1, 1]


def test_the_study_stands_with_what_cannot_be_checked() -> None:
    told = " ".join(STUDY.differences)
    assert "precision would be 0.877" in told
    assert "42.7% of its pairs were purchases" in told
    assert "cannot be checked" in told
    assert "100,000 products" in told


# ---- a shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Toys with texts, pictures and sounds, built by the classic recipe from tiny models in local folders."""
    directory = tmp_path_factory.mktemp("classic") / "shop"
    with Shop.create(directory) as made:
        made.add(full_toys(36, directory))
        made.add_events(shoppers_of(36)[0])
    recipe = directory / "recipe.toml"
    text = CLASSIC.read_text("utf-8")
    for name, kind in (("google-bert/bert-base-uncased", "bert"), ("microsoft/resnet-50", "resnet")):
        assert f'"hub:{name}"' in text
        text = text.replace(f'"hub:{name}"', f'"hub:{ready(kind)}"')
    recipe.write_text(text, "utf-8")
    build(directory, Recipe.load(recipe), workers=1)
    return directory


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(monkeypatch, capsys)


QUICK = ("--folds", "2", "--layers", "1", "--width", "8", "--network", "transformer")


def test_the_classic_recipe_runs_end_to_end_from_local_folders(shop: Path, call: Caller) -> None:
    done = call("evaluate", "purchase", shop, *QUICK, "--network", "lstm", "--json")
    assert done.code == 0, done.err
    found = done.json
    assert found["modalities"] == ["audio", "image", "text"]
    assert found["fusion"] == "graph"
    assert found["settings"]["options"]["network"] == "modality-graph"
    assert found["counts"]["users"] == 36
    assert [method["name"] for method in found["methods"]][-4:] == [
        "transformer",
        "transformer & both",
        "lstm",
        "lstm & both",
    ]
    assert found["study"]["precision"] is None
    assert json.loads((shop / "reports" / "purchase.json").read_text("utf-8"))["methods"] == found["methods"]


def test_the_table_stands_beside_the_study(shop: Path, call: Caller) -> None:
    done = call(
        "evaluate", "purchase", shop, *QUICK, "--users", "20", "--modality", "text", "--recipe", shop / "recipe.toml"
    )
    assert done.code == 0, done.err
    for told in ("published study", "not given", "0.875", "0.823", "0.849", "always yes", "cannot be checked"):
        assert told in done.out
    assert "20 shoppers of two products or more bought 40 times among 36 products" in done.out


def test_a_recipe_of_another_build_is_told(shop: Path) -> None:
    with Shop.open(shop) as opened:
        other = Recipe.model_validate({"encoders": {"text": "lsa"}, "purchase": table().model_dump()})
        found = evaluate_shop_purchases(opened, other.with_purchase(networks=()), folds=2)
    assert any("the recipe names lsa" in note for note in found.notes)


def test_mistakes_name_their_remedy(shop: Path, call: Caller) -> None:
    assert "'warp' cannot be used" in call("evaluate", "purchase", shop, "--device", "warp", "--json").error["message"]
    refused = call("evaluate", "purchase", shop, "--type", "rate", "--json")
    assert "no events of the kind rate" in refused.error["message"]
    assert "--type" in refused.error["fix"]
    assert (
        "learned from the events"
        in call("evaluate", "purchase", shop, "--modality", "behaviour", "--json").error["message"]
    )
    assert "no block 'smell'" in call("evaluate", "purchase", shop, "--modality", "smell", "--json").error["message"]
    assert "purchase.networks is" in call("evaluate", "purchase", shop, "--network", "rnn", "--json").error["message"]
    assert (
        "cannot be parted into 30 folds"
        in call("evaluate", "purchase", shop, "--folds", "30", "--json").error["message"]
    )


def test_shoppers_of_one_product_tell_nothing() -> None:
    blocks, bought = world(taste=True)
    single = Baskets(bought.users, np.arange(USERS + 1), bought.items[::4], ITEMS)
    with pytest.raises(DataError, match="has bought two different products"):
        evaluate_purchases(Trial(blocks, single, single, table()))
    with pytest.raises(UsageError, match="no block to foretell"):
        Trial({}, bought, bought)
