"""What each modality does for a score: sums, brute force, and what really happens when one is taken away."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from goodsense.fusion.joint import JOINT
from goodsense.search.calibration import BM25
from goodsense.search.explain import WORDS, Accounts, account, rank_of
from goodsense.search.snapshot import Snapshot
from goodsense.shop import Shop, make_query
from goodsense.types import ImageRef, Part, Query, similarity
from tests.shop.catalogs import picture


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> ImageRef:
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    path.write_bytes(picture("red", "robot", seed=9))
    return ImageRef(str(path))


@pytest.fixture(params=["words", "picture", "both", "like", "not", "narrow"])
def query(request: pytest.FixtureRequest, photo: ImageRef) -> Query:
    return {
        "words": make_query("wooden robot red"),
        "picture": make_query(image=photo),
        "both": make_query("metal", image=photo),
        "like": make_query(like="toy-0040"),
        "not": make_query("red robot", without="plastic"),
        "narrow": make_query("red robot").using(JOINT),
    }[request.param]


IDS = ("toy-0012", "toy-0037", "toy-0001", "mute", "toy-0215", "toy-0100")  # one without a picture, one without words


def accounts(shop: Shop, query: Query) -> Accounts:
    return account(shop.snapshot, shop.encode(query), shop.snapshot.rows_of(IDS))


def test_terms_and_modalities_sum_to_the_score(explained: Shop, query: Query) -> None:
    found, scores = accounts(explained, query), dict(explained.rank(query, IDS))
    for row, id in enumerate(found.ids):
        assert found.scores[row] == pytest.approx(scores[id], abs=1e-6)
        assert sum(values[row] for values in found.terms.values()) == pytest.approx(scores[id], abs=1e-6)
        assert sum(values[row] for values in found.modalities.values()) == pytest.approx(scores[id], abs=1e-6)
        assert sum(values[row] for values in found.joint.values()) == pytest.approx(found.terms[JOINT][row], abs=1e-6)


def test_hits_of_a_search_have_the_same_scores(explained: Shop, query: Query) -> None:
    hits = explained.search(query, k=10)
    rows = explained.snapshot.rows_of(hits.ids)
    found = account(explained.snapshot, explained.encode(query), rows)
    np.testing.assert_allclose(found.scores, [hit.score for hit in hits], atol=1e-6)


def naive(snapshot: Snapshot, shop: Shop, query: Query, id: str) -> Mapping[str, float]:
    """Every order of the modalities; each coalition is scored by the formula of the search, from its vectors."""
    encoded, row = shop.encode(query), snapshot.rows_of([id])
    joint = snapshot.joint
    assert joint is not None
    players = ["attributes", "image", WORDS]

    def worth(coalition: frozenset[str]) -> float:
        total = 0.0
        for part in encoded.parts:
            fields, words = (
                snapshot.lexical.terms(part.lexical, row)
                if snapshot.lexical and part.lexical
                else ((), np.zeros((1, 0)))
            )
            if WORDS in coalition and len(fields):
                affine = snapshot.affine_of(part, BM25)
                total += float(words.sum()) * affine.weight / affine.scale * part.part.weight
            own = {
                name: block.gather(row)[0]
                for name, block in snapshot.blocks.items()
                if name in coalition and block.gather_present(row)[0]
            }
            joined = {name: vector for name, vector in own.items() if name in joint.members}
            if joined:
                own[JOINT] = joint.encode([joined])[0]
            for name, vector in own.items():
                if name in part.probes:
                    raw = similarity(part.probes[name], vector[None], snapshot.blocks[name].distance)
                    total += float(snapshot.affine_of(part, name)(raw)[0]) * part.part.weight
        return total

    values = dict.fromkeys(players, 0.0)
    for order in permutations(players):
        for place, player in enumerate(order):
            values[player] += worth(frozenset(order[: place + 1])) - worth(frozenset(order[:place]))
    return {name: value / 6 for name, value in values.items()}


@pytest.mark.parametrize("row", range(len(IDS)))
def test_values_are_those_of_brute_force(explained: Shop, query: Query, row: int) -> None:
    found = accounts(explained, query)
    expected = naive(explained.snapshot, explained, query, IDS[row])
    for name, value in expected.items():
        assert found.modalities[name][row] == pytest.approx(value, abs=2e-6), name


def test_what_a_product_has_not_does_nothing(explained: Shop, query: Query) -> None:
    found = accounts(explained, query)
    bare, mute = IDS.index("toy-0001"), IDS.index("mute")
    assert not found.present["image"][bare]
    assert found.modalities["image"][bare] == 0
    assert found.without["image"][bare] == pytest.approx(found.scores[bare], abs=1e-12)
    assert not found.present[WORDS][mute]
    assert found.modalities[WORDS][mute] == 0
    assert found.joint.get(WORDS, np.zeros(9))[mute] == 0
    assert found.without["image"][mute] == pytest.approx(0, abs=1e-6)


def test_without_the_joint_block_values_are_the_terms_themselves(explained: Shop) -> None:
    query = explained.encode(make_query("wooden red robot").using("bm25", "text"))
    found = account(explained.snapshot, query, explained.snapshot.rows_of(IDS))
    np.testing.assert_allclose(found.modalities[WORDS], found.scores, atol=1e-12)
    assert found.joint == {}
    np.testing.assert_array_equal(found.modalities["image"], 0)


def test_a_joint_term_that_nobody_can_split_stays_whole(explained: Shop) -> None:
    snapshot = replace(explained.snapshot, joint=None)
    found = account(snapshot, explained.encode(make_query("red robot")), snapshot.rows_of(IDS))
    np.testing.assert_allclose(sum(found.modalities.values()), found.scores, atol=1e-12)
    np.testing.assert_array_equal(found.modalities[JOINT], found.terms[JOINT])


def test_a_vector_as_a_query_is_explained_too(explained: Shop) -> None:
    vector = explained.snapshot.blocks["image"].vectors[3]
    query = Query((Part("vector", vector, using=("image",)),))
    found = accounts(explained, query)
    np.testing.assert_allclose(found.modalities["image"], found.scores, atol=1e-12)


def test_ranks_are_those_of_a_whole_search(explained: Shop, query: Query) -> None:
    every = explained.search(query, k=len(explained.snapshot), where="price > 8")
    encoded = explained.encode(replace(query, where="price > 8"))
    ranked = [id for id, _ in explained.rank(query, [h.id for h in explained.search(Query(where="price > 8"), k=999)])]
    allowed = [id for id in ranked if id not in query.exclude]
    for hit in (every[0], every[5], every[17]):
        assert rank_of(explained.snapshot, encoded, hit.id, [hit.score, 1e9, -1e9]) == [
            allowed.index(hit.id) + 1,
            1,
            len(allowed),
        ]


def test_equal_scores_are_ordered_by_id_as_in_a_search(explained: Shop) -> None:
    """Toys without any of the words score 0 alike."""
    query = explained.encode(make_query("robot").using("bm25"))
    rows = np.arange(len(explained.snapshot), dtype=np.int64)
    scores = explained.snapshot.scores(query, rows)
    silent = sorted((explained.snapshot.ids[row] for row in rows[scores == 0].tolist()), reverse=True)
    better = int((scores > 0).sum())
    for place in (0, 7, len(silent) - 1):
        assert rank_of(explained.snapshot, query, silent[place], [0.0]) == [better + place + 1]


def test_a_score_without_pictures_is_what_a_product_without_them_has(explained: Shop, tmp_path: Path) -> None:
    """The catalog really loses the picture, and the search is asked again."""
    query = make_query("red wooden robot", like="toy-0040")
    found = accounts(explained, query)
    shutil.copytree(explained.directory, tmp_path / "own")
    with Shop.open(tmp_path / "own") as own:
        bare = [replace(product, media=()) for product in own.truth.get(IDS).values() if product.title]
        own.add(bare)
        scores = dict(own.rank(query, [product.id for product in bare]))
        expected = {id: float(found.without["image"][row]) for row, id in enumerate(found.ids)}
        assert scores == pytest.approx({id: expected[id] for id in scores}, abs=1e-5)
        assert len(scores) == len(IDS) - 1
