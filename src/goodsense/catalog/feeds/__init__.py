"""Product feeds: any table or Google Merchant feed, read as a stream of products and written out again.

A format is one object with a reader and a writer (:class:`FeedFormat`). To add one, write its file and name it in
``FORMATS``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from goodsense.catalog.feeds.abo import ABO
from goodsense.catalog.feeds.amazon import AMAZON
from goodsense.catalog.feeds.base import Feed, FeedFormat, ReadMedium
from goodsense.catalog.feeds.beir import BEIR
from goodsense.catalog.feeds.clips import CLIPS
from goodsense.catalog.feeds.coco import COCO
from goodsense.catalog.feeds.google import GOOGLE
from goodsense.catalog.feeds.image_folder import IMAGE_FOLDER
from goodsense.catalog.feeds.jsonld import JSONLD
from goodsense.catalog.feeds.prices import CURRENCIES
from goodsense.catalog.feeds.shopify import SHOPIFY
from goodsense.catalog.feeds.shopify_jsonl import SHOPIFY_JSONL
from goodsense.catalog.feeds.table import TABLES
from goodsense.catalog.feeds.taobao import TAOBAO
from goodsense.catalog.feeds.woocommerce import WOOCOMMERCE
from goodsense.catalog.feeds.yelp import YELP
from goodsense.catalog.product import Product
from goodsense.errors import DataError, UsageError
from goodsense.tables import Rejects, read_head, sniff

FORMATS: tuple[FeedFormat, ...] = (
    *GOOGLE,
    CLIPS,
    COCO,
    IMAGE_FOLDER,
    TAOBAO,
    SHOPIFY,
    SHOPIFY_JSONL,
    WOOCOMMERCE,
    JSONLD,
    AMAZON,
    ABO,
    YELP,
    BEIR,
    *TABLES,
)

__all__ = ["FORMATS", "Feed", "FeedFormat", "ReadMedium", "read_feed", "write_feed"]


def read_feed(
    source: Path,
    *,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    rejects: Rejects,
    currency: str | None = None,
) -> Feed:
    """Recognise a feed and stream its products.

    Parameters
    ----------
    source
        The file; gzip is seen by content.
    format
        The name of a format, or "auto" to tell by content.
    mapping
        Field to column, over the built-in names of columns; fields may be ``attribute.NAME``, ``option.NAME`` and
        ``extra.NAME`` too.
    rejects
        Where rows and values go that cannot be taken.
    currency
        The ISO 4217 code of prices that name none.

    Raises
    ------
    UsageError
        If there is no such file, format, field, column or currency, or the file is of another format.
    DataError
        If the file as a whole cannot be read.
    """
    if currency is not None and currency not in CURRENCIES:
        raise UsageError(f"unknown currency {currency!r}.", fix="Give an ISO 4217 code such as CNY, USD or EUR.")
    wanted = None if format == "auto" else _named(format)
    source = Path(source)
    _check_not_own_rejects(source, rejects)
    sniffed = sniff(source)
    if wanted is not None and sniffed.format not in wanted.reads:
        raise UsageError(
            f"{source}: looks like {sniffed.format}, not like {format}.", fix="Leave the format out to tell by content."
        )
    if wanted is None:
        head = read_head(source, sniffed)
        sure = [(candidate.sniff(head, sniffed), -place) for place, candidate in enumerate(FORMATS)]
        best, place = max(sure)
        if best == 0:
            raise DataError(
                f"{source}: {sniffed.format}, but no known feed.",
                fix=f"Say how to read it; a draft of that: goodsense mapping {source}. Known formats: {_names()}.",
            )
        wanted = FORMATS[-place]
    return wanted.read(source, sniffed, mapping=mapping, rejects=rejects, currency=currency)


def write_feed(
    products: Iterable[Product], path: Path, *, format: str, raw: bool = False, media: ReadMedium | None = None
) -> int:
    """Write a catalog; return how many products it had. Names that end in ``.gz`` are packed.

    Parameters
    ----------
    products
        Read once, as a stream.
    path
        The file to write.
    format
        The name of a format.
    raw
        Leave cells that a spreadsheet would run as formulas as they are; without it they get a leading ``'`` that
        reading takes away again.
    media
        Gives the bytes of a medium, for formats that hold pictures rather than their addresses.

    Raises
    ------
    UsageError
        If there is no such format.
    DataError
        If a product cannot be written in it, or the file cannot be written.
    """
    return _named(format).write(products, Path(path), raw=raw, media=media)


def _named(format: str) -> FeedFormat:
    for candidate in FORMATS:
        if candidate.name == format:
            return candidate
    raise UsageError(f"unknown feed format {format!r}.", fix=f"Known formats: {_names()}.")


def _names() -> str:
    return ", ".join(candidate.name for candidate in FORMATS)


def _check_not_own_rejects(source: Path, rejects: Rejects) -> None:
    """Reading a file while rejects are appended to it would never end."""
    path = rejects.path
    if path is not None and path.exists() and source.exists() and path.samefile(source):
        raise UsageError(
            f"{source}: this is the file that rejects are written to.", fix="Rename it, then feed it in again."
        )
