from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.encoders.attributes import ColumnsEncoder
from goodsense.encoders.category_paths import CategoryPaths, path_of
from goodsense.errors import UsageError

CARS, TRAINS, DOLLS = ("Toys", "Vehicles", "Cars"), ("Toys", "Vehicles", "Trains"), ("Toys", "Figures", "Dolls")
CUPS, PLATES = ("Home", "Kitchen", "Cups"), ("Home", "Kitchen", "Plates")
LEAVES = (CARS, TRAINS, DOLLS, CUPS, PLATES)


def products(count: int = 40) -> list[dict[str, Any]]:
    """Cars, trains and dolls are of wood, cups and plates of glass; dolls are as dear as cups."""
    rng = np.random.default_rng(7)
    found = []
    for i in range(count * len(LEAVES)):
        leaf = LEAVES[i % len(LEAVES)]
        material = "wood" if leaf[0] == "Toys" else "glass"
        price = (30.0 if leaf in (DOLLS, CUPS) else 10.0) + float(rng.normal())
        found.append({"category": leaf, "material": material, "price": price})
    return found


def fitted(**options: Any) -> ColumnsEncoder:
    return ColumnsEncoder(category_paths=8, **options).fit(products(), seed=0)


def places(encoder: ColumnsEncoder, *paths: Any) -> Any:
    return encoder.encode([{"category": path} for path in paths])[:, -8:]


def apart(encoder: ColumnsEncoder, first: Any, second: Any) -> float:
    one, other = places(encoder, first, second)
    return float(np.linalg.norm(one - other))


def test_siblings_are_nearer_than_cousins_and_these_than_strangers() -> None:
    encoder = fitted()
    assert 0 < apart(encoder, CARS, TRAINS) < apart(encoder, CARS, DOLLS) < apart(encoder, CARS, CUPS)
    assert apart(encoder, CUPS, PLATES) < apart(encoder, CUPS, DOLLS)


def test_without_other_attributes_distances_are_those_of_the_tree() -> None:
    rows = [{"category": leaf} for leaf in LEAVES for _ in range(5)]
    encoder = ColumnsEncoder(category_paths=8).fit(rows, seed=0)
    steps, found = [], []
    for first, second in combinations(LEAVES, 2):
        shared = next((3 - depth for depth in range(3) if first[: 3 - depth] == second[: 3 - depth]), 0)
        steps.append(2 * (3 - shared))
        found.append(apart(encoder, first, second) ** 2)
    ratios = np.array(found) / steps
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-4)


def test_alike_goods_draw_their_categories_together() -> None:
    """Two leaves of one parent, each with what the leaves of the other parent have."""
    rows = [
        {"category": ("A", leaf), "material": "wood" if leaf in ("x", "u") else "glass"}
        for leaf in ("x", "y") for _ in range(20)
    ] + [
        {"category": ("B", leaf), "material": "wood" if leaf in ("x", "u") else "glass"}
        for leaf in ("u", "v") for _ in range(20)
    ]  # fmt: skip
    encoder = ColumnsEncoder(category_paths=8).fit(rows, seed=0)
    assert apart(encoder, ("A", "x"), ("B", "u")) < 0.8 * apart(encoder, ("A", "x"), ("B", "v"))


def test_an_unknown_leaf_falls_back_to_its_ancestors() -> None:
    encoder = fitted()
    known = places(encoder, ("Toys", "Vehicles"), ("Toys",), CARS)
    unknown = places(encoder, ("Toys", "Vehicles", "Ships", "Ferries"), ("Toys", "Games"), (*CARS, "Race cars"))
    np.testing.assert_array_equal(unknown, known)
    assert not places(encoder, ("Garden", "Tools"), ()).any()
    assert np.linalg.norm(known[0] - places(encoder, CARS)[0]) < np.linalg.norm(known[0] - places(encoder, CUPS)[0])


def test_a_rare_leaf_is_described_by_its_parent() -> None:
    rows = [*products(), {"category": ("Toys", "Vehicles", "Boats"), "material": "glass", "price": 99.0}]
    encoder = ColumnsEncoder(category_paths=8).fit(rows, seed=0)
    assert apart(encoder, ("Toys", "Vehicles", "Boats"), CARS) < apart(encoder, ("Toys", "Vehicles", "Boats"), CUPS)


def test_columns_stay_what_they_were_and_places_weigh_like_them() -> None:
    plain, encoder = ColumnsEncoder().fit(products(), seed=0), fitted()
    rows = products()
    np.testing.assert_array_equal(encoder.encode(rows)[:, :-8], plain.encode(rows))
    found = encoder.encode(rows)[:, -8:]
    assert (found**2).sum(axis=1).mean() == pytest.approx(8, rel=1e-3)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)
    assert encoder.names[-2:] == ("category~7", "category~8")
    assert encoder.dim == len(encoder.names) == plain.dim + 8


def test_paths_come_back_from_disk(tmp_path: Path) -> None:
    encoder = fitted()
    encoder.save(tmp_path)
    loaded = ColumnsEncoder.load(tmp_path)
    assert loaded.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(places(loaded, *LEAVES), places(encoder, *LEAVES))


def test_no_paths_and_one_path_are_the_average_product() -> None:
    for rows in ([], [{"price": 3.0}], [{"category": CARS}]):
        encoder = ColumnsEncoder(category_paths=4).fit(rows, seed=0)
        assert not encoder.encode([{"category": CARS}])[:, -4:].any()


def test_paths_are_levels_or_one_text() -> None:
    assert path_of({"category": ("Toys", " Cars ", "")}) == ("Toys", "Cars")
    assert path_of({"category": "Toys > Cars > Race cars"}) == ("Toys", "Cars", "Race cars")
    assert path_of({"category": "玩具›汽车"}) == ("玩具", "汽车")
    assert path_of({"category": "Toys"}) == ("Toys",)
    assert path_of({"category": 3.0}) == path_of({}) == ()


def test_the_most_frequent_nodes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goodsense.encoders.category_paths.LIMIT", 3)
    paths = [("A", "x")] * 3 + [("A", "y")] * 2 + [("B",)] * 4
    found = CategoryPaths.fit(paths, np.zeros((9, 0), np.float32), dim=2, seed=0)
    assert found.nodes == (("A",), ("B",), ("A", "x"))
    np.testing.assert_array_equal(found.encode([("A", "y")]), found.encode([("A",)]))


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "yes"])
def test_impossible_numbers_are_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="category_paths"):
        ColumnsEncoder(category_paths=wrong)
