"""Reviews, questions and conversations in a shop: put in once, linked to products, counted, redacted, searched by."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from goodsense.catalog import Money, Product, Variant
from goodsense.errors import DataError, UsageError
from goodsense.feedback import QUESTIONS, REVIEWS, Conversation, Question, Review, Turn, read_voices
from goodsense.shop import Shop, make_query
from goodsense.shop.linking import Linker
from goodsense.shop.ratings import RatingPrior
from goodsense.shop.redaction import personal_data, redact_voices
from goodsense.shop.voices import (
    VoiceSource,
    export_voices,
    ingest_voices,
    stored_voices,
    summary,
)
from goodsense.tables import Rejects
from tests.shop.catalogs import toy, toys

PHONE, MAIL = "13800138000", "li.wei@example.com"
TOOLS = [
    Product(
        "kettle-1",
        "Acme glass kettle 1.7 litre",
        url="https://www.shop.example/p/kettle#top",
        variants=(Variant("AC-K17", gtin="4006381333931", price=Money.of("30", "EUR")),),
    ),
    Product("kettle-2", "Acme glass kettle 1.7 litre blue", variants=(Variant("AC-K17B"),)),
    Product("P3", "索尼无线降噪蓝牙耳机", variants=(Variant("WH1000XM5"),)),
    Product("P4", "Twin towel set of three", variants=(Variant("TW-3"),)),
    Product("P5", "Twin towel set of three", variants=(Variant("TW-3"),)),
    Product("P6", "Mug"),
]


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    with Shop.create(tmp_path / "shop") as made:
        made.add(TOOLS)
        yield made


def write(path: Path, content: str) -> VoiceSource:
    path.write_text(content, "utf-8")
    return VoiceSource(path)


REVIEW_ROWS = (
    "product,user,rating,text\n"
    f"kettle-1,u1,5,Boils fast. Call me at {PHONE}\n"
    f"kettle-1,u2,4,很好用，有问题联系{MAIL}\n"
    "gone-9,u3,1,broken after a week\n"
    ",u4,3,fine\n,u4,3,fine\n"
)


def test_what_is_put_in_twice_is_there_once(shop: Shop, tmp_path: Path) -> None:
    source = write(tmp_path / "r.csv", REVIEW_ROWS)
    first = ingest_voices(shop.truth, REVIEWS, [source])
    assert (first.read, first.added, first.unchanged, first.rejected) == (5, 5, 0, 0)
    before = shop.truth.seq
    again = ingest_voices(shop.truth, REVIEWS, [source])
    assert (again.read, again.added, again.unchanged) == (5, 0, 5)
    assert shop.truth.seq == before
    both = ingest_voices(shop.truth, REVIEWS, [source, source])
    assert (both.read, both.unchanged, both.rejected) == (10, 10, 0)


def test_the_summary_says_what_there_is(shop: Shop, tmp_path: Path) -> None:
    report = ingest_voices(shop.truth, REVIEWS, [write(tmp_path / "r.csv", REVIEW_ROWS)])
    found = report.summary
    assert (found.count, found.users, found.unlinked, found.unknown) == (5, 4, 2, 1)
    assert found.ratings == {5: 1, 4: 1, 1: 1, 3: 2}
    assert found.mean_rating == pytest.approx(3.2)
    assert found.languages == {"en": 1, "zh": 1, "": 3}
    assert found.personal == {"phone": 1, "mail": 1}
    assert found.to_json()["top"] == {"kettle-1": 2, "gone-9": 1}
    assert summary(shop.truth, REVIEWS) == found


def test_a_dry_run_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    source = write(tmp_path / "r.csv", REVIEW_ROWS + "x,y,nonsense,\n")
    before = (shop.directory / "catalog.sqlite").read_bytes()
    report = ingest_voices(shop.truth, REVIEWS, [source], dry_run=True, pseudonymise=True)
    assert (report.read, report.added, report.rejected) == (5, 5, 1)
    assert (shop.directory / "catalog.sqlite").read_bytes() == before
    assert not list(shop.directory.glob("rejects*"))
    assert not (shop.directory / "pseudonyms.key").exists()


def test_rejected_rows_can_be_mended_and_fed_again(shop: Shop, tmp_path: Path) -> None:
    report = ingest_voices(shop.truth, REVIEWS, [write(tmp_path / "r.csv", "product,rating,text\nP3,,\nP3,5,ok\n")])
    assert (report.added, report.rejected) == (1, 1)
    path = Path(report.rejects_path)
    reject = json.loads(path.read_text("utf-8"))
    assert "says nothing" in reject["reason"]
    path.write_text(json.dumps({**reject, "record": {"product": "P3", "rating": "4"}}), "utf-8")
    assert ingest_voices(shop.truth, REVIEWS, [VoiceSource(path)]).added == 1
    with pytest.raises(DataError, match="says nothing"):
        ingest_voices(shop.truth, REVIEWS, [VoiceSource(tmp_path / "r.csv")], strict=True)


def test_a_given_id_stands_for_one_review(shop: Shop, tmp_path: Path) -> None:
    source = write(tmp_path / "r.csv", "review_id,text\n1,good\n1,bad\n2,fine\n")
    report = ingest_voices(shop.truth, REVIEWS, [source])
    assert (report.added, report.rejected) == (2, 1)
    changed = ingest_voices(shop.truth, REVIEWS, [write(tmp_path / "r2.csv", "review_id,text\n2,better\n")])
    assert changed.changed == 1
    assert {review.text for review in stored_voices(shop.truth, REVIEWS)} == {"good", "better"}


def test_personal_data_never_reaches_the_disk_when_it_is_redacted_at_intake(shop: Shop, tmp_path: Path) -> None:
    source = write(tmp_path / "r.csv", REVIEW_ROWS + f"P3,u9,,,{PHONE}\n")
    report = ingest_voices(shop.truth, REVIEWS, [source], redacted=True)
    assert report.redacted == 2
    assert report.rejected == 1
    assert {r.text for r in stored_voices(shop.truth, REVIEWS, product="kettle-1")} == {
        "Boils fast. Call me at [PHONE]",
        "很好用，有问题联系[MAIL]",
    }
    shop.close()
    assert not [path for path in shop.directory.rglob("*") if path.is_file() and PHONE.encode() in path.read_bytes()]


def test_what_was_redacted_is_the_same_review_as_before(shop: Shop, tmp_path: Path) -> None:
    source = write(tmp_path / "r.csv", REVIEW_ROWS)
    ingest_voices(shop.truth, REVIEWS, [source])
    report = ingest_voices(shop.truth, REVIEWS, [source], redacted=True)
    assert (report.added, report.changed, report.unchanged) == (0, 2, 3)


def test_redaction_of_what_is_stored_leaves_nothing_behind(shop: Shop, tmp_path: Path) -> None:
    ingest_voices(shop.truth, REVIEWS, [write(tmp_path / "r.csv", REVIEW_ROWS)])
    shop.add_questions([Question("q", "P3", text=f"Shall I write to {MAIL}?")])
    turns = (Turn("user", f"my number is {PHONE}"), Turn("agent", "thanks"))
    shop.add_conversations([Conversation("c", turns=turns)])
    before = shop.truth.seq
    looked = redact_voices(shop.truth, apply=False)
    assert looked.found == {
        "reviews": {"phone": 1, "mail": 1},
        "questions": {"mail": 1},
        "conversations": {"phone": 1},
    }
    assert looked.by_kind == personal_data(shop.truth) == {"phone": 2, "mail": 2}
    assert shop.truth.seq == before
    done = redact_voices(shop.truth, apply=True)
    assert (done.found, done.touched) == (looked.found, 4)
    assert not personal_data(shop.truth)
    assert next(stored_voices(shop.truth, QUESTIONS)).text == "Shall I write to [MAIL]?"
    assert redact_voices(shop.truth, apply=True).touched == 0
    shop.close()
    for path in shop.directory.glob("catalog.sqlite*"):
        assert PHONE.encode() not in path.read_bytes()
        assert MAIL.encode() not in path.read_bytes()


def test_users_get_pseudonyms_that_stay_the_same(shop: Shop, tmp_path: Path) -> None:
    source = write(tmp_path / "r.csv", REVIEW_ROWS)
    ingest_voices(shop.truth, REVIEWS, [source], pseudonymise=True)
    users = [review.user for review in stored_voices(shop.truth, REVIEWS)]
    assert all(user.startswith("user-") for user in users)
    assert len(set(users)) == 4
    assert ingest_voices(shop.truth, REVIEWS, [source], pseudonymise=True).unchanged == 5


@pytest.mark.parametrize(
    ("given", "way", "product"),
    [
        ("kettle-1", "id", "kettle-1"),
        ("AC-K17", "sku", "kettle-1"),
        ("4006381333931", "gtin", "kettle-1"),
        ("http://shop.example/p/kettle/", "url", "kettle-1"),
        ("ACME Glass Kettle 1.7 Litre", "title", "kettle-1"),
        ("索尼无线降噪蓝牙耳机", "title", "P3"),
        ("TW-3", "unknown", "TW-3"),  # two products have it
        ("twin towel set of three", "unknown", "twin towel set of three"),
        ("nothing", "unknown", "nothing"),
    ],
)
def test_a_product_that_is_given_in_other_words(given: str, way: str, product: str, shop: Shop) -> None:
    with Linker(shop.truth) as linker:
        (found,) = linker.link([Review("r", given)])
    assert found.product == product
    assert linker.ways[way] == 1


@pytest.mark.parametrize(
    ("text", "product"),
    [
        ("My AC-K17B came late", "kettle-2"),
        ("扫码 4006381333931 查的", "kettle-1"),
        ("see https://shop.example/p/kettle?", ""),
        ("see https://www.shop.example/p/kettle, it is good", "kettle-1"),
        ("I love the acme glass kettle 1.7 litre so much", "kettle-1"),
        ("The Acme glass kettle 1.7 litre blue is worse", "kettle-2"),
        ("买了索尼无线降噪蓝牙耳机，不错", "P3"),
        ("AC-K17 or WH1000XM5?", ""),  # two are named
        ("the TW-3 towels", ""),
        ("a mug is a Mug", ""),
        ("glass kettle", ""),
        ("XAC-K17B and AC-K17Bx", ""),
    ],
)
def test_only_what_a_text_names_exactly_links_it(text: str, product: str, shop: Shop) -> None:
    with Linker(shop.truth) as linker:
        (found,) = linker.link([Review("r", text=text)])
    assert found.product == product
    assert linker.ways["mention"] == bool(product)
    assert linker.ways["unlinked"] == (not product)


def test_conversations_keep_what_every_turn_mentions(shop: Shop) -> None:
    turns = (Turn("user", "Is AC-K17 better than WH1000XM5?"), Turn("agent", "no"))
    with Linker(shop.truth) as linker:
        (found,) = linker.link([Conversation("c", about=("TW-3", "P6"), turns=turns)])
    assert found.about == ("TW-3", "P6")
    assert set(found.turns[0].products) == {"kettle-1", "P3"}
    assert found.turns[1].products == ()


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv"])
def test_what_is_written_out_reads_back(ending: str, shop: Shop, tmp_path: Path) -> None:
    ingest_voices(shop.truth, REVIEWS, [write(tmp_path / "r.csv", REVIEW_ROWS)])
    path = tmp_path / f"out.{ending}"
    assert export_voices(shop.truth, REVIEWS, path) == 5
    found = [voice for _, voice in read_voices(REVIEWS, path, rejects=Rejects.to_memory())]
    assert found == list(stored_voices(shop.truth, REVIEWS))
    assert ingest_voices(shop.truth, REVIEWS, [VoiceSource(path)]).unchanged == 5


def test_posts_and_mails_come_in_by_a_mapping_file(shop: Shop, tmp_path: Path) -> None:
    mapping = tmp_path / "posts.toml"
    mapping.write_text(
        'target = "reviews"\n[source]\nrecords = "data.posts"\n[fields]\nid = "pk"\nuser = "who.name"\ntext = "body"\n'
        'time = "at"\n"extra.likes" = "likes"\n',
        "utf-8",
    )
    posts = [
        {"pk": 1, "who": {"name": "anna"}, "body": "WH1000XM5 is great", "at": 1714530000, "likes": 3},
        {"pk": 2, "who": {"name": "bob"}, "body": "nothing new", "at": 1714530001},
    ]
    path = tmp_path / "posts.json"
    path.write_text(json.dumps({"data": {"posts": posts}}), "utf-8")
    source = VoiceSource(path, mapping_file=mapping)
    report = ingest_voices(shop.truth, REVIEWS, [source])
    assert (report.added, report.rejected, report.ways["mention"], report.ways["unlinked"]) == (2, 0, 1, 1)
    (linked,) = stored_voices(shop.truth, REVIEWS, product="P3")
    assert (linked.id, linked.user, linked.extra) == ("1", "anna", {"likes": 3})
    with pytest.raises(UsageError, match="maps reviews, not questions"):
        ingest_voices(shop.truth, QUESTIONS, [source])


def test_reviews_in_saved_pages_and_documents(shop: Shop, tmp_path: Path) -> None:
    node = {
        "@context": "https://schema.org",
        "@type": "Product",
        "sku": "AC-K17",
        "name": "Kettle",
        "review": {
            "@type": "Review",
            "author": {"@type": "Person", "name": "Mia"},
            "reviewRating": {"@type": "Rating", "ratingValue": 4, "bestRating": 5},
            "reviewBody": "Quick and quiet.",
            "datePublished": "2024-05-01",
        },
    }
    page = f'<html><head><script type="application/ld+json">{json.dumps(node)}</script></head><body></body></html>'
    for name, content in {"p.html": page, "p.json": json.dumps(node, indent=1), "p.jsonl": json.dumps(node)}.items():
        (tmp_path / name).write_text(content, "utf-8")
        report = ingest_voices(shop.truth, REVIEWS, [VoiceSource(tmp_path / name)])
        assert (report.read, report.added) == (1, int(name == "p.html")), name
    (review,) = stored_voices(shop.truth, REVIEWS)
    assert (review.product, review.user, review.rating, review.text) == ("kettle-1", "Mia", 4.0, "Quick and quiet.")


# ---- ratings in search


def rated(product: str, *ratings: float) -> list[Review]:
    return [Review(f"{product}/{n}", product, rating=rating) for n, rating in enumerate(ratings)]


def found(shop: Shop, where: str) -> set[str]:
    return set(shop.search(make_query(where=where), k=50).ids)


def test_ratings_become_fields_that_search_filters_by(tmp_path: Path) -> None:
    given = {"toy-0000": [5.0], "toy-0001": [4.8, 5, 4.6, 5], "toy-0002": [1, 2], "gone": [1.0] * 50}
    mean = sum(sum(given[id]) for id in list(given)[:3]) / 7
    weight = median([1, 4, 2])
    with Shop.create(tmp_path / "shop") as shop:
        shop.add(toys(30))
        shop.add_reviews([review for id, ratings in given.items() for review in rated(id, *ratings)])
        shop.add_reviews([Review("words", "toy-0003", text="only words")])
        prior = RatingPrior.of(shop.truth)
        assert prior is not None
        assert (prior.mean, prior.weight) == (pytest.approx(mean), weight)
        shop.build(workers=1)
        assert found(shop, "exists reviews.mean") == {"toy-0000", "toy-0001", "toy-0002"}
        assert found(shop, "reviews.count = 0") == {f"toy-{n:04d}" for n in range(4, 30)}
        row = shop.snapshot.row_of("toy-0001")
        values = {
            name: shop.snapshot.columns.values(f"reviews.{name}", [row])[0] for name in ("count", "mean", "bayes")
        }
        assert values["count"] == (4.0,)
        assert values["mean"] == pytest.approx((4.85,))
        assert values["bayes"] == pytest.approx(((weight * mean + 4 * 4.85) / (weight + 4),))
        assert found(shop, "reviews.bayes > 4.4") == {"toy-0001"}, "one rating of 5 is not enough"

        # a product that is changed later keeps its figures, and gets those of newer reviews by the same measure
        shop.add_reviews(rated("toy-0002", 1, 2, 5))
        shop.add([replace(toy(2), title="a new name")])
        row = shop.snapshot.row_of("toy-0002")
        assert shop.snapshot.columns.values("reviews.count", [row]) == [(3.0,)]
        bayes = (weight * mean + 8) / (weight + 3)
        assert shop.snapshot.columns.values("reviews.bayes", [row]) == [pytest.approx((bayes,))]


def test_a_shop_without_reviews_has_no_such_fields(own: Shop) -> None:
    with pytest.raises(UsageError, match=r"reviews\.mean"):
        own.search("train", where="reviews.mean > 4")
    own.add([toy(500)])
    assert not [name for name in own.snapshot.columns.names if name.startswith("reviews.")]
