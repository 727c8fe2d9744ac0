"""Whatever a catalog comes in, as feed files: files, folders, archives, addresses on the web, standard input."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from goodsense.catalog.feeds import FORMATS, read_feed
from goodsense.catalog.feeds.image_folder import ENDINGS
from goodsense.catalog.product import Product, content_hash
from goodsense.errors import DataError, GoodsenseError, UsageError
from goodsense.media.addresses import shown
from goodsense.media.archives import ArchiveLimits, is_archive, unpack
from goodsense.media.fetch import Fetcher, FetchPolicy
from goodsense.media.fetched import Fetched
from goodsense.shop.feed_memory import memory_of
from goodsense.shop.others import command_for, other_records
from goodsense.tables import Reject, Rejects, read_head, sniff

STDIN = "-"
_SURE = frozenset("csv tsv jsonl ndjson xml parquet".split())
_PERHAPS = frozenset("json html htm txt".split())  # feeds among other things, which a folder may hold too
_ARCHIVES = frozenset("zip tar tgz tbz2 txz gz bz2 xz 7z rar".split())
_LIMITS = ArchiveLimits(entries=1_000_000)  # pictures come by the hundred thousand
_BOOKS = ("xl/workbook.xml", "word/document.xml")


@dataclass(frozen=True)
class Source:
    """Where a catalog comes from and how to read it.

    Parameters
    ----------
    path
        A feed file, a folder (of pictures, or of feed files), or an archive (zip, tar) of one; as text also an http(s)
        address, or ``-`` for standard input.
    format, mapping, currency
        As for :func:`goodsense.catalog.feeds.read_feed`.
    media_root
        The folder that media paths start from; else the feed's own folder, or its address.
    mapping_file
        A mapping file (``goodsense.tables.mapping``) that says how the records are read, whatever their format.
    """

    path: Path | str
    format: str = "auto"
    media_root: Path | None = None
    mapping: dict[str, str] | None = None
    currency: str | None = None
    mapping_file: Path | None = None

    @property
    def is_url(self) -> bool:
        return isinstance(self.path, str) and self.path.lower().startswith(("http://", "https://"))


@dataclass(frozen=True)
class FeedFile:
    """One feed on this machine, ready to be read.

    ``name`` is what messages and rejects call it, ``root_name`` the folder that media start from, if that is here for
    the moment only; ``base_url`` is what relative media addresses start from, if any.
    """

    path: Path
    name: str
    source: Source
    media_root: Path
    base_url: str = ""
    root_name: str = ""

    @contextmanager
    def named(self) -> Iterator[None]:
        """Errors inside speak of the feed by its name, not by where it lies for the moment."""
        with renamed(self._names()):
            yield

    def rejects(self, inner: Rejects) -> Rejects:
        """A collector of this feed's rejects, under its name."""
        return inner if self.name == str(self.path) else _NamedRejects(inner, self._names())

    def _names(self) -> dict[str, str]:
        names = {str(self.path): self.name}
        return names | {str(self.media_root): self.root_name} if self.root_name else names


@contextmanager
def renamed(names: Mapping[str, str]) -> Iterator[None]:
    """Errors inside that speak of paths speak of their names instead."""
    try:
        yield
    except GoodsenseError as error:
        error.message, error.fix = _replaced(error.message, names), _replaced(error.fix, names)
        raise


def _replaced(text: str, names: Mapping[str, str]) -> str:
    for path, name in names.items():
        text = text.replace(path, name)
    return text


class _NamedRejects(Rejects):
    def __init__(self, inner: Rejects, names: Mapping[str, str]) -> None:
        super().__init__(None)
        self._inner, self._names = inner, names

    def add(self, reject: Reject) -> None:
        file, reason, fix = (_replaced(text, self._names) for text in (reject.file, reject.reason, reject.fix))
        self._inner.add(replace(reject, file=file, reason=reason, fix=fix))


# ---- gathering


@dataclass
class Gathered:
    """The feed files of all sources, what is worth saying of them, and the addresses that brought nothing new."""

    feeds: list[FeedFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unmodified: list[str] = field(default_factory=list)
    fetched: dict[str, dict[str, str]] = field(default_factory=dict)  # address -> content and way of reading


@contextmanager
def gathered(
    sources: Sequence[Source], directory: Path, *, rejects: Rejects, policy: FetchPolicy, again: bool = False
) -> Iterator[Gathered]:
    """Bring every source to this machine; what was unpacked or copied for it is gone afterwards.

    Parameters
    ----------
    directory
        The shop's; downloads are kept below it, so that an unchanged feed is neither sent nor read again.
    rejects
        Where files of a folder go that are tables, but no feeds.
    again
        Read feeds that have not changed too.

    Raises
    ------
    UsageError
        If a source does not exist; nothing has been read by then.
    DataError
        If a source holds no feed at all, cannot be unpacked, or cannot be fetched.
    """
    for source in sources:
        if not source.is_url and source.path != STDIN:
            _check_there(source.path)
    with ExitStack() as stack:
        work = _Gathering(directory, rejects, policy, again, stack)
        for source in sources:
            work.take(source)
        yield work.found


def is_there(path: Path) -> bool:
    """Whether a file or folder has this path; a path that none can have is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _check_there(path: Path | str) -> None:
    if not is_there(Path(path)):
        if "://" in str(path):
            raise UsageError(f"{shown(str(path))}: only http and https addresses are opened.", fix="Download it first.")
        raise UsageError(f"{path}: there is no such file or folder.", fix="Check the path.")


@dataclass
class _Gathering:
    directory: Path
    rejects: Rejects
    policy: FetchPolicy
    again: bool
    stack: ExitStack
    found: Gathered = field(default_factory=Gathered)
    fetcher: Fetcher | None = None

    def take(self, source: Source) -> None:
        if source.is_url:
            self._url(source, str(source.path))
        elif source.path == STDIN:
            self._local(source, self._standard_input(), "standard input", root=Path())
        else:
            path = Path(source.path)
            self._local(source, path, str(path), root=path if path.is_dir() else path.parent)

    def _local(self, source: Source, path: Path, name: str, *, root: Path, base_url: str = "") -> None:
        if path.is_dir():
            self._folder(source, path, name)
        elif is_archive(path):
            with renamed({str(path): name}):
                unpacked = self._unpacked(path)
            inside = _innermost(unpacked)
            below = f"{inside.relative_to(unpacked).as_posix()}/" if inside != unpacked else ""
            self._folder(source, inside, f"{name}!{below}")
        else:
            if kind := _other_kind(source, path):
                raise DataError(
                    f"{name}: its columns are those of {kind}, not of products.",
                    fix=f"Run: {command_for(kind)} {name}. If they are products, name the format: --format csv.",
                )
            _check_page(source, path, name)
            feed = FeedFile(path, name, source, source.media_root or root, "" if source.media_root else base_url)
            self.found.feeds.append(feed)

    def _standard_input(self) -> Path:
        path = self._temporary() / "stdin"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        return path

    def _temporary(self) -> Path:
        return Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="goodsense-")))

    def _unpacked(self, archive: Path) -> Path:
        folder = self._temporary() / "unpacked"
        unpack(archive, folder, limits=_LIMITS)
        if any((folder / book).exists() for book in _BOOKS):
            raise DataError(f"{archive}: this is an Office document, not a feed.", fix="Save it as CSV (UTF-8).")
        return folder

    # ---- addresses

    def _url(self, source: Source, url: str) -> None:
        name = shown(url)
        answer = self._fetch(url)
        assert answer.path is not None
        reading = content_hash(
            json.dumps(
                [source.format, source.mapping, source.currency, str(source.media_root or ""), _mapped_by(source)]
            )
        )
        state = {"sha256": answer.sha256, "reading": reading, "time": datetime.now(UTC).isoformat(timespec="seconds")}
        known = memory_of(self.directory).known(url)
        if not self.again and (known.get("sha256"), known.get("reading")) == (answer.sha256, reading):
            self.found.unmodified.append(name)
            self.found.notes.append(f"{name}: not modified since {known.get('time')}; not read again.")
            return
        self._local(source, answer.path, name, root=answer.path.parent, base_url=answer.final_url)
        self.found.fetched[url] = state

    def _fetch(self, url: str) -> Fetched:
        if self.fetcher is None:
            # the user has named this very address: robots.txt speaks to those who find addresses themselves
            policy = replace(self.policy, respect_robots=False)
            self.fetcher = self.stack.enter_context(Fetcher(policy, store=self.directory / "fetch"))
        return self.fetcher.download(url)

    # ---- folders

    def _folder(self, source: Source, folder: Path, name: str) -> None:
        """A folder that is a feed as a whole, such as one of pictures, else every feed file in it."""
        root, root_name = source.media_root or folder, "" if source.media_root else name
        with renamed({str(folder): name}):
            if _is_feed(source, folder):
                self.found.feeds.append(FeedFile(folder, name, source, root, root_name=root_name))
                return
            names = _candidates(folder)
        between = "" if name.endswith(("!", "/")) else "/"
        reasons: list[str] = []
        found = (
            FeedFile(folder / member, f"{name}{between}{member}", source, root, root_name=root_name) for member in names
        )
        feeds = [feed for feed in found if self._is_feed_file(feed, folder, reasons)]
        if not feeds and _is_feed(source, folder, sure=0.0):  # pictures beside tables of something else
            feeds = [FeedFile(folder, name, source, root, root_name=root_name)]
        if not feeds:
            why = f" ({' '.join(reasons[:3])})" if reasons else ""
            raise DataError(
                f"{name.removesuffix('!')}: holds neither a feed nor pictures{why}.",
                fix="Give a folder with pictures, or with CSV, JSON Lines, JSON, XML or Parquet files at its top.",
            )
        self.found.feeds += feeds

    def _is_feed_file(self, feed: FeedFile, folder: Path, reasons: list[str]) -> bool:
        """Whether a file of a folder is to be read; if it looks like one and is none, that is said."""
        path, ending = feed.path, _ending(feed.path.name)
        if ending in _ARCHIVES:
            self.found.notes.append(f"{feed.name}: an archive within is not unpacked.")
            return False
        if kind := _other_kind(feed.source, path):
            self.found.notes.append(f"Left out: {feed.name} holds {kind}; run: {command_for(kind)} {feed.name}")
            return False
        try:
            with feed.named():
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise DataError(f"{path}: leads outside the folder through a link.", fix="Copy the file there.")
                _recognise(feed.source, path)
            _check_page(feed.source, path, feed.name)
        except GoodsenseError as error:
            reasons.append(error.message)
            if ending in _SURE and not isinstance(error, UsageError):
                self.rejects.add(Reject(feed.name, None, "", None, error.message, error.fix))
            else:
                self.found.notes.append(f"Left out: {error.message}")
            return False
        return True


def _other_kind(source: Source, path: Path) -> str:
    """What a file holds instead of products, where nothing says how to read it."""
    told = source.format != "auto" or source.mapping or source.mapping_file is not None
    return "" if told else other_records(path)


def _check_page(source: Source, path: Path, name: str) -> None:
    """A page may be a feed if products are marked up in it; most are a login or an error."""
    try:
        if source.mapping_file is not None or sniff(path).format != "html":
            return
        found = next(iter(_recognise(source, path)), None)
    except GoodsenseError:
        return  # reading it as a feed says what is wrong
    if found is None:
        raise DataError(
            f"{name}: this is a web page (HTML) without products, not a feed.",
            fix="Give the export itself; its address may ask for a login. To read a shop's pages: goodsense crawl.",
        )


def _mapped_by(source: Source) -> str:
    """The text of the mapping file; a feed is read again when it was changed."""
    if source.mapping_file is None or not source.mapping_file.is_file():
        return ""
    return source.mapping_file.read_bytes().decode("utf-8", "replace")


def _ending(name: str) -> str:
    return Path(name.lower().removesuffix(".gz")).suffix.removeprefix(".")


def _candidates(folder: Path) -> list[str]:
    """The names in a folder that may be feeds, sorted."""
    with _folder_errors(folder), os.scandir(folder) as entries:
        wanted = (e.name for e in entries if e.name[:1] != "." and _ending(e.name) in _SURE | _PERHAPS | _ARCHIVES)
        return sorted(name for name in wanted if (folder / name).is_file())


@contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be read ({error.strerror or error}).", fix="Mend its permissions."
        ) from error


def _innermost(folder: Path) -> Path:
    """Archives often hold a single folder with everything in it; that one is meant, unless pictures lie in it."""
    while True:
        inside = list(islice((path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX"))), 2))
        if len(inside) != 1 or not inside[0].is_dir():
            return folder
        if any(path.suffix[1:].lower() in ENDINGS for path in inside[0].iterdir()):
            return folder
        folder = inside[0]


def _is_feed(source: Source, folder: Path, *, sure: float = 0.5) -> bool:
    """Whether a format reads the folder as a whole, surer of it than ``sure``; by a mapping file, a folder of mails."""
    if source.mapping_file is not None:
        return next(folder.rglob("*.eml"), None) is not None
    if source.format != "auto":
        return any(known.name == source.format and "folder" in known.reads for known in FORMATS)
    sniffed = sniff(folder)
    head = read_head(folder, sniffed)
    return any(known.sniff(head, sniffed) > sure for known in FORMATS if "folder" in known.reads)


def _recognise(source: Source, path: Path) -> Iterable[tuple[int, Product]]:
    """The products of a file, for whoever wants to know whether it is a feed at all."""
    if source.mapping_file is not None:
        return ()
    aside = Rejects.to_memory(keep=0)
    return read_feed(path, format=source.format, mapping=source.mapping, rejects=aside, currency=source.currency)
