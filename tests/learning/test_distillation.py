"""A bigger recipe's vectors in fewer columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from goodsense.errors import UsageError
from goodsense.learning.distillation import (
    LinearStudent,
    distil,
    overlap_at_k,
    pca_student,
    ridge_student,
    similarity_error,
)
from goodsense.learning.ensemble import TowerEnsemble
from goodsense.learning.schedules import Schedule
from goodsense.learning.students import (
    NetworkStudent,
    StudentNetwork,
    cosine_distillation,
    network_student,
    similarity_preserving,
)
from goodsense.types import normalise
from tests.learning.worlds import block

RNG = np.random.default_rng(4)
TEACHER = normalise(RNG.normal(size=(80, 12)).astype(np.float32) * np.linspace(3, 0.2, 12, dtype=np.float32))
QUICK = Schedule(epochs=20, batch=64, rate=1e-2)


# ---- what is lost


def _naive_overlap(teacher: np.ndarray, student: np.ndarray, k: int, queries: list[int]) -> float:
    shares = []
    for row in queries:
        sets = []
        for vectors in (teacher, student):
            near = [(float(vectors[row] @ vectors[i]), i) for i in range(len(vectors)) if i != row]
            sets.append({i for _, i in sorted(near, reverse=True)[:k]})
        shares.append(len(sets[0] & sets[1]) / k)
    return float(np.mean(shares))


@pytest.mark.parametrize("k", [1, 5, 79, 500])
def test_overlap_against_sets(k: int) -> None:
    student = normalise(TEACHER[:, :3])
    expected = _naive_overlap(TEACHER, student, min(k, 79), list(range(80)))
    assert overlap_at_k(TEACHER, student, k) == pytest.approx(expected)
    some = overlap_at_k(TEACHER, student, k, queries=np.array([3, 70]))
    assert some == pytest.approx(_naive_overlap(TEACHER, student, min(k, 79), [3, 70]))


def test_a_turned_teacher_is_no_loss_and_ties_cost_nothing() -> None:
    turned = TEACHER @ np.linalg.qr(RNG.normal(size=(12, 12)))[0].astype(np.float32)
    assert overlap_at_k(TEACHER, turned, 10) == 1.0
    equal = np.repeat(TEACHER[:2], 5, axis=0)
    assert overlap_at_k(equal, equal[:, ::-1].copy(), 2) == 1.0
    assert overlap_at_k(np.ones((4, 3), np.float32), TEACHER[:4], 2) == 1.0  # the teacher knows no order
    assert similarity_error(TEACHER, turned, queries=np.arange(80)) < 1e-6


def test_similarity_error_against_a_plain_loop() -> None:
    student, squares = normalise(TEACHER[:, :3]), []
    for i in (2, 9):
        squares += [float(TEACHER[i] @ TEACHER[j] - student[i] @ student[j]) ** 2 for j in range(80) if j != i]
    found = similarity_error(TEACHER, student, queries=np.array([2, 9]))
    assert found == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-4)


# ---- students


def test_pca_keeps_as_much_of_the_inner_products_as_any_table_of_its_rank() -> None:
    student = pca_student(TEACHER, 4)
    small = TEACHER @ student.axes
    missed = np.square(TEACHER @ TEACHER.T - small @ small.T).sum()
    values = np.linalg.eigvalsh((TEACHER @ TEACHER.T).astype(np.float64))[::-1]
    assert missed == pytest.approx(np.square(values[4:]).sum(), rel=1e-3)
    assert np.allclose(np.linalg.norm(student.apply(TEACHER), axis=1), 1, atol=1e-5)


def test_pca_of_all_directions_loses_nothing() -> None:
    student = pca_student(TEACHER, 256)
    assert student.dim == 12
    assert overlap_at_k(TEACHER, student.apply(TEACHER), 10) == 1.0


def test_ridge_against_scikit_learn() -> None:
    from sklearn.linear_model import Ridge

    inputs = RNG.normal(size=(80, 7)).astype(np.float32)
    student = ridge_student(inputs, TEACHER, 5, ridge=0.1)
    wanted = pca_student(TEACHER, 5).apply(TEACHER)
    centred = inputs - inputs.mean(axis=0)
    theirs = Ridge(alpha=0.1 * float(np.square(centred).sum()) / 7).fit(inputs, wanted)
    assert np.allclose(student.apply(inputs), normalise(theirs.predict(inputs).astype(np.float32)), atol=1e-4)


def test_ridge_finds_a_teacher_that_is_a_linear_picture_of_the_inputs() -> None:
    inputs = (TEACHER[:, :6] @ RNG.normal(size=(6, 6))).astype(np.float32)
    student = ridge_student(inputs, normalise(TEACHER[:, :6]), 6, ridge=1e-6)
    assert overlap_at_k(TEACHER[:, :6], student.apply(inputs), 5) > 0.6
    same = ridge_student(np.ones((80, 3), np.float32), TEACHER, 4)  # inputs that tell nothing
    assert np.isfinite(same.apply(np.ones((2, 3), np.float32))).all()


def test_losses_against_plain_loops() -> None:
    student, teacher = torch.tensor(RNG.normal(size=(6, 4))), torch.tensor(RNG.normal(size=(6, 4)))

    def cos(a: torch.Tensor, b: torch.Tensor) -> float:
        return float(a @ b / (a.norm() * b.norm()))

    expected = np.mean([1 - cos(student[i], teacher[i]) for i in range(6)])
    assert float(cosine_distillation(student, teacher)) == pytest.approx(expected, rel=1e-5)
    units = [x / x.norm(dim=1, keepdim=True) for x in (student, teacher)]
    assert float((units[0] - units[1]).square().sum(dim=1).mean()) / 2 == pytest.approx(expected, rel=1e-5)
    wide = torch.tensor(RNG.normal(size=(6, 9)))
    table = [(cos(student[i], student[j]) - cos(wide[i], wide[j])) ** 2 for i in range(6) for j in range(6)]
    assert float(similarity_preserving(student, wide)) == pytest.approx(np.mean(table), rel=1e-5)
    with pytest.raises(AssertionError, match="rows"):
        cosine_distillation(student, wide)
    with pytest.raises(AssertionError, match="rows"):
        similarity_preserving(student, wide[:5])


def test_the_network_begins_as_its_linear_student() -> None:
    linear = ridge_student(TEACHER, TEACHER, 5)
    network = StudentNetwork(12, 5, hidden=8)
    network.start_from(linear, 0.3)
    assert np.allclose(NetworkStudent(network).apply(TEACHER), linear.apply(TEACHER), atol=1e-5)


def test_the_network_learns_what_no_line_tells() -> None:
    rows = RNG.normal(size=(400, 3)).astype(np.float32)
    teacher = normalise(np.abs(rows))
    line = ridge_student(rows[:300], teacher[:300], 3).apply(rows[300:])
    learned = network_student(rows[:300], teacher[:300], 3, hidden=64, schedule=QUICK)
    assert learned.history is not None
    assert learned.history.learned
    deep = learned.apply(rows[300:])
    assert overlap_at_k(teacher[300:], deep, 5) > overlap_at_k(teacher[300:], line, 5) + 0.3
    again = network_student(rows[:300], teacher[:300], 3, hidden=64, schedule=QUICK)
    assert np.array_equal(again.apply(rows[300:]), deep)
    assert np.array_equal(NetworkStudent.from_arrays(learned.to_arrays()).apply(rows[300:]), deep)


# ---- all at once


@pytest.mark.parametrize("method", ["pca", "ridge", "network"])
def test_an_ensemble_is_distilled_and_its_loss_told(method: Any) -> None:
    hidden = RNG.normal(size=(120, 5))
    towers = {name: block(hidden @ RNG.normal(size=(5, 20)) + 0.3 * RNG.normal(size=(120, 20))) for name in "ab"}
    teacher = TowerEnsemble().fit(towers).join(towers)
    found = distil(teacher, method=method, dim=8, depths=(1, 10, 500))
    report, small = found.report, found.encode(teacher)
    assert (report.teacher_dim, report.dim, report.fitted, report.queries, report.gallery) == (40, 8, 96, 24, 120)
    assert not report.seen
    assert list(report.overlap) == [1, 10, 119]
    assert 0.6 < report.overlap[10] < 1
    assert report.overlap[119] == 1
    assert small.vectors.shape == (120, 8)
    order = np.random.default_rng(0).permutation(120)[:24]
    assert report.overlap[10] == pytest.approx(
        overlap_at_k(teacher.vectors, small.vectors, 10, queries=np.sort(order)), abs=1e-6
    )


def test_cheaper_inputs_stand_for_the_teacher_and_products_without_them_are_not_present() -> None:
    mask = np.ones(80, dtype=np.bool_)
    mask[3] = False
    inputs = block(TEACHER @ RNG.normal(size=(12, 12)), mask)
    found = distil(block(TEACHER), inputs, method="ridge", dim=12)
    assert found.report.gallery == 79
    assert found.report.overlap[10] > 0.7
    coded = found.encode(inputs)
    assert coded.present.tolist() == mask.tolist()
    assert not coded.vectors[3].any()


def test_a_linear_student_comes_back_from_its_arrays() -> None:
    student = ridge_student(TEACHER, TEACHER, 5)
    assert np.array_equal(LinearStudent.from_arrays(student.to_arrays()).apply(TEACHER), student.apply(TEACHER))


def test_few_and_equal_products() -> None:
    two = distil(block(TEACHER[:2]), dim=4)
    assert two.report.seen  # nothing could be held out, and it says so
    assert two.report.queries == 2
    assert two.report.overlap == {1: 1.0}
    for method in ("pca", "ridge", "network"):
        same = distil(block(np.ones((10, 3))), method=method, dim=2)  # type: ignore[arg-type]
        assert same.report.overlap[1] == 1.0
        assert np.isfinite(same.encode(block(np.ones((10, 3)))).vectors).all()


def test_what_cannot_be_distilled_is_refused_with_a_remedy() -> None:
    teacher = block(TEACHER)
    with pytest.raises(UsageError, match=r"1 products have both sides.*Distil more"):
        distil(block(TEACHER[:1]))
    with pytest.raises(UsageError, match="0 products"):
        distil(teacher, block(TEACHER, np.zeros(80, dtype=np.bool_)), method="ridge")
    with pytest.raises(UsageError, match="different ids"):
        distil(teacher, block(TEACHER[:50]), method="ridge")
    with pytest.raises(UsageError, match="Use method='ridge'"):
        distil(teacher, teacher, method="pca")
    with pytest.raises(UsageError, match="method"):
        distil(teacher, method="magic")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="dim"):
        distil(teacher, dim=0)
    with pytest.raises(UsageError, match="two rows or more"):
        overlap_at_k(TEACHER[:1], TEACHER[:1], 1)
