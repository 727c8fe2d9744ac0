"""A folder of pictures, one product per picture, the folders it lies in being its category.

``shoes/boots/red_boot.jpg`` is the product ``shoes/boots/red_boot`` of the category shoes > boots. Files of one folder
that have the same name but another ending, and ``red_boot__2.jpg``, ``red_boot__3.jpg`` beside ``red_boot.jpg``, are
further media of the same product. If every folder at the top is called train, val or test, those are the split. The
title is what the file's name says in words. Sounds and clips count like pictures; other files are passed over.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from pathlib import Path

from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.base import Feed, ReadMedium
from goodsense.catalog.feeds.values import id_of, split_of
from goodsense.catalog.product import Product, Split
from goodsense.errors import DataError, UsageError
from goodsense.media import sniff_media
from goodsense.tables import Reject, Rejects, Sniffed, shorten
from goodsense.tables.folders import files_below
from goodsense.types import AudioRef, ImageRef, MediaRef, VideoRef

ENDINGS: Mapping[str, type[MediaRef]] = {
    **dict.fromkeys("jpg jpeg png webp gif bmp tif tiff avif heic tbi".split(), ImageRef),
    **dict.fromkeys("wav flac ogg oga opus mp3 m4a aac aif aiff".split(), AudioRef),
    **dict.fromkeys("mp4 m4v webm avi mov mkv".split(), VideoRef),
}
LOSSES: Mapping[str, str] = {
    "id": "is the path without its ending; an id that is no such path is written so that it can be a file's name",
    "title": "is made of the file's name",
    "category": "levels that can be no folder's name are written so that they can",
    "split": "is lost unless every product has one; categories that are all called train, val or test become it",
    "media": "get new names, pictures, sounds and clips together in this order; those of variants are left out",
    "products without media": "a folder holds files only",
    "all other fields": "a picture in a folder says nothing of them",
}
_FEED_ENDINGS = frozenset("csv tsv jsonl ndjson json xml parquet".split())
_SPLITS = frozenset("train training val valid validation dev test testing".split())
_FURTHER = re.compile(r"(.+)__(?:[2-9]|[1-9]\d{1,2})", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]{2,}|[\u3400-\u9fff]")
_CAMERA = frozenset("img image images photo photos pic picture dsc dscn dscf pict mvi wx camera screenshot".split())
_CODE = re.compile(r"[0-9a-f]{8,}")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|%\ud800-\udfff]')
_LONGEST = 180  # bytes of UTF-8; file systems take 255, with ending and number


@dataclass(frozen=True)
class ImageFolder:
    """Folders of pictures as a feed format."""

    @property
    def name(self) -> str:
        return "image-folder"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"folder"})

    @property
    def losses(self) -> Mapping[str, str]:
        return LOSSES

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        if sniffed.format != "folder":
            return 0.0
        names = head.split("\n")
        media = sum(_ending(name) in ENDINGS for name in names)
        if media == 0:
            return 0.0
        tables = any("/" not in name and _ending(name.removesuffix(".gz")) in _FEED_ENDINGS for name in names)
        return 0.3 if tables else 0.6 + 0.3 * media / len(names)

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed:
        if mapping:
            raise UsageError(f"{source}: a folder of pictures has no columns to map.", fix="Leave --map out.")
        notes: list[str] = []
        return Feed(self.name, source, lambda: _Reading(source, rejects, notes).products(), notes)

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        if media is None:
            raise UsageError(
                f"{path}: a folder of pictures needs the bytes of the pictures.", fix="Export it from a shop."
            )
        _check_free(path)
        try:
            half = Path(tempfile.mkdtemp(dir=path.parent, prefix=".writing-"))
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror or error}).") from error
        try:
            writing = _Writing(half, media)
            count = sum(map(writing.product, products))
            half.chmod(0o755)
            os.replace(half, path)
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror or error}).") from error
        finally:
            shutil.rmtree(half, ignore_errors=True)
        return count


IMAGE_FOLDER = ImageFolder()


def _ending(name: str) -> str:
    return name[name.rfind("/") + 1 :].rpartition(".")[2].lower()


# ---- reading


@dataclass
class _Reading:
    """One pass over a folder."""

    source: Path
    rejects: Rejects
    notes: list[str]
    number: int = 0
    passed: int = 0
    split_folders: bool = field(init=False)

    def __post_init__(self) -> None:
        self.split_folders = _has_splits(self.source)

    def products(self) -> Iterator[tuple[int, Product]]:
        for folder, names in groupby(self._media(), key=lambda name: name[: name.rfind("/") + 1]):
            members = [name[len(folder) :] for name in names]
            yield from self._folder(folder, members)
        if self.passed:
            self._say(f"{self.passed} files that are no picture, sound or clip are passed over.")
        if self.number == 0:
            raise DataError(f"{self.source}: the folder holds no picture.", fix="Give a folder of JPEG or PNG files.")

    def _say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _media(self) -> Iterator[str]:
        for name in files_below(self.source, failed=self._unreadable):
            if _ending(name) in ENDINGS:
                yield name
            else:
                self.passed += 1

    def _unreadable(self, folder: str, error: OSError) -> None:
        reason = f"the folder cannot be read ({error.strerror or error})"
        self._reject(folder, BadValue(reason, "Mend its permissions."))

    def _folder(self, folder: str, names: list[str]) -> Iterator[tuple[int, Product]]:
        """The products of one folder, from its files in order."""
        stems = {name.rpartition(".")[0] for name in names}
        members: dict[str, list[tuple[int, str]]] = {}
        for name in names:
            stem = name.rpartition(".")[0]
            further = _FURTHER.fullmatch(stem)
            base = further.group(1) if further and further.group(1) in stems else stem
            members.setdefault(base, []).append((int(stem.rpartition("__")[2]) if base != stem else 1, name))
        for base, files in members.items():
            self.number += 1
            try:
                product = self._product(folder, base, [folder + name for _, name in sorted(files)])
            except BadValue as bad:
                self._reject(folder + files[0][1], bad)
            else:
                yield self.number, product

    def _product(self, folder: str, base: str, uris: list[str]) -> Product:
        try:
            (folder + base).encode()
        except UnicodeEncodeError as error:
            fix = "Rename it, for instance: convmv -f GB18030 -t UTF-8 -r --notest FOLDER"
            raise BadValue("the file's name is not UTF-8", fix) from error
        path = folder.split("/")[:-1]
        split: Split = ""
        if self.split_folders:
            split, path = split_of(path[0]), path[1:]
        media = tuple(ENDINGS[_ending(uri)](uri) for uri in uris)
        return Product(id_of(folder + base), title=readable(base), category=tuple(path), media=media, split=split)

    def _reject(self, name: str, bad: BadValue) -> None:
        self.rejects.add(
            Reject(
                str(self.source), self.number or None, "", shorten(name), bad.reason, bad.fix, {"file": shorten(name)}
            )
        )


def _has_splits(folder: Path) -> bool:
    """Whether all folders at the top are splits, and no file lies beside them that would be a product without one."""
    found = False
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    found = entry.name.lower() in _SPLITS
                    if not found:
                        return False
                elif _ending(entry.name) in ENDINGS:
                    return False
    except OSError:
        return False
    return found


def readable(stem: str) -> str:
    """What a file's name says in words; empty if it is only a number or a code."""
    text = " ".join(re.split(r"[\s_+.\-]+|%20", stem)).strip()
    telling = [
        word
        for word in _WORD.findall(" ".join(part for part in text.split() if not _CODE.fullmatch(part.lower())))
        if word.lower() not in _CAMERA
    ]
    return text if telling else ""


# ---- writing


def _check_free(path: Path) -> None:
    if os.path.lexists(path) and (path.is_symlink() or not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} is there and is not an empty folder.", fix="Name a new folder.")


@dataclass
class _Writing:
    """Files of products, each under a name that no other product has."""

    root: Path
    media: ReadMedium
    taken: set[int] = field(default_factory=set)  # hashes of the names, as a file system without case sees them

    def product(self, product: Product) -> bool:
        """Write the files of a product; False if it has none."""
        if not product.media:
            return False
        *folders, name = self._free(_steps(product))
        folder = self.root.joinpath(*folders)
        folder.mkdir(parents=True, exist_ok=True)
        for place, ref in enumerate(product.media, 1):
            try:
                data = self.media(ref)
            except DataError as error:
                raise DataError(f"product {product.id!r}: {error.message}", fix=error.fix) from error
            further = f"__{place}" if place > 1 else ""
            with (folder / f"{name}{further}.{_ending_of(product, ref, data)}").open("xb") as file:
                file.write(data)
        return True

    def _free(self, steps: list[str]) -> list[str]:
        found, copy = steps, 1
        while (mark := hash("/".join(found).casefold())) in self.taken:
            copy += 1
            found = [*steps[:-1], f"{steps[-1]}~{copy}"]
        self.taken.add(mark)
        return found


def _steps(product: Product) -> list[str]:
    """The folders and the name of a product's file: its id if that is such a path, else the id made safe."""
    folders = [*([product.split] if product.split else []), *product.category]
    *before, name = product.id.split("/")
    if before == folders and all(step == _safe(step) for step in (*before, name)):
        return [*before, name]
    return [*map(_safe, folders), _safe(product.id)]


def _safe(step: str) -> str:
    """A name that every file system takes, hides nothing and leads nowhere."""
    safe = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace")), step)
    if safe != safe.strip() or safe[:1] in ("", ".") or safe[-1:] == "." or _FURTHER.fullmatch(safe):
        safe = f"_{safe.strip()}_"
    data = safe.encode()
    if len(data) > _LONGEST:
        digest = blake2b(data, digest_size=8).hexdigest()
        safe = f"{data[: _LONGEST - 17].decode(errors='ignore')}~{digest}"
    return safe


def _ending_of(product: Product, ref: MediaRef, data: bytes) -> str:
    """The ending that says what the bytes are; sounds and clips of rarer kinds keep that of their reference."""
    found, given = sniff_media(data[:64]), _ending(ref.uri)
    candidates = ["jpg" if found == "jpeg" else found] if isinstance(ref, ImageRef) else [found, given]
    for ending in candidates:
        if ending is not None and ENDINGS.get(ending) is type(ref):
            return ending
    raise DataError(
        f"product {product.id!r}: {shorten(ref.uri)} is no {ref.modality} of a known kind.", fix="Replace or remove it."
    )
