"""Few labels: pseudo-labels, labels that flow along a graph, consistency, and the curves that compare them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from goodsense.errors import UsageError
from goodsense.learning.consistency import Consistency, StudentAndTeacher, consistency_loss, ramp_up
from goodsense.learning.learners import Learner, Supervised
from goodsense.learning.schedules import Schedule
from goodsense.learning.semi import SUPERVISED, PseudoLabels, label_curves, standard_learners, stratified_share
from goodsense.learning.spreading import (
    LabelGraph,
    neighbour_graph,
    neighbours_of,
    propagate_labels,
    shares_of,
    spread_labels,
)
from goodsense.types import normalise
from tests.learning.worlds import block, few, two_views, without

QUICK = Schedule(epochs=12, batch=64, rate=5e-3)
VIEWS, TRUTH = two_views(120, noise=0.7)
LABELS = few(TRUTH, [0, 1, 2, 3])
LEARNERS: dict[str, Callable[[], Learner]] = {
    "supervised": Supervised,
    "pseudo-labels": PseudoLabels,
    "spreading": LabelGraph,
    "propagation": lambda: LabelGraph("propagation"),
    "pi-model": lambda: Consistency("pi", schedule=QUICK),
    "mean-teacher": lambda: Consistency("mean-teacher", schedule=QUICK),
}


def _moons(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two arcs that no line parts, lifted by random features whose cosines fall with the distance."""
    rng, lift = np.random.default_rng(seed), np.random.default_rng(77)
    turn, side = rng.uniform(0, np.pi, n), np.arange(n) % 2
    flat = np.where(side[:, None] == 0, np.c_[np.cos(turn), np.sin(turn)], np.c_[1 - np.cos(turn), 0.5 - np.sin(turn)])
    flat += 0.05 * rng.normal(size=(n, 2))
    return np.cos(flat @ lift.normal(scale=4.0, size=(2, 200)) + lift.uniform(0, 6.28, 200)), side.astype(np.int64)


# ---- graphs


def _weights() -> np.ndarray:
    rows = normalise(np.random.default_rng(3).normal(size=(25, 3)).astype(np.float32))
    weights = np.maximum(rows @ rows.T, 0).astype(np.float64)
    np.fill_diagonal(weights, 0)
    return weights


def test_spreading_equals_scikit_learn() -> None:
    weights, labels = _weights(), few(np.arange(25) % 3, [0, 1, 2, 3, 10])
    ours = spread_labels(csr_matrix(weights), labels, np.arange(3), alpha=0.7, tolerance=1e-12)
    theirs = LabelSpreading(kernel=lambda a, b: weights.copy(), alpha=0.7, max_iter=2000, tol=1e-10)
    theirs.fit(np.arange(25.0)[:, None], labels)
    assert np.allclose(shares_of(ours), theirs.label_distributions_, atol=1e-7)


def test_spreading_equals_its_closed_form() -> None:
    weights, labels = _weights(), few(np.arange(25) % 3, [0, 1, 2])
    root = np.diag(weights.sum(axis=1) ** -0.5)
    own = np.eye(4)[labels][:, :3]
    exact = np.linalg.solve(np.eye(25) - 0.9 * root @ weights @ root, 0.1 * own)
    ours = spread_labels(csr_matrix(weights + 5 * np.eye(25)), labels, np.arange(3), tolerance=1e-12)
    assert np.allclose(ours, exact, atol=1e-8)


def test_propagation_equals_scikit_learn_and_its_closed_form() -> None:
    weights, labels = _weights(), few(np.arange(25) % 3, [0, 1, 2, 3, 10])
    ours = propagate_labels(csr_matrix(weights), labels, np.arange(3), tolerance=1e-13, most=5000)
    theirs = LabelPropagation(kernel=lambda a, b: weights.copy(), max_iter=5000, tol=1e-11)
    theirs.fit(np.arange(25.0)[:, None], labels)
    assert np.allclose(ours, theirs.label_distributions_, atol=1e-6)
    step = weights / weights.sum(axis=1, keepdims=True)
    free, known = labels < 0, labels >= 0
    exact = np.linalg.solve(
        np.eye(free.sum()) - step[np.ix_(free, free)], step[np.ix_(free, known)] @ np.eye(3)[labels[known]]
    )
    assert np.allclose(ours[free], exact, atol=1e-8)


def test_neighbours_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    rows, among = (normalise(rng.normal(size=(n, 4)).astype(np.float32)) for n in (7, 20))
    found = neighbours_of(rows, among, 3).toarray()
    for row in range(7):
        near = among @ rows[row]
        best = np.argsort(-near)[:3]
        assert set(np.flatnonzero(found[row])) == {i for i in best if near[i] > 0}
        assert np.allclose(found[row][best], np.maximum(near[best], 0), atol=1e-6)
    graph = neighbour_graph(among, 3)
    assert (graph != graph.T).nnz == 0
    assert not graph.diagonal().any()
    assert neighbour_graph(among[:1], 3).nnz == 0
    assert neighbour_graph(among[:3], 10).shape == (3, 3)


def test_no_label_reaches_what_is_not_joined() -> None:
    weights = np.zeros((4, 4))
    weights[0, 1] = weights[1, 0] = 1.0
    for flow in (spread_labels, propagate_labels):
        scores = flow(csr_matrix(weights), np.array([1, -1, -1, 4]), np.array([1, 4]))
        assert scores[1, 0] > 0
        assert not scores[2].any()
        assert scores[3].argmax() == 1


def test_bad_graphs_are_refused() -> None:
    labels, classes = np.array([0, 1, -1]), np.array([0, 1])
    with pytest.raises(UsageError, match="one row and column each"):
        spread_labels(csr_matrix((2, 2)), labels, classes)
    with pytest.raises(UsageError, match="weighs -1"):
        propagate_labels(csr_matrix(-np.eye(3)), labels, classes)
    with pytest.raises(UsageError, match="alpha"):
        spread_labels(csr_matrix((3, 3)), labels, classes, alpha=1.0)


def test_labels_flow_along_arcs_that_no_line_parts() -> None:
    rows, truth = _moons(240)
    blocks, labels = {"a": block(rows)}, few(truth, [0, 1, 2, 3])
    line = Supervised().fit(blocks, labels)
    flow = LabelGraph(k=8).fit(blocks, labels)
    right = [float((one.classes[one.predict_proba(blocks).argmax(axis=1)] == truth).mean()) for one in (line, flow)]
    assert right[1] > 0.95 > right[0]
    new, of_new = _moons(60, seed=1)
    told = flow.predict_proba({"a": block(new)}).argmax(axis=1)
    assert (told == of_new).mean() > 0.95


# ---- pseudo-labels and consistency


def test_pseudo_labels_are_right_and_end_when_nothing_is_sure() -> None:
    learner = PseudoLabels(rounds=20).fit(VIEWS, LABELS)
    taught = learner.taught
    assert np.array_equal(taught[:4], LABELS[:4])
    assert (taught >= 0).sum() == 4 + sum(learner.added) > 60
    assert (taught == TRUTH)[taught >= 0].mean() > 0.97
    assert learner.added[-1] == 0


def test_pseudo_labels_keep_the_proportions_of_the_classes() -> None:
    rows = np.r_[np.full(90, 1.0), np.full(10, -1.0)][:, None] * np.array([1.0, 0.5])
    truth = np.r_[np.zeros(90), np.ones(10)].astype(np.int64)
    blocks = {"a": block(rows + 0.1 * np.random.default_rng(0).normal(size=(100, 2)))}
    learner = PseudoLabels(rounds=1, threshold=0.6).fit(blocks, few(truth, [0, 1, 98, 99]))
    added = learner.taught[4 - 2 : 98]
    assert (added == 1).sum() == 8  # all there are
    assert (added == 0).sum() <= math.ceil(0.5 * 96)  # half of the labels, so half of what is sure


def test_consistency_loss_against_a_plain_loop() -> None:
    a, b = torch.randn(5, 3), torch.randn(5, 3)
    total = 0.0
    for row in range(5):
        for one in range(3):
            p, q = (math.exp(x[row, one]) / sum(math.exp(v) for v in x[row]) for x in (a, b))
            total += (p - q) ** 2
    assert float(consistency_loss(a, b)) == pytest.approx(total / 15, rel=1e-5)
    teacher = torch.randn(5, 3, requires_grad=True)
    consistency_loss(a.requires_grad_(), teacher).backward()
    assert teacher.grad is None
    with pytest.raises(AssertionError, match="answers"):
        consistency_loss(torch.zeros(5), torch.zeros(5, 3))


def test_the_teacher_follows_and_learns_nothing_itself() -> None:
    both = StudentAndTeacher(torch.nn.Linear(2, 2), keep=0.75)
    start = both.teacher.weight.clone()
    with torch.no_grad():
        both.student.weight.add_(1.0)
    both.follow()
    assert torch.allclose(both.teacher.weight, start + 0.25)
    assert not any(parameter.requires_grad for parameter in both.teacher.parameters())
    pi = StudentAndTeacher(both.student, keep=0.0)
    pi.follow()
    assert torch.equal(pi.teacher.weight, both.student.weight)


def test_consistency_rises_slowly_and_is_whole_in_the_end() -> None:
    weights = [ramp_up(epoch, 30) for epoch in range(30)]
    assert weights == sorted(weights)
    assert weights[0] == pytest.approx(math.exp(-5))
    assert weights[10:] == [1.0] * 20


def test_consistency_carries_labels_of_one_block_to_products_that_have_another() -> None:
    views, truth = two_views(160, noise=0.4)
    only_pictures = without(views, "text", np.arange(100, 160))  # labels are of products with both
    learner = Consistency(schedule=Schedule(epochs=15, batch=64, rate=5e-3)).fit(
        only_pictures, few(truth, [0, 1, 2, 3])
    )
    told = learner.predict_proba(only_pictures).argmax(axis=1)
    assert (told == truth)[100:].mean() > 0.9
    assert learner.history is not None
    assert learner.history.learned


# ---- what all have in common


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_keeps_the_contract(name: str) -> None:
    make = LEARNERS[name]
    views = without(without(VIEWS, "image", np.arange(60, 120)), "text", np.array([119]))
    labels = np.where(LABELS >= 0, LABELS * 5 + 2, -1)  # classes are any whole numbers
    labels[119] = 99  # of a product without vectors: no class can be learned from it
    one, two = (make().fit(views, labels, seed=3) for _ in range(2))
    assert one.classes.tolist() == [2, 7]
    proba = one.predict_proba(views)
    assert np.array_equal(proba, two.predict_proba(views))
    assert proba.shape == (120, 2)
    assert np.allclose(proba.sum(axis=1), 1)
    assert (one.classes[proba.argmax(axis=1)] == TRUTH * 5 + 2)[:119].mean() > 0.85
    assert np.allclose(proba[119], 0.5)  # the labels' own shares
    single = one.predict_proba({key: own.take(np.array([5])) for key, own in views.items()})
    assert np.allclose(single[0], proba[5], atol=1e-5)
    assert np.allclose(one.predict_proba({"text": views["text"]})[60:], proba[60:], atol=1e-5)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_bears_a_modality_that_is_missing_everywhere(name: str) -> None:
    views = without(VIEWS, "image", np.arange(120))
    learner = LEARNERS[name]().fit(views, LABELS)
    assert (learner.predict_proba(views).argmax(axis=1) == TRUTH).mean() > 0.75


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_refuses_what_cannot_be_learned(name: str) -> None:
    make = LEARNERS[name]
    for labels in (few(TRUTH, []), few(TRUTH, [0]), few(TRUTH, [0, 2, 4])):
        with pytest.raises(UsageError, match=r"two classes.*Label at least one"):
            make().fit(VIEWS, labels)
    with pytest.raises(UsageError, match="two classes"):
        make().fit({key: own.take(np.array([0])) for key, own in VIEWS.items()}, TRUTH[:1])
    with pytest.raises(UsageError, match="no block at all"):
        make().fit({}, LABELS)
    with pytest.raises(UsageError, match="no product with any"):
        make().fit({"text": without(VIEWS, "text", np.arange(120))["text"]}, LABELS)
    with pytest.raises(UsageError, match="fit"):
        make().predict_proba(VIEWS)


# ---- curves


def test_a_stratified_share_holds_every_class_and_the_smaller_shares() -> None:
    labels = np.r_[np.zeros(100), np.ones(30), np.full(4, 2), np.full(6, -1)].astype(np.int64)
    small, large = (stratified_share(labels, share, seed=4) for share in (0.05, 0.2))
    assert [int((small == one).sum()) for one in range(3)] == [5, 2, 1]
    assert [int((large == one).sum()) for one in range(3)] == [20, 6, 1]
    assert (large[small >= 0] == small[small >= 0]).all()
    assert (small == labels)[small >= 0].all()
    assert np.array_equal(small, stratified_share(labels, 0.05, seed=4))
    assert not np.array_equal(small, stratified_share(labels, 0.05, seed=5))
    assert np.array_equal(stratified_share(labels, 1.0, seed=0), labels)
    with pytest.raises(UsageError, match="share"):
        stratified_share(labels, 0.0, seed=0)


def test_curves_give_every_method_at_every_share_and_its_gain() -> None:
    rows, truth = _moons(200)
    blocks, test = {"a": block(rows)}, np.arange(200) >= 150
    told: list[tuple[int, int | None]] = []
    curves = label_curves(
        {"spreading": lambda: LabelGraph(k=8)},
        blocks,
        truth,
        test,
        shares=(0.05, 0.5),
        seeds=(0, 1),
        progress=lambda stage, done, total, *, note="": told.append((done, total)),
    )
    assert curves.tested == 50
    assert told == [(done, 8) for done in range(1, 9)]
    by = {(point.method, point.share, point.seed): point for point in curves.points}
    assert set(by) == {(m, s, e) for m in (SUPERVISED, "spreading") for s in (0.05, 0.5) for e in (0, 1)}
    assert by[SUPERVISED, 0.05, 0].labelled == 2 * math.ceil(0.05 * 75)
    # one point by hand
    labels = stratified_share(truth[:150], 0.05, seed=1)
    learner = LabelGraph(k=8).fit({"a": block(rows[:150])}, labels)
    answers = learner.predict_proba({"a": block(rows[150:])}).argmax(axis=1)
    assert by["spreading", 0.05, 1].accuracy == pytest.approx((answers == truth[150:]).mean())
    gains = {(gain.method, gain.share): gain for gain in curves.gains()}
    for share in (0.05, 0.5):
        own = [by["spreading", share, seed].accuracy - by[SUPERVISED, share, seed].accuracy for seed in (0, 1)]
        assert gains["spreading", share].gain == pytest.approx(np.mean(own))
        assert gains["spreading", share].gain_spread == pytest.approx(np.std(own))
        assert gains[SUPERVISED, share].gain == 0
    assert gains["spreading", 0.05].gain > 0


def test_privileged_blocks_are_shown_to_those_who_are_privileged_alone() -> None:
    seen: dict[str, list[set[str]]] = {"plain": [], "privileged": []}

    class Spy(Supervised):
        def __init__(self, name: str, privileged: tuple[str, ...]) -> None:
            super().__init__()
            self.name, self.own = name, privileged

        @property
        def privileged(self) -> tuple[str, ...]:
            return self.own

        def fit(self, blocks, labels, *, seed=0):  # type: ignore[no-untyped-def]
            seen[self.name].append(set(blocks))
            return super().fit({name: own for name, own in blocks.items() if name != "image"}, labels, seed=seed)

        def predict_proba(self, blocks):  # type: ignore[no-untyped-def]
            seen[self.name].append(set(blocks))
            return super().predict_proba(blocks)

    spies = {"plain": lambda: Spy("plain", ()), "privileged": lambda: Spy("privileged", ("image",))}
    label_curves(spies, VIEWS, TRUTH, np.arange(120) >= 80, shares=(0.1,), seeds=(0,))
    assert seen == {"plain": [{"text"}, {"text"}], "privileged": [{"text", "image"}, {"text"}]}


def test_curves_refuse_what_cannot_be_measured() -> None:
    test = np.arange(120) >= 80
    with pytest.raises(UsageError, match="no test product"):
        label_curves({}, VIEWS, np.where(test, -1, TRUTH), test)
    with pytest.raises(UsageError, match="two classes"):
        label_curves({}, VIEWS, np.where(test, TRUTH, -1), test)
    with pytest.raises(UsageError, match="expected bool"):
        label_curves({}, VIEWS, TRUTH, test[:5])


def test_the_standard_learners_are_those_that_the_blocks_allow() -> None:
    one, two = standard_learners(["text"]), standard_learners(["text", "image"], behaviour="behaviour")
    assert set(two) - set(one) == {"co-training", "collaborative"}
    assert {make().privileged for make in two.values()} == {(), ("behaviour",)}
