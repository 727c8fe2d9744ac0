"""Writing and reading feeds, beyond what test_round_trips.py tries with every format."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from goodsense.catalog import Product
from goodsense.catalog.feeds import read_feed, write_feed
from goodsense.errors import DataError, UsageError
from goodsense.tables import Rejects
from tests.catalog.catalogs import CATALOGS
from tests.catalog.round_trips import again, check_equal

quick = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl", "json", "parquet"])
@quick
@given(products=CATALOGS.filter(bool))
def test_packed_tables_are_exact_too(products: list[Product], format: str, tmp_path: Path) -> None:
    check_equal(again(products, tmp_path / f"t.{format}.gz", format), products)


@pytest.mark.parametrize("format", ["csv", "tsv", "json", "parquet"])
def test_an_empty_catalog_is_a_feed_without_products(format: str, tmp_path: Path) -> None:
    assert again([], tmp_path / "empty", format) == []


@quick
@given(products=CATALOGS)
def test_raw_csv_is_exact_too(products: list[Product], tmp_path: Path) -> None:
    assert again(products, tmp_path / "raw.csv", "csv", raw=True) == products


def test_formulas_are_neutralised_unless_raw(tmp_path: Path) -> None:
    product = Product("1", title='=HYPERLINK("http://x")')
    write_feed([product], tmp_path / "a.csv", format="csv")
    write_feed([product], tmp_path / "b.csv", format="csv", raw=True)
    assert "'=HYPERLINK" in (tmp_path / "a.csv").read_text()
    assert "'=HYPERLINK" not in (tmp_path / "b.csv").read_text()


def test_many_attributes_go_to_one_column_and_come_back(tmp_path: Path) -> None:
    products = [Product(str(n), attributes={f"name {n}.{i}": "x" for i in range(30)}) for n in range(20)]
    assert again(products, tmp_path / "many.csv", "csv") == products
    assert len((tmp_path / "many.csv").read_text().splitlines()[0].split(",")) <= 203


def test_equal_catalogs_give_equal_packed_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_feed([Product("1", title="x")], tmp_path / f"{name}.csv.gz", format="csv")
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


def test_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    for call in (
        lambda: write_feed([], tmp_path / "x", format="xlsx"),
        lambda: read_feed(tmp_path / "x", format="xlsx", rejects=Rejects.to_memory()),
    ):
        with pytest.raises(UsageError, match=r"google-tsv.*parquet"):
            call()


def test_format_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    write_feed([Product("1", title="x")], tmp_path / "x", format="jsonl")
    with pytest.raises(UsageError, match="looks like jsonl"):
        read_feed(tmp_path / "x", format="parquet", rejects=Rejects.to_memory())


@pytest.mark.parametrize(
    "damage",
    [lambda: Product("1", title="a\0b"), lambda: Product("1", title="\ud800"), lambda: Product("1", extra={"x": {1}})],
)
def test_what_no_file_carries_is_an_error(damage: Callable[[], Product], tmp_path: Path) -> None:
    with pytest.raises(DataError):
        write_feed([damage()], tmp_path / "x.csv", format="csv")
