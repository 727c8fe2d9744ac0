"""Labelling from the command: answers come from standard input, one per line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from goodsense.catalog import Product
from goodsense.shop import Shop
from goodsense.shop.labels import read_labels
from tests.cli.calls import Called, Caller

COLOURS = {"红色": "红色陶瓷马克杯", "蓝色": "蓝色保温杯", "green": "Green garden chair"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with Shop.create(tmp_path / "shop") as opened:
        known = [
            Product(f"k{n}{c}", f"{title} {n}", attributes={"colour": c})
            for c, title in COLOURS.items()
            for n in range(6)
        ]
        asked = [Product(f"a{n}", f"{title} 新款", category=("Home",)) for n, title in enumerate(COLOURS.values())]
        opened.add([*known, *asked])
    return tmp_path / "shop"


class Asker:
    """Runs ``goodsense label`` with these answers on standard input."""

    def __init__(self, call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        self.call = call
        self.monkeypatch = monkeypatch

    def __call__(self, shop: Path, *arguments: object, answers: str = "", field: str = "colour") -> Called:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(answers))
        return self.call("label", shop, field, *arguments)


@pytest.fixture
def label(call: Caller, monkeypatch: pytest.MonkeyPatch) -> Asker:
    return Asker(call, monkeypatch)


def labels(shop: Path) -> dict[tuple[str, str], tuple[str, str]]:
    with Shop.open(shop) as opened:
        return {(x.product, x.annotator): (x.value, x.source) for x in read_labels(opened.truth)}


@pytest.mark.parametrize(("how", "source"), [("rules", "rule"), ("model", "model")])
def test_suggestions_are_accepted_with_enter_and_their_provenance_is_kept(
    shop: Path, label: Asker, how: str, source: str
) -> None:
    done = label(shop, "--suggest", how, "--annotator", "ann", "--json", answers="\n\n\n")
    assert done.code == 0, done.err
    assert done.json == {"field": "attribute.colour", "labelled": 3, "left": 0}
    kept = labels(shop)
    assert [kept[f"a{n}", "ann"][0] for n in range(3)] == list(COLOURS)
    assert {found for _, found in kept.values()} == {f"human, suggested by {source}"}


def test_a_session_goes_on_where_it_stopped_and_takes_back(shop: Path, label: Asker) -> None:
    first = label(shop, "--annotator", "ann", "--values", "红色,蓝色", answers="1\n/teal\nu\n2\nq\n")
    assert "2 labelled, 1 left" in first.out
    assert "红色陶瓷马克杯 新款" in first.out
    assert sorted(value for value, _ in labels(shop).values()) == ["红色", "蓝色"]
    second = label(shop, "--annotator", "ann", "--values", "红色,蓝色", answers="what\ns\n")
    assert "'what' is none of" in second.out
    assert "1 products to label, 2 done already" in second.out
    assert len(labels(shop)) == 2


def test_annotators_agree_and_what_they_agree_on_is_applied_and_undone(shop: Path, label: Asker) -> None:
    for name, answers in {"ann": "1\n1\n1\n", "bob": "1\n1\n2\n", "zoë": "1\n2\n2\n"}.items():
        assert label(shop, "--annotator", name, "--values", "红色,蓝色", answers=answers).code == 0
    found = label(shop, "--agreement", "--json").json
    assert (found["items"], found["annotators"]) == (3, 3)
    assert found["share"] == pytest.approx((3 + 1 + 1) / 9)
    applied = label(shop, "--apply", "--json").json
    assert applied["changed"] == 3
    with Shop.open(shop) as opened:
        colours = sorted(str(p.attributes["colour"]) for p in opened.truth.get(["a0", "a1", "a2"]).values())
    assert colours == ["红色", "红色", "蓝色"]
    undone = label.call("clean", shop, "--undo", "--json").json
    assert undone == {"cleaning": applied["cleaning"], "restored": 3, "kept": 0}
    with Shop.open(shop) as opened:
        assert not any(p.attributes for p in opened.truth.get(["a0", "a1", "a2"]).values())


def test_an_audit_tells_the_error_rate_with_its_interval(shop: Path, label: Asker) -> None:
    done = label(shop, "--audit", "--sample", "10", "--json", answers="n\n/pink\n" + "y\n" * 8)
    assert (done.json["count"], done.json["n"]) == (2, 10)
    assert done.json["lower"] == pytest.approx(0.0567, abs=1e-3)
    assert done.json["upper"] == pytest.approx(0.5098, abs=1e-3)
    again = label(shop, "--audit", "--sample", "10", answers="")
    assert "2 of 10 wrong, 20.0%" in again.out
    assert label(shop, "--apply").code == 2  # an audit is no label


def test_tasks_go_to_workers_and_come_back(shop: Path, label: Asker, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.csv"
    assert label(shop, "--export", str(tasks), "--suggest", "rules", "--json").json["products"] == 3
    with tasks.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["product_id"]: row["suggestion"] for row in rows} == dict(zip(("a0", "a1", "a2"), COLOURS, strict=True))
    with tasks.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["product_id", "标签", "worker"])
        writer.writerows([["a0", "红色", "w1"], ["a0", "粉色", "w2"], ["zz", "红色", "w1"], ["a1", "", "w1"]])
    done = label(shop, "--import", str(tasks), "--json")
    assert done.json == {"field": "attribute.colour", "labels": 2, "rejected": 2}
    assert labels(shop)["a0", "w2"] == ("粉色", "tasks.csv")
    rejected = (shop / "rejected-labels.jsonl").read_text("utf-8")
    assert "no product of the shop has this id" in rejected
    assert "the label is empty" in rejected


def test_what_makes_no_sense_is_said(shop: Path, label: Asker, tmp_path: Path) -> None:
    assert label(shop, "--audit", "--apply").code == 2
    assert label(shop, "--audit", answers="").code == 2
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n", "utf-8")
    done = label(shop, "--import", str(bad))
    assert done.code == 3
    assert "product_id" in done.err
    with Shop.create(tmp_path / "empty") as opened:
        opened.add([Product("1", "a")])
    done = label(tmp_path / "empty", "--suggest", "model", field="brand")
    assert done.code == 3
    assert "a model needs two" in done.err
