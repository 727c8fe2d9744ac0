"""Captioned pictures in the form of COCO: one JSON object with the lists images, annotations and categories.

Every image is a product: its first caption is the title, the others are bullets. The category of the objects in it is
the product's category if they all have the same one, else their names are the attribute ``objects``. Captions may also
stand in the image itself (``caption``, ``captions``, ``sentences``). A picture that lies beside the file is taken by
its name, else by its URL; ``--map image=file_name`` or ``image=coco_url`` says which of the two it shall be.

Follows the data format of cocodataset.org; files are read as a stream, sorted on disk.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.base import Feed, ReadMedium
from goodsense.catalog.feeds.flatten import listed
from goodsense.catalog.feeds.gathering import MAX_SAID, Gathering, Said
from goodsense.catalog.product import AttributeValue, Product
from goodsense.errors import DataError, UsageError
from goodsense.media import resolve_media_path
from goodsense.tables import Reject, Rejects, Row, Sniffed, shorten, write_lines
from goodsense.tables.json_rows import member_rows
from goodsense.types import ImageRef

LOSSES: Mapping[str, str] = {
    "title and bullets": "are captions: empty ones are left out, and the first of the others is the title",
    "media": "an image has one picture, without sha256",
    "category": "a path without a name at its end is left out",
    "attributes": "only several different names called objects, of a product without category",
    "extra": "entries under names that COCO itself uses",
    "description, brand, language, url, variants, updated": "COCO has no place for them",
}
OBJECTS = "objects"
_FILES = ("file_name", "filename")
_URLS = ("coco_url", "url", "flickr_url")
_OWN = frozenset(
    (*_FILES, *_URLS, "id", "cocoid", "imgid", "image_id", "split", "caption", "captions", "sentences", "sentids")
)
_MEMBERS = frozenset({"images", "annotations", "categories"})
_CATEGORIES = 100_000
_GAP = re.compile(r"[:,\s\ufeff]*")
_NO_PARENT = frozenset({"", "none", "None"})


@dataclass(frozen=True)
class CocoFeed:
    """COCO captions as a feed format."""

    @property
    def name(self) -> str:
        return "coco"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"object", "jsonl"})

    @property
    def losses(self) -> Mapping[str, str]:
        return LOSSES

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        return 0.9 if sniffed.format in self.reads and _is_own(head) else 0.0

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed:
        preferred = _preferred(source, mapping)
        notes = [*sniffed.notes]
        return Feed(self.name, source, lambda: _Reading(source, rejects, preferred, notes).products(sniffed), notes)

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        count = 0

        def counted() -> Iterator[Product]:
            nonlocal count
            for product in products:
                count += 1
                yield product

        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", newline="\n") as later:
            write_lines(path, _lines(counted(), later))
        return count


COCO = CocoFeed()


def _is_own(head: str) -> bool:
    """Whether the first list of images or annotations in the beginning of an object is COCO's, by what is in it."""
    decoder = json.JSONDecoder()
    at = _after_gap(head, head.find("{") + 1)
    try:
        while True:
            name, at = decoder.raw_decode(head, at)
            at = _after_gap(head, at)
            if name in ("images", "annotations"):
                break
            _, at = decoder.raw_decode(head, at)
            at = _after_gap(head, at)
        if head[at] != "[":
            return False
        at = _after_gap(head, at + 1)
        if head[at] == "]":
            return name == "images" and '"annotations"' in head  # products without pictures have such lists too
        first, _ = decoder.raw_decode(head, at)
    except (ValueError, RecursionError, IndexError):
        return False
    telling = {"image_id"} if name == "annotations" else {*_FILES, "coco_url", "sentences"}
    return isinstance(first, dict) and bool(telling & first.keys())


def _after_gap(text: str, at: int) -> int:
    """Where the next value begins."""
    found = _GAP.match(text, at)
    return found.end() if found else at


def _preferred(source: Path, mapping: Mapping[str, str] | None) -> tuple[str, ...]:
    """The members of an image that the user wants its picture to be read from."""
    if not mapping:
        return ()
    if set(mapping) != {"image"} or mapping["image"] not in (*_FILES, *_URLS):
        raise UsageError(
            f"{source}: a COCO file knows no mapping but that of the image.",
            fix=f"Write --map image=NAME with one of: {', '.join((*_FILES, *_URLS))}.",
        )
    return (mapping["image"],)


# ---- reading


@dataclass
class _Reading:
    """One pass over a file."""

    source: Path
    rejects: Rejects
    preferred: tuple[str, ...]
    notes: list[str]
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: int = 0
    cut: int = 0

    def products(self, sniffed: Sniffed) -> Iterator[tuple[int, Product]]:
        with Gathering() as held:
            takers = {"images": self._image, "annotations": self._annotation, "categories": self._category}
            found = False
            for member, row in member_rows(self.source, sniffed, self.rejects, _MEMBERS):
                found = found or member == "images"
                try:
                    takers[member](row, held)
                except BadValue as bad:
                    self._reject(row, member, bad)
            if not found:
                raise DataError(f"{self.source}: the object has no list of images.", fix="Give a COCO captions file.")
            for key, said in held.strays():
                stray = BadValue(f"no image has the id {shorten(key)}", "Add the image, or take the annotation out.")
                record = {"image_id": key, said.kind: said.text}
                self._reject(Row(said.number, record), "annotations", stray)
            for number, doc, every in held.things():
                yield number, self._product(doc, every)
        self._note()

    def _note(self) -> None:
        if self.cut:
            self.notes.append(f"Of {self.cut} images only the first {MAX_SAID} captions are kept.")
        if self.unknown:
            self.notes.append(f"{self.unknown} annotations name a category that the file does not have.")

    def _image(self, row: Row, held: Gathering) -> None:
        values = row.values
        id = v.id_of(next((values[name] for name in ("id", "image_id", "cocoid", "imgid") if name in values), ""))
        doc = {
            "id": id,
            "image": self._uri(values),
            "split": self._split(row),
            "extra": {name: value for name, value in values.items() if name not in _OWN},
        }
        captions = _captions(values)
        if not held.add(id, row.number, doc):
            raise BadValue(f"another image has the id {shorten(id)}", "Give every image its own id.")
        for caption in captions:
            held.say(id, row.number, "caption", caption)

    def _split(self, row: Row) -> str:
        try:
            found = v.folded(row.values.get("split") or "")
            return v.split_of("train" if found == "restval" else found)
        except BadValue as bad:
            self._reject(row, "split", bad, scope="field")
            return ""

    def _uri(self, values: Mapping[str, Any]) -> str:
        """Where the picture is: what the user prefers, a file beside this one, else the URL, else the name."""
        found = {name: text for name in (*_FILES, *_URLS) if isinstance(text := values.get(name), str) and text}
        for name in self.preferred:
            if name in found:
                return found[name]
        name = next((found[name] for name in _FILES if name in found), "")
        url = next((found[name] for name in _URLS if name in found), "")
        return url if url and not (name and self._is_beside(name)) else name

    def _is_beside(self, name: str) -> bool:
        try:
            there = os.path.isfile(os.path.join(self.source.parent, name))  # quick; mostly nothing is there
            return there and resolve_media_path(self.source.parent, name).is_file()
        except (DataError, OSError, ValueError):
            return False

    def _annotation(self, row: Row, held: Gathering) -> None:
        key = v.text_of(row.values.get("image_id", "")).strip()
        if not key:
            raise BadValue("the annotation names no image", "Give it the image_id of an image.")
        if caption := v.text_of(row.values.get("caption") or ""):
            held.say(key, row.number, "caption", caption)
        if (category := row.values.get("category_id")) is not None:
            held.say(key, row.number, "category_id", v.text_of(category))

    def _category(self, row: Row, held: Gathering) -> None:
        id, name = v.text_of(row.values.get("id", "")), v.text_of(row.values.get("name") or "")
        if not id or not name:
            raise BadValue("the category has no id or no name", "Give it both.")
        if len(self.categories) >= _CATEGORIES:
            raise BadValue(f"over {_CATEGORIES:,} categories", "Give fewer.")
        parent = v.text_of(row.values.get("supercategory") or "")
        above = () if parent in _NO_PARENT or parent == name else v.category_of(parent)
        self.categories[id] = (*above, name)

    def _product(self, doc: dict[str, Any], every: list[Said]) -> Product:
        captions = [said.text for said in every if said.kind == "caption"]
        named = [self.categories.get(said.text) for said in every if said.kind == "category_id"]
        self.unknown += named.count(None)
        self.cut += len(every) == MAX_SAID
        paths = list(dict.fromkeys(path for path in named if path is not None))
        objects = tuple(dict.fromkeys(path[-1] for path in paths)) if len(paths) > 1 else ()
        attributes: dict[str, AttributeValue] = {OBJECTS: objects} if objects else {}
        return Product(
            doc["id"],
            title=captions[0] if captions else "",
            bullets=tuple(captions[1:]),
            category=paths[0] if len(paths) == 1 else (),
            attributes=attributes,
            media=(ImageRef(doc["image"]),) if doc["image"] else (),
            split=doc["split"],
            extra=doc["extra"],
        )

    def _reject(self, row: Row, column: str, bad: BadValue, *, scope: Any = "row") -> None:
        self.rejects.add(Reject(str(self.source), row.number, column, None, bad.reason, bad.fix, row.values, scope))


def _captions(values: Mapping[str, Any]) -> list[str]:
    """Captions that an image itself has, as a text, a list of texts, or a list of objects with ``raw``."""
    found: list[str] = []
    for name in ("caption", "captions", "sentences"):
        said = values.get(name) or ()
        for item in said if isinstance(said, (list, tuple)) else [said]:
            text = item.get("raw", item.get("caption", "")) if isinstance(item, dict) else item
            if text := v.text_of(text):
                found.append(text)
    return found


# ---- writing


def _lines(products: Iterable[Product], later: IO[str]) -> Iterator[str]:
    """The file, line by line; annotations wait in ``later`` while the images are written."""
    categories: dict[tuple[str, ...], int] = {}
    comma, said = "", 0
    yield '{"images": ['
    for product in products:
        try:
            yield comma + _dump(_image_of(product))
            for annotation in _annotations(product, categories):
                said += 1
                later.write(_dump({"id": said, "image_id": _number(product.id), **annotation}) + "\n")
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(f"product {product.id!r} cannot be written: {error}.") from error
        comma = ","
    yield '], "annotations": ['
    later.seek(0)
    for place, line in enumerate(later):
        yield ("," if place else "") + line.rstrip("\n")
    yield '], "categories": ['
    for place, (path, number) in enumerate(categories.items()):
        yield ("," if place else "") + _dump({"id": number, "name": path[-1], **_parent(path)})
    yield "]}"


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _number(id: str) -> int | str:
    """COCO's ids are numbers; an id that is none stays a text."""
    return int(id) if id.isascii() and id.isdigit() and len(id) < 16 and (id == "0" or id[0] != "0") else id


def _image_of(product: Product) -> dict[str, Any]:
    image: dict[str, Any] = {"id": _number(product.id)}
    picture = next((ref for ref in product.media if isinstance(ref, ImageRef) and ref.uri), None)
    if picture is not None:
        image["file_name"] = picture.uri
        if picture.is_url:
            image |= {"file_name": picture.uri.rpartition("/")[2], "coco_url": picture.uri}
    if product.split:
        image["split"] = product.split
    return image | {name: value for name, value in product.extra.items() if name not in _OWN}


def _annotations(product: Product, categories: dict[tuple[str, ...], int]) -> Iterator[dict[str, Any]]:
    for caption in (product.title, *product.bullets):
        if caption:
            yield {"caption": caption}
    paths = [product.category] if product.category else [(name,) for name in _objects(product)]
    for path in paths:
        if path[-1]:
            yield {"category_id": categories.setdefault(path, len(categories) + 1)}


def _objects(product: Product) -> tuple[str, ...]:
    found = product.attributes.get(OBJECTS)
    several = isinstance(found, tuple) and len(set(found)) == len(found) > 1 and all(found)
    return found if several and isinstance(found, tuple) else ()


def _parent(path: tuple[str, ...]) -> dict[str, str]:
    if len(path) == 1:
        return {}
    above = listed(path[:-1], " > ", v.category_of)
    return {"supercategory": v.dump(list(path[:-1])) if above in _NO_PARENT or above == path[-1] else above}
