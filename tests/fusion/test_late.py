from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from goodsense.errors import DataError, UsageError
from goodsense.fusion import LateFusion, block_scores
from goodsense.fusion.late import CALIBRATIONS, ranks
from tests.fusion.samples import only, shop, taken


def scored(queries: int = 6, products: int = 15, *, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two sources with scores of their own size, a tenth unknown, and graded judgements of most products."""
    random = np.random.default_rng(seed)
    true = random.random((queries, products))
    found = {
        "bm25": 10 * true + random.normal(size=true.shape),
        "image": 0.1 * true + 0.05 * random.normal(size=true.shape),
    }
    for scores in found.values():
        scores[random.random(true.shape) < 0.1] = np.nan
    judged = np.where(random.random(true.shape) < 0.8, (true > 0.6).astype(float), np.nan)
    return found, judged


def fitted(**options: object) -> LateFusion:
    return LateFusion(**options).fit(*scored())


EVERY = [{"calibration": name, "scope": scope} for name in CALIBRATIONS for scope in ("all", "query")]
EVERY += [{"weights": {"bm25": 2.0, "image": 0.5}}, {"calibration": "reciprocal-rank", "offset": 0.0}]


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_terms_sum_to_the_score(options: dict[str, object]) -> None:
    fusion, (scores, _) = fitted(**options), scored(seed=1)
    terms = fusion.terms(scores)
    assert tuple(terms) == fusion.sources == ("bm25", "image")
    np.testing.assert_allclose(sum(terms.values()), fusion.fuse(scores), atol=1e-12)
    assert np.isfinite(fusion.fuse(scores)).all()


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_it_comes_back_from_disk(options: dict[str, object], tmp_path: Path) -> None:
    fusion = fitted(**options)
    fusion.save(tmp_path)
    loaded = LateFusion.load(tmp_path)
    assert loaded.fingerprint == fusion.fingerprint == fitted(**options).fingerprint
    np.testing.assert_array_equal(loaded.fuse(scored(seed=1)[0]), fusion.fuse(scored(seed=1)[0]))


def test_fingerprints_tell_fusions_apart() -> None:
    prints = {fitted(**options).fingerprint for options in EVERY}
    assert len(prints) == len(EVERY)
    assert LateFusion().fit(scored(seed=1)[0]).fingerprint != fitted().fingerprint


@pytest.mark.parametrize("calibration", ["z-score", "min-max"])
def test_affine_calibrations_over_all_scores(calibration: str) -> None:
    fusion, (later, _) = fitted(calibration=calibration), scored(seed=1)
    for name, train in scored()[0].items():
        known = train[~np.isnan(train)]
        if calibration == "z-score":
            low, spread, average = known.mean(), known.std(), 0.0
        else:
            low, spread = known.min(), known.max() - known.min()
            average = (known.mean() - low) / spread
        expected = np.where(np.isnan(later[name]), average, (later[name] - low) / spread)
        np.testing.assert_allclose(fusion.terms(later)[name], expected, atol=1e-12)


@pytest.mark.parametrize("calibration", ["z-score", "min-max"])
def test_affine_calibrations_list_by_list(calibration: str) -> None:
    fusion, (later, _) = fitted(calibration=calibration, scope="query"), scored(seed=1)
    for name, scores in later.items():
        for query, row in enumerate(scores):
            known = row[~np.isnan(row)]
            low = known.mean() if calibration == "z-score" else known.min()
            spread = known.std() if calibration == "z-score" else known.max() - known.min()
            expected = np.where(np.isnan(row), ((known - low) / spread).mean(), (row - low) / spread)
            np.testing.assert_allclose(fusion.terms(later)[name][query], expected, atol=1e-12)


def test_isotonic_calibration_is_that_of_scikit_learn() -> None:
    train, relevant = scored()
    train["bm25"] = np.round(train["bm25"])  # with ties
    fusion, (later, _) = LateFusion(calibration="isotonic").fit(train, relevant), scored(seed=1)
    for name, scores in train.items():
        judged = ~np.isnan(scores) & ~np.isnan(relevant)
        oracle = IsotonicRegression(out_of_bounds="clip").fit(scores[judged], relevant[judged])
        known = ~np.isnan(later[name])
        found = fusion.terms(later)[name]
        np.testing.assert_allclose(found[known], oracle.predict(later[name][known]), atol=1e-9)
        np.testing.assert_allclose(found[~known], relevant[judged].mean())


def test_reciprocal_ranks_by_a_naive_loop() -> None:
    scores = scored()[0]
    found = fitted(calibration="reciprocal-rank", offset=10.0).terms(scores)
    for name, rows in scores.items():
        for query, row in enumerate(rows):
            for product, score in enumerate(row):
                place = 1 + sum(other > score for other in row)
                expected = 0.0 if np.isnan(score) else 1 / (10 + place)
                assert found[name][query, product] == pytest.approx(expected)


def test_equal_scores_share_their_place() -> None:
    np.testing.assert_array_equal(ranks(np.array([[3.0, 5.0, 5.0, 1.0, np.nan]])), [[3, 1.5, 1.5, 4, 5]])


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_a_better_score_never_counts_less(calibration: str) -> None:
    fusion = fitted(calibration=calibration)
    rising = np.linspace(-3, 15, 60)[None, :]
    steps = np.diff(fusion.terms({"bm25": rising, "image": rising})["bm25"][0])
    assert (steps >= -1e-12).all()
    assert (steps > 0).any()


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_a_source_that_knows_nothing_changes_no_ranking(options: dict[str, object]) -> None:
    fusion, (scores, _) = fitted(**options), scored(seed=1)
    alone = fusion.terms({"bm25": scores["bm25"]})
    assert np.ptp(alone["image"]) == 0
    silent = fusion.fuse({"bm25": scores["bm25"], "image": np.full((6, 15), np.nan)})
    np.testing.assert_allclose(silent, fusion.fuse({"bm25": scores["bm25"]}))


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_constant_scores_and_no_products_are_fine(options: dict[str, object]) -> None:
    flat = {"bm25": np.full((2, 3), 4.0), "image": np.full((2, 3), np.nan)}
    judged = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, np.nan]])
    if options.get("calibration") == "isotonic":
        flat["image"] = np.zeros((2, 3))
    fusion = LateFusion(**options).fit(flat, judged)
    assert np.ptp(fusion.fuse(flat)) == 0
    assert fusion.fuse({"bm25": np.zeros((2, 0))}).shape == (2, 0)


def test_cosines_of_blocks_are_scores() -> None:
    products = shop(12, seed=1)
    queries = only(taken(products, [0, 1, 5]), "text", "image")
    found = block_scores(queries, products)
    assert set(found) == {"text", "image"}
    for name, scores in found.items():
        block, query = products[name], queries[name]
        for i, j in np.ndindex(3, 12):
            if query.present[i] and block.present[j]:
                a, b = query.vectors[i], block.vectors[j]
                assert scores[i, j] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)
            else:
                assert np.isnan(scores[i, j])
    with pytest.raises(UsageError, match="queries have 8 columns in the block 'text', products 6"):
        block_scores({"text": products["image"]}, products)


def test_calibration_helps_sources_of_different_size() -> None:
    """The louder source says nothing, the quiet one all: only calibrated does the sum rank well."""
    random = np.random.default_rng(0)
    relevant = (random.random((20, 30)) < 0.2).astype(float)
    scores = {"loud": 100 * random.normal(size=(20, 30)), "quiet": relevant + 0.1 * random.normal(size=(20, 30))}
    best = LateFusion(calibration="isotonic").fit(scores, relevant).fuse(scores).argmax(axis=1)
    raw = sum(scores.values()).argmax(axis=1)
    rows = np.arange(20)
    assert relevant[rows, best].mean() == 1 > relevant[rows, raw].mean()


def test_what_does_not_fit_is_refused() -> None:
    scores, relevant = scored()
    with pytest.raises(UsageError, match="no scores at all"):
        LateFusion().fit({})
    with pytest.raises(UsageError, match=r"the scores of 'image' are \(6, 14\); expected"):
        LateFusion().fit({**scores, "image": scores["image"][:, :-1]})
    with pytest.raises(UsageError, match="'image' are infinite"):
        LateFusion().fit({**scores, "image": scores["image"] + np.inf})
    with pytest.raises(UsageError, match=r"needs judgements \(6, 15\); found none"):
        LateFusion(calibration="isotonic").fit(scores)
    with pytest.raises(UsageError, match=r"found judgements \(5, 15\)"):
        LateFusion(calibration="isotonic").fit(scores, relevant[:-1])
    with pytest.raises(DataError, match="no product that 'bm25' scores has been judged"):
        LateFusion(calibration="isotonic").fit(scores, np.full((6, 15), np.nan))
    with pytest.raises(UsageError, match="weights does not name the source 'image'; it has bm25"):
        LateFusion(weights={"bm25": 1.0}).fit(scores)
    with pytest.raises(UsageError, match="scores of 'audio'; expected bm25, image"):
        fitted().fuse({"audio": scores["image"]})
    with pytest.raises(UsageError, match="not been fitted"):
        LateFusion().fuse(scores)
    for options in ({"calibration": "platt"}, {"scope": "row"}, {"offset": -1.0}, {"weights": {"bm25": 0.0}}):
        with pytest.raises(UsageError):
            LateFusion(**options)
