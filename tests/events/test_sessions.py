"""Visits, by the ids that events bring and by the pauses between them."""

from __future__ import annotations

import random

import pytest

from goodsense.errors import UsageError
from goodsense.events import sessions, user_sessions
from tests.events.samples import event, shoppers


def test_a_pause_parts_visits_and_users_never_share_one() -> None:
    events = [event("a", f"i{at}", at=at) for at in (0, 1800, 3601, 3602)] + [event("b", "i", at=1)]
    found = [(visit.user, [e.item for e in visit.events], visit.seconds) for visit in sessions(events)]
    assert found == [("a", ["i0", "i1800"], 1800.0), ("a", ["i3601", "i3602"], 1.0), ("b", ["i"], 0.0)]
    assert len(sessions(events, gap_s=1)) == 4
    assert len({visit.id for visit in sessions(events)}) == 3


def test_given_ids_win_and_events_without_time_belong_to_none() -> None:
    events = [event("a", "1", at=0, session="s"), event("a", "2", at=9e5, session="s"), event("a", "3", at=5)]
    events += [event("a", "4"), event("b", "5", session="s")]
    found = {(visit.user, visit.given): [e.item for e in visit.events] for visit in sessions(events)}
    assert found == {("a", True): ["1", "2"], ("a", False): ["3"], ("b", True): ["5"]}
    assert [visit.id for visit in sessions(events) if visit.given] == ["s", "s"]


def test_ids_do_not_depend_on_order_or_on_what_comes_later() -> None:
    events = shoppers(6, 10, 300, untimed=0.1)
    before = sessions(events)
    shuffled = random.Random(1).sample(events, len(events))
    assert [(v.id, v.user) for v in sessions(shuffled)] == [(v.id, v.user) for v in before]
    later = [*events, *(event(f"u{n}", "late", at=9e6) for n in range(6))]
    assert {v.id for v in before} < {v.id for v in sessions(later)}
    assert len({v.id for v in before}) == len(before)


def test_every_timed_event_is_in_exactly_one_visit() -> None:
    events = shoppers(6, 10, 300, untimed=0.1)
    inside = [e for visit in sessions(events) for e in visit.events]
    assert sorted(map(repr, inside)) == sorted(repr(e) for e in events if e.time is not None)


def test_a_pause_must_be_one() -> None:
    with pytest.raises(UsageError):
        list(user_sessions([], 0))
