"""Session neighbours by hand."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.recommend import histories_of, make_model
from goodsense.recommend.session_knn import session_rows
from tests.recommend.toys import all_scores, log

SESSIONS = [["a", "b", "c"], ["a", "d"], ["b", "e"], ["f", "g"]]
TIMES = [[1.0, 2, 3], [11.0, 12], [21.0, 22], [31.0, 32]]


def past() -> Interactions:
    return histories_of(SESSIONS, times=TIMES)


def test_sessions_count_by_the_items_they_share_the_last_ones_most() -> None:
    model = make_model("session-knn", rarity=False, decay="div").fit(past())
    found = model.score(histories_of([["a", "b"]]), list("acdefg"))[0]
    # b is the last item (1), a the one before (1/2), 3/2 in all. The first session shares both, its latest is b.
    first, second, third = (1.5 / 1.5) * 1, (0.5 / 1.5) * 0.5, (1 / 1.5) * 1
    assert found == pytest.approx([first + second, first, second, third, 0, 0])


def test_linear_decay_falls_with_the_steps() -> None:
    model = make_model("session-knn", rarity=False, decay="linear", length=4).fit(past())
    found = model.score(histories_of([["a", "x", "b"]]), ["d", "e"])[0]  # x is unknown, so a is one step from the end
    assert found == pytest.approx([(0.75 / 1.75) * 0.75, 1 / 1.75])


def test_only_the_nearest_sessions_count_of_equal_ones_the_latest() -> None:
    model = make_model("session-knn", rarity=False, neighbours=1).fit(past())
    assert model.recommend(histories_of([["a", "b"]]), 1).ids() == ("c",)
    assert model.score(histories_of([["a"]]), ["c", "d"])[0] == pytest.approx([0, 1])


def test_only_the_latest_sessions_are_looked_at() -> None:
    model = make_model("session-knn", rarity=False, sample=1, decay="none").fit(past())
    assert model.score(histories_of([["a", "b"]]), ["c", "d", "e"])[0] == pytest.approx([0, 0, 0.5])


def test_only_the_last_items_of_the_session_at_hand_count() -> None:
    model = make_model("session-knn", rarity=False, length=1).fit(past())
    assert model.score(histories_of([["a", "b"]]), ["d", "e"])[0] == pytest.approx([0, 1])


def test_an_item_seen_again_counts_once_at_its_last_place() -> None:
    model = make_model("session-knn", rarity=False, decay="div").fit(past())
    twice, once = histories_of([["a", "b", "a"]]), histories_of([["b", "a"]])
    np.testing.assert_allclose(all_scores(model, twice), all_scores(model, once))


def test_a_pause_ends_a_session() -> None:
    events = histories_of([["a", "b", "c"], ["d"]], times=[[0.0, 10, 5_000], [5_001.0]])
    assert session_rows(events, 1_800.0).tolist() == [0, 0, 1, 2]
    assert session_rows(events, None).tolist() == [0, 0, 0, 1]
    model = make_model("session-knn", rarity=False, gap_s=1_800.0).fit(events)
    assert model.score(histories_of([["a"]]), ["b", "c"])[0] == pytest.approx([1, 0])
    late = histories_of([["a", "c"]], times=[[0.0, 5_000]])  # the visit at hand has c only
    assert model.score(late, ["b"])[0, 0] == 0


def test_rare_items_come_first_if_they_are_to() -> None:
    events = histories_of([["a", "b", "c"], ["b", "d"], ["b", "e"]])
    model = make_model("session-knn", rarity=True).fit(events)
    assert model.score(histories_of([["a"]]), ["b", "c"])[0] == pytest.approx([np.log(4 / 3), np.log(4)])


def test_without_times_nothing_decays() -> None:
    events = past()
    untimed = Interactions(
        events.users,
        events.items,
        events.starts,
        events.item_rows,
        events.weights,
        np.full(len(events), np.nan),
        events.labels,
    )
    model = make_model("session-knn", rarity=False, decay="div").fit(untimed)
    assert model.score(histories_of([["a", "b"]]), ["c", "d", "e"])[0] == pytest.approx([1, 0.5, 0.5])


def test_similar_items_share_sessions() -> None:
    found = make_model("session-knn", rarity=False).fit(past()).similar(["a"], 2)
    assert set(found.ids()) == {"c", "d"}  # b is in another one, too
    assert found.scores[0] == pytest.approx([1, 1])


def test_nothing_is_kept_between_questions() -> None:
    events = log(users=50)
    model = make_model("session-knn", rarity=False, neighbours=5).fit(events)
    np.testing.assert_array_equal(all_scores(model, events), all_scores(model, events))


@pytest.mark.parametrize("options", [{"decay": "log"}, {"gap_s": 0.0}, {"sample": 0}, {"rarity": 2}])
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        make_model("session-knn", **options)
