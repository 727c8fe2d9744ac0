from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

torch = pytest.importorskip("torch")

from goodsense.errors import DataError, UsageError  # noqa: E402
from goodsense.fusion.graph import LAYERS, GraphFusion  # noqa: E402
from goodsense.fusion.graph_course import GraphExamples  # noqa: E402
from goodsense.fusion.graph_links import completed, linked, positives  # noqa: E402
from goodsense.fusion.graph_network import LAYERS as MADE  # noqa: E402
from goodsense.fusion.graph_overlap import joined, overlap_with_rebuild  # noqa: E402
from goodsense.fusion.graph_sampler import Block, Edges, NeighbourSampler  # noqa: E402
from goodsense.fusion.product_graph import ProductGraph, normalised  # noqa: E402
from goodsense.learning.lesson import Lesson  # noqa: E402
from goodsense.types import Embeddings, normalise  # noqa: E402

SMALL: dict[str, Any] = {"width": 8, "neighbours": 3, "epochs": 2, "batch": 32, "rate": 1e-2}
COMMUNITIES = 5


def communities(count: int) -> np.ndarray:
    return np.arange(count) % COMMUNITIES


def shop(count: int = 30, *, seed: int = 0, name: str = "p", strength: float = 0.5) -> dict[str, Embeddings]:
    """Two blocks that hint at which community a product is of; product 1 has neither."""
    random = np.random.default_rng([3, seed])
    ids, found = [f"{name}{i}" for i in range(count)], {}
    for place, (block, dim) in enumerate({"image": 10, "text": 8}.items()):
        centres = np.random.default_rng([4, place]).normal(size=(COMMUNITIES, dim))
        rows = strength * centres[communities(count)] + random.normal(size=(count, dim))
        present = random.random(count) < 0.8
        present[:2] = (True, False)[:count]
        found[block] = Embeddings.of_products(ids, rows.astype(np.float32) * present[:, None], present)
    return found


def lesson(count: int = 30, *, each: int = 4, seed: int = 0) -> Lesson:
    """Each product goes together with a few of its community."""
    random = np.random.default_rng([5, seed])
    others = random.integers(0, count // COMMUNITIES, size=(count, each)) * COMMUNITIES + communities(count)[:, None]
    pairs = np.stack([np.repeat(np.arange(count), each), others.ravel()], axis=1).astype(np.int64)
    labels = {"kind": communities(count).astype(np.int64)}
    return Lesson(np.arange(count) // 2, labels, pairs, np.ones(len(pairs), np.float32))


@pytest.fixture(scope="module", params=LAYERS)
def fusion(request: pytest.FixtureRequest) -> GraphFusion:
    return GraphFusion(request.param, shared=["kind"], **SMALL).fit(shop(), lesson=lesson())


def test_every_layer_can_be_made() -> None:
    assert set(LAYERS) == set(MADE)


# ---- communities


def own_share(vectors: np.ndarray, present: np.ndarray, k: int = 8) -> float:
    """How many of the nearest are of the same community."""
    rows = normalise(vectors[present])
    mine = communities(len(vectors))[present]
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1)[:, :k]
    return float((mine[nearest] == mine[:, None]).mean())


@pytest.mark.parametrize("layer", LAYERS)
def test_communities_are_told_apart_better_than_by_features_alone(layer: str) -> None:
    blocks = shop(100)
    fitted = GraphFusion(layer, width=16, neighbours=5, epochs=4, rate=5e-3).fit(blocks, lesson=lesson(100))
    fused, alone = fitted.fuse(blocks), fitted.stored.content
    assert own_share(fused.vectors, fused.present) > own_share(alone, fused.present) + 0.15


def test_new_products_hear_of_their_community() -> None:
    """By content alone, from stored products that know it by their links."""
    fitted = GraphFusion(width=16, neighbours=5, epochs=4, rate=5e-3).fit(shop(100), lesson=lesson(100))
    new = shop(50, seed=1, name="new")
    stored, mine = fitted.stored, communities(50)
    fused = fitted.fuse(new)
    shares = []
    for rows, keys in ((fused.vectors, stored.vectors), (fitted._beside.beside(new).vectors, stored.content)):
        nearest = np.argsort(-(rows[fused.present] @ keys.T), axis=1)[:, :8]
        shares.append((communities(100)[nearest] == mine[fused.present][:, None]).mean())
    assert shares[0] > shares[1] + 0.05


def test_it_says_whether_anything_was_learned() -> None:
    taught = GraphFusion(width=16, epochs=6, rate=5e-3).fit(shop(100), lesson=lesson(100))
    assert taught.learned
    assert taught.history is not None
    idle = GraphFusion(epochs=0).fit(shop())
    assert not idle.learned
    assert idle.history is None
    assert np.isfinite(idle.fuse(shop()).vectors).all()


# ---- stored products


def test_stored_products_keep_their_vectors(fusion: GraphFusion) -> None:
    fused = fusion.fuse(shop())
    np.testing.assert_array_equal(fused.vectors, fusion.stored.vectors)
    np.testing.assert_array_equal(fused.vectors.any(axis=1), fused.present)
    np.testing.assert_allclose(np.linalg.norm(fused.vectors[fused.present], axis=1), 1, atol=1e-6)
    some = np.array([7, 2, 19])
    part = fusion.fuse({name: block.take(some) for name, block in shop().items()})
    np.testing.assert_array_equal(part.vectors, fused.vectors[some])


def test_new_products_change_no_stored_vector(fusion: GraphFusion) -> None:
    before = fusion.fingerprint
    fusion.fuse(shop(12, seed=1, name="new"))
    both = fusion.fuse(joined(shop(), shop(12, seed=1, name="new")))
    np.testing.assert_array_equal(both.vectors[:30], fusion.stored.vectors)
    assert fusion.fingerprint == before


def test_a_changed_product_does_not_hear_what_it_was(fusion: GraphFusion) -> None:
    only = {"image": shop()["image"]}
    content = fusion._beside.beside(only)
    rows, same = fusion.stored.places(content)
    np.testing.assert_array_equal(rows, np.arange(30))
    assert not same[shop()["text"].present].any()
    for row in np.flatnonzero(content.present)[:6]:
        known = fusion.stored.around(content.vectors[[row]], rows[[row]], {}, 3, normalised=False)[1]
        assert row not in known
        assert len(known) <= 3
    fused = fusion.fuse(only)
    changed = content.present & ~same
    assert changed.any()
    assert np.abs(fused.vectors - fusion.stored.vectors)[changed].max(axis=1).min() > 1e-4


def test_products_without_content_say_nothing() -> None:
    known = lesson()
    quiet = ~(known.pairs == 1).any(axis=1)
    fewer = Lesson(known.groups, known.labels, known.pairs[quiet], known.weights[quiet])
    one, two = (GraphFusion(**SMALL).fit(shop(), lesson=each).stored for each in (known, fewer))
    assert not quiet.all()
    np.testing.assert_array_equal(one.vectors, two.vectors)
    assert not one.vectors[1].any()


# ---- new products


@pytest.mark.parametrize("layer", LAYERS)
def test_a_new_product_is_a_node_that_only_listens(layer: str) -> None:
    """The whole graph and the new node in dense matrices, with no way from it to the others."""
    fitted = GraphFusion(layer, **SMALL).fit(shop(), lesson=lesson())
    new = shop(1, seed=2, name="new")
    n, k = 30, SMALL["neighbours"]
    content = fitted._beside.beside(joined(shop(), new)).vectors.astype(np.float64)
    cosines = content[n] @ content[:n].T
    heard = np.zeros(n)
    best = [row for row in np.argsort(-cosines)[:k] if cosines[row] > 0]
    heard[best] = cosines[best]
    whole = linked(fitted._beside.beside(shop()), lesson(), neighbours=k, link="either")
    edges = {}
    for relation in whole.relations:
        matrix = np.zeros((n + 1, n + 1))
        matrix[:n, :n] = relation.matrix.toarray()
        matrix[n, :n] = heard * (relation.name == "similar")
        if layer == "gcn":
            degrees = 1 + matrix.sum(axis=1)
            matrix = (matrix + np.eye(n + 1)) / np.sqrt(degrees[:, None] * degrees)
        edges[relation.name] = Edges.of(sparse.csr_array(matrix))
    nodes = {"product": np.arange(n + 1)}
    rows, present = fitted._beside.rows(content.astype(np.float32))
    with torch.inference_mode():
        hops = [Block(nodes, nodes, edges)] * 2
        expected = fitted._restored()([torch.from_numpy(own) for own in rows], torch.from_numpy(present), hops).numpy()
    np.testing.assert_allclose(fitted.fuse(new).vectors[0], expected[n], atol=1e-5)
    present_rows = fitted.fuse(shop()).present
    np.testing.assert_allclose(fitted.stored.vectors[present_rows], expected[:n][present_rows], atol=1e-5)


def test_a_new_product_unlike_all_others_stands_alone() -> None:
    """Stored products have texts only, so a picture is like none of them; a rebuild finds it no neighbours either."""
    pictures = shop()["image"]
    none = Embeddings.of_products(pictures.ids, np.zeros_like(pictures.vectors), np.zeros(30, dtype=bool))
    texts = {"image": none, "text": shop()["text"]}
    fitted = GraphFusion(**SMALL).fit(texts)
    new = {"image": shop(1, seed=1, name="new")["image"]}
    assert fitted.fuse(new).present.all()
    assert np.isfinite(fitted.fuse(new).vectors).all()
    assert overlap_with_rebuild(fitted, texts, new, 5).shares.tolist() == [1.0]


# ---- rebuilds


@pytest.mark.parametrize("refit", [False, True])
def test_the_overlap_is_that_of_full_sorts(refit: bool) -> None:
    before, new, k = shop(), shop(10, seed=1, name="new"), 6
    fitted = GraphFusion(**SMALL).fit(before)
    found = overlap_with_rebuild(fitted, before, new, k, refit=refit)
    blocks = joined(before, new)
    again = GraphFusion(**SMALL).fit(blocks) if refit else fitted.propagated(blocks)
    shares = []
    one, two = fitted.fuse(blocks), again.fuse(blocks)
    for row in range(30, 40):
        if one.present[row]:
            nearest = []
            for fused in (one, two):
                cosines = fused.vectors.astype(float) @ fused.vectors[row].astype(float)
                cosines[row] = -1
                nearest.append({other for other in np.argsort(-cosines)[:k] if cosines[other] > 0})
            shares.append(len(nearest[0] & nearest[1]) / max(len(nearest[0]), len(nearest[1]), 1))
    np.testing.assert_allclose(found.shares, shares)
    assert found.ids == tuple(f"new{i}" for i in range(10) if one.present[30 + i])
    assert found.mean == pytest.approx(np.mean(shares))


def test_passing_messages_anew_over_the_same_products_changes_nothing(fusion: GraphFusion) -> None:
    again = fusion.propagated(shop(), lesson=lesson())
    np.testing.assert_array_equal(again.stored.vectors, fusion.stored.vectors)
    assert again.fingerprint == fusion.fingerprint
    less = fusion.propagated(shop())  # without what the lesson said
    assert np.abs(less.stored.vectors - fusion.stored.vectors).max() > 1e-3


def test_a_product_is_stored_or_new() -> None:
    with pytest.raises(UsageError, match="'p0' is both"):
        joined(shop(), shop(2))


# ---- graphs of several kinds


def bought(count: int = 30) -> ProductGraph:
    random = np.random.default_rng(6)
    return ProductGraph.heterogeneous(count, buys=random.random((7, count)) < 0.3, has=random.random((count, 4)) < 0.4)


@pytest.mark.parametrize("layer", LAYERS)
def test_users_and_attributes_are_nodes_too(layer: str, tmp_path: Path) -> None:
    fitted = GraphFusion(layer, **SMALL).fit(shop(), lesson=lesson(), graph=bought())
    plain = GraphFusion(layer, **SMALL).fit(shop(), lesson=lesson())
    assert np.abs(fitted.stored.vectors - plain.stored.vectors).max() > 1e-3
    new = shop(5, seed=1, name="new")
    assert fitted.fuse(new).present[0]
    fitted.save(tmp_path)
    loaded = GraphFusion.load(tmp_path)
    assert loaded.fingerprint == fitted.fingerprint
    np.testing.assert_array_equal(loaded.fuse(new).vectors, fitted.fuse(new).vectors)
    again = loaded.propagated(shop(), lesson=lesson(), graph=bought())
    np.testing.assert_array_equal(again.stored.vectors, fitted.stored.vectors)
    with pytest.raises(UsageError, match="fitted with"):
        fitted.propagated(shop(), lesson=lesson())


# ---- links, and what is learned from


def beside() -> Embeddings:
    return GraphFusion(epochs=0).fit(shop())._beside.beside(shop())


def test_what_belongs_together_is_told_by_links_and_groups() -> None:
    content, known = beside(), lesson()
    graph = linked(content, known, neighbours=3, link="mutual", shared=["kind"])
    assert [relation.name for relation in graph.relations] == ["similar", "together", "same kind"]
    group = known.groups[:, None] == known.groups
    np.fill_diagonal(group, False)
    group &= content.present[:, None] & content.present
    expected = np.zeros((30, 30))
    strengths = {"similar": 0.25, "together": 1.0, "same kind": 0.5}
    for relation in graph.relations:
        matrix = relation.matrix.toarray()
        assert not matrix[1].any()
        assert not matrix[:, 1].any()
        sums = matrix.sum(axis=1, keepdims=True)
        expected += strengths[relation.name] * np.divide(matrix, sums, out=np.zeros_like(matrix), where=sums > 0)
    expected += group / np.maximum(group.sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(positives(graph, known, content.present).toarray(), expected, atol=1e-12)


@pytest.mark.parametrize("layer", ["sage", "gcn"])
def test_a_link_that_is_foretold_carries_no_message(layer: str) -> None:
    content, known = beside(), lesson()
    plain = linked(content, known, bought(), neighbours=3, link="either")
    graph = plain.normalised() if layer == "gcn" else plain
    rows, present = GraphFusion(epochs=0).fit(shop())._beside.rows(content.vectors)
    belonging = positives(plain, known, content.present)
    examples = GraphExamples(
        rows, present, NeighbourSampler(graph, [None, 2]), belonging, known.groups, known.labels, 8, 0.5
    )
    batches = list(examples.batches(0, np.random.default_rng(0)))
    assert len(batches) == examples.steps == -(-int(content.present.sum()) // 8)
    fresh = []
    for batch in batches:
        sides = [view.blocks[-1].targets["product"][view.places.numpy()] for view in (batch.left, batch.right)]
        pairs = {(int(a), int(b)) for a, b in zip(*sides, strict=True)}
        for a, b in pairs:
            assert a == b or belonging[a, b] > 0
        for view in (batch.left, batch.right):
            assert (view.present.numpy() <= present[view.blocks[0].sources["product"]]).all()
            assert view.present.any(dim=1).all()
            for block in view.blocks:
                for name in ("similar", "together"):
                    edges = block.edges[name]
                    ends = zip(
                        block.targets["product"][edges.rows], block.sources["product"][edges.columns], strict=True
                    )
                    left = set(ends)
                    assert not {(a, b) for a, b in left if a != b} & (pairs | {(b, a) for a, b in pairs})
                    if layer == "gcn":
                        assert {(a, a) for a in block.targets["product"]} <= left
            fresh.append(_told(view.blocks[-1]))
    told = np.concatenate(fresh)
    assert 0.2 < told.mean() < 0.8  # about half of the products are shown as new ones


def _told(block: Block) -> np.ndarray:
    """Which targets hear of their users or attributes."""
    told = np.zeros(len(block.targets["product"]), dtype=bool)
    for name in ("buys_reverse", "has"):
        told[block.edges[name].rows] = True
    return told


def test_lacking_links_are_empty_ones() -> None:
    graph = ProductGraph.of_products(3, {"similar": np.eye(3)[::-1]})
    whole = completed(graph, {"similar": ("product", "product"), "together": ("product", "product")})
    assert [relation.matrix.nnz for relation in whole.relations] == [3, 0]
    assert normalised(whole.relations[1].matrix).nnz == 3


# ---- what cannot be


def test_bad_input_is_refused_with_a_remedy() -> None:
    with pytest.raises(UsageError, match="lesson is of 29 products; the blocks are of 30"):
        GraphFusion().fit(shop(), lesson=Lesson.of_products(29))
    with pytest.raises(UsageError, match="graph is of 29 products"):
        GraphFusion().fit(shop(), graph=bought(29))
    with pytest.raises(UsageError, match=r"cannot share 'brand'; the lesson has labels of \['kind'\]"):
        GraphFusion(shared=["brand"]).fit(shop(), lesson=lesson())
    nothing = {"text": Embeddings.of_products(["a"], np.zeros((1, 3), np.float32), np.zeros(1, bool))}
    with pytest.raises(DataError, match="no product has any block"):
        GraphFusion().fit(nothing)
    with pytest.raises(UsageError, match="layer is 'gin'"):
        GraphFusion("gin")
    with pytest.raises(UsageError, match="'modality-graph' does not take these options"):
        GraphFusion(network="modality-graph", options={"heads": 2}).fit(shop())


def test_one_product_is_no_graph_and_still_a_vector() -> None:
    fitted = GraphFusion(**SMALL).fit(shop(1))
    assert fitted.fuse(shop(1)).present.all()
    assert not fitted.learned
