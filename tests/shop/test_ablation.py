"""Ablations of shops in which it is known which modality says what."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goodsense.catalog import Product
from goodsense.errors import DataError, UsageError
from goodsense.evaluate.ablation import ablate
from goodsense.events import Event
from goodsense.fusion import FUSIONS, AdditiveFusion
from goodsense.learning.lesson import Lesson
from goodsense.media import MediaStore
from goodsense.shop import Recipe, Shop
from goodsense.shop.ablation import Plan, ShopAblation
from goodsense.shop.ablation.asked import next_item, shoppers_steps
from goodsense.shop.ablation.goals import Blocks, by_cosine, enough, other_modality, same_label
from goodsense.shop.ablation.held import divided
from goodsense.shop.ablation.rivals import Bench, Field, entries_for, without_ballast
from goodsense.shop.ablation.trials import retrieval
from goodsense.shop.build import build
from goodsense.shop.evaluation import store_judgements
from goodsense.types import Embeddings, ImageRef
from tests.cli.calls import Caller
from tests.shop.catalogs import THINGS, picture, toys

PARTS = ("train", "train", "val", "test")
WORDS = ("heron", "maple", "copper", "lagoon", "violin", "pepper")
RECIPE = Recipe.model_validate({"encoders": {"attributes": "", "behaviour": ""}})


def lettered(rng: np.random.Generator) -> str:
    """A word that no other product has."""
    return "".join(rng.choice(list("bcdfglmnprst"), 3).tolist() + rng.choice(list("aeiou"), 2).tolist()) + "x"


def shelves(directory: Path, count: int = 144) -> list[Product]:
    """Products of six categories, which only their pictures tell apart, and of six topics, which only titles tell."""
    rng, store = np.random.default_rng(5), MediaStore(directory / "media")
    found = []
    for number in range(count):
        category, topic = THINGS[number % 6], int(rng.integers(6))
        photo = store.put(picture("red", category, seed=number))
        product = Product(
            id=f"p{number:03d}",
            title=f"{lettered(rng)} {WORDS[topic]} {lettered(rng)}",
            category=("All", f"Shelf {number % 6}"),
            attributes={"topic": f"t{topic}"},
            media=(ImageRef(f"{number}.jpg", photo),),
            split=PARTS[number // 6 % 4],  # type: ignore[arg-type]
        )
        found.append(product)
    return found


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built shop; not to be changed by tests."""
    made = tmp_path_factory.mktemp("shelves") / "shop"
    with Shop.create(made) as shop:
        shop.add(shelves(made))
    build(made, RECIPE, workers=1)
    return made


@pytest.fixture
def other(directory: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy that a test may change."""
    shutil.copytree(directory, tmp_path / "shop")
    with Shop.open(tmp_path / "shop") as shop:
        yield shop


@pytest.fixture(scope="module")
def found(directory: Path) -> ShopAblation:
    with Shop.open(directory) as shop:
        return shop.ablate(Plan(effort="quick", goals=("label", "classify", "other"), missing=True))


# ---- verdicts


@pytest.mark.parametrize("name", ["same category", "tell category"])
def test_what_carries_the_groups_is_said_to(found: ShopAblation, name: str) -> None:
    ablation = found[name].ablation
    worth = {each.modality: each for each in ablation.contributions}
    assert worth["image"].adds.lower > 0.05
    assert worth["image"].verdict.startswith("image adds .")
    assert worth["text"].adds.mean < 0.03
    assert (ablation.baseline, ablation.winner) == ("image", "image")
    assert "image is kept: nothing beats it beyond noise" in ablation.verdict


def test_and_the_reverse(directory: Path) -> None:
    with Shop.open(directory) as shop:
        goal = shop.ablate(Plan(effort="quick", goals=("label",), label="topic")).main
    worth = {each.modality: each for each in goal.ablation.contributions}
    assert goal.name == "same topic"
    assert worth["text"].adds.lower > 0.05
    assert worth["image"].adds.mean < 0.03
    assert goal.ablation.winner == "text"


def test_rubbish_is_seen_through(found: ShopAblation) -> None:
    control = found["same category"].control
    assert control is not None
    assert (control.noise, control.duplicate) == ("text", "image")
    assert control.dropped_noise
    assert control.dropped_copy
    assert found["other modality"].control is None


def test_one_modality_is_found_by_the_other(found: ShopAblation) -> None:
    """The shelf stands in the text of the build, and the picture shows it; neither modality does it alone."""
    goal = found["other modality"]
    ablation = goal.ablation
    assert ablation.baseline == "chance"
    assert ablation.fused
    assert ablation["text"].value.mean == ablation["image"].value.mean == 0
    assert set(goal.more["ridge"]) == {"ndcg@10 by text", "ndcg@10 by image"}
    by_side = np.mean(list(goal.more["ridge"].values()))
    assert by_side == pytest.approx(ablation["ridge"].value.mean)
    assert ablation["additive"].gain.lower < 0.05  # blocks side by side never meet


def test_every_single_modality_and_every_fusion_takes_part(found: ShopAblation) -> None:
    assert found.modalities == ("text", "image")
    assert found.products == {"train": 72, "val": 36, "test": 36}
    assert found.main.name == "same category"
    ablation = found.main.ablation
    assert ablation.queries == {"validation": 36, "test": 36}
    assert {"image", "text", "image + text", "additive", "mean", "concat", "cca", "ridge", "chance"} <= {
        row.name for row in ablation.rows
    }
    assert found["tell category"].more["image"]["macro_f1"] == pytest.approx(
        found["tell category"].ablation["image"].value.mean, abs=0.1
    )


def test_missing_modalities_are_measured(found: ShopAblation) -> None:
    missing = found["same category"].missing
    assert missing is not None
    names = [condition.name for condition in missing.conditions]
    assert names == ["without image", "without text", "30% missing", "60% missing", "90% missing"]
    lost = missing["without image"]["ndcg@10"]
    assert lost.loss.lower > 0.05  # titles alone are worse
    assert lost.penalty is not None
    assert missing["without text"]["ndcg@10"].value == pytest.approx(
        found["same category"].ablation["image"].value.mean, abs=0.05
    )


def test_two_runs_are_equal(directory: Path) -> None:
    plan = Plan(effort="quick", goals=("other",))
    with Shop.open(directory) as shop:
        one, other = (json.dumps(shop.ablate(plan).to_json()["goals"]) for _ in range(2))
    assert one == other


def test_trained_fusions_take_part(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from goodsense.shop.ablation import rivals

    pytest.importorskip("torch")
    short = {"epochs": 2, "width": 8, "hidden": 8, "batch": 32}
    few = tuple(replace(entry, options={**entry.options, **short}) for entry in rivals.TRAINED[:2])
    monkeypatch.setattr(rivals, "TRAINED", few)
    with Shop.open(directory) as shop:
        ablated = shop.ablate(Plan(goals=("label",)))
    names = {row.name for row in ablated.main.ablation.rows}
    for entry in few:  # in the table, or said to have learned nothing
        assert entry.label in names or any(note.startswith(entry.label) for note in ablated.notes)
    assert "late (z-score)" in names


def test_every_fusion_of_the_table_can_take_part() -> None:
    assert {entry.fusion for entry in entries_for("all", {"text": 1.0})} == set(FUSIONS)
    labels = [entry.label for entry in entries_for("all")]
    assert len(labels) == len(set(labels))


def test_a_fusion_gets_rid_of_what_says_nothing() -> None:
    """Whatever way of fusing is best with noise among its modalities competes with itself without the noise."""
    rng = np.random.default_rng(3)
    kinds = np.arange(240) % 8
    shown = np.eye(8)[kinds]
    blocks = blocks_of(
        image=(shown + 0.7 * rng.normal(size=shown.shape)).tolist(),
        text=(shown + 0.7 * rng.normal(size=shown.shape)).tolist(),
        audio=rng.normal(size=shown.shape).tolist(),
    )
    parts = [("train", "val", "test")[number // 8 % 3] for number in range(240)]
    labels, groups = [f"l{kind}" for kind in kinds], [f"g{number}" for number in range(240)]
    train = np.flatnonzero(np.array(parts) == "train")
    bench = Bench(blocks, train, Lesson(np.arange(len(train)), {"kind": kinds[train]}), "kind")
    goal = same_label("kind", blocks, parts, labels, groups, seed=0)
    found = retrieval(bench, goal, entries_for("quick"), metric="ndcg@10")
    assert {"image + text", "late (z-score)", "additive of image + text"} <= {case.name for case in found.cases}
    assert len({case.name for case in found.cases}) == len(found.cases)
    ablation = ablate(found.cases, samples=500)
    assert ablation[ablation.winner].modalities == ("image", "text")
    # the way that is best with everything is there without the noise, too
    late = Field("", bench.names, [], {}, {})
    late.enter(next(way for name, way in found.ways.items() if name == "late (z-score)"))
    without_ballast(late, metric="ndcg@10", seed=0)
    assert "late (z-score) of image + text" in {case.name for case in late.cases}


# ---- goals


def blocks_of(**columns: list[list[float] | None]) -> Blocks:
    count = len(next(iter(columns.values())))
    ids = [f"p{row}" for row in range(count)]
    found = {}
    for name, rows in columns.items():
        width = len(next(row for row in rows if row is not None))
        vectors = np.array([row or [0.0] * width for row in rows], dtype=np.float32)
        found[name] = Embeddings.of_products(ids, vectors, np.array([row is not None for row in rows]))
    return found


def test_a_product_is_looked_for_by_its_other_modalities_only() -> None:
    axis = np.eye(3).tolist()
    blocks = blocks_of(text=axis, attributes=axis, image=[axis[0], axis[2], None])
    goal = other_modality(blocks, ["val", "val", "val"], ["a", "a", "c"], seed=0)
    asked = {side.name: side for side in goal.sides["validation"]}
    assert set(asked) == {"text", "attributes", "image"}
    assert asked["text"].rows.tolist() == [0, 1]  # the third has no picture to be found by
    assert asked["text"].find == {"image"}  # attributes are made of the same fields
    assert asked["image"].find == {"text", "attributes"}
    assert goal.tasks["validation"].qrels["text\0p0"] == {"p0": 1, "p1": 1}  # of one title
    fusion = AdditiveFusion({"text": 1.0, "attributes": 1.0, "image": 1.0}).fit(blocks)
    seen: list[tuple[set[str], set[str]]] = []

    def pair(asking: Blocks, items: Blocks) -> np.ndarray:
        seen.append((set(asking), set(items)))
        return by_cosine(fusion.fuse)(asking, items)

    goal.scores("validation", blocks, pair)
    assert len(seen) == 3
    for sides in (({"text"}, {"image"}), ({"attributes"}, {"image"}), ({"image"}, {"text", "attributes"})):
        assert sides in seen
    nothing = goal.scores("validation", {"text": blocks["text"]}, pair)
    assert np.isneginf(nothing).all()  # one modality by itself cannot answer


def test_others_of_the_same_label_against_a_naive_loop() -> None:
    rng = np.random.default_rng(0)
    blocks = blocks_of(image=rng.normal(size=(60, 4)).tolist())
    labels = [f"l{n}" for n in rng.integers(0, 5, 60)]
    groups = [f"g{n}" for n in rng.integers(0, 40, 60)]
    parts = ["test"] * 30 + ["val"] * 30
    goal = same_label("colour", blocks, parts, labels, groups, seed=0)
    scores = goal.scores("test", blocks, by_cosine(lambda found: found["image"]))
    expected = {
        f"p{a}": {f"p{b}": 1 for b in range(30) if labels[a] == labels[b] and groups[a] != groups[b]} for a in range(30)
    }
    assert goal.tasks["test"].qrels == {query: grades for query, grades in expected.items() if grades}
    for row, query in enumerate(goal.tasks["test"].queries):
        for column, item in enumerate(goal.tasks["test"].items):
            same_title = groups[int(query[1:])] == groups[int(item[1:])]
            assert np.isneginf(scores[row, column]) == same_title
    assert not enough(same_label("colour", blocks, ["test"] * 60, labels, groups, seed=0))


def test_steps_of_shoppers_lead_from_one_product_to_another(tmp_path: Path) -> None:
    def visit(user: str, items: str, split: str = "") -> list[Event]:
        return [
            Event(user, item, "view", time=1e9 + place, session=user, split=split)  # type: ignore[arg-type]
            for place, item in enumerate(items)
        ]

    known = {"a": 0, "b": 1, "c": 2}
    with Shop.create(tmp_path / "one") as shop:
        shop.add_events([*visit("u", "aabxc"), *visit("v", "cb"), Event("w", "a", "impression", session="w")])
        steps, given = shoppers_steps(shop, known)
    assert not given
    assert sorted([*steps["train"], *steps["val"], *steps["test"]]) == [
        (0, 1),
        (1, 2),
        (2, 1),
    ]  # x is no product; a stays a
    with Shop.create(tmp_path / "other") as shop:
        shop.add_events([*visit("u", "ab", "train"), *visit("v", "cb", "test"), *visit("w", "ba", "val")])
        steps, given = shoppers_steps(shop, known)
    assert given
    assert steps == {"train": [(0, 1)], "val": [(1, 0)], "test": [(2, 1)]}
    goal = next_item(blocks_of(image=np.eye(3).tolist()), {"validation": steps["val"], "test": steps["test"]}, seed=0)
    assert goal.tasks["test"].qrels == {"step 0": {"p1": 1}}
    found = goal.scores("test", blocks_of(image=np.eye(3).tolist()), by_cosine(lambda blocks: blocks["image"]))
    np.testing.assert_array_equal(found, [[0, 0, -np.inf]])


def test_the_feeds_split_stands_and_groups_stay_whole() -> None:
    notes: list[str] = []
    given = ["train", "val", "test", ""] * 12
    assert divided(given, [f"g{n}" for n in range(48)], notes) == ["train", "val", "test", "train"] * 12
    assert notes == []
    groups = [f"g{n // 2}" for n in range(400)]
    found = divided([""] * 400, groups, notes)
    assert set(found) == {"train", "val", "test"}
    assert all(found[n] == found[n + 1] for n in range(0, 400, 2))
    assert any("serve for test" in note for note in notes)
    notes.clear()
    many = divided([""] * 2_000, [f"g{n}" for n in range(2_000)], notes)
    assert notes == ["half of the products that the build holds out are for choosing, half for testing"]
    assert 0.85 < many.count("train") / 2_000 < 0.95
    assert min(many.count("val"), many.count("test")) > 60
    notes.clear()
    without_val = divided(["train"] * 80 + ["test"] * 20, [f"g{n}" for n in range(100)], notes)
    assert without_val[80:] == ["test"] * 20
    assert without_val.count("val") > 5
    assert [note for note in notes if "serve for val" in note] == notes


# ---- what people set


def test_judged_queries_are_set_against_words(own: Shop, tmp_path: Path) -> None:
    asked = 2 * [(colour, thing) for colour in ("red", "green", "blue", "white") for thing in THINGS]
    lines = [f"q{n}\t{' '.join(pair[:: 1 - n % 2 * 2])}\n" for n, pair in enumerate(asked)]
    (tmp_path / "queries.tsv").write_text("".join(lines), "utf-8")
    judged = [
        f"q{n} 0 {toy.id} {int((toy.attributes['colour'], toy.category[-1].lower()) == pair)}\n"
        for n, pair in enumerate(asked)
        for toy in toys(96)
    ]
    (tmp_path / "qrels.txt").write_text("".join(judged), "utf-8")
    store_judgements(own, tmp_path / "queries.tsv", tmp_path / "qrels.txt")
    found = own.ablate(Plan(effort="quick", goals=("judged",)))
    ablation = found.main.ablation
    assert found.main.name == "judged queries"
    assert sum(ablation.queries.values()) == 48
    names = {row.name for row in ablation.rows}
    assert {"BM25", "search as built", "chance", "text", "image", "BM25 & ridge", "ridge"} <= names
    assert ablation["image"].value.mean == 0  # no words reach pictures by themselves
    assert ablation["BM25"].value.mean > 0.9 > ablation["chance"].value.mean


# ---- bad input


def test_one_modality_is_nothing_to_compare(directory: Path) -> None:
    with Shop.open(directory) as shop, pytest.raises(DataError, match="two modalities or more; the products have text"):
        shop.ablate(Plan(modalities=("text",)))


def test_unknown_names(directory: Path) -> None:
    with Shop.open(directory) as shop:
        with pytest.raises(UsageError, match="no modality 'video'; it has text, image"):
            shop.ablate(Plan(modalities=("video", "text")))
        with pytest.raises(UsageError, match="no product has a value for 'colour'"):
            shop.ablate(Plan(effort="quick", goals=("label",), label="colour"))
    with pytest.raises(UsageError, match="no goal 'clicks'; there are judged"):
        Plan(goals=("clicks",))
    with pytest.raises(UsageError, match="the effort 'slow'; expected quick, usual, all"):
        Plan(effort="slow")  # type: ignore[arg-type]


def test_a_shop_without_a_build(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop, pytest.raises(UsageError, match="not built yet"):
        shop.ablate()


@pytest.mark.parametrize("count", [1, 30])
def test_one_product_or_all_the_same(count: int, other: Shop) -> None:
    same = [replace(product, title="red train", split="") for product in shelves(other.directory, count)]
    other.delete(product.id for product in other.truth.products())
    other.add(same)
    with pytest.raises(DataError, match=f"{count} products with 1 different titles are too few"):
        other.ablate(Plan(effort="quick"))


def test_a_modality_that_does_not_vary() -> None:
    """It says nothing; that is an answer, not an error."""
    rng = np.random.default_rng(0)
    labels = [f"l{number % 6}" for number in range(150)]
    rows = np.eye(6)[np.arange(150) % 6] + 0.4 * rng.normal(size=(150, 6))
    blocks = blocks_of(image=[[1.0, 2.0]] * 150, text=rows.tolist())
    parts = ["train", "val", "test"] * 50
    goal = same_label("colour", blocks, parts, labels, [f"g{number}" for number in range(150)], seed=0)
    lesson = Lesson(np.arange(50), {"colour": np.arange(150)[::3] % 6})
    bench = Bench(blocks, np.arange(0, 150, 3), lesson, "colour")
    ablation = ablate(retrieval(bench, goal, entries_for("quick"), metric="ndcg@10").cases, samples=500)
    assert ablation.winner == "text"
    assert abs(next(each for each in ablation.contributions if each.modality == "image").adds.mean) < 0.12
    assert "cca" in {row.name for row in ablation.rows} or any(note.startswith("cca") for note in bench.notes)


def test_a_modality_that_some_part_lacks(other: Shop) -> None:
    held = [product for product in other.truth.products() if product.split == "test"]
    other.add(replace(product, media=()) for product in held)
    with pytest.raises(DataError, match="the products have text; image is left out: no product for test has it"):
        other.ablate(Plan(effort="quick"))


def test_no_split_at_all(other: Shop) -> None:
    other.add(replace(product, split="") for product in list(other.truth.products()))
    found = other.ablate(Plan(effort="quick", goals=("label",)))
    assert any("serve for test" in note for note in found.notes)
    assert min(found.products.values()) >= 20
    assert found.main.ablation.winner == "image"


# ---- the command


def test_the_command(directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    call = Caller(monkeypatch, capsys)
    said = call("ablate", directory, "--quick", "--goal", "label")
    assert said.code == 0, said.err
    assert "== same category: other products of the same category ==" in said.out
    assert "image adds ." in said.out
    assert "control: text made noise, image there twice: the noise was dropped" in said.out
    kept = json.loads((directory / "reports" / "ablation.json").read_text("utf-8"))
    assert kept["goals"][0]["ablation"]["winner"] == "image"
    assert (directory / "reports" / "ablation.png").read_bytes().startswith(b"\x89PNG")
    wrong = call("ablate", directory, "--quick", "--all", "--json")
    assert "opposites" in wrong.err
