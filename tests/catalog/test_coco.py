"""COCO files as they are found, and as they come damaged."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from goodsense.catalog import Product
from goodsense.catalog.feeds import read_feed
from goodsense.errors import DataError, UsageError
from goodsense.tables import Reject, Rejects
from goodsense.types import ImageRef

IMAGES = [
    {"license": 5, "file_name": "COCO_1.jpg", "coco_url": "http://images.example/1.jpg", "height": 360, "id": 1},
    {"file_name": "COCO_2.jpg", "id": 2},
]
CAPTIONS = [
    {"image_id": 1, "id": 10, "caption": "A bicycle replica."},
    {"image_id": 2, "id": 11, "caption": "一只猫"},
    {"image_id": 1, "id": 12, "caption": "A black Honda."},
]
HEAD = {"info": {"year": 2014}, "licenses": [{"id": 5, "name": "CC"}], "type": "captions"}


def read(path: Path, data: Any, **how: Any) -> tuple[dict[str, Product], tuple[Reject, ...]]:
    path.write_text(data if isinstance(data, str) else json.dumps(data), "utf-8")
    rejects = Rejects.to_memory()
    feed = read_feed(path, rejects=rejects, **how)
    assert feed.format == "coco"
    return {product.id: product for _, product in feed}, rejects.first


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("order", [["images", "annotations"], ["annotations", "images"]])
def test_captions_whatever_stands_first(order: list[str], indent: int | None, tmp_path: Path) -> None:
    parts = {"images": IMAGES, "annotations": CAPTIONS}
    found, rejects = read(tmp_path / "x.json", json.dumps(HEAD | {name: parts[name] for name in order}, indent=indent))
    assert not rejects
    assert list(found) == ["1", "2"]
    assert (found["1"].title, found["1"].bullets) == ("A bicycle replica.", ("A black Honda.",))
    assert found["1"].extra == {"license": 5, "height": 360}
    assert found["2"].title == "一只猫"


def test_a_picture_beside_the_file_is_taken_before_its_address(tmp_path: Path) -> None:
    data = {"images": IMAGES, "annotations": CAPTIONS}
    found, _ = read(tmp_path / "x.json", data)
    assert found["1"].media == (ImageRef("http://images.example/1.jpg"),)
    assert found["2"].media == (ImageRef("COCO_2.jpg"),)
    (tmp_path / "COCO_1.jpg").write_bytes(b"")
    assert read(tmp_path / "x.json", data)[0]["1"].media == (ImageRef("COCO_1.jpg"),)
    chosen, _ = read(tmp_path / "x.json", data, mapping={"image": "coco_url"})
    assert chosen["1"].media == (ImageRef("http://images.example/1.jpg"),)
    assert chosen["2"].media == (ImageRef("COCO_2.jpg"),)
    with pytest.raises(UsageError, match="no mapping but that of the image"):
        read(tmp_path / "x.json", data, mapping={"title": "caption"})


def test_objects_become_categories_or_attributes(tmp_path: Path) -> None:
    data = {
        "images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(4)],
        "annotations": [
            {"image_id": 0, "category_id": 1, "bbox": [0, 0, 5, 5], "segmentation": [[1.5] * 8], "iscrowd": 0},
            {"image_id": 0, "category_id": 1},
            {"image_id": 1, "category_id": 1},
            {"image_id": 1, "category_id": 2},
            {"image_id": 2, "category_id": 3},
            {"image_id": 3, "category_id": 99},
        ],
        "categories": [
            {"supercategory": "clothing", "id": 1, "name": "dress"},
            {"supercategory": "none", "id": 2, "name": "bag"},
            {"supercategory": "person", "id": 3, "name": "person"},
        ],
    }
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data))
    feed = read_feed(path, rejects=Rejects.to_memory(strict=True))
    found = [product for _, product in feed]
    assert [product.category for product in found] == [("clothing", "dress"), (), ("person",), ()]
    assert found[1].attributes == {"objects": ("dress", "bag")}
    assert "1 annotations name a category that the file does not have." in feed.notes


def test_captions_inside_the_images(tmp_path: Path) -> None:
    said = [{"raw": "One."}, {"raw": "Two."}]
    data = {
        "images": [
            {"filename": "a.jpg", "imgid": 0, "cocoid": 77, "split": "restval", "sentences": said},
            {"filename": "b.jpg", "imgid": 1, "cocoid": 78, "split": "test", "sentences": []},
        ],
        "dataset": "coco",
    }
    found, rejects = read(tmp_path / "dataset.json", data)
    assert not rejects
    assert (found["77"].title, found["77"].bullets, found["77"].split) == ("One.", ("Two.",), "train")
    assert found["78"].split == "test"


def test_what_cannot_be_taken_is_rejected_and_the_rest_goes_on(tmp_path: Path) -> None:
    data = {
        "images": [*IMAGES, {"id": 1, "file_name": "again.jpg"}, {"file_name": "no id.jpg"}, 7, {"id": [1]}],
        "annotations": [
            *CAPTIONS,
            {"image_id": 404, "caption": "stray"},
            {"caption": "of nothing"},
            {"image_id": 2, "caption": {"a": 1}},
            {"image_id": 2, "caption": ""},
        ],
        "categories": [{"id": 1}],
    }
    found, rejects = read(tmp_path / "x.json", data)
    assert list(found) == ["1", "2"]
    said = [(reject.row, reject.column, reject.reason) for reject in rejects]
    assert (3, "images", "another image has the id 1") in said
    assert (4, "annotations", "no image has the id 404") in said
    assert len(said) == 8
    assert all(reject.fix for reject in rejects)


ONE = '{"images": [{"id": 1, "file_name": "a"}'


@pytest.mark.parametrize("broken", [ONE, f"{ONE}]", f'{ONE}], "annotations": [1 2]}}', f'{ONE}], "x"}}'])
def test_a_cut_file_brings_nothing(broken: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(broken)
    with pytest.raises(DataError, match=r"x\.json"):
        list(read_feed(tmp_path / "x.json", format="coco", rejects=Rejects.to_memory()))


def test_other_objects_are_not_taken_for_coco(tmp_path: Path) -> None:
    for text in (
        '{"id": 1, "title": "x", "images": [{"url": "a.jpg"}]}\n{"id": 2}\n',
        '{"id": 1, "images": ["a.jpg"]}\n',
        '{"id": 1, "title": "x", "images": []}\n',
    ):
        (tmp_path / "x").write_text(text)
        assert read_feed(tmp_path / "x", rejects=Rejects.to_memory()).format == "jsonl"
    (tmp_path / "x").write_text('{"a": [1, 2], "b": {}}')
    with pytest.raises(DataError, match="no list of images"):
        list(read_feed(tmp_path / "x", format="coco", rejects=Rejects.to_memory()))


def test_packed_and_large_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.json.gz"
    with gzip.open(path, "wt", 1, encoding="utf-8") as file:
        file.write('{"info": {}, "annotations": [')
        file.write(",".join(f'{{"image_id": {n % 200}, "caption": "{"word " * 10_000}{n}"}}' for n in range(400)))
        file.write('], "images": [')
        file.write(",".join(f'{{"id": {n}, "file_name": "{n}.jpg"}}' for n in range(200)))
        file.write("]}")
    feed = read_feed(path, rejects=Rejects.to_memory(strict=True))
    tracemalloc.start()
    count = sum(len(product.bullets) for _, product in feed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 200
    assert peak < 6 << 20
