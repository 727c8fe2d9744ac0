"""Import -> export -> import: what every feed format carries unchanged, and what it loses.

``round_trips(format_name, count, seed)`` tries ``count`` generated catalogs.
"""

from __future__ import annotations

import importlib
import pkgutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from goodsense.catalog import Product
from goodsense.catalog.feeds import FORMATS, ReadMedium, read_feed, write_feed
from goodsense.catalog.product import dumps
from goodsense.tables import Rejects
from tests.catalog import formats
from tests.catalog.catalogs import VALID

# How a format plugs in: add tests/catalog/formats/NAME.py ("_" for "-" in the name; a leading "_" is for helpers) with
#   CARRIED    a strategy of non-empty catalogs (list[Product]) that must come back equal; ids unique
#   LOST       loss name of `format.losses` -> (product, what comes back when it alone is written and read)
# and, where they apply,
#   UNSHOWN    loss name -> why no product can show it; LOST and UNSHOWN together are exactly `format.losses`
#   VALID      products for the mutation tests and for sniffing; without it tests.catalog.catalogs.VALID
#   EXAMPLE    a few products for the example in docs/feeds.md; without it those of tests.catalog.feeds_doc
#   NAMES      the formats that the module speaks for, if its own name is not it
#   read_medium(ref) -> bytes, for formats whose writer needs the bytes of media
#   DAMAGED    the path, inside a format that is a folder, of the file that the mutation tests damage
#   FILES      for a format that can only be read (`write` raises UsageError): file name -> content (str or bytes) of a
#              little feed in a folder, or of the one file; then CARRIED and LOST are left out
# The rest comes by itself: test_round_trips.py, the mutation tests, `python -m tests.torture`, and a section of
# docs/feeds.md by `python -m tests.catalog.feeds_doc` (write a paragraph of your own into it, the command keeps it).


@dataclass(frozen=True)
class Trip:
    """What one module of ``tests/catalog/formats`` says about a format."""

    name: str
    carried: st.SearchStrategy[list[Product]] | None
    lost: dict[str, tuple[Product, Product]]
    unshown: dict[str, str]
    valid: list[Product]
    example: list[Product] | None
    read_medium: ReadMedium | None
    damaged: str
    files: dict[str, str | bytes]


def _trips() -> dict[str, Trip]:
    found = {}
    for known in pkgutil.iter_modules(formats.__path__):
        if known.name.startswith("_"):
            continue
        module: Any = importlib.import_module(f"{formats.__name__}.{known.name}")
        for name in getattr(module, "NAMES", (known.name.replace("_", "-"),)):
            found[name] = Trip(
                name,
                carried=getattr(module, "CARRIED", None),
                lost=getattr(module, "LOST", {}),
                unshown=getattr(module, "UNSHOWN", {}),
                valid=getattr(module, "VALID", VALID),
                example=getattr(module, "EXAMPLE", None),
                read_medium=getattr(module, "read_medium", None),
                damaged=getattr(module, "DAMAGED", ""),
                files=getattr(module, "FILES", {}),
            )
    return found


TRIPS = _trips()
CARRIED = {name: trip.carried for name, trip in TRIPS.items() if trip.carried is not None}
LOST = {name: trip.lost for name, trip in TRIPS.items() if trip.lost}
WRITTEN = tuple(known.name for known in FORMATS if known.name in CARRIED)


def write_valid(format_name: str, path: Path) -> None:
    """Write the valid catalog of a format, or lay out the files of one that can only be read."""
    trip = TRIPS[format_name]
    if trip.files:
        place_files(trip.files, path)
    else:
        write_feed(trip.valid, path, format=format_name, media=trip.read_medium)


def place_files(files: dict[str, str | bytes], path: Path) -> None:
    """One file at ``path``, or several in a folder there."""
    for name, content in files.items():
        place = path / name if len(files) > 1 or "/" in name else path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)


def again(products: list[Product], path: Path, format_name: str, *, raw: bool = False) -> list[Product]:
    """What comes back of a catalog that is written and read; nothing may be rejected on the way."""
    medium = TRIPS[format_name].read_medium if format_name in TRIPS else None
    assert write_feed(iter(products), path, format=format_name, raw=raw, media=medium) == len(products)
    rejects = Rejects.to_memory()
    found = [product for _, product in read_feed(path, format=format_name, rejects=rejects)]
    assert not rejects.first, rejects.first
    return found


def check_equal(found: list[Product], products: list[Product]) -> None:
    """Equal products that are also written alike, so that ``1.0`` is not taken for ``True``."""
    assert found == products
    assert [dumps(product) for product in found] == [dumps(product) for product in products]


def round_trips(format_name: str, count: int, seed: int) -> dict[str, int]:
    """Write and read ``count`` generated catalogs; the same seed gives the same ones.

    Raises
    ------
    AssertionError
        At the first catalog that does not come back equal.
    """
    told = {"catalogs": 0, "carried": 0}

    @_seeded(seed, count)
    @given(products=CARRIED[format_name])
    def every(products: list[Product]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            found = again(products, Path(directory) / "feed", format_name)
        check_equal(found, products)
        told["catalogs"] += 1
        told["carried"] += len(products)

    every()
    return told


def _seeded(number: int, count: int) -> Any:
    suite = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        derandomize=False,
    )
    return lambda test: seed(number)(suite(test))
