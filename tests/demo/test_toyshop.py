"""The generated toy shop: what it promises about its files, its secrets and its judgements."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from goodsense.demo import ToyShop, Truth, Wish, contact_sheet, make_toy_shop
from goodsense.demo.flavour import FLAVOUR_EN, FLAVOUR_ZH
from goodsense.demo.listings import COLUMNS, listing
from goodsense.demo.phrases import HYPE, NEUTRAL, NOISE, PRAISE, STORIES, TITLES
from goodsense.demo.plan import plan
from goodsense.demo.sights import judge_by_sight
from goodsense.demo.vocabulary import AGES, BRANDS, COLOURS, LINES, MATERIALS, TOYS, Language, held_out
from goodsense.errors import DataError, StorageError, UsageError
from goodsense.media.audio import decode_audio
from goodsense.media.reading import ClipWish
from goodsense.media.video import decode_video

PRODUCTS = 60
LANGUAGES: tuple[Language, ...] = ("en", "zh")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> ToyShop:
    return make_toy_shop(tmp_path_factory.mktemp("toys"), products=PRODUCTS, seed=3)


def rows_of(shop: ToyShop) -> list[dict[str, str]]:
    with shop.feed.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def prose(row: dict[str, str]) -> str:
    """Everything a listing says, but for what no shopper reads as words."""
    return " ".join(value for column, value in row.items() if column not in {"images", "url", "updated", "gtin"})


def mentions(text: str, word: str) -> bool:
    """Whole words in English, substrings in Chinese."""
    if word.isascii():
        return re.search(rf"(?<![a-z]){re.escape(word.lower())}(?![a-z])", text.lower()) is not None
    return word in text


def digest(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    seen = [path for path in files if path.suffix != ".mp4"]  # pictures of clips are compared in test_clips.py
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in seen}


def test_equal_seeds_give_equal_files_and_progress_counts_the_pictures(shop: ToyShop, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    again = make_toy_shop(tmp_path, products=PRODUCTS, seed=3, progress=lambda *call: seen.append(call))
    total = again.picture_count + len(list(again.query_images.iterdir()))
    more = again.sound_count + again.clip_count + len(again.sights)
    assert seen == [
        *(("drawing", done, total) for done in range(1, total + 1)),
        *(("recording and filming", done, more) for done in range(1, more + 1)),
    ]
    assert digest(again.directory) == digest(shop.directory)
    assert (again.truth, again.wishes) == (shop.truth, shop.wishes)
    assert plan(PRODUCTS, seed=4) != shop.truth


def test_the_counts_are_those_of_the_files(shop: ToyShop) -> None:
    rows = rows_of(shop)
    assert len(rows) == len({row["id"] for row in rows}) == shop.product_count == PRODUCTS
    assert tuple(rows[0]) == COLUMNS
    named = [image for row in rows for image in row["images"].split("|") if image]
    assert sorted(f"images/{path.name}" for path in shop.images.iterdir()) == sorted(named)
    assert len(named) == shop.picture_count
    assert {row["images"].count(".jpg") for row in rows} == {0, 1, 2}
    assert shop.queries.read_text(encoding="utf-8").count("\n") == shop.query_count + 1
    assert shop.qrels.read_text(encoding="utf-8").count("\n") == shop.judgement_count
    assert "generated" in shop.readme.read_text(encoding="utf-8")
    assert {path.name for path in shop.directory.iterdir()} == {
        "products.csv", "images", "queries.tsv", "query_images", "qrels.tsv", "README.txt", "events.csv",
        "reviews.jsonl", "questions.jsonl", "conversations.jsonl", "shoppers.json", "sounds", "clips", "spoken",
        "query_sounds", "query_clips", "sound_queries.tsv", "clip_queries.tsv", "sound_qrels.tsv", "clip_qrels.tsv",
    }  # fmt: skip


def test_sounds_and_clips_decode_and_listings_of_one_article_share_them(shop: ToyShop) -> None:
    rows = {row["id"]: row for row in rows_of(shop)}
    heard = {row["audio"] for row in rows.values() if row["audio"]}
    filmed = {row["video"] for row in rows.values() if row["video"]}
    assert (len(heard), len(filmed)) == (shop.sound_count, shop.clip_count)
    assert {f"sounds/{path.name}" for path in shop.sounds.iterdir()} == heard
    assert {f"clips/{path.name}" for path in shop.clips.iterdir()} == filmed
    for name in (*sorted(heard)[:3], *(sight.file for sight in shop.sights if sight.kind == "audio")):
        assert 0.5 < decode_audio((shop.directory / name).read_bytes()).seconds < 4
    for name in (*sorted(filmed)[:2], *[sight.file for sight in shop.sights if sight.kind == "video"][:2]):
        assert len(decode_video((shop.directory / name).read_bytes(), wish=ClipWish()).frames) >= 4
    for truth in shop.truth:
        if truth.duplicate_of:
            assert rows[truth.id]["audio"] == rows[truth.duplicate_of]["audio"]


def test_queries_by_sound_and_clip_have_answers(shop: ToyShop) -> None:
    qrels = judge_by_sight(shop.sights, shop.truth, seed=shop.seed)
    truths = {truth.id: truth for truth in shop.truth}
    for sight in shop.sights:
        grades = qrels[sight.id]
        assert max(grades.values()) == 2
        assert {truths[id].toy for id, grade in grades.items() if grade} == {sight.toy}
        assert all(grade == sight.grade(truths[id]) for id, grade in grades.items())
    lines = shop.sound_qrels.read_text("utf-8") + shop.clip_qrels.read_text("utf-8")
    assert lines.count("\n") == sum(map(len, qrels.values()))


def test_every_picture_decodes(shop: ToyShop) -> None:
    import cv2

    files = [*shop.images.iterdir(), *shop.query_images.iterdir()]
    assert len(list(shop.query_images.iterdir())) == sum(wish.shown is not None for wish in shop.wishes)
    for file in files:
        picture = cv2.imread(str(file))
        assert picture is not None
        assert picture.shape == (160, 160, 3)
        assert picture.std() > 8, f"{file.name} shows next to nothing"


def test_half_of_the_products_speak_chinese(shop: ToyShop) -> None:
    chinese = Counter(bool(re.search("[一-鿿]{2}", row["category"] + row["description"])) for row in rows_of(shop))
    assert 0.4 < chinese[True] / PRODUCTS < 0.6


@pytest.mark.parametrize(("products", "seed"), [(PRODUCTS, 3), (600, 7), (300, 1)])
def test_a_third_of_types_and_colours_stand_in_the_photo_alone(products: int, seed: int) -> None:
    truths = plan(products, seed=seed)
    rows = {truth.id: listing(truth, seed=seed) for truth in truths}
    mute = [truth for truth in truths if not truth.says_type]
    pale = [truth for truth in truths if not truth.says_colour]
    for hidden in (mute, pale):
        assert 0.28 < len(hidden) / products < 0.39
        assert all(truth.photos > 0 for truth in hidden)
    for truth in mute:
        toy = TOYS[truth.toy]
        for word in (*toy.words.en, *toy.words.zh, toy.leaf_en, toy.leaf_zh):
            assert not mentions(prose(rows[truth.id]), word), (truth, word)
    for truth in pale:
        assert not rows[truth.id]["color"]
        for word in (*COLOURS[truth.colour].en, *COLOURS[truth.colour].zh):
            assert not mentions(prose(rows[truth.id]), word), (truth, word)


def test_what_is_not_hidden_is_said(shop: ToyShop) -> None:
    rows = {row["id"]: row for row in rows_of(shop)}
    said = Counter[str]()
    for truth in shop.truth:
        text = prose(rows[truth.id])
        for notion, words in notions_said(truth).items():
            said[f"{notion} known"] += 1
            said[f"{notion} found"] += any(word.lower() in text.lower() for word in words)
    for notion in ("toy", "colour", "material"):
        assert said[f"{notion} found"] >= 0.95 * said[f"{notion} known"], said  # typing slips hide a few


def notions_said(truth: Truth) -> dict[str, tuple[str, ...]]:
    found = {}
    if truth.says_type:
        found["toy"] = TOYS[truth.toy].words.said(truth.language)
    if truth.says_colour:
        found["colour"] = COLOURS[truth.colour].said(truth.language)
    if truth.material:
        found["material"] = MATERIALS[truth.material].said(truth.language)
    return found


def test_a_third_of_the_materials_stand_in_the_prose_alone(shop: ToyShop) -> None:
    rows = {row["id"]: row for row in rows_of(shop)}
    known = [truth for truth in shop.truth if truth.material]
    alone = [truth for truth in known if not rows[truth.id]["material"]]
    assert 0.22 < len(alone) / len(known) < 0.42


def test_photos_do_not_depend_on_the_material() -> None:
    import inspect

    from goodsense.demo.drawing import photograph

    assert set(inspect.signature(photograph).parameters) == {"toy", "colour", "seed", "look", "by_shopper"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_held_out_for_queries_occur_nowhere_in_the_catalog(shop: ToyShop, language: Language) -> None:
    catalog = "\n".join(prose(listing(truth, seed=7)) for truth in plan(600, seed=7))
    catalog += "\n".join(prose(row) for row in rows_of(shop))
    catalog += "\n".join(line for pool in (FLAVOUR_EN, FLAVOUR_ZH) for lines in pool.values() for line in lines)
    phrases = "\n".join(line for pool in (TITLES, HYPE, NEUTRAL, PRAISE, STORIES, NOISE) for line in pool[language])
    words = sorted(held_out(language))
    latin, han = ([word for word in words if word.isascii() is ascii_only] for ascii_only in (True, False))
    whole = rf"(?<![a-z])(?:{'|'.join(map(re.escape, latin))})(?![a-z])" if latin else ""
    found = re.findall("|".join(filter(None, [whole, *han])), f"{catalog}\n{phrases}", flags=re.IGNORECASE)
    assert found == []


def test_no_held_out_word_contains_or_is_a_catalog_word() -> None:
    notions = (*COLOURS.values(), *MATERIALS.values(), *AGES.values(), *(toy.words for toy in TOYS.values()))
    for language in LANGUAGES:
        said = {word for words in notions for word in words.said(language)}
        asked = held_out(language)
        assert len(set(asked)) == len(asked)
        for word in asked:
            assert not any(mentions(known, word) for known in said), word


def test_neutral_phrases_name_no_type_and_no_colour() -> None:
    pools = (TITLES, HYPE, NEUTRAL, PRAISE, STORIES, NOISE)
    lines = [line for pool in pools for language in LANGUAGES for line in pool[language]]
    lines += [name for names in (*BRANDS, *LINES) for name in names]
    secrets = [word for words in COLOURS.values() for word in (*words.en, *words.zh)]
    secrets += [word for toy in TOYS.values() for word in (*toy.words.en, *toy.words.zh)]
    for line in lines:
        assert not [word for word in secrets if mentions(line, word)], line


def test_one_listing_in_twenty_is_a_duplicate(shop: ToyShop) -> None:
    rows = {row["id"]: row for row in rows_of(shop)}
    doubles = [truth for truth in shop.truth if truth.duplicate_of]
    assert len(doubles) == shop.duplicate_count == PRODUCTS // 20
    for truth in doubles:
        copy, original = rows[truth.id], rows[truth.duplicate_of]
        assert copy["id"] != original["id"]
        assert copy["description"] == original["description"]
        assert copy["category"] == original["category"]


def test_prices_are_decimal_numbers_or_missing(shop: ToyShop) -> None:
    truths = {truth.id: truth for truth in shop.truth}
    for row in rows_of(shop):
        assert row["currency"] == "CNY"
        assert re.fullmatch(r"\d+\.\d\d|", row["price"])
        price = truths[row["id"]].price
        assert (float(row["price"]) if row["price"] else None) == price
        assert not row["list_price"] or float(row["list_price"]) > float(row["price"])


def read_qrels(shop: ToyShop) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for line in shop.qrels.read_text(encoding="utf-8").splitlines():
        query, zero, product, grade = line.split(" ")
        assert zero == "0"
        found.setdefault(query, {})[product] = int(grade)
    return found


def test_every_query_is_answerable_and_its_judgements_name_products_of_the_feed(shop: ToyShop) -> None:
    qrels, ids = read_qrels(shop), {row["id"] for row in rows_of(shop)}
    assert list(qrels) == [wish.id for wish in shop.wishes]
    for grades in qrels.values():
        assert grades.keys() <= ids
        assert set(grades.values()) <= {0, 1, 2}
        assert {0, 2} <= set(grades.values())


def test_grades_follow_from_the_wanted_attributes(shop: ToyShop) -> None:
    truths = {truth.id: truth for truth in shop.truth}
    for wish, grades in zip(shop.wishes, read_qrels(shop).values(), strict=True):
        for product, grade in grades.items():
            truth = truths[product]
            passes = wish.below is None or (truth.price is not None and truth.price < wish.below)
            right = [getattr(truth, name) == value for name, value in wish.wanted.items()]
            expected = 0 if truth.toy != wish.wanted["toy"] or not passes else 2 if all(right) else 1
            assert grade == expected, (wish, truth)


def test_the_query_file_says_what_the_wishes_say(shop: ToyShop) -> None:
    with shop.queries.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert list(rows[0]) == ["id", "text", "image", "where"]
    for row, wish in zip(rows, shop.wishes, strict=True):
        assert row == {"id": wish.id, "text": wish.text, "image": wish.image, "where": wish.where}
        assert not wish.image or (shop.directory / wish.image).is_file()


def test_queries_come_in_three_kinds_two_languages_and_many_strange_words(shop: ToyShop) -> None:
    kinds = Counter(wish.kind for wish in shop.wishes)
    assert kinds.keys() == {"text", "picture", "both"}
    assert min(kinds.values()) >= shop.query_count // 5
    for wish in shop.wishes:
        assert bool(wish.text) == (wish.kind != "picture")
        assert bool(wish.shown) == (wish.kind != "text")
    worded = [wish for wish in shop.wishes if wish.text]
    assert {wish.language for wish in worded} == {"en", "zh"}
    strange = [wish for wish in worded if wish.held_out]
    assert 0.2 < len(strange) / len(worded) < 0.9
    assert all(word in wish.text for wish in strange for word in wish.held_out)


def test_a_query_is_answered_in_both_languages(shop: ToyShop) -> None:
    truths = {truth.id: truth for truth in shop.truth}
    crossing = 0
    for wish, grades in zip(shop.wishes, read_qrels(shop).values(), strict=True):
        languages = {truths[product].language for product, grade in grades.items() if grade}
        crossing += bool(languages - {wish.language})
    assert crossing > 0.6 * len(shop.wishes)


def test_a_word_beside_a_photo_changes_what_is_wanted(shop: ToyShop) -> None:
    for wish in shop.wishes:
        if wish.kind == "both" and set(wish.wanted) == {"toy", "colour"}:
            assert wish.shown is not None
            assert wish.wanted["colour"] != wish.shown[1]


def test_a_new_shop_replaces_the_old_one_and_leaves_other_files_alone(tmp_path: Path) -> None:
    old, own = make_toy_shop(tmp_path, products=30, seed=1), tmp_path / "images" / "holiday.jpg"
    own.write_bytes(b"mine")
    new = make_toy_shop(tmp_path, products=30, seed=2)
    assert len(list(new.images.iterdir())) == new.picture_count + 1
    assert old.truth != new.truth
    assert own.read_bytes() == b"mine"


def test_a_small_shop_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="29 products"):
        make_toy_shop(tmp_path, products=29)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        make_toy_shop(tmp_path / "file" / "toys", products=40)


def test_the_contact_sheet_shows_the_photos(shop: ToyShop, tmp_path: Path) -> None:
    import cv2

    sheet = cv2.imread(str(contact_sheet(shop, tmp_path / "sheet.png", columns=5, rows=2)))
    first = cv2.imread(str(sorted(shop.images.iterdir())[0]))
    assert sheet is not None
    assert first is not None
    assert sheet.shape == (2 * 166, 5 * 166, 3)
    assert (sheet[3:163, 3:163] == first).all()


def test_a_broken_photo_and_a_missing_one_are_named(shop: ToyShop, tmp_path: Path) -> None:
    made = replace(shop, images=tmp_path / "images")
    made.images.mkdir()
    with pytest.raises(DataError, match="no photos"):
        contact_sheet(made, tmp_path / "sheet.png")
    (made.images / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=re.escape("broken.jpg")):
        contact_sheet(made, tmp_path / "sheet.png")


def test_wishes_grade_by_price_too() -> None:
    wish = Wish("q1", "text", "en", "car", {"toy": "car"}, None, "price < 50", 50.0, ())
    car = Truth("a", "car", "red", "wood", "3+", "mini", "Kikoru", "en", True, True, True, 1, 49.9)
    dear = Truth("b", "car", "red", "wood", "3+", "mini", "Kikoru", "en", True, True, True, 1, None)
    assert [wish.grade(car), wish.grade(dear)] == [2, 0]
