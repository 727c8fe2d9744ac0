from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from goodsense.catalog import Product
from tests.cli.calls import Called, Caller, builds_here, run_command
from tests.shop.catalogs import picture, toys

COLUMNS = "id title description brand category price currency availability colour material pieces image split".split()
SPLITS = ("train", "train", "val", "train", "test")


@dataclass(frozen=True)
class Material:
    """A shop made by the command alone, the files it was made of, and what the commands said."""

    shop: Path
    feed: Path
    queries: Path
    qrels: Path
    photo: Path
    ingested: Called
    built: Called


def write_feed(path: Path, products: list[Product]) -> Path:
    """Toys as a CSV feed; those that have a photo name it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for n, p in enumerate(products):
            assert p.price is not None
            said = [p.id, p.title, p.description, p.brand, " > ".join(p.category), p.price.major, "CNY", "in_stock"]
            said += [p.attributes[name] for name in ("colour", "material", "pieces")]
            writer.writerow([*said, f"photos/{n}.jpg" if n % 7 else "", SPLITS[n % len(SPLITS)]])
    return path


def write_photos(directory: Path, products: list[Product]) -> None:
    (directory / "photos").mkdir()
    for n, product in enumerate(products):
        colour, thing = str(product.attributes["colour"]), product.category[-1].lower()
        (directory / "photos" / f"{n}.jpg").write_bytes(picture(colour, thing, seed=n))


def write_judged_queries(directory: Path, products: list[Product]) -> tuple[Path, Path]:
    """For every thing and colour a query; relevant are exactly the products that are both."""
    asked = sorted({(p.category[-1].lower(), str(p.attributes["colour"])) for p in products})
    queries, qrels = directory / "queries.tsv", directory / "qrels.txt"
    queries.write_text("".join(f"q{n}\t{colour} {thing}\n" for n, (thing, colour) in enumerate(asked)), "utf-8")
    lines = [
        f"q{n} 0 {p.id} {int((p.category[-1].lower(), p.attributes['colour']) == pair)}\n"
        for n, pair in enumerate(asked)
        for p in products
    ]
    qrels.write_text("".join(lines), "utf-8")
    return queries, qrels


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """A built shop of 72 toys; not to be changed by tests."""
    directory = tmp_path_factory.mktemp("cli")
    products = toys(72)
    feed = write_feed(directory / "feed.csv", products)
    write_photos(directory, products)
    queries, qrels = write_judged_queries(directory, products)
    photo = directory / "photo.jpg"
    photo.write_bytes(picture("red", "robot", seed=999))
    shop = directory / "shop"
    ingested = run_command("ingest", shop, feed, "--json")
    built = run_command("build", shop, "--workers", "1", "--json")
    return Material(shop, feed, queries, qrels, photo, ingested, built)


@pytest.fixture
def own(material: Material, tmp_path: Path) -> Path:
    """A copy of the shop that a test may change."""
    return Path(shutil.copytree(material.shop, tmp_path / "shop"))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    """Run a command in this process, builds too."""
    builds_here(monkeypatch)
    return Caller(monkeypatch, capsys)
