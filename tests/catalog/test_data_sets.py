"""Items of public data sets as they come: Amazon Reviews 2023, Amazon Berkeley Objects, Yelp, BEIR."""

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.feeds import read_feed, write_feed
from goodsense.errors import UsageError
from goodsense.tables import Reject, Rejects
from goodsense.types import ImageRef, VideoRef

DATA_SETS = ("amazon-2023", "abo", "yelp", "beir")
AMAZON = {
    "main_category": "All Beauty",
    "title": "Howard LC0008 Leather Conditioner",
    "average_rating": 4.8,
    "rating_number": 10,
    "features": ["Cleans", "Conditions"],
    "description": ["First paragraph.", "Second."],
    "price": 14.98,
    "images": [
        {"thumb": "t2.jpg", "large": "l2.jpg", "variant": "PT01", "hi_res": None},
        {"thumb": "t1.jpg", "large": "l1.jpg", "variant": "MAIN", "hi_res": "h1.jpg"},
    ],
    "videos": [{"title": "Clip", "url": "https://v.example/1", "user_id": "u"}],
    "store": "Howard Products",
    "categories": ["Beauty", "Leather Care"],
    "details": {"Color": "Clear", "Is Discontinued": "No", "Best Sellers Rank": {"Beauty": 7}},
    "parent_asin": "B01CUPMQZE",
    "bought_together": None,
    "subtitle": "Pint",
}
ABO = {
    "item_id": "B07X",
    "brand": [{"language_tag": "en_IN", "value": "Solimo"}, {"language_tag": "hi_IN", "value": "सोलिमो"}],
    "bullet_point": [{"language_tag": "en_IN", "value": "Snug fit"}, {"language_tag": "en_IN", "value": "Light"}],
    "color": [{"language_tag": "en_IN", "standardized_values": ["Multi"], "value": "Multicolor"}],
    "item_name": [{"language_tag": "zh_CN", "value": "手机壳"}, {"language_tag": "en_IN", "value": "Phone case"}],
    "item_dimensions": {"height": {"normalized_value": {"unit": "inches", "value": 1.0}, "unit": "cm", "value": 2.54}},
    "item_weight": [{"unit": "grams", "value": 50, "normalized_value": {"unit": "pounds", "value": 0.11}}],
    "model_year": [{"value": 2019}],
    "product_type": [{"value": "CELLULAR_PHONE_CASE"}],
    "main_image_id": "71dZ",
    "other_image_id": ["81ab", "unknown"],
    "node": [{"node_id": 1, "node_name": "/Categories/Mobiles/Cases & Covers"}],
    "country": "IN",
    "marketplace": "Amazon",
    "domain_name": "amazon.in",
}
YELP = {
    "business_id": "Pns2",
    "name": "Abby's 面馆",
    "address": "1616 Chapala St",
    "city": "Santa Barbara",
    "state": "CA",
    "postal_code": "93101",
    "latitude": 34.4266,
    "longitude": -119.71,
    "stars": 4.5,
    "review_count": 7,
    "is_open": 0,
    "attributes": {
        "ByAppointmentOnly": "True",
        "WiFi": "u'free'",
        "Alcohol": "None",
        "BusinessParking": "{'garage': False, u'street': True, 'lot': True}",
        "RestaurantsPriceRange2": "2",
    },
    "categories": "Restaurants, Noodles, Chinese",
    "hours": {"Monday": "8:0-22:0"},
}
BEIR = {
    "_id": "MED-10",
    "title": "Statin use",
    "text": "Recent studies suggest ...",
    "metadata": {"url": "http://x.example/10", "year": 2014, "authors": [{"name": "A"}], "pmid": "25329299"},
}
RECORDS: dict[str, dict[str, Any]] = {"amazon-2023": AMAZON, "abo": ABO, "yelp": YELP, "beir": BEIR}
IDS = {"amazon-2023": "parent_asin", "abo": "item_id", "yelp": "business_id", "beir": "_id"}


def read(path: Path, *records: Any, **options: Any) -> tuple[list[Product], tuple[Reject, ...]]:
    lines = (record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records)
    path.write_text("\n".join(lines), "utf-8")
    rejects = Rejects.to_memory()
    return [product for _, product in read_feed(path, rejects=rejects, **options)], rejects.first


def test_amazon_items(tmp_path: Path) -> None:
    (product,), rejects = read(tmp_path / "meta.jsonl", AMAZON)
    assert rejects == ()
    assert product == Product(
        "B01CUPMQZE",
        title="Howard LC0008 Leather Conditioner",
        description="First paragraph.\nSecond.",
        bullets=("Cleans", "Conditions"),
        brand="Howard Products",
        category=("Beauty", "Leather Care"),
        attributes={"Color": "Clear", "Is Discontinued": "No", "rating": 4.8, "review_count": 10.0},
        media=(ImageRef("h1.jpg"), ImageRef("l2.jpg"), VideoRef("https://v.example/1")),
        variants=(Variant("B01CUPMQZE", price=Money(1498, "USD")),),
        extra={"main_category": "All Beauty", "details": {"Best Sellers Rank": {"Beauty": 7}}, "subtitle": "Pint"},
    )


@pytest.mark.parametrize(
    ("price", "expected"),
    [("from 8.99", 899), ("$12.50", 1250), ("—", None), ("None", None), (None, None), ("$1,299.00", 129900)],
)
def test_amazon_prices(price: Any, expected: int | None, tmp_path: Path) -> None:
    (product,), rejects = read(tmp_path / "x", AMAZON | {"price": price})
    assert rejects == ()
    assert (product.price.minor if product.price else None) == expected


def test_amazon_as_tables_write_it(tmp_path: Path) -> None:
    images = {"hi_res": ["h1.jpg", None], "large": ["l1.jpg", "l2.jpg"], "variant": ["MAIN", "PT01"]}
    more = {"images": images, "details": json.dumps({"Color": "红"}), "videos": {"url": [], "title": []}}
    (product,), rejects = read(tmp_path / "x", AMAZON | more)
    assert rejects == ()
    assert product.media == (ImageRef("h1.jpg"), ImageRef("l2.jpg"))
    assert product.attributes["Color"] == "红"


def test_abo_listings(tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_text("image_id,height,width,path\n71dZ,1,1,14/a.jpg\n81ab,1,1,15/b.jpg\n")
    (product,), rejects = read(tmp_path / "listings_0.json", ABO)
    assert rejects == ()
    assert product == Product(
        "B07X",
        title="Phone case",
        bullets=("Snug fit", "Light"),
        brand="Solimo",
        category=("Mobiles", "Cases & Covers"),
        attributes={
            "color": "Multicolor",
            "model_year": "2019",
            "product_type": "CELLULAR_PHONE_CASE",
            "height": "2.54 cm",
            "item_weight": "50 grams",
        },
        language="en-IN",
        url="https://www.amazon.in/dp/B07X",
        media=(ImageRef("14/a.jpg"), ImageRef("15/b.jpg"), ImageRef("unknown")),
        extra={
            "country": "IN",
            "marketplace": "Amazon",
            "domain_name": "amazon.in",
            "other_languages": {"hi_IN": {"brand": ["सोलिमो"]}, "zh_CN": {"item_name": ["手机壳"]}},
        },
    )


def test_abo_in_its_own_folders(tmp_path: Path) -> None:
    listings, images = tmp_path / "listings" / "metadata", tmp_path / "images"
    for folder in (listings, images / "metadata", images / "small"):
        folder.mkdir(parents=True)
    (images / "metadata" / "images.csv.gz").write_bytes(
        gzip.compress(b"image_id,height,width,path\n71dZ,1,1,14/a.jpg\n")
    )
    (listings / "listings_0.json.gz").write_bytes(gzip.compress(json.dumps(ABO).encode()))
    ((_, product),) = read_feed(listings / "listings_0.json.gz", rejects=Rejects.to_memory())
    assert product.media[0] == ImageRef("../../images/small/14/a.jpg")


def test_the_language_that_says_most_is_taken(tmp_path: Path) -> None:
    chinese = {"item_name": [{"language_tag": "en_US", "value": "Lamp"}, {"language_tag": "zh_CN", "value": "台灯"}]}
    chinese |= {"brand": [{"language_tag": "zh_CN", "value": "明亮"}], "bullet_point": []}
    (product,), _ = read(tmp_path / "x", ABO | chinese | {"color": [{"language_tag": "zh_CN", "value": "白"}]})
    assert (product.language, product.title, product.brand) == ("zh-CN", "台灯", "明亮")


def test_yelp_businesses(tmp_path: Path) -> None:
    (product,), rejects = read(tmp_path / "business.json", YELP)
    assert rejects == ()
    assert product == Product(
        "Pns2",
        title="Abby's 面馆",
        category=("Restaurants",),
        attributes={
            "ByAppointmentOnly": True,
            "WiFi": "free",
            "BusinessParking": ("street", "lot"),
            "RestaurantsPriceRange2": "2",
            "address": "1616 Chapala St",
            "city": "Santa Barbara",
            "state": "CA",
            "postal_code": "93101",
            "rating": 4.5,
            "review_count": 7.0,
            "latitude": 34.4266,
            "longitude": -119.71,
            "is_open": False,
            "categories": ("Restaurants", "Noodles", "Chinese"),
        },
        extra={"hours": {"Monday": "8:0-22:0"}},
    )


def test_beir_documents(tmp_path: Path) -> None:
    (product,), rejects = read(tmp_path / "corpus.jsonl", BEIR)
    assert rejects == ()
    assert product == Product(
        "MED-10",
        title="Statin use",
        description="Recent studies suggest ...",
        attributes={"year": 2014.0, "pmid": "25329299"},
        url="http://x.example/10",
        extra={"authors": [{"name": "A"}]},
    )


@pytest.mark.parametrize("name", DATA_SETS)
@pytest.mark.parametrize("array", [False, True])
def test_they_are_told_from_plain_json_and_come_back(name: str, array: bool, tmp_path: Path) -> None:
    path = tmp_path / "noname"
    path.write_text(json.dumps([RECORDS[name]] if array else RECORDS[name]))
    feed = read_feed(path, rejects=Rejects.to_memory())
    assert feed.format == name
    products = [product for _, product in feed]
    write_feed(products, tmp_path / "again", format=name)
    assert [product for _, product in read_feed(tmp_path / "again", rejects=Rejects.to_memory())] == products


def test_plain_tables_stay_tables(tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"id": "1", "title": "a", "text": "b", "name": "c"}\n')
    assert read_feed(tmp_path / "x", rejects=Rejects.to_memory()).format == "jsonl"


@pytest.mark.parametrize("name", DATA_SETS)
def test_bad_records_cost_themselves_only(name: str, tmp_path: Path) -> None:
    record, id = RECORDS[name], IDS[name]
    deep = json.dumps(record)[:-1] + ', "deep": ' + "[" * 60 + "]" * 60 + "}"
    found, rejects = read(
        tmp_path / "x",
        record,
        record | {id: ""},
        record | {id: {"a": 1}},
        deep,
        json.dumps(record)[:-1] + ', "nul": "\\u0000"}',
        json.dumps(record | {id: "first"})[:-1] + f', "{id}": "last"}}',
        json.dumps(record | {"long": "x" * (1 << 21)}),
        record | {id: "<script>alert(1)</script>"},
        format=name,
    )
    assert [product.id for product in found] == [record[id], "last", "<script>alert(1)</script>"]
    assert [(reject.row, reject.scope) for reject in rejects] == [(row, "row") for row in (2, 3, 4, 5, 7)]
    assert all(reject.reason and reject.fix for reject in rejects)


@pytest.mark.parametrize("name", DATA_SETS)
@pytest.mark.parametrize("odd", [5, "x", [], [5], [[]], {}, {"a": {"b": []}}, True, -1e300, None, "\u202e", "9" * 400])
def test_odd_values_give_rejects_not_errors(name: str, odd: Any, tmp_path: Path) -> None:
    record = RECORDS[name]
    for member in record:
        if member != IDS[name]:
            found, _ = read(tmp_path / "x", record, record | {member: odd, IDS[name]: "2"}, format=name)
            assert [product.id for product in found] == [record[IDS[name]], "2"]


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_mapping_does_not_apply(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mapping"):
        read(tmp_path / "x", RECORDS[name], mapping={"title": "x"})


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("w") as file:
        for n in range(3000):
            file.write(json.dumps(AMAZON | {"parent_asin": f"B{n}"}) + "\n")
    tracemalloc.start()
    count = sum(1 for _ in read_feed(path, rejects=Rejects.to_memory()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 3000
    assert peak < 3_000_000
