"""The toy shop's people: the same ones every time, plausible, true to their tastes, and honest about what is false."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from goodsense.demo.flaws import numbers
from goodsense.demo.plan import Truth, plan
from goodsense.demo.reviewing import WORDINGS
from goodsense.demo.shoppers import Crowd, gather, write_crowd
from goodsense.demo.tastes import ASPECTS, COMPANIONS, Shopper, accounts, qualities, shoppers
from goodsense.demo.visits import DAYS, END
from goodsense.events import Event, read_events
from goodsense.feedback import CONVERSATIONS, QUESTIONS, REVIEWS, Review, VoiceKind, read_voices
from goodsense.tables import Rejects
from goodsense.text import detect_language
from goodsense.text.personal import find_personal

PRODUCTS = 300


@pytest.fixture(scope="module")
def truths() -> tuple[Truth, ...]:
    return plan(PRODUCTS, seed=3)


@pytest.fixture(scope="module")
def crowd(truths: tuple[Truth, ...]) -> Crowd:
    return gather(truths, seed=3)


@pytest.fixture(scope="module")
def by_id(truths: tuple[Truth, ...]) -> dict[str, Truth]:
    return {truth.id: truth for truth in truths}


def honest(crowd: Crowd) -> list[Review]:
    """Reviews of which nothing is false."""
    return [review for review in crowd.reviews if crowd.secrets[review.id].flaw in ("", "silent", "personal")]


def told(crowd: Crowd, flaw: str) -> list[Review]:
    return [review for review in crowd.reviews if crowd.secrets[review.id].flaw == flaw]


def holds_personal_data(*texts: str) -> bool:
    return any(find_personal(text) for text in texts)


# ---- the files


def test_equal_seeds_give_equal_files(crowd: Crowd, truths: tuple[Truth, ...], tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for directory, people in ((one, crowd), (two, gather(truths, seed=3))):
        directory.mkdir()
        write_crowd(people, directory)
    names = sorted(path.name for path in one.iterdir())
    assert names == ["conversations.jsonl", "events.csv", "questions.jsonl", "reviews.jsonl", "shoppers.json"]
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    assert gather(plan(30, seed=3), seed=4).events != gather(plan(30, seed=3), seed=3).events


def test_what_is_written_is_read_without_a_reject(crowd: Crowd, tmp_path: Path) -> None:
    write_crowd(crowd, tmp_path)
    with Rejects(None) as rejects:
        assert [event for _, event in read_events(tmp_path / "events.csv", rejects=rejects)] == list(crowd.events)
        assert read(REVIEWS, tmp_path / "reviews.jsonl", rejects) == list(crowd.reviews)
        assert read(QUESTIONS, tmp_path / "questions.jsonl", rejects) == list(crowd.questions)
        assert read(CONVERSATIONS, tmp_path / "conversations.jsonl", rejects) == list(crowd.conversations)
        assert rejects.rows == rejects.fields == 0


def read(kind: VoiceKind[Any], path: Path, rejects: Rejects) -> list[Any]:
    return [voice for _, voice in read_voices(kind, path, rejects=rejects)]


def test_the_hidden_truth_is_told_in_a_file_of_its_own(crowd: Crowd, truths: tuple[Truth, ...], tmp_path: Path) -> None:
    write_crowd(crowd, tmp_path)
    found = json.loads((tmp_path / "shoppers.json").read_text("utf-8"))
    assert [shopper["id"] for shopper in found["shoppers"]] == [shopper.id for shopper in crowd.shoppers]
    assert found["products"].keys() == {truth.id for truth in truths}
    assert found["questions"].keys() == {question.id for question in crowd.questions}
    assert found["conversations"].keys() == {conversation.id for conversation in crowd.conversations}
    spam = {id for id, secret in found["reviews"].items() if secret["flaw"] in ("advert", "copied")}
    assert spam == {review.id for review in crowd.reviews if review.user in found["spammers"]}
    assert found["bots"]
    assert found["unknown_products"]


@pytest.mark.parametrize(("products", "people"), [(600, 400), (30, 20)])
def test_the_crowd_grows_with_the_shop(products: int, people: int) -> None:
    crowd = gather(plan(products, seed=1), seed=1)
    assert len(crowd.shoppers) == people
    assert len(crowd.questions) == max(12, products // 4)
    assert len(crowd.conversations) == max(8, products // 10)
    assert 25 * products < len(crowd.events) < 50 * products
    assert 1.5 * products < len(crowd.reviews) < 3.5 * products


# ---- who they are


def test_tastes_fit_what_they_say() -> None:
    taste = Shopper("u1", "en", {"car": 0.7, "bear": 0.3}, ("red",), ("Kikoru",), (50.0, 100.0), "3+", 0.0, 5)
    best = Truth("a", "car", "red", "wood", "3+", "mini", "Kikoru", "en", True, True, True, 1, 60.0)
    blue, dear, other = (
        Truth("b", "car", "blue", "wood", "3+", "mini", "Kikoru", "en", True, True, True, 1, 60.0),
        Truth("c", "car", "blue", "wood", "3+", "mini", "Kikoru", "en", True, True, True, 1, 400.0),
        Truth("d", "piano", "blue", "wood", "8+", "mini", "Wunderoo", "en", True, True, True, 1, 400.0),
    )
    fits = [taste.fit(truth) for truth in (best, blue, dear, other)]
    assert fits[0] == pytest.approx(1)
    assert fits == sorted(fits, reverse=True)
    assert 0 <= fits[-1] < 0.05


def test_shoppers_differ_and_half_of_them_are_chinese() -> None:
    people = shoppers(accounts(200, seed=5), seed=5)
    assert Counter(shopper.language for shopper in people) == {"en": 100, "zh": 100}
    assert len({shopper.id for shopper in people}) == 200
    assert len({tuple(shopper.kinds) for shopper in people}) > 150
    assert all(sum(shopper.kinds.values()) == pytest.approx(1, abs=0.01) for shopper in people)


def test_a_duplicate_listing_is_as_good_as_its_original(truths: tuple[Truth, ...]) -> None:
    hidden = qualities(truths, seed=3)
    assert sum(quality.popularity for quality in hidden.values()) == pytest.approx(1, abs=0.001)
    for truth in truths:
        if truth.duplicate_of:
            assert hidden[truth.id].overall == hidden[truth.duplicate_of].overall
            assert hidden[truth.id].aspects == hidden[truth.duplicate_of].aspects
    assert all(0 <= value <= 1 for quality in hidden.values() for value in quality.aspects.values())


# ---- what they do


def test_every_item_is_in_the_catalog_but_for_the_declared_ones(crowd: Crowd, by_id: dict[str, Truth]) -> None:
    strange = Counter(event.item for event in crowd.events if event.item not in by_id)
    assert set(strange) == set(crowd.gone)
    assert 0 < strange.total() < 0.02 * len(crowd.events)
    assert {event.user for event in crowd.events} <= {shopper.id for shopper in crowd.shoppers} | set(crowd.bots)
    assert len({event.key for event in crowd.events}) == len(crowd.events)


def test_purchases_come_after_views_and_carts(crowd: Crowd) -> None:
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in crowd.events:
        before = seen[event.user, event.item]
        if event.type in ("cart", "purchase"):
            assert "view" in before
        if event.type == "purchase":
            assert "cart" in before
        if event.type == "rate":
            assert "purchase" in before
            assert event.rating in (1, 2, 3, 4, 5)
        before.add(event.type)


def test_the_funnel_narrows_and_every_type_is_there(crowd: Crowd) -> None:
    types = Counter(event.type for event in crowd.events)
    assert types.keys() == {"search", "click", "view", "wishlist", "cart", "purchase", "rate"}
    assert types["view"] > types["click"] > types["cart"] > types["purchase"] > types["rate"]
    assert 0.05 < types["purchase"] / types["view"] < 0.3
    searches = [event for event in crowd.events if event.type == "search"]
    assert all(event.query for event in searches)
    assert {detect_language(event.query) for event in searches} >= {"zh"}


def test_ninety_days_in_visits_that_do_not_overlap(crowd: Crowd) -> None:
    spans: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in crowd.events:
        assert event.time is not None
        assert END.timestamp() - DAYS * 86_400 <= event.time < END.timestamp()
        if event.session:
            spans[event.user, event.session].append(event.time)
    ends: dict[str, float] = {}
    for (user, _), times in sorted(spans.items(), key=lambda item: item[1][0]):
        assert times == sorted(times)
        assert times[0] > ends.get(user, 0)
        ends[user] = times[-1]


def test_popularity_is_uneven_and_tastes_show(crowd: Crowd, by_id: dict[str, Truth]) -> None:
    known = [event for event in crowd.events if event.item in by_id and event.user not in crowd.bots]
    views = sorted(Counter(event.item for event in known).values(), reverse=True)
    assert sum(views[: PRODUCTS // 10]) > 0.35 * sum(views)
    people = {shopper.id: shopper for shopper in crowd.shoppers}
    bought = [event for event in known if event.type == "purchase"]
    fits = np.mean([people[event.user].fit(by_id[event.item]) for event in bought])
    swapped = np.mean(
        [people[event.user].fit(by_id[other.item]) for event, other in zip(bought, bought[7:], strict=False)]
    )
    assert fits > swapped + 0.15


def test_some_buy_again_and_some_things_go_together(crowd: Crowd, by_id: dict[str, Truth]) -> None:
    bought: dict[tuple[str, str], set[str]] = defaultdict(set)
    baskets: dict[str, set[str]] = defaultdict(set)
    for event in crowd.events:
        if event.type == "purchase":
            bought[event.user, event.item].add(event.session)
            baskets[event.session].add(by_id[event.item].toy)
    assert sum(len(sessions) > 1 for sessions in bought.values()) > 10
    pairs = [kinds for kinds in baskets.values() if len(kinds) > 1]
    together = sum(any(COMPANIONS[kind] in kinds for kind in kinds) for kinds in pairs)
    assert together > 0.4 * len(pairs)


def test_bots_look_at_everything_in_order_and_buy_nothing(crowd: Crowd) -> None:
    for bot in crowd.bots:
        own = [event for event in crowd.events if event.user == bot]
        assert {event.type for event in own} == {"view"}
        assert len(own) > PRODUCTS / 4
        assert [event.item for event in own] == sorted(event.item for event in own)
        assert {gap_of(one, other) for one, other in pairwise(own)} == {2.0}


def gap_of(one: Event, other: Event) -> float:
    assert one.time is not None
    assert other.time is not None
    return other.time - one.time


# ---- what they say


def test_ratings_follow_hidden_quality_and_taste(crowd: Crowd, by_id: dict[str, Truth]) -> None:
    people = {shopper.id: shopper for shopper in crowd.shoppers}
    reviews = honest(crowd)
    stars = np.array([review.rating for review in reviews])
    quality = np.array([crowd.qualities[review.product].overall for review in reviews])
    fit = np.array([people[review.user].fit(by_id[review.product]) for review in reviews])
    assert np.corrcoef(stars, quality)[0, 1] > 0.55
    slopes, *_ = np.linalg.lstsq(np.c_[quality, fit, np.ones_like(fit)], stars, rcond=None)
    assert slopes[1] > 0.5
    assert set(stars) == {1, 2, 3, 4, 5}
    assert 3.7 < stars.mean() < 4.5


def test_verified_reviews_are_of_things_bought_before(crowd: Crowd) -> None:
    bought: dict[tuple[str, str], float] = {}
    for event in crowd.events:
        if event.type == "purchase" and event.time is not None:
            bought.setdefault((event.user, event.item), event.time)
    rated = {(event.user, event.item): event.rating for event in crowd.events if event.type == "rate"}
    verified = [review for review in crowd.reviews if review.verified]
    for review in verified:
        assert review.time is not None
        assert bought[review.user, review.product] < review.time.timestamp() < END.timestamp()
        assert rated[review.user, review.product] == review.rating
    assert 0.6 < len(verified) / len(crowd.reviews) < 0.95


def test_texts_are_in_the_writers_language(crowd: Crowd) -> None:
    people = {shopper.id: shopper.language for shopper in crowd.shoppers}
    for review in crowd.reviews:
        if review.user in people and review.text:
            assert review.language == people[review.user]
        if len(review.text) > 40:
            assert detect_language(review.text) == review.language, review.text
    assert 0.35 < sum(review.language == "zh" for review in crowd.reviews) / len(crowd.reviews) < 0.65
    for conversation in crowd.conversations:
        assert detect_language("\n".join(conversation.texts)) == conversation.language
    for question in crowd.questions:
        texts = "".join(question.texts)
        assert any("一" <= char <= "鿿" for char in texts) == (question.language == "zh"), texts


def test_no_place_is_left_unfilled_and_no_text_is_long(crowd: Crowd) -> None:
    every = [
        text for voices in (crowd.reviews, crowd.questions, crowd.conversations) for v in voices for text in v.texts
    ]
    assert not [text for text in every if "{" in text or "}" in text or "  " in text]
    assert not [text for text in every if not text.strip() or text != text.strip()]
    assert max(map(len, every)) < 500


def test_texts_agree_with_their_stars(crowd: Crowd) -> None:
    for review in crowd.reviews:
        aspects = crowd.secrets[review.id].aspects
        assert set(aspects) <= {*ASPECTS, "play"}
        if crowd.secrets[review.id].flaw in ("", "personal") and aspects and review.rating is not None:
            good, bad = (sum(value == sign for value in aspects.values()) for sign in (1, -1))
            assert bad == 0 if review.rating == 5 else good >= bad if review.rating == 4 else True
            assert bad > good or review.rating > 2 or len(aspects) == 2
    openings = {str(language): wording.openings for language, wording in WORDINGS.items()}
    for review in told(crowd, "mismatch"):
        assert review.rating in (1, 5)
        plain = [line for line in openings[review.language][int(review.rating)] if "{" not in line]
        assert not any(line.lower().rstrip(".!。！") in review.text.lower() for line in plain)


def test_aspects_follow_what_the_product_is_like(crowd: Crowd) -> None:
    """Blame falls on worse things than praise does."""
    for aspect in ("colour", "size", "durability", "smell", "price"):
        values: dict[int, list[float]] = {1: [], -1: []}
        for review in honest(crowd):
            sign = crowd.secrets[review.id].aspects.get(aspect)
            if sign:
                values[sign].append(crowd.qualities[review.product].aspects[aspect])
        assert np.mean(values[1]) > np.mean(values[-1]) + 0.1, aspect


def test_reviewers_of_one_product_share_its_quality(crowd: Crowd) -> None:
    stars: dict[str, list[float]] = defaultdict(list)
    for review in honest(crowd):
        stars[review.product].append(review.rating or 0)
    inside = np.mean([np.var(found) for found in stars.values() if len(found) > 4])
    every = np.var([star for found in stars.values() for star in found])
    assert inside < 0.7 * every


# ---- what is wrong on purpose


def test_spam_is_copied_by_spammers_and_listed(crowd: Crowd) -> None:
    adverts, copied = told(crowd, "advert"), told(crowd, "copied")
    assert {review.user for review in (*adverts, *copied)} <= set(crowd.spammers)
    assert all(review.rating == 5 and not review.verified for review in (*adverts, *copied))
    assert all(holds_personal_data(review.text) for review in adverts)
    assert max(Counter(review.text for review in copied).values()) > 2
    assert {review.language for review in adverts} == {review.language for review in copied} == {"en", "zh"}
    long = Counter(review.text for review in honest(crowd) if len(review.text) > 100)
    assert max(long.values()) == 1


def test_personal_data_stands_where_it_is_said_to_stand(crowd: Crowd) -> None:
    for review in crowd.reviews:
        expected = crowd.secrets[review.id].flaw in ("personal", "advert")
        assert holds_personal_data(*review.texts) == expected, review.texts
    for conversation in crowd.conversations:
        assert holds_personal_data(*conversation.texts) == crowd.matters[conversation.id].personal
    assert not any(holds_personal_data(*question.texts) for question in crowd.questions)


def test_made_up_numbers_are_nobodys() -> None:
    for seed in range(200):
        made = numbers(Random(seed))
        assert made["card"].startswith("4000 00")
        assert made["mail"].endswith("@example.com")
        assert "1881" <= made["id_card"][6:10] <= "1889"
        assert "555-01" in made["phone"] or made["phone"].startswith("07700 900")
        assert "".join(filter(str.isdigit, made["mobile"])).endswith("13800138000")
        for line in (f"身份证号{made['id_card']}", f"my card {made['card']}", f"call me on {made['phone']}"):
            assert holds_personal_data(line), line


def test_every_flaw_occurs_and_most_reviews_have_none(crowd: Crowd) -> None:
    flaws = Counter(secret.flaw for secret in crowd.secrets.values())
    assert flaws.keys() == {"", "advert", "copied", "mismatch", "personal", "silent"}
    assert flaws[""] > 0.85 * len(crowd.reviews)
    for review in crowd.reviews:
        assert (not review.text) == (crowd.secrets[review.id].flaw == "silent")


# ---- questions and conversations


@pytest.mark.parametrize(
    ("topic", "right"),
    [
        ("size", lambda truth: {"mini": "9", "small": "15", "medium": "24", "large": "38"}[truth.size]),
        ("battery", lambda truth: "AA" if truth.toy == "robot" else "atter"),
    ],
)
def test_answers_are_true(crowd: Crowd, by_id: dict[str, Truth], topic: str, right: Callable[[Truth], str]) -> None:
    for question in crowd.questions:
        if crowd.topics[question.id] == topic and question.language == "en":
            for answer in question.answers:
                assert right(by_id[question.product]) in answer.text or answer.text == "None at all."


def test_questions_have_none_to_three_answers_after_them(crowd: Crowd) -> None:
    assert {len(question.answers) for question in crowd.questions} >= {0, 1, 2}
    for question in crowd.questions:
        assert len(question.answers) <= 3
        assert question.time is not None
        for answer in question.answers:
            assert answer.time is not None
            assert question.time < answer.time <= END
            assert answer.user != question.user


def test_conversations_take_turns_about_known_products(crowd: Crowd, by_id: dict[str, Truth]) -> None:
    bought = {(event.user, event.item) for event in crowd.events if event.type == "purchase"}
    for conversation in crowd.conversations:
        assert set(conversation.products) <= by_id.keys()
        assert (conversation.user, conversation.about[0]) in bought
        assert conversation.turns[0].role == "user"
        assert {turn.role for turn in conversation.turns} == {"user", "agent"}
        times = [turn.time for turn in conversation.turns if turn.time is not None]
        assert times == sorted(times)
        assert times[-1] < END
    assert {matter.topic for matter in crowd.matters.values()} >= {"late", "broken", "gift", "address"}
