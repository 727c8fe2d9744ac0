"""Ablations of made-up shops in which it is known which modality says what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.evaluate import bootstrap, evaluate_run, paired_bootstrap
from goodsense.evaluate.ablation import Ablation, ablate, plus, short
from goodsense.evaluate.ablation_report import MOST_ROWS, ablation_figure, table
from goodsense.evaluate.cases import Case, Split, Task, Values, chance, every_subset, ranking_values
from goodsense.evaluate.controls import control, doubled, noisy
from goodsense.evaluate.gate import beyond_noise, without_ballast
from goodsense.types import Embeddings, normalise

GROUPS, EACH, DIM = 60, 3, 12
SPREAD = {"text": 0.55, "image": 0.7, "audio": 1.2}  # how far products of one group lie apart


def shop(*, seed: int = 0, spread: Mapping[str, float] = SPREAD) -> dict[str, Embeddings]:
    """Products in groups of three; each modality shows the group, more or less blurred."""
    rng = np.random.default_rng(seed)
    ids = [f"p{row:03d}" for row in range(GROUPS * EACH)]
    found = {}
    for name, blur in spread.items():
        centres = rng.normal(size=(GROUPS, DIM)).repeat(EACH, axis=0)
        rows = (centres + blur * rng.normal(size=centres.shape)).astype(np.float32)
        found[name] = Embeddings.of_products(ids, rows)
    return found


def tasks() -> dict[Split, Task]:
    """Products of the same group are to be found; the first groups validate, the last test."""
    items = tuple(f"p{row:03d}" for row in range(GROUPS * EACH))
    grade = {
        items[row]: {items[other]: 1 for other in range(len(items)) if other // EACH == row // EACH and other != row}
        for row in range(len(items))
    }
    halves = {"validation": items[: len(items) // 2], "test": items[len(items) // 2 :]}
    return {split: Task(items, {id: grade[id] for id in halves[split]}, apart=True) for split in halves}  # type: ignore[misc]


def summed(blocks: Mapping[str, Embeddings], names: Sequence[str]) -> Embeddings:
    """Unit rows beside each other."""
    first = blocks[names[0]]
    return Embeddings.of_products(first.ids, np.hstack([normalise(blocks[name].vectors) for name in names]))


def cases(blocks: Mapping[str, Embeddings]) -> list[Case]:
    asked = tasks()

    def make(names: tuple[str, ...]) -> Case:
        fused = summed(blocks, names)
        return Case.of_vectors(" + ".join(names), names, fused, fused, asked)

    return [chance(asked, draws=3), *every_subset(blocks, make)]


@pytest.fixture(scope="module")
def found() -> Ablation:
    return ablate(cases(shop()), samples=500)


# ---- cases


def test_scores_are_ranked_by_the_metrics_of_the_room() -> None:
    """All scores handed over as a run give the same as the best of them; ties go by id; the query is left out."""
    rng = np.random.default_rng(0)
    items = tuple(f"i{n}" for n in range(140))
    qrels = {f"i{q}": {f"i{n}": int(rng.integers(0, 3)) for n in rng.choice(140, 20, replace=False)} for q in range(9)}
    scores = np.round(rng.random((9, 140)), 1)  # full of ties
    scores[0, 3:] = -np.inf
    for apart in (False, True):
        task = Task(items, qrels, apart=apart)
        run = {
            query: [
                (item, float(score))
                for item, score in zip(items, row, strict=True)
                if score > -np.inf and not (apart and item == query)
            ]
            for query, row in zip(task.queries, scores, strict=True)
        }
        expected = evaluate_run(run, qrels, ks=(1, 10)).per_query
        values = ranking_values(scores, task, cuts=(1, 10))
        assert set(values) == set(expected)
        for metric, each in expected.items():
            np.testing.assert_array_equal(values[metric], each)


def test_vectors_are_matched_by_id_and_missing_ones_are_not_found() -> None:
    rows = np.eye(4, dtype=np.float32)
    items = Embeddings.of_products(["d", "c", "b", "a"], rows, np.array([True, True, True, False]))
    queries = Embeddings.of_products(["x", "a", "b"], 3 * rows[[0, 3, 2]])
    task = Task(("a", "b", "c", "d"), {"b": {"b": 1}, "a": {"a": 1}})
    case = Case.of_vectors("v", ["image"], queries, items, {"validation": task, "test": task})
    assert (case.kind, case.modalities) == ("single", ("image",))
    np.testing.assert_array_equal(case.values("test")["mrr@10"], [1.0, 0.0])
    wrong = Task(("a", "e"), {"b": {"a": 1}})
    stray = Case.of_vectors("v", ["image"], queries, items, {"validation": wrong, "test": wrong})
    with pytest.raises(UsageError, match="item 'e' of the task has no row; 1 of 2"):
        stray.values("test")


def test_chance_scores_what_the_harmonic_law_says() -> None:
    task = Task(tuple(f"i{n}" for n in range(50)), {f"q{n}": {f"i{n}": 1} for n in range(50)})
    case = chance({"validation": task, "test": task}, draws=40)
    assert (case.kind, case.modalities) == ("chance", ())
    values = case.values("test")
    assert np.mean(np.asarray(values["mrr@100"])) == pytest.approx(sum(1 / n for n in range(1, 51)) / 50, rel=0.1)
    assert np.mean(np.asarray(values["recall@10"])) == pytest.approx(0.2, rel=0.1)


def test_every_subset_that_the_data_support() -> None:
    def make(names: tuple[str, ...]) -> Case | None:
        ones = {"hit": np.ones(2)}
        return Case.of_values("+".join(names), names, validation=ones, test=ones) if names != ("b", "c") else None

    made = every_subset(["c", "a", "b"], make)
    assert [case.name for case in made] == ["a", "b", "c", "a+b", "a+c", "a+b+c"]
    assert [case.kind for case in made] == ["single"] * 3 + ["subset"] * 3


def test_scores_that_do_not_fit_are_refused() -> None:
    task = Task(("a", "b"), {"q": {"a": 1}})
    with pytest.raises(UsageError, match=r"scores are \(2, 2\); the task has 1 queries and 2 items"):
        ranking_values(np.zeros((2, 2)), task)
    with pytest.raises(DataError, match="not a number"):
        ranking_values(np.array([[0.0, np.nan]]), task)


# ---- the gate


def test_one_case_is_judged_as_by_the_paired_bootstrap() -> None:
    rng = np.random.default_rng(1)
    gain = rng.normal(0.15, 1, 200)
    two_sided = bootstrap(gain, samples=4000).p_value
    assert beyond_noise(gain[:, None], samples=4000)[0] == pytest.approx(two_sided / 2, abs=0.01)


def test_the_best_of_many_useless_cases_is_seldom_beyond_noise() -> None:
    """Twenty useless cases in 200 shops: without the correction, about 64 % of shops would let one in."""
    rng = np.random.default_rng(2)
    fooled = sum(beyond_noise(rng.normal(0, 1, (60, 20)), samples=200, seed=seed).min() <= 0.05 for seed in range(200))
    assert fooled <= 22  # 10 expected


def test_many_copies_of_one_case_cost_nothing() -> None:
    gain = np.random.default_rng(3).normal(0.2, 1, (150, 1))
    alone, among = beyond_noise(gain), beyond_noise(gain.repeat(30, axis=1))
    np.testing.assert_allclose(among, alone[0], atol=1e-12)


def test_differences_that_never_vary() -> None:
    rng = np.random.default_rng(4)
    gains = np.stack([np.full(80, 0.1), np.zeros(80), np.full(80, -0.1), rng.normal(0, 1, 80)], axis=1)
    first, same, worse, _ = beyond_noise(gains, samples=99)
    assert (first, same, worse) == (0.01, 1.0, 1.0)


def test_what_passed_gives_way_to_what_does_as_well_with_less() -> None:
    rng = np.random.default_rng(5)
    low = rng.normal(0.3, 0.1, 80)
    scores = {
        "a + b + noise": low + rng.normal(0.2, 0.1, 80),
        "a + c": low + 0.3,  # has something that the chosen one does not
        "b": low.copy(),  # does not beat the baseline
        "a": low + 0.05,  # surely worse than the chosen one
    }
    scores["a + b"] = scores["a + b + noise"] + rng.normal(-0.001, 0.05, 80)
    every = [Case(name, tuple(name.split(" + ")), "fusion", lambda split: {}) for name in scores]
    named = {case.name: case for case in every}
    chosen = named["a + b + noise"]
    assert without_ballast(chosen, every, scores, low, samples=500).name == "a + b"
    scores["a + b"] -= 0.1
    assert without_ballast(chosen, every, scores, low, samples=500) is chosen
    assert without_ballast(named["a + c"], every, scores, low, samples=500) is named["a + c"]


# ---- the comparison


def test_the_figures_are_those_of_the_cases(found: Ablation) -> None:
    by_name = {case.name: case for case in cases(shop())}
    assert {row.name for row in found.rows} == set(by_name)
    baseline = np.asarray(by_name["text"].values("test")["ndcg@10"])
    for row in found.rows:
        values = by_name[row.name].values("test")
        assert row.test["mrr@10"] == pytest.approx(np.mean(values["mrr@10"]))
        assert row.value == bootstrap(values["ndcg@10"], samples=500)
        assert row.gain == paired_bootstrap(baseline, values["ndcg@10"], samples=500)
    means = [row.value.mean for row in found.rows]
    assert means == sorted(means, reverse=True)
    assert found.queries == {"validation": 90, "test": 90}


def test_modalities_that_say_something_are_used_together(found: Ablation) -> None:
    assert found.baseline == "text"
    assert found.fused
    assert {"text", "image"} <= set(found[found.winner].modalities)
    assert found[found.winner].gain.lower > 0
    assert found["text"].p_value is None
    assert found[found.winner].p_value == pytest.approx(1 / 501)
    assert f"{found.winner} is used: +." in found.verdict


def test_what_a_modality_adds_is_averaged_over_all_orders(found: Ablation) -> None:
    values = {row.modalities: row.test["ndcg@10"] for row in found.rows}
    names = sorted(SPREAD)
    for each in found.contributions:
        others = [name for name in names if name != each.modality]
        expected = 0.0
        for size, share in ((0, 1 / 3), (1, 1 / 6), (2, 1 / 3)):
            for subset in combinations(others, size):
                expected += share * (values[tuple(sorted((*subset, each.modality)))] - values[subset])
        assert each.method == "shapley"
        assert each.adds.mean == pytest.approx(expected)
        assert each.last is not None
        assert each.last.mean == pytest.approx(values[tuple(names)] - values[tuple(others)])
        assert each.alone == pytest.approx(values[(each.modality,)])
    total = sum(each.adds.mean for each in found.contributions)
    assert total == pytest.approx(values[tuple(names)] - values[()])
    assert found.contributions[0].modality == "text"


def test_without_every_subset_what_is_left_out_is_compared() -> None:
    some = [case for case in cases(shop()) if case.name not in ("audio + text", "chance", "audio + image")]
    left = {each.modality: each for each in ablate(some, samples=200).contributions}
    assert set(left) == {"audio"}  # only text + image, without audio, was tried
    assert left["audio"].method == "leave-one-out"
    assert left["audio"].adds == left["audio"].last


def test_noise_is_dropped_and_a_copy_too() -> None:
    checked = control(shop(), cases, noise="audio", duplicate="image", samples=500)
    assert checked.dropped_noise
    assert checked.dropped_copy
    assert "text" in checked.ablation[checked.ablation.winner].modalities
    said = {each.modality: each.verdict for each in checked.ablation.contributions}
    assert said["audio"].startswith(("audio does harm", "audio adds nothing that could be measured"))
    assert said["text"].startswith("text adds .")
    assert json.loads(json.dumps(checked.to_json()))["dropped_noise"] is True
    adds = {each.modality: each.adds.mean for each in checked.ablation.contributions}
    assert adds["image"] == pytest.approx(adds["image again"])


def test_noise_keeps_who_has_what_and_how_long_it_is() -> None:
    present = np.arange(GROUPS * EACH) % 4 > 0
    rows = np.where(present[:, None], shop()["text"].vectors, 0).astype(np.float32)
    block = Embeddings.of_products(shop()["text"].ids, rows, present)
    changed = noisy({"text": block}, "text", seed=1)["text"]
    np.testing.assert_allclose(np.linalg.norm(changed.vectors, axis=1), np.linalg.norm(rows, axis=1), rtol=1e-5)
    assert np.abs((normalise(changed.vectors) * normalise(rows)).sum(axis=1)).mean() < 0.4
    np.testing.assert_array_equal(changed.present, present)
    assert doubled({"text": block}, "text", "copy")["copy"] is block
    with pytest.raises(UsageError, match="no modality 'video'"):
        noisy({"text": block}, "video", seed=0)
    with pytest.raises(UsageError, match="already"):
        doubled({"text": block}, "text", "text")
    with pytest.raises(UsageError, match="both noise and repeated"):
        control({"text": block}, cases, noise="text", duplicate="text")


def test_the_best_single_one_is_kept_where_nothing_beats_it() -> None:
    """Only text says anything: whatever is added is noise."""
    found = ablate(cases(shop(spread={"text": 0.6, "image": 50.0, "audio": 50.0})), samples=500)
    assert (found.winner, found.baseline, found.fused) == ("text", "text", False)
    assert found.verdict.startswith("text is kept: nothing beats it beyond noise, of 4 tried")


def test_a_given_baseline_may_be_what_is_kept() -> None:
    better = Case.of_scores(
        "bm25", ["text"], lambda task: _oracle(task), tasks(), kind="baseline"
    )  # ranks everything rightly
    found = ablate([*cases(shop()), better], samples=200)
    assert (found.baseline, found.winner) == ("bm25", "bm25")
    assert found["bm25"].value.mean == 1.0


def _oracle(task: Task) -> NDArray[np.float64]:
    return np.array([[float(task.qrels[query].get(item, 0)) for item in task.items] for query in task.queries])


def test_the_choice_looks_at_validation_only_and_every_case_is_measured_once_per_split() -> None:
    asked: list[tuple[str, Split]] = []
    rng = np.random.default_rng(5)
    base, noise = rng.random(80), rng.normal(0, 0.05, 80)

    def case(name: str, validation: float, test: float) -> Case:
        def values(split: Split) -> Values:
            asked.append((name, split))
            return {"hit": base + noise + (validation if split == "validation" else test)}

        return Case(name, tuple(name), "single" if len(name) == 1 else "subset", values)

    found = ablate([case("a", 0, 9), case("b", 1, 0), case("ab", 2, -5), case("abc", 1.5, 99)], metric="hit")
    assert (found.baseline, found.winner) == ("b", "ab")
    assert sorted(asked) == sorted(
        (name, split) for name in ("a", "b", "ab", "abc") for split in ("validation", "test")
    )
    assert found["ab"].gain.mean == pytest.approx(-5)
    assert "-5.000 [-5.000, -5.000] on test" in found.verdict


def test_of_cases_that_cannot_be_told_apart_the_smaller_is_used() -> None:
    rng = np.random.default_rng(6)
    base = rng.random(300)
    two, three = base + 0.2 + rng.normal(0, 0.1, 300), base + 0.202 + rng.normal(0, 0.1, 300)
    four = base + 0.3 + rng.normal(0, 0.1, 300)

    def case(names: str, values: NDArray[np.float64]) -> Case:
        return Case.of_values(names, names, validation={"hit": values}, test={"hit": values})

    some = [case("a", base), case("ab", two), case("abc", three)]
    assert ablate(some, metric="hit", samples=500).winner == "ab"
    assert ablate([*some, case("abcd", four)], metric="hit", samples=500).winner == "abcd"


def test_one_modality_alone_is_used() -> None:
    found = ablate(cases({"text": shop()["text"]}), samples=100)
    assert found.verdict == "text is used: there is nothing else to compare it with."
    assert found.contributions[0].adds.mean == pytest.approx(
        found["text"].value.mean - found["chance"].value.mean, abs=1e-9
    )


def test_what_cannot_be_compared_is_refused() -> None:
    def case(name: str, names: str, n: int = 3, metric: str = "hit") -> Case:
        return Case.of_values(name, names, validation={metric: np.ones(n)}, test={metric: np.ones(n)})

    for wrong, said in (
        ([case("ab", "ab")], "nothing to compare with"),
        ([case("a", "a"), case("a", "b")], "two cases are named 'a'"),
        ([case("a", "a"), case("ab", "ab"), case("ba", "ab")], "'a \\+ b' are two cases of the same method"),
        ([case("a", "a"), case("b", "b", 4)], r"have \(3,\) and \(4,\) values on validation"),
        ([case("a", "a", metric="accuracy")], "'a' has no metric 'hit'; it has accuracy"),
    ):
        with pytest.raises(UsageError, match=said):
            ablate(wrong, metric="hit", samples=10)


# ---- what is read of it


def test_it_is_written_as_json(found: Ablation) -> None:
    written = json.loads(json.dumps(found.to_json()))
    assert written["winner"] == found.winner
    assert written["rows"][0]["gain"]["mean"] == found.rows[0].gain.mean
    assert written["contributions"][0]["verdict"] == found.contributions[0].verdict
    assert written["verdict"] == found.verdict


def test_it_is_read_as_a_table(found: Ablation) -> None:
    lines = table(found).splitlines()
    named = {row.name: next(line for line in lines if f"  {row.name}  " in line) for row in found.rows}
    assert named["text"].startswith("=")
    assert named[found.winner].startswith("*")
    row = found["image"]
    assert f"{plus(row.gain.mean)} [{short(row.gain.lower)}, {short(row.gain.upper)}]" in named["image"]
    assert lines[-1].strip() == found.contributions[-1].verdict
    assert "90 validation queries and 90 test queries" in lines[0]


def test_short_numbers() -> None:
    assert [short(value) for value in (0.0412, -0.0412, 1.5, 0.0, -3.0)] == [".041", "-.041", "1.500", ".000", "-3.000"]
    assert [plus(value) for value in (0.0412, -0.0412, 0.0)] == ["+.041", "-.041", "+.000"]


def _said(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def _inside(figure: Figure) -> None:
    figure.canvas.draw()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(box.x0, box.y0) >= -0.02
    assert box.x1 <= width + 0.02
    assert box.y1 <= height + 0.02


def test_the_picture_says_it_all(found: Ablation) -> None:
    figure = ablation_figure(found)
    said = _said(figure)
    for row in found.rows:
        assert row.name in said
        assert short(row.value.mean) in said
    for contribution in found.contributions:
        assert contribution.verdict.removeprefix(f"{contribution.modality} ") in said.replace("\n", " ")
    assert f"{found.winner} is used" in said
    _inside(figure)


def test_a_picture_of_many_cases_draws_the_best_and_those_that_matter() -> None:
    rng = np.random.default_rng(7)

    def make(names: tuple[str, ...]) -> Case:
        values = {"ndcg@10": rng.random(30) * 0.2 + len(names) * 0.1}
        return Case.of_values(" + ".join(names), names, validation=values, test=values)

    names = ("attributes", "audio of the clips", "behaviour", "图片 image", "reviews", "text in two languages")
    found = ablate(every_subset(names, make), samples=50)
    figure = ablation_figure(found)
    ticks = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(ticks) == MOST_ROWS
    assert set(names) <= set(ticks)
    assert len(set(ticks)) == MOST_ROWS  # no two are cut to the same name
    assert "all 6" in ticks
    assert "all but reviews" in ticks
    _inside(figure)
