"""Two towers, GraphSAGE, neural collaborative filtering: what they learn, and what must not reach them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.recommend import Content, Model, histories_of, make_model
from goodsense.recommend.drawing import Taken
from goodsense.recommend.graphsage import GraphSage, ItemGraph
from goodsense.recommend.histories import aligned
from goodsense.recommend.lessons import lesson
from goodsense.recommend.ncf import Ncf
from goodsense.recommend.network_model import NetworkModel, in_batches
from goodsense.recommend.traits import dearness, traits
from goodsense.types import Embeddings

OPTIONS: dict[str, dict[str, object]] = {
    "lightgcn": {"epochs": 15},
    "graphsage": {"epochs": 10, "rate": 1e-2},
    "two-tower": {"epochs": 10, "rate": 1e-2},
    "ncf": {"epochs": 10, "rate": 2e-2},
}


@cache
def log() -> Interactions:
    """Every shopper keeps to even or to odd items."""
    rng = np.random.default_rng(0)
    lists = [rng.choice(np.arange(user % 2, 16, 2), 5, replace=False) for user in range(40)]
    return histories_of([[f"i{row:02d}" for row in own] for own in lists])


@cache
def content() -> Content:
    """Looks tell even from odd, also of two items that nobody took."""
    ids = (*(f"i{row:02d}" for row in range(16)), "new0", "new1")
    looks = np.eye(4, dtype=np.float32)[[row % 2 for row in range(18)]]
    looks += np.random.default_rng(1).normal(0, 0.1, looks.shape).astype(np.float32)
    return Content(ids, {"image": Embeddings.of_products(ids, looks)})


def whole() -> Interactions:
    """The log over all items, those that nobody took among them."""
    ids = content().ids
    return aligned(log(), ids, {id: row for row, id in enumerate(ids)})


@cache
def fitted(name: str) -> Model:
    return make_model(name, dim=8, batch=64, **OPTIONS[name]).fit(log(), content(), seed=2)


@pytest.mark.parametrize("name", list(OPTIONS))
def test_the_loss_falls_and_training_is_told(name: str) -> None:
    model = fitted(name)
    assert isinstance(model, NetworkModel)
    assert model.training is not None
    assert model.training.learned
    assert model.training.losses[-1] < 0.9 * model.training.losses[0]
    assert model.training.best_figure == max(model.training.validation)


@pytest.mark.parametrize("name", list(OPTIONS))
@pytest.mark.parametrize("kind", [0, 1])
def test_the_own_block_stands_before_the_other(name: str, kind: int) -> None:
    history = [f"i{row:02d}" for row in range(kind, 8, 2)]
    found = [id for id in fitted(name).recommend(histories_of([history]), k=99).ids() if id.startswith("i")]
    assert {int(id[1:]) % 2 for id in found[:4]} == {kind}


@pytest.mark.parametrize("name", ["graphsage", "two-tower", "ncf"])
def test_an_item_that_nobody_took_is_found_by_its_content(name: str) -> None:
    scores = fitted(name).score(histories_of([["i00", "i02"], ["i01", "i03"]]), ["new0", "new1", "i13", "i12"])
    assert scores[0, 0] > scores[0, 1]
    assert scores[1, 1] > scores[1, 0]
    assert scores[0, 0] > scores[0, 2]  # before a known item of the other block
    assert scores[1, 1] > scores[1, 3]


def test_an_attribute_is_enough_for_graphsage_to_find_a_new_item() -> None:
    ids = content().ids
    tags = tuple((f"kind={row % 2}",) for row in range(18))
    model = GraphSage(dim=8, batch=64, epochs=10, rate=1e-2).fit(log(), Content(ids, tags=tags), seed=2)
    scores = model.score(histories_of([["i00", "i02"], ["i01", "i03"]]), ["new0", "new1"])
    assert scores[0, 0] > scores[0, 1]
    assert scores[1, 1] > scores[1, 0]


def test_what_a_batch_asks_for_is_no_way_for_its_messages() -> None:
    taken, graph = Taken.of(whole()), ItemGraph.of(whole(), content())
    told = taken.codes_of(taken.users[:50], taken.items[:50])
    hops = graph.drawn(np.arange(18), 99, told=told, hide=0.0, rng=np.random.default_rng(0))
    edges = taken.codes_of(taken.users, taken.items)
    left = np.setdiff1d(edges, told)
    assert len(hops.shoppers._forth.columns) == len(left)
    assert len(hops.of_shoppers._forth.columns) <= len(left)
    alone = graph.drawn(np.arange(18), 99, told=edges, hide=0.0, rng=np.random.default_rng(0))
    assert len(alone.shoppers._forth.columns) == len(alone.of_shoppers._forth.columns) == 0


def test_drawing_all_neighbours_gives_the_vectors_of_the_whole_graph() -> None:
    model = fitted("graphsage")
    assert isinstance(model, GraphSage)
    graph = ItemGraph.of(whole(), content())
    items = np.array([3, 7, 16])
    hops = graph.drawn(items, 999, told=np.empty(0, np.int64), hide=0.0, rng=np.random.default_rng(0))
    with torch.no_grad():
        found = model._network.vectors(torch.from_numpy(items), hops).numpy()
    np.testing.assert_allclose(found, model.kept["vectors"][items], rtol=1e-4, atol=1e-5)


def test_the_halves_of_the_perceptron_make_the_whole() -> None:
    model = fitted("ncf")
    assert isinstance(model, Ncf)
    rng = torch.Generator().manual_seed(0)
    pooled, half, items = (torch.randn(*shape, generator=rng) for shape in ((3, 8), (3, model.hidden), (5, 16)))
    network = model._network
    with torch.no_grad():
        halves = network.item_half(items, torch.zeros(5))
        every = network.judge_all(pooled, half, items, halves)
        each = network.judge(pooled, half, items.expand(3, 5, 16), halves.expand(3, 5, model.hidden))
        first = torch.relu(half[0] + network.offered(torch.cat([items[2, 8:], torch.zeros(1)])))
        naive = pooled[0] @ items[2, :8] + network.last(torch.relu(network.second(first)))[0]
    torch.testing.assert_close(every, each)
    torch.testing.assert_close(every[0, 2], naive)


def test_a_lesson_tells_the_wanted_from_what_was_not_taken() -> None:
    taken = Taken.of(log())
    own = lesson(taken, taken.examples()[:20], longest=3, drawn=6, rng=np.random.default_rng(0))
    targets, users = taken.items[taken.examples()[:20]], taken.users[taken.examples()[:20]]
    candidates = own.items[own.candidates].numpy()
    np.testing.assert_array_equal(candidates[own.wanted], targets)
    for row, user in enumerate(users):
        mine = set(taken.items[taken.starts[user] : taken.starts[user + 1]].tolist())
        assert own.barred[row].tolist() == [item in mine for item in candidates.tolist()]
        assert targets[row] not in own.items[own.history[row]][own.there[row]].tolist()
    assert (own.chances <= 0).all()


def test_traits_are_length_and_prices() -> None:
    dear = dearness(Content(tuple("abc"), prices=np.array([1.0, np.e, np.nan])))
    np.testing.assert_allclose(dear, [-1, 1, 0], atol=1e-6)
    found = traits(np.array([[0, 1], [1, 0]]), np.array([[True, True], [True, False]]), dear)
    np.testing.assert_allclose(found, [[np.log(3) / 3, 0, 1], [np.log(2) / 3, 1, 0]], atol=1e-6)


def test_batches_hold_every_example_once() -> None:
    found = in_batches(10, 4, np.random.default_rng(0))
    assert [len(own) for own in found] == [5, 5]
    assert sorted(np.concatenate(found).tolist()) == list(range(10))
    assert in_batches(1, 4, np.random.default_rng(0)) == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("two-tower", {"pool": "sum"}),
        ("two-tower", {"temperature": 0.0}),
        ("graphsage", {"neighbours": 0}),
        ("ncf", {"hidden": 1}),
        ("ncf", {"inputs": "names"}),
        ("lightgcn", {"epochs": 0}),
        ("lightgcn", {"patience": 0}),
    ],
)
def test_options_that_make_no_sense_are_refused(name: str, options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        make_model(name, **options)
