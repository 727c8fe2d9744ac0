"""From a feed into the truth, batch by durable batch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from goodsense.catalog.feeds import Feed
from goodsense.catalog.product import Product, with_media
from goodsense.errors import DataError, PartialError
from goodsense.media import MediaStore, resolve_media_path, sniff_media
from goodsense.media.fetch import DEFAULT_POLICY, FetchPolicy
from goodsense.media.strip import strip_metadata
from goodsense.progress import Progress, silent
from goodsense.shop.feed_memory import memory_of
from goodsense.shop.fetching import Links
from goodsense.shop.mapped import opened_feed
from goodsense.shop.mending import completed, holds_rejects
from goodsense.shop.sources import FeedFile, Source, gathered, is_there
from goodsense.shop.truth import Truth
from goodsense.tables import Reject, Rejects
from goodsense.types import ImageRef, MediaRef

BATCH = 2_000
REPEATED = "this product id came before in the same ingest"
MAX_MEDIA_BYTES = 200 * 2**20


@dataclass
class IngestReport:
    """What an ingest did, counted in products."""

    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    values_left_out: int = 0
    seconds: float = 0.0
    format: str = ""
    notes: list[str] = field(default_factory=list)
    media: Counter[str] = field(default_factory=Counter)
    rejects_path: str = ""
    unmodified: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "media": dict(self.media)}


def set_aside(source: Source, rejects: Path) -> Source:
    """A file of rejects that is fed again is renamed first, so that what is still wrong gets a fresh one."""
    path = Path(source.path)
    if source.is_url or not (is_there(path) and rejects.exists() and path.samefile(rejects)):
        return source
    fed = rejects.with_name(f"{rejects.stem}-fed-{datetime.now(UTC):%Y%m%dT%H%M%S}.jsonl")
    rejects.rename(fed)
    return replace(source, path=fed)


def ingest_sources(
    truth: Truth,
    sources: Sequence[Source],
    *,
    rejects_path: Path,
    strict: bool = False,
    delete_missing: bool = False,
    dry_run: bool = False,
    again: bool = False,
    policy: FetchPolicy = DEFAULT_POLICY,
    progress: Progress = silent,
) -> IngestReport:
    """Bring sources here and upsert their products; see :meth:`goodsense.shop.Shop.ingest`."""
    started = time.perf_counter()
    given = [set_aside(source, rejects_path) for source in sources]
    everything = again or delete_missing or dry_run  # a feed that is not read would look as if it named no product
    with (
        Rejects(None if dry_run else rejects_path, strict=strict) as rejects,
        gathered(given, truth.directory, rejects=rejects, policy=policy, again=everything) as found,
    ):
        report = ingest(
            truth,
            found.feeds,
            rejects=rejects,
            delete_missing=delete_missing,
            dry_run=dry_run,
            policy=policy,
            progress=progress,
        )
        report.notes[:0], report.unmodified = found.notes, found.unmodified
        report.rejects_path = str(rejects_path) if len(rejects) and not dry_run else ""
        if not dry_run and not rejects.rows:
            memory_of(truth.directory).note(found.fetched)
    report.seconds = round(time.perf_counter() - started, 3)
    return report


def ingest(
    truth: Truth,
    feeds: Sequence[FeedFile],
    *,
    rejects: Rejects,
    delete_missing: bool = False,
    dry_run: bool = False,
    policy: FetchPolicy = DEFAULT_POLICY,
    progress: Progress = silent,
) -> IngestReport:
    """Upsert every product of the feeds by id.

    Each batch is durable once the progress has passed it. Rows that cannot be read go to ``rejects``, the rest goes
    on. ``delete_missing`` deletes products that no feed names, but only after a run without a rejected row.

    Raises
    ------
    PartialError
        On Ctrl-C; the batches so far are kept.
    """
    report = IngestReport()
    truth.start_seen()
    try:
        for feed in feeds:
            own = feed.rejects(rejects)
            with feed.named(), opened_feed(feed, truth.directory, rejects=own, policy=policy) as opened:
                _ingest_one(truth, feed, opened, report, rejects=own, dry_run=dry_run, progress=progress)
    except KeyboardInterrupt as interrupt:
        done = report.added + report.changed + report.unchanged
        raise PartialError(
            f"stopped after {report.read} rows; {done} products are safely in.",
            fix="Run the same command again: what is in counts as unchanged.",
        ) from interrupt
    report.rejected, report.values_left_out = rejects.rows, rejects.fields
    if delete_missing:
        _delete_missing(truth, report, dry_run=dry_run)
    return report


def _ingest_one(
    truth: Truth,
    file: FeedFile,
    feed: Feed,
    report: IngestReport,
    *,
    rejects: Rejects,
    dry_run: bool,
    progress: Progress,
) -> None:
    report.format = feed.format
    stage = f"ingest {Path(file.name).name}"
    progress(stage, report.read, None)
    with MediaIntake(truth.directory, file, rejects, report.media, keep=not dry_run) as intake:
        mending = holds_rejects(file.path)
        rows = iter(feed) if mending else _unrepeated(truth, iter(feed), rejects, file.path)
        for batch in _batches(rows, BATCH):
            products = [intake.take_in(row, product) for row, product in batch]
            if mending:
                products = [*completed(products, truth.get([product.id for product in products]))]
            report.read += len(products)
            if dry_run:
                report.added += len(products)
            else:
                applied = truth.upsert(products)
                report.added += applied.added
                report.changed += applied.changed
                report.unchanged += applied.unchanged
            progress(stage, report.read, None)
    progress(stage, report.read, report.read)
    report.notes += feed.notes


def _batches(items: Iterable[tuple[int, Product]], size: int) -> Iterator[list[tuple[int, Product]]]:
    """Lists of so many items; what came before a :class:`PartialError` is given out before it is raised."""
    iterator = iter(items)
    batch: list[tuple[int, Product]] = []
    try:
        for item in iterator:
            batch.append(item)
            if len(batch) == size:
                yield batch
                batch = []
    except PartialError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _unrepeated(
    truth: Truth, rows: Iterator[tuple[int, Product]], rejects: Rejects, path: Path
) -> Iterator[tuple[int, Product]]:
    """Reject a product id that came before in this ingest: which of the two is meant cannot be known."""
    for batch in _batches(rows, BATCH):
        before = truth.note_seen([product.id for _, product in batch])
        for row, product in batch:
            if product.id in before:
                rejects.add(
                    Reject(
                        file=str(path),
                        row=row,
                        column="id",
                        value=product.id,
                        reason=REPEATED,
                        fix="Give each product its own id; rows of one product's variants share a group id "
                        "(item_group_id) and follow each other.",
                    )
                )
            else:
                before.add(product.id)
                yield row, product


def _delete_missing(truth: Truth, report: IngestReport, *, dry_run: bool) -> None:
    if report.rejected:
        report.notes.append(
            f"nothing was deleted: {report.rejected} rows were rejected, so a missing id may be one of them; "
            "mend them and run this again"
        )
        return
    if not report.read:
        report.notes.append("nothing was deleted: the feeds hold no product at all, which a failed export looks like")
        return
    gone = truth.unseen()
    report.deleted = len(gone) if dry_run else truth.delete(gone)


class MediaIntake:
    """Takes the files that a product names into the shop's media store, without their metadata.

    A URL that was fetched before gets its bytes, any other is left as it is and counted as not fetched; a file that is
    missing, outside the media root or no medium becomes a reject entry, and the product goes on without it.
    """

    def __init__(
        self, directory: Path, feed: FeedFile, rejects: Rejects, counts: Counter[str], *, keep: bool = True
    ) -> None:
        self._store = MediaStore(directory / "media")
        self._feed = feed
        self._rejects = rejects
        self._counts = counts
        self._links = Links.of(directory)
        self._put: Callable[[bytes], str] | None = self._store.put if keep else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._links is not None:
            self._links.close()

    def take_in(self, row: int, product: Product) -> Product:
        """The same product with its media in the store."""
        return with_media(product, lambda ref: self._take(row, ref))

    def _take(self, row: int, ref: MediaRef) -> MediaRef:
        try:
            if not ref.is_url and self._feed.base_url:
                ref = replace(ref, uri=_absolute(self._feed.base_url, ref.uri))
            if ref.is_url:
                return self._fetched(ref)
            data = _read_medium(resolve_media_path(self._feed.media_root, ref.uri), ref)
        except DataError as error:
            self._counts["rejected"] += 1
            file = str(self._feed.path)
            self._rejects.add(Reject(file, row, ref.modality, ref.uri, error.message, error.fix, scope="medium"))
            return ref
        self._counts["taken in"] += 1
        return replace(ref, sha256=self._put(strip_metadata(data))) if self._put else ref

    def _fetched(self, ref: MediaRef) -> MediaRef:
        known = self._links.fetched(ref.uri) if self._links is not None else ""
        if not known or not self._store.has(known):
            self._counts["not fetched"] += 1
            return ref
        self._counts["fetched before"] += 1
        return replace(ref, sha256=known)


def _absolute(base_url: str, uri: str) -> str:
    """A medium's address, relative to that of its feed.

    Raises
    ------
    DataError
        If it is none, or leads to anything but http and https.
    """
    from urllib.parse import urljoin

    try:
        found = urljoin(base_url, uri.strip())
    except ValueError as error:
        raise DataError(f"{uri!r:.200} is no address ({error}).", fix="Write the whole address.") from error
    if not found.lower().startswith(("http://", "https://")):
        raise DataError(f"{uri!r:.200} leads to no web address.", fix="Write an http or https address.")
    return found


def _read_medium(path: Path, ref: MediaRef) -> bytes:
    try:
        if path.stat().st_size > MAX_MEDIA_BYTES:
            raise DataError(f"{ref.uri} is larger than {MAX_MEDIA_BYTES >> 20} MiB.", fix="Use a smaller file.")
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"{ref.uri} cannot be read: {reason}.", fix="Put it there, or name its folder: --media"
        ) from error
    if isinstance(ref, ImageRef) and sniff_media(data[:64]) is None:
        raise DataError(f"{ref.uri} is no JPEG, PNG, WEBP or GIF picture.", fix="Save it in one of these formats.")
    return data
