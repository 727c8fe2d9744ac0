"""Trained fusions on views of known factors; the parts of a training against loops and against counting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from goodsense.errors import DataError, UsageError  # noqa: E402
from goodsense.fusion import network as networks  # noqa: E402
from goodsense.fusion import trained as names  # noqa: E402
from goodsense.fusion.course import Course, drawn  # noqa: E402
from goodsense.fusion.crossing import by_chance, crossing, reciprocal_ranks  # noqa: E402
from goodsense.fusion.network import FusionNetwork  # noqa: E402
from goodsense.fusion.shapley import shapley  # noqa: E402
from goodsense.fusion.teaching import OBJECTIVES, Examples, Student, coded, one_subset, two_subsets  # noqa: E402
from goodsense.fusion.trained import NETWORKS, TrainedFusion  # noqa: E402
from goodsense.learning.lesson import Lesson  # noqa: E402
from goodsense.learning.losses import info_nce  # noqa: E402
from goodsense.types import Embeddings, Fusion, normalise  # noqa: E402

DIMS = {"image": 10, "text": 10, "sound": 8}
FACTORS = 5
SMALL = {"width": 12, "hidden": 24, "epochs": 8, "batch": 50, "rate": 1e-2, "dropout": 0.0}


def views(n: int, *, seed: int, missing: float = 0.1, noise: float = 0.1) -> dict[str, Embeddings]:
    """Each block is another linear view of the same factors, with noise; the views are equal for every seed."""
    fixed, random = np.random.default_rng(99), np.random.default_rng(seed)
    ways = {name: fixed.normal(size=(FACTORS, dim)) for name, dim in DIMS.items()}
    factors, found = random.normal(size=(n, FACTORS)), {}
    for name, way in ways.items():
        rows = (factors @ way + noise * random.normal(size=(n, DIMS[name]))).astype(np.float32)
        present = random.random(n) >= missing
        rows[~present] = 0
        found[name] = Embeddings.of_products([f"p{i}" for i in range(n)], rows, present)
    return found


def across(fusion: TrainedFusion, blocks: dict[str, Embeddings]) -> float:
    """Mean reciprocal rank over all pairs of single modalities, each product its own answer."""
    singles = [fusion.fuse({name: block}).vectors for name, block in blocks.items()]
    present = np.stack([block.present for block in blocks.values()], axis=1)
    return crossing(singles, present, np.arange(len(present))).mrr


@pytest.fixture(scope="module")
def fitted() -> TrainedFusion:
    return TrainedFusion("gated", **SMALL).fit(views(150, seed=0), seed=3)


@pytest.fixture(scope="module")
def unseen() -> dict[str, Embeddings]:
    return views(60, seed=1)


# ---- what training does


def test_modalities_meet_in_one_space(fitted: TrainedFusion, unseen: dict[str, Embeddings]) -> None:
    untrained = TrainedFusion("gated", **{**SMALL, "epochs": 1, "rate": 1e-9}).fit(views(150, seed=0), seed=3)
    rows = normalise(unseen["text"].vectors), normalise(unseen["image"].vectors)
    both = unseen["text"].present & unseen["image"].present
    raw = reciprocal_ranks(rows[0][both], rows[1][both], np.eye(int(both.sum()), dtype=bool)).mean()
    assert across(fitted, unseen) > 0.8
    assert across(untrained, unseen) < 0.3
    assert raw < 0.3


@pytest.mark.parametrize("network", sorted(set(NETWORKS) - {"gated"}))
def test_every_network_learns(network: str, unseen: dict[str, Embeddings]) -> None:
    fusion = TrainedFusion(network, **SMALL).fit(views(150, seed=0), seed=3)
    assert fusion.learned, fusion.reason
    assert across(fusion, unseen) > 0.35  # about a tenth by chance


@pytest.mark.parametrize("objective", sorted(set(OBJECTIVES) - {"info-nce"}))
def test_every_objective_learns(objective: str, unseen: dict[str, Embeddings]) -> None:
    fusion = TrainedFusion(objective=objective, **SMALL).fit(views(150, seed=0), seed=3)
    assert fusion.learned, fusion.reason
    assert across(fusion, unseen) > 0.4


def test_a_part_finds_the_whole_whatever_is_dropped(fitted: TrainedFusion, unseen: dict[str, Embeddings]) -> None:
    whole = fitted.fuse(unseen)
    for name in DIMS:
        rest = fitted.fuse_query({other: block for other, block in unseen.items() if other != name})
        both = whole.present & rest.present
        same = np.eye(len(both), dtype=bool)[np.ix_(both, both)]
        assert reciprocal_ranks(rest.vectors[both], whole.vectors[both], same).mean() > 0.9


def test_nested_lengths_search_by_themselves(unseen: dict[str, Embeddings]) -> None:
    fusion = TrainedFusion(nested=[6], **SMALL).fit(views(150, seed=0), seed=3)
    text, image = (fusion.fuse({name: unseen[name]}) for name in ("text", "image"))
    both = text.present & image.present
    cut = [normalise(found.vectors[both, :6].copy()) for found in (text, image)]
    assert reciprocal_ranks(*cut, np.eye(int(both.sum()), dtype=bool)).mean() > 0.5


def test_labels_gather_products_of_a_class() -> None:
    """Only the words show the class, so the modalities have no use for it in finding each other."""
    blocks, random = views(150, seed=0, missing=0.0), np.random.default_rng(1)
    classes = random.integers(0, 2, 150)
    shown = (6 * classes[:, None] - 3 + random.normal(size=(150, 2))).astype(np.float32)
    words = np.concatenate([blocks["text"].vectors, shown], axis=1)
    blocks["text"] = Embeddings.of_products(blocks["text"].ids, words)

    def gathered(weight: float) -> float:
        lesson = Lesson(np.arange(150), labels={"colour": classes + 3, "single": np.zeros(150, np.int64)})
        fusion = TrainedFusion(label_weight=weight, **SMALL).fit(blocks, lesson=lesson, seed=0)
        rows = fusion.fuse(blocks).vectors
        near, same = rows @ rows.T, classes[:, None] == classes
        return float(near[same].mean() - near[~same].mean())

    assert gathered(50.0) > gathered(0.0) + 0.1


def test_pairs_bring_products_together() -> None:
    blocks = views(150, seed=0, missing=0.0)
    pairs = np.random.default_rng(2).permutation(150).reshape(-1, 2)

    def nearness(weights: np.ndarray) -> float:
        lesson = Lesson(np.arange(150), pairs=pairs, weights=weights.astype(np.float32))
        fusion = TrainedFusion(pair_weight=5.0, **SMALL).fit(blocks, lesson=lesson, seed=0)
        rows = fusion.fuse(blocks).vectors
        return float((rows[pairs[:, 0]] * rows[pairs[:, 1]]).sum(axis=1).mean())

    assert nearness(np.ones(75)) > nearness(np.zeros(75)) + 0.1


# ---- what a fusion keeps to


def test_it_is_a_fusion(fitted: TrainedFusion, unseen: dict[str, Embeddings]) -> None:
    assert isinstance(fitted, Fusion)
    fused = fitted.fuse(unseen)
    some = np.any([block.present for block in unseen.values()], axis=0)
    np.testing.assert_array_equal(fused.present, some)
    np.testing.assert_allclose(np.linalg.norm(fused.vectors, axis=1), some.astype(float), atol=1e-6)
    assert fitted.dim == fused.dim == 12
    assert fitted.dims == dict(sorted(DIMS.items()))


def test_absent_rows_change_nothing(fitted: TrainedFusion, unseen: dict[str, Embeddings]) -> None:
    random = np.random.default_rng(0)
    noisy = {
        name: Embeddings(
            block.ids,
            block.owners,
            np.where(block.present[:, None], block.vectors, random.normal(size=block.vectors.shape)).astype(np.float32),
            block.present,
        )
        for name, block in unseen.items()
    }
    np.testing.assert_array_equal(fitted.fuse(noisy).vectors, fitted.fuse(unseen).vectors)


def test_products_do_not_see_each_other(fitted: TrainedFusion, unseen: dict[str, Embeddings]) -> None:
    whole, order = fitted.fuse(unseen), np.random.default_rng(0).permutation(60)
    turned = fitted.fuse({name: block.take(order) for name, block in unseen.items()})
    assert turned.ids == tuple(whole.ids[i] for i in order)
    np.testing.assert_allclose(turned.vectors, whole.vectors[order], atol=1e-6)
    alone = fitted.fuse({name: block.take(np.array([7])) for name, block in unseen.items()})
    np.testing.assert_allclose(alone.vectors[0], whole.vectors[7], atol=1e-6)
    none = fitted.fuse({name: block.take(np.arange(0)) for name, block in unseen.items()})
    assert none.vectors.shape == (0, 12)


def test_a_seed_gives_the_same_bits_and_files_come_back(fitted: TrainedFusion, tmp_path: Path) -> None:
    again = TrainedFusion("gated", **SMALL).fit(views(150, seed=0), seed=3)
    other = TrainedFusion("gated", **SMALL).fit(views(150, seed=0), seed=4)
    assert again.fingerprint == fitted.fingerprint != other.fingerprint
    fitted.save(tmp_path)
    loaded = TrainedFusion.load(tmp_path)
    assert loaded.fingerprint == fitted.fingerprint
    assert (loaded.learned, loaded.reason) == (fitted.learned, fitted.reason)
    blocks = views(9, seed=8)
    np.testing.assert_array_equal(loaded.fuse(blocks).vectors, fitted.fuse(blocks).vectors)


def test_weights_and_parts(fitted: TrainedFusion, unseen: dict[str, Embeddings]) -> None:
    weights, parts, fused = fitted.weights(unseen), fitted.parts(unseen), fitted.fuse(unseen)
    assert set(weights) == set(parts) == set(DIMS)
    for name, block in unseen.items():
        np.testing.assert_array_equal(weights[name] > 0, block.present)
        assert not parts[name][~block.present].any()
    np.testing.assert_allclose(sum(weights.values()), fused.present.astype(float), atol=1e-6)
    np.testing.assert_allclose(sum(parts.values()), fused.vectors, atol=1e-6)


def test_networks_that_do_not_weigh_say_so_and_have_parts_all_the_same(unseen: dict[str, Embeddings]) -> None:
    """Where the result is no sum over the blocks, the parts are Shapley values, as of scores."""
    fusion = TrainedFusion("max", **{**SMALL, "epochs": 1}).fit(views(30, seed=0))
    with pytest.raises(UsageError, match=r"'max' does not weigh.*parts"):
        fusion.weights(unseen)
    parts, fused = fusion.parts(unseen), fusion.fuse(unseen).vectors
    np.testing.assert_allclose(sum(parts.values()), fused, atol=1e-6)
    expected = shapley(fusion, fused[0], unseen).terms
    for name, block in unseen.items():
        np.testing.assert_allclose(parts[name] @ fused[0], expected[name], atol=1e-5)
        assert not parts[name][~block.present].any()


def test_the_names_are_those_of_the_networks() -> None:
    assert set(names.NETWORKS) == set(networks.COMBINING)
    assert set(names.TOWERS) == set(networks.TOWERS)
    assert set(names.OBJECTIVES) == set(OBJECTIVES)


# ---- what cannot be learned


def test_noise_teaches_nothing_and_it_is_said() -> None:
    random = np.random.default_rng(0)
    ids = [f"p{i}" for i in range(200)]
    blocks = {
        name: Embeddings.of_products(ids, random.normal(size=(200, 6)).astype(np.float32)) for name in ("text", "image")
    }
    fusion = TrainedFusion(**{**SMALL, "epochs": 4}).fit(blocks)
    assert not fusion.learned
    assert "nothing was learned" in fusion.reason
    assert "held-out" in fusion.reason


def test_equal_products_teach_nothing_and_it_is_said() -> None:
    rows = np.ones((40, 4), np.float32)
    blocks = {name: Embeddings.of_products([f"p{i}" for i in range(40)], rows) for name in ("text", "image")}
    fusion = TrainedFusion(**{**SMALL, "epochs": 2}).fit(blocks)
    assert not fusion.learned
    fused = fusion.fuse(blocks)
    assert fused.present.all()
    np.testing.assert_allclose(fused.vectors, fused.vectors[:1].repeat(40, axis=0), atol=1e-6)


def test_few_products_are_examined_on_themselves() -> None:
    blocks = views(2, seed=0, missing=0.0)
    fusion = TrainedFusion(**{**SMALL, "epochs": 2}).fit(blocks)
    assert "training products" in fusion.reason
    assert not fusion.learned  # two products find each other half of the time


@pytest.mark.parametrize("together", [0, 1])
def test_too_few_products_with_two_blocks(together: int) -> None:
    blocks = views(6, seed=0, missing=0.0)
    halves = {"text": np.arange(6) < 3, "image": np.arange(6) >= 3 - together}
    given = {
        name: Embeddings.of_products(blocks[name].ids, blocks[name].vectors, mask) for name, mask in halves.items()
    }
    with pytest.raises(DataError, match=rf"{together} product.*AdditiveFusion"):
        TrainedFusion(**SMALL).fit(given)


def test_a_block_that_nothing_was_learned_of_is_ignored() -> None:
    blocks = views(60, seed=0, missing=0.0)
    lonely = np.zeros(60, dtype=bool)
    lonely[:5] = True
    blocks = {name: Embeddings.of_products(b.ids, b.vectors, ~lonely) for name, b in blocks.items()}
    blocks["clip"] = Embeddings.of_products(blocks["text"].ids, np.ones((60, 3), np.float32), lonely)
    blocks["review"] = Embeddings.of_products(blocks["text"].ids, np.zeros((60, 3), np.float32), lonely & ~lonely)
    fusion = TrainedFusion(**{**SMALL, "epochs": 1}).fit(blocks)
    assert fusion.unlearned == ("clip", "review")
    np.testing.assert_array_equal(fusion.fuse(blocks).present, ~lonely)
    assert set(fusion.weights(blocks)) == set(DIMS)


def test_wrong_blocks_are_refused(fitted: TrainedFusion, unseen: dict[str, Embeddings]) -> None:
    wide = Embeddings.of_products(unseen["text"].ids, np.ones((60, 11), np.float32))
    with pytest.raises(UsageError, match="'text' has 11 columns"):
        fitted.fuse({**unseen, "text": wide})
    with pytest.raises(UsageError, match="clip"):
        fitted.fuse({"clip": unseen["text"]})
    with pytest.raises(UsageError, match="no block"):
        fitted.fuse({})
    with pytest.raises(UsageError, match="different ids"):
        fitted.fuse({"text": unseen["text"], "image": unseen["image"].take(np.arange(60)[::-1])})
    with pytest.raises(UsageError, match="not been fitted"):
        TrainedFusion().fuse(unseen)
    with pytest.raises(UsageError, match="not been fitted"):
        _ = TrainedFusion().learned
    with pytest.raises(UsageError, match="the lesson is of 5 products"):
        TrainedFusion().fit(unseen, lesson=Lesson.of_products(5))


@pytest.mark.parametrize(
    "options",
    [
        {"network": "gates"},
        {"width": 0},
        {"batch": 1},
        {"dropout": 1.0},
        {"rate": 0.0},
        {"nested": [300]},
        {"label_weight": -1.0},
        {"tower": "deep"},
        {"objective": "hinge"},
    ],
)
def test_wrong_options_are_refused_at_once(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        TrainedFusion(**options)  # type: ignore[arg-type]


# ---- the parts of a training


def test_two_subsets_are_disjoint_random_and_not_empty() -> None:
    random = np.random.default_rng(0)
    present = random.random((4000, 4)) < 0.6
    left, right = two_subsets(present, random)
    some, several = present.any(axis=1), present.sum(axis=1) >= 2
    assert not (left & ~present).any()
    assert not (right & ~present).any()
    assert left[some].any(axis=1).all()
    assert right[some].any(axis=1).all()
    assert not (left & right)[several].any()
    np.testing.assert_array_equal(left[~several], right[~several])
    left, right = two_subsets(np.ones((4000, 4), dtype=bool), random)
    seen = {(*map(int, a), *map(int, b)) for a, b in zip(left, right, strict=True)}
    assert len(seen) == 3**4 - 2 * 2**4 + 1  # every ordered pair of disjoint subsets, neither empty
    np.testing.assert_allclose(left.mean(axis=0), left.mean(), atol=0.03)


def test_one_subset_is_not_empty() -> None:
    random = np.random.default_rng(0)
    present = random.random((1000, 3)) < 0.6
    chosen = one_subset(present, random)
    assert not (chosen & ~present).any()
    np.testing.assert_array_equal(chosen.any(axis=1), present.any(axis=1))
    whole = present.all(axis=1)
    assert len({tuple(row) for row in chosen[whole].tolist()}) == 7


def examples(n: int = 23, *, batch: int = 8, **known: object) -> Examples:
    lesson = Lesson(np.arange(n) // 2, **known)  # type: ignore[arg-type]
    blocks = views(n, seed=0)
    present = np.stack([block.present for block in blocks.values()], axis=1)
    rows = [block.vectors for block in blocks.values()]
    return Examples(rows, present, lesson, np.flatnonzero(present.sum(axis=1) >= 2), np.ones(n, bool), batch)


def test_an_epoch_shows_every_product_once() -> None:
    made = examples()
    batches = list(made.batches(0, np.random.default_rng(0)))
    assert len(batches) == made.steps
    shown = torch.cat([batch.whole.rows[0] for batch in batches])
    expected = torch.from_numpy(made.rows[0][made.chosen])
    rest = len(made.chosen) % 8
    assert rest != 1
    torch.testing.assert_close(shown.sort(dim=0).values, expected.sort(dim=0).values)
    assert all(batch.partners is None for batch in batches)


def test_a_lone_last_product_makes_no_batch() -> None:
    made = examples()
    alone = Examples(made.rows, made.present, made.lesson, made.chosen[:9], made.allowed, 8)
    assert [len(batch.groups) for batch in alone.batches(0, np.random.default_rng(0))] == [8]
    assert alone.steps == 1


def test_partners_are_drawn_by_weight_and_related_by_their_groups() -> None:
    pairs = np.array([[0, 4], [1, 6], [8, 5], [10, 12], [14, 16]])
    weights = np.array([1, 1, 1, 1, 0], np.float32)
    made = examples(pairs=pairs, weights=weights)
    made.allowed[12] = False
    made.present[:] = True
    partners = next(made.batches(0, np.random.default_rng(0))).partners
    left = {tuple(row) for row in partners.left.rows[0].tolist()}
    assert left == {tuple(made.rows[0][row].tolist()) for row in (0, 1, 8)}
    places = [next(i for i in (0, 1, 8) if np.array_equal(made.rows[0][i], row)) for row in partners.left.rows[0]]
    others = {0: 4, 1: 6, 8: 5}
    for i, a in enumerate(places):
        for j, b in enumerate(places):
            assert bool(partners.related[i, j]) == (a // 2 == b // 2 or others[a] // 2 == others[b] // 2)


def test_labels_are_coded_by_known_products() -> None:
    known = np.array([True, True, True, True, False, False])
    found = coded({"a": np.array([7, -1, 9, 7, 8, 9]), "b": np.array([3, 3, 3, -1, 4, 4])}, known)
    assert set(found) == {"a"}
    np.testing.assert_array_equal(found["a"], [0, -1, 1, 0, -1, 1])


@pytest.fixture
def student() -> Iterator[Student]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = FusionNetwork(DIMS, combining="gated", width=8, tower="mlp", hidden=8, dropout=0.0, options={})
        goal = {"objective": "info-nce", "nested": (), "label_weight": 0.5, "pair_weight": 0.5}
        yield Student(network, sizes={}, **goal)  # type: ignore[arg-type]


def test_the_loss_is_the_sum_of_its_parts(student: Student) -> None:
    """Against the same terms written out, pair of modalities by pair of modalities."""
    batch = next(examples(40, batch=32).batches(0, np.random.default_rng(0)))
    rows, there = batch.whole.rows, batch.whole.present
    fuse = student.fusion
    temperature = student.temperature()
    left, right, whole = fuse(rows, batch.left), fuse(rows, batch.right), fuse(rows, there)
    expected = info_nce(left, right, batch.groups, temperature=temperature)
    expected = expected + info_nce(right, whole, batch.groups, temperature=temperature)
    terms = []
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = torch.tensor([bool(row[i] and row[j]) for row in there])
        one, other = torch.zeros_like(there), torch.zeros_like(there)
        one[:, i], other[:, j] = there[:, i], there[:, j]
        terms.append(
            info_nce(fuse(rows, one)[both], fuse(rows, other)[both], batch.groups[both], temperature=temperature)
        )
    torch.testing.assert_close(student.loss(batch), expected + sum(terms) / 3)


def test_a_tenth_of_the_groups_is_held_out_whole() -> None:
    groups = np.repeat(np.arange(3000), 2)
    held = drawn(groups, 0.1, 0)
    np.testing.assert_array_equal(held[::2], held[1::2])
    assert 0.08 < held.mean() < 0.12
    np.testing.assert_array_equal(drawn(groups[1000:], 0.1, 0), held[1000:])
    assert (drawn(groups, 0.1, 1) != held).any()


def test_held_out_products_teach_nothing() -> None:
    from goodsense.fusion.blocks import Given

    blocks = views(400, seed=0)
    lesson = Lesson(np.arange(400), labels={"a": np.arange(400) % 3})
    course = Course.of({name: Given(b.vectors, b.present) for name, b in blocks.items()}, lesson, seed=0)
    assert course.held_out
    assert not course.allowed[course.examined].any()
    assert course.allowed[course.chosen].all()
    assert not set(course.chosen) & set(course.examined)


# ---- finding across modalities


def test_crossing_against_sorting() -> None:
    random = np.random.default_rng(0)
    singles = [random.normal(size=(9, 4)).astype(np.float32) for _ in range(3)]
    present, groups = random.random((9, 3)) < 0.7, np.array([0, 0, 1, 2, 3, 3, 3, 4, 5])
    expected = []
    for here, there in permutations(range(3), 2):
        shown = np.flatnonzero(present[:, there])
        for asked in np.flatnonzero(present[:, here] & present[:, there]):
            order = shown[np.argsort(-(singles[there][shown] @ singles[here][asked]))]
            expected.append(1 / (1 + np.flatnonzero(groups[order] == groups[asked])[0]))
    np.testing.assert_allclose(crossing(singles, present, groups).found, expected)


def test_of_equal_scores_the_wrong_one_comes_first() -> None:
    ones = np.ones((5, 3), np.float32)
    np.testing.assert_allclose(reciprocal_ranks(ones, ones, np.eye(5, dtype=bool)), 0.2)


def test_chance_by_counting_all_orders() -> None:
    for gallery, right in ((1, 1), (4, 1), (5, 2), (5, 5)):
        orders = permutations(range(gallery))
        found = [1 / (1 + min(order.index(item) for item in range(right))) for order in orders]
        mean, square = by_chance(np.array([right]), gallery)[0]
        assert mean == pytest.approx(np.mean(found))
        assert square == pytest.approx(np.mean(np.square(found)))
    assert by_chance(np.zeros(0, np.int64), 3).shape == (0, 2)


def test_random_vectors_do_not_beat_chance_and_right_ones_do() -> None:
    random, everything = np.random.default_rng(0), np.ones((50, 2), dtype=bool)
    rows = random.normal(size=(50, 8)).astype(np.float32)
    other = random.normal(size=(50, 8)).astype(np.float32)
    by_luck = crossing([rows, other], everything, np.arange(50))
    assert not by_luck.beats_chance
    assert by_luck.chance == pytest.approx(sum(1 / rank for rank in range(1, 51)) / 50)
    assert crossing([rows, rows], everything, np.arange(50)).beats_chance
    assert by_luck.products == 50
    empty = crossing([rows, other], ~everything, np.arange(50))
    assert (len(empty), empty.mrr, empty.beats_chance) == (0, 0.0, False)
    assert math.isfinite(empty.chance)
