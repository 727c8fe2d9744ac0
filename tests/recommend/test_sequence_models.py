"""Networks that read histories step by step: languages they must learn, padding, order, items that nobody touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.recommend import Content, histories_of
from goodsense.recommend.histories import aligned
from goodsense.types import Embeddings

pytest.importorskip("torch")

from goodsense.recommend.convolution import Convolution
from goodsense.recommend.gru4rec import Gru4Rec
from goodsense.recommend.sasrec import Sasrec
from goodsense.recommend.sequence_model import Lesson, SequenceModel, _lessons
from goodsense.recommend.sequences import Sequences

LETTERS = "abcdefghijkl"
QUICK: dict[str, Any] = {
    "dim": 16,
    "epochs": 15,
    "batch": 16,
    "rate": 3e-2,
    "patience": None,
    "dropout": 0.0,
    "longest": 6,
}
MODELS: dict[str, tuple[type[SequenceModel], dict[str, Any]]] = {
    "sasrec": (Sasrec, {"layers": 1}),
    "gru4rec": (Gru4Rec, {"hidden": 16}),
    "nextitnet": (Convolution, {"dilations": (1, 2)}),
    "caser": (Convolution, {"shape": "caser", "window": 3, "filters": 4}),
}


def circles() -> list[list[str]]:
    """Histories of a language in which every letter is followed by the next one, the last by the first."""
    n = len(LETTERS)
    return [[LETTERS[(start + step) % n] for step in range(length)] for start in range(n) for length in (2, 3, 4, 6)]


def made(name: str, **options: Any) -> SequenceModel:
    family, own = MODELS[name]
    return family(**{**QUICK, **own, **options})


@pytest.fixture(scope="module")
def learned() -> dict[str, SequenceModel]:
    return {name: made(name).fit(histories_of(circles())) for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
def test_a_circle_is_learned(name: str, learned: dict[str, SequenceModel]) -> None:
    asked = [["a"], ["c", "d"], ["j", "k", "l"]]
    found = learned[name].recommend(histories_of(asked), 1, exclude_seen=False)
    assert [found.ids(row) for row in range(3)] == [("b",), ("e",), ("a",)]


@pytest.mark.parametrize("name", MODELS)
def test_a_history_among_longer_ones_is_answered_as_alone(name: str, learned: dict[str, SequenceModel]) -> None:
    asked = [["a"], ["c", "d", "e", "f", "g", "h"], [], ["b", "c", "d"], ["l"] * 9]
    together = learned[name].score(histories_of(asked), LETTERS)
    alone = np.vstack([learned[name].score(histories_of([own]), LETTERS) for own in asked])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert not together[2].any()


@pytest.mark.parametrize("name", MODELS)
def test_the_order_of_a_history_counts(name: str, learned: dict[str, SequenceModel]) -> None:
    found = learned[name].score(histories_of([["a", "b", "c"], ["c", "b", "a"]]), LETTERS)
    assert LETTERS[int(found[0].argmax())] == "d"
    assert LETTERS[int(found[1].argmax())] != "d"


@pytest.mark.parametrize("name", MODELS)
def test_only_the_newest_steps_are_read(name: str, learned: dict[str, SequenceModel]) -> None:
    newest = list("bcdefg")
    long, short = learned[name].score(histories_of([["l", "a", *newest], newest]), LETTERS)
    np.testing.assert_allclose(long, short, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_from_disk(name: str, learned: dict[str, SequenceModel], tmp_path: Any) -> None:
    model = learned[name]
    model.save(tmp_path / name)
    again = type(model).load(tmp_path / name)
    asked = histories_of([["a", "b"], ["e"]])
    np.testing.assert_array_equal(again.score(asked, LETTERS), model.score(asked, LETTERS))
    assert again.similar(["a"], 3).ids() == model.similar(["a"], 3).ids()
    assert again.options == model.options


def test_the_same_seed_gives_the_same_answer() -> None:
    one, two, other = (made("sasrec", epochs=2, dropout=0.2).fit(histories_of(circles()), seed=s) for s in (3, 3, 4))
    asked = histories_of([["a", "b"]])
    np.testing.assert_array_equal(one.score(asked, LETTERS), two.score(asked, LETTERS))
    assert np.abs(one.score(asked, LETTERS) - other.score(asked, LETTERS)).max() > 1e-3


# ---- content


def directions(ids: str, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((len(ids), 12)).astype(np.float32)


def with_twins() -> Content:
    """Letters with content, and for each a capital that nobody ever took, with almost the same content."""
    ids = tuple(LETTERS.upper() + LETTERS)
    own = directions(LETTERS)
    vectors = np.vstack([own + 0.05 * directions(LETTERS, 1), own])
    return Content(ids, {"text": Embeddings.of_products(ids, vectors)})


@pytest.mark.parametrize(("name", "inputs"), [("sasrec", "content"), ("nextitnet", "content"), ("gru4rec", "both")])
def test_what_nobody_touched_is_found_by_its_content(name: str, inputs: str) -> None:
    model = made(name, inputs=inputs, hide=0.5, epochs=25).fit(histories_of(circles()), with_twins())
    capitals = list(LETTERS.upper())
    found = model.recommend(histories_of([["a"], ["c", "d"]]), 1, allowed=capitals)
    assert [found.ids(row) for row in range(2)] == [("B",), ("E",)]
    from_cold = model.recommend(histories_of([["A"]]), 1, allowed=list(LETTERS))  # a history of what nobody took
    assert from_cold.ids() == ("b",)


@pytest.mark.parametrize("negatives", [0, 5])
def test_what_nobody_touched_is_never_a_wrong_answer(negatives: int) -> None:
    ids = tuple("abcde")
    own = aligned(histories_of([list("bdeb")]), ids, {id: place for place, id in enumerate(ids)})
    pieces, popularity = Sequences.lessons(own, 3), np.array([0.0, 0.5, 0.0, 0.25, 0.25])
    for lesson in _lessons(pieces, 2, popularity, negatives, 0, np.random.default_rng(0)):
        candidates = lesson.items[lesson.candidates]
        assert set(candidates.tolist()) <= {1, 3, 4}
        said = [(int(lesson.items[step]), int(candidates[target])) for step, target in steps_of(lesson)]
        assert said == [(1, 3), (3, 4), (4, 1)]


def steps_of(lesson: Lesson) -> list[tuple[int, int]]:
    return list(zip(lesson.steps[lesson.there].tolist(), lesson.targets.tolist(), strict=True))


def test_ids_alone_put_what_nobody_touched_last() -> None:
    model = made("sasrec", inputs="ids").fit(histories_of(circles()), with_twins())
    found = model.recommend(histories_of([["a"]]), 23)
    assert set(found.ids()[:11]) == set(LETTERS[1:])
    scores = model.score(histories_of([["a"]]), list(LETTERS.upper()))
    assert (scores <= model.score(histories_of([["a"]]), list(LETTERS)).min()).all()


def test_content_alone_needs_content() -> None:
    with pytest.raises(DataError, match="content"):
        made("sasrec", inputs="content").fit(histories_of(circles()))


# ---- many items


def test_a_circle_is_learned_from_drawn_candidates() -> None:
    model = made("caser", negatives=3).fit(histories_of(circles()))
    found = model.recommend(histories_of([["a"], ["c", "d"]]), 1)
    assert [found.ids(row) for row in range(2)] == [("b",), ("e",)]


# ---- bad input


@pytest.mark.parametrize("name", MODELS)
def test_histories_of_one_step_teach_nothing_and_break_nothing(name: str) -> None:
    model = made(name).fit(histories_of([["a"], ["b"], ["b"]]))
    assert model.recommend(histories_of([["a"]]), 5).ids() == ("b",)
    assert model.recommend(histories_of([[]]), 5).ids() == ("b", "a")  # by popularity


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sasrec", {"inputs": "words"}),
        ("sasrec", {"heads": 3}),
        ("sasrec", {"dropout": 1.0}),
        ("sasrec", {"longest": 0}),
        ("gru4rec", {"layers": 0}),
        ("nextitnet", {"dilations": (1, 2, 4)}),
        ("nextitnet", {"shape": "square"}),
        ("caser", {"negatives": -1}),
    ],
)
def test_options_that_make_no_sense_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        made(name, **options)
