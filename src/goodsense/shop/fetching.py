"""Fetching the pictures, sounds and clips that products name by address."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goodsense.catalog.feeds.image_folder import ENDINGS
from goodsense.catalog.product import Product, from_json, with_media
from goodsense.errors import FetchError, PartialError
from goodsense.media import MediaStore
from goodsense.media.addresses import parse_url, shown
from goodsense.media.downloads import DownloadStore, Record
from goodsense.media.fetch import Fetcher, FetchPolicy
from goodsense.media.fetched import Fetched
from goodsense.media.strip import strip_metadata
from goodsense.progress import Progress, silent
from goodsense.shop.truth import Truth
from goodsense.tables import Reject, Rejects
from goodsense.types import ImageRef, MediaRef

BATCH = 1_000  # products whose media are fetched together, and are safely in together
_PRODUCTS = (
    'SELECT doc FROM products WHERE id > ? AND (doc LIKE \'%"uri":"http://%\' OR doc LIKE \'%"uri":"https://%\') '
    "ORDER BY id LIMIT ?"
)


@dataclass
class FetchReport:
    """What fetching did, counted in addresses."""

    products: int = 0
    media: Counter[str] = field(default_factory=Counter)  # fetched, fetched before, broken
    bytes: int = 0
    seconds: float = 0.0
    rejects_path: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "media": dict(self.media)}


class Links:
    """What a shop knows of the addresses of its media: their bytes, or why they could not be had."""

    def __init__(self, directory: Path) -> None:
        self._store = DownloadStore(download_folder(directory))
        self._replaced: set[str] = set()

    @classmethod
    def of(cls, directory: Path) -> Links | None:
        """Those of a shop; None if nothing was ever fetched for it."""
        return cls(directory) if (download_folder(directory) / "index.sqlite").is_file() else None

    def close(self) -> None:
        self._store.close()

    def fetched(self, url: str) -> str:
        """The SHA-256 of what the address gave; empty if it was not fetched, or could not be."""
        record = self._find(url)
        return record.sha256 if record is not None and not record.failure else ""

    def failure(self, url: str) -> str:
        """Why the address could not be fetched; empty if it could, or was never tried."""
        record = self._find(url)
        return record.failure if record is not None else ""

    def fail(self, url: str, reason: str) -> None:
        """Note that what came is of no use."""
        self._store.note(str(parse_url(url)), failure=reason)

    def keep(self, url: str, found: Fetched, media: MediaStore) -> str:
        """Take what came into the media of the shop, without metadata; returns its SHA-256.

        The download is replaced too: the address stands for the stripped bytes from now on. What came lies there until
        :meth:`drop`, because other addresses may have brought the same.
        """
        assert found.path is not None
        data = found.path.read_bytes()
        stripped = strip_metadata(data)
        if stripped is data:
            media.adopt(found.path, found.sha256)
            return found.sha256
        name = self._store.media.put(stripped)
        media.adopt(self._store.media.path(name), name)
        self._store.note(str(parse_url(url)), sha256=name, size=len(stripped))
        self._replaced.add(found.sha256)
        return name

    def drop(self) -> None:
        """Delete what was replaced."""
        while self._replaced:
            self._store.drop(self._replaced.pop())

    def _find(self, url: str) -> Record | None:
        with suppress(FetchError):
            return self._store.find(str(parse_url(url)))
        return None


def download_folder(directory: Path) -> Path:
    """Where a shop keeps what it downloaded, feeds and media, and the index of it."""
    return directory / "fetch"


def broken_links(directory: Path, products: Iterable[Product]) -> dict[str, str]:
    """The addresses of media that could not be fetched, each with the reason."""
    links = Links.of(directory)
    if links is None:
        return {}
    try:
        urls = {ref.uri for product in products for ref in _refs(product) if ref.is_url and ref.sha256 is None}
        return {url: reason for url in sorted(urls) if (reason := links.failure(url))}
    finally:
        links.close()


def fetch_media(truth: Truth, *, policy: FetchPolicy, progress: Progress = silent) -> FetchReport:
    """Download what products name by address into the media store.

    Several hosts at a time, each politely; what is here already is not asked for again, what failed is tried again. A
    broken link, or what is no medium of its kind, goes to ``fetch/rejects.jsonl``, made anew each time, and is
    remembered for the quality report.

    Raises
    ------
    PartialError
        On Ctrl-C; what came is kept.
    """
    started = time.perf_counter()
    report = FetchReport()
    folder = download_folder(truth.directory)
    links = Links(truth.directory)
    path = folder / "rejects.jsonl"
    path.unlink(missing_ok=True)
    try:
        with Fetcher(policy, store=folder) as fetcher, Rejects(path) as rejects:
            work = _Fetching(truth, fetcher, links, rejects, report)
            for products in _waiting(truth):
                work.batch(products, progress)
            report.rejects_path = str(path) if len(rejects) else ""
    except KeyboardInterrupt as interrupt:
        raise PartialError(
            f"stopped after {report.media.total()} addresses; what came is safely in.",
            fix="Run the same command again: it goes on where it stopped.",
        ) from interrupt
    finally:
        links.close()
    report.seconds = round(time.perf_counter() - started, 3)
    return report


def _waiting(truth: Truth) -> Iterator[list[Product]]:
    """Products with media that are not here yet, by id, in batches."""
    last = ""
    while rows := list(truth.rows(_PRODUCTS, (last, BATCH))):
        products = [from_json(json.loads(doc)) for (doc,) in rows]
        last = products[-1].id
        if waiting := [product for product in products if any(map(_is_missing, _refs(product)))]:
            yield waiting


def _refs(product: Product) -> Iterator[MediaRef]:
    yield from product.media
    for variant in product.variants:
        yield from variant.media


def _is_missing(ref: MediaRef) -> bool:
    return ref.is_url and ref.sha256 is None


@dataclass
class _Fetching:
    truth: Truth
    fetcher: Fetcher
    links: Links
    rejects: Rejects
    report: FetchReport

    def batch(self, products: list[Product], progress: Progress) -> None:
        """Fetch the media of some products; they are safely in when this returns, or is interrupted."""
        wanted = {ref.uri: (ref, product) for product in products for ref in _refs(product) if _is_missing(ref)}
        names: dict[str, str] = {}
        try:
            for url, found in self.fetcher.get_many(wanted, progress=progress, stage="fetch media"):
                if name := self._taken(url, found, *wanted[url]):
                    names[url] = name
        finally:
            self.links.drop()
            if names:
                now = self.truth.get(product.id for product in products)  # others may have written meanwhile
                changed = [with_media(product, lambda ref: _with_bytes(ref, names)) for product in now.values()]
                self.report.products += self.truth.upsert(changed).changed

    def _taken(self, url: str, found: Fetched | FetchError, ref: MediaRef, product: Product) -> str:
        """The SHA-256 of what came; empty if it is of no use."""
        if isinstance(found, FetchError):
            if found.reason == "stopped":
                return ""
            return self._broken(ref, product, found.message, found.fix)
        if found.path is None or not _fits(found.kind, ref):
            reason = f"{shown(url)}: gives {found.kind}, no {ref.modality}."
            self.links.fail(url, reason)
            return self._broken(ref, product, reason, "Mend the address in the feed.")
        name = self.links.keep(url, found, MediaStore(self.truth.directory / "media"))
        self.report.media["fetched"] += 1
        self.report.bytes += found.size
        return name

    def _broken(self, ref: MediaRef, product: Product, reason: str, fix: str) -> str:
        self.report.media["broken"] += 1
        where = f"{self.truth.directory / 'catalog.sqlite'}, product {product.id}"
        self.rejects.add(Reject(where, None, ref.modality, ref.uri, reason, fix, scope="medium"))
        return ""


def _with_bytes(ref: MediaRef, names: dict[str, str]) -> MediaRef:
    return type(ref)(ref.uri, names[ref.uri]) if _is_missing(ref) and ref.uri in names else ref


def _fits(kind: str, ref: MediaRef) -> bool:
    """Whether a kind of bytes may be such a medium; containers hold sound or video alike."""
    known = ENDINGS.get(kind)
    return known is not None and (known is ImageRef) == isinstance(ref, ImageRef)
