"""Blends: one scale, greedy weights against brute force, and the right recommender found out."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from goodsense.errors import UsageError
from goodsense.evaluate import evaluate_run
from goodsense.events import Interactions
from goodsense.recommend import Content, Ranked, histories_of, load_model, make_model
from goodsense.recommend.blending import Pool, greedy_weights, normalised
from goodsense.recommend.histories import aligned
from goodsense.recommend.hybrid import Hybrid

ITEMS = tuple(f"i{n:02d}" for n in range(30))


def _over(lists: list[list[str]]) -> Interactions:
    return aligned(histories_of(lists), ITEMS, {id: row for row, id in enumerate(ITEMS)})


def _log(users: int = 80, seed: int = 0) -> tuple[Interactions, Interactions]:
    """Shoppers of three groups with items of their own: the last one is held out."""
    rng = np.random.default_rng(seed)
    lists = [[ITEMS[n] for n in rng.permutation(np.arange(user % 3, 30, 3))[:6]] for user in range(users)]
    return _over([own[:-1] for own in lists]), _over([own[-1:] for own in lists])


def test_z_scores_have_mean_0_and_spread_1_over_what_is_not_in_the_history() -> None:
    rng = np.random.default_rng(1)
    histories = _over([["i00", "i03", "i00"], ["i05"], []])
    scores = rng.normal(3, 2, (3, 30)).astype(np.float32)
    scores[0, 0] = 1e4
    found = normalised(scores, histories, "z")
    for row, own in enumerate(([0, 3], [5], [])):
        left = np.delete(found[row], own)
        assert left.mean() == pytest.approx(0, abs=1e-3)
        assert left.std() == pytest.approx(1, abs=1e-3)
    assert (np.argsort(found[1]) == np.argsort(scores[1])).all()
    assert not normalised(np.full((3, 30), 7, np.float32), histories, "z").any()
    assert not normalised(csr_matrix((3, 30), dtype=np.float32), histories, "rank").any()


def test_ranks_share_their_middle_and_sparse_is_as_dense() -> None:
    histories = _over([[]])
    scores = np.zeros((1, 30), np.float32)
    scores[0, [4, 7, 9]] = [5, 2, 2]
    found = normalised(csr_matrix(scores), histories, "rank")[0]
    assert found[4] == pytest.approx(1 / 61)
    assert found[[7, 9]].tolist() == pytest.approx([1 / 62.5] * 2)
    assert found[0] == pytest.approx(1 / (60 + 17))  # ranks 4 to 30
    assert np.array_equal(normalised(scores, histories, "z"), normalised(csr_matrix(scores), histories, "z"))


def test_the_pool_gives_the_ndcg_of_the_blend_of_everything() -> None:
    rng = np.random.default_rng(2)
    train, held = _log(25)
    tables = [rng.normal(size=(25, 30)).astype(np.float32) for _ in range(2)]

    def scorer(table: np.ndarray) -> object:
        return lambda block: table[[int(user) for user in block.users]]

    pool = Pool.of([scorer(table) for table in tables], train, held, "z")
    for share in (0.0, 0.3, 1.0):
        blend = share * normalised(tables[0], train, "z") + (1 - share) * normalised(tables[1], train, "z")
        blend[train.user_rows, train.item_rows] = -np.inf
        run = {
            user: [(ITEMS[n], float(own[n])) for n in range(30) if np.isfinite(own[n])]
            for user, own in zip(train.users, blend, strict=True)
        }
        qrels = {user: dict.fromkeys(items, 1) for user, items, _, _ in held.histories()}
        wanted = evaluate_run(run, qrels, ks=(20,)).metrics["ndcg@20"]
        assert pool.ndcg(np.array([share, 1 - share])) == pytest.approx(wanted, abs=1e-6)


def test_weights_come_near_the_best_there_are() -> None:
    rng = np.random.default_rng(3)
    relevant = rng.random((60, 20)) < 0.15
    scores = np.stack([relevant * shift + rng.normal(0, 1, relevant.shape) for shift in (1.0, 0.8, 0.0)])
    pool = Pool(scores.astype(np.float32), relevant, relevant.sum(axis=1))
    found = greedy_weights(pool, k=5)
    assert found.sum() == pytest.approx(1)
    grid = [np.array(w) / 10 for w in product(range(11), repeat=3) if sum(w) == 10]
    best = max(pool.ndcg(weights, 5) for weights in grid)
    assert pool.ndcg(found, 5) >= best - 0.02
    assert pool.ndcg(found, 5) >= max(pool.ndcg(one, 5) for one in np.eye(3))
    assert found[2] <= 0.2  # only noise


def test_the_blend_learns_which_of_its_parts_is_right() -> None:
    train, held = _log()
    knn, popular = make_model("item-knn").fit(train), make_model("popular").fit(train)
    blend = Hybrid.blended([popular, knn], train, held)
    assert blend.used_weights[1] > 0.5
    found = blend.recommend(train, 1)
    assert np.mean([int(row) % 3 == user % 3 for user, row in enumerate(found.rows[:, 0])]) > 0.9
    by_itself = make_model("hybrid", models=("popular", "item-knn")).fit(train)
    assert isinstance(by_itself, Hybrid)
    assert by_itself.used_weights[1] > 0.5


def test_one_part_alone_ranks_as_it_does_itself() -> None:
    train, _ = _log()
    knn = make_model("item-knn").fit(train)
    blend = make_model("hybrid", models=("item-knn", "popular"), weights=(1.0, 0.0)).fit(train)
    asked = train.select(users=train.users[:9])
    scored = knn.score(asked, ITEMS)
    for row in range(9):
        own = [hit for hit in knn.recommend(asked, 5).ids(row) if scored[row, ITEMS.index(hit)] > 0]
        assert blend.recommend(asked, 5).ids(row)[: len(own)] == tuple(own)


def test_what_is_blended_can_be_kept(tmp_path: Path) -> None:
    train, held = _log()
    knn = make_model("item-knn", alpha=0.65).fit(train)
    blend = Hybrid.blended([knn, make_model("popular").fit(train)], train, held, normalise="rank")
    blend.save(tmp_path / "blend")
    again = load_model(tmp_path / "blend")
    assert isinstance(again, Hybrid)
    assert again.options == blend.options
    assert again.parts[0].options["alpha"] == 0.65

    def rows(ranked: Ranked) -> list[tuple[str, ...]]:
        return [ranked.ids(row) for row in range(len(ranked))]

    assert rows(again.recommend(train, 7)) == rows(blend.recommend(train, 7))
    assert rows(again.similar(ITEMS[:3], 4)) == rows(blend.similar(ITEMS[:3], 4))


def test_bad_blends_are_refused() -> None:
    for options, said in (
        ({"models": ()}, "no recommenders"),
        ({"models": ("popular",), "weights": (1.0, 2.0)}, "2 weights for 1"),
        ({"models": ("popular",), "settings": ({}, {})}, "2 settings for 1"),
        ({"weights": (0.0, 0.0)}, "weights of"),
        ({"weights": (2.0, -1.0)}, "weights of"),
        ({"normalise": "softmax"}, "softmax"),
        ({"models": ("popluar",)}, "popluar"),
    ):
        with pytest.raises(UsageError, match=said):
            make_model("hybrid", **options)
    train, held = _log()
    other = Content(("elsewhere",))
    with pytest.raises(UsageError, match="other items"):
        Hybrid.blended([make_model("popular").fit(train), make_model("popular").fit(train, other)], train, held)
