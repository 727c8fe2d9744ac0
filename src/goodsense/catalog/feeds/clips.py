"""Tables of clips: one row per caption of a video or a sound, as AudioCaps, MSR-VTT, WebVid and Clotho have them.

A row names its clip (``clip``), or the video it is cut from (``video_id``, ``youtube_id``) and where it starts; rows of
the same clip are one product, wherever they stand. The first caption is the title, the others are bullets; ``label``
is the category, start, end and duration (in seconds) are attributes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.assemble import Parts, single
from goodsense.catalog.feeds.base import Feed, ReadMedium
from goodsense.catalog.feeds.flatten import Spool, attribute_cells, listed, uris
from goodsense.catalog.feeds.gathering import MAX_SAID, Gathering
from goodsense.catalog.feeds.image_folder import ENDINGS
from goodsense.catalog.feeds.plan import RowReader
from goodsense.catalog.product import Product, from_json, to_json
from goodsense.errors import DataError
from goodsense.tables import (
    PRODUCT_ALIASES,
    ColumnMap,
    Rejects,
    Sniffed,
    fold,
    match_columns,
    read_header,
    read_rows,
    shorten,
    write_table,
)
from goodsense.types import AudioRef, ImageRef, MediaRef, VideoRef

LOSSES: Mapping[str, str] = {
    "title and bullets": "are captions: empty ones are left out, and the first of the others is the title",
    "attributes": "start, end and duration come back in seconds",
    "media": "addresses without sha256, pictures before sounds before clips; what an address ends in says what it is",
    "description, brand, variants, updated, extra": "tables of clips have no columns for them",
}
_TIMES = ("start", "end", "duration")
CLIP_ALIASES: Mapping[str, tuple[str, ...]] = {
    name: tuple(aliases.split())
    for name, aliases in {
        "id": "clip clip_id clipid clip_name segment_id 片段 片段id 片段编号",
        "source": "video_id videoid youtube_id ytid vid video_name 视频id 视频编号",
        "title": "caption captions sentence sentences name title text narration transcript 标题 字幕 描述 文案",
        "video": "video video_path video_url video_file contenturl content_url clip_path clip_url path file file_path "
        "filepath filename file_name fname url 视频 视频链接 视频路径 路径 文件",
        "audio": "audio audio_path audio_url audio_file wav wav_path 音频 音频链接 音频路径",
        "image": "image thumbnail thumbnail_url poster 封面 图片",
        "category": "label labels class class_name category target_name 标签 类别 分类",
        "split": "split subset 划分",
        "language": "language lang 语言",
        "start": "start start_time time_start start_seconds start_sec start_s begin begin_time 开始 开始时间 起始时间",
        "end": "end end_time time_end end_seconds end_sec end_s stop 结束 结束时间",
        "duration": "duration duration_s length length_s seconds 时长",
        "url": "page_url page 页面",
        "attributes": "attributes",
    }.items()
}
_MEDIA = ("video", "audio", "image")
_MANY = frozenset({"title", *_MEDIA})
_COLUMNS = ("clip", *_MEDIA, "caption", "label", *_TIMES, "split", "language", "page_url")
_SURE = frozenset("youtube_id ytid audiocap_id contenturl page_dir videoid clip clip_id clip_path 片段 片段id".split())
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2}(?:[.,]\d{1,6})?)")
_ISO = re.compile(r"P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
_WATCH = "https://www.youtube.com/watch?v="


@dataclass(frozen=True)
class ClipFeed:
    """Tables of clips as a feed format."""

    @property
    def name(self) -> str:
        return "clips"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"csv", "tsv", "jsonl", "json", "parquet"})

    @property
    def losses(self) -> Mapping[str, str]:
        return LOSSES

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        if sniffed.format not in ("csv", "tsv"):
            return 0.0
        lines = [_cells(line, sniffed.delimiter) for line in _first_lines(head)]
        names = [fold(name) for name in lines[0]] if lines else []
        found = match_columns(list(dict.fromkeys(names)), aliases=CLIP_ALIASES, many=_MANY).fields
        if not {"title", "category"} & found.keys():
            return 0.0
        if {"source", "start"} <= found.keys() or (_SURE & set(names) and {"id", *_MEDIA} & found.keys()):
            return 0.8
        files = [_file_kind(cell) for line in lines[1:] for cell in line]
        named = "id" in match_columns(list(dict.fromkeys(names))).fields
        captioned = names[:2] == ["image", "caption"] and ImageRef in files
        return 0.6 if not named and (captioned or AudioRef in files or VideoRef in files) else 0.0

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed:
        header = read_header(source, sniffed)
        columns = _columns_of(source, header.names, mapping)
        notes = [*sniffed.notes, *header.notes, *columns.notes]

        def products() -> Iterator[tuple[int, Product]]:
            reader = RowReader(
                source, _plain(columns), header=header.names, currency=currency, rejects=rejects, notes=notes
            )
            rows = (parts for row in read_rows(source, sniffed, rejects) if (parts := reader.parts(row)) is not None)
            return _gathered(rows, columns, notes)

        return Feed(self.name, source, products, notes)

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        count = 0
        with Spool(_COLUMNS) as spool:
            for product in products:
                count += 1
                for cells in _rows(product):
                    spool.add(cells)
            write_table(path, spool.columns or ("clip",), spool.rows(), raw=raw)
        return count


CLIPS = ClipFeed()


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line; none if it cannot be parsed by itself."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _first_lines(head: str) -> list[str]:
    return [line for line in head.splitlines()[:4] if line.strip()]


# ---- reading


def _columns_of(source: Path, header: tuple[str, ...], mapping: Mapping[str, str] | None) -> ColumnMap:
    columns = match_columns(header, mapping=mapping, aliases=CLIP_ALIASES, many=_MANY)
    if "id" not in columns.fields and "source" not in columns.fields:
        files = [column for name in _MEDIA for column in columns.fields.get(name, ())]
        if not files:
            raise DataError(
                f"{source}: no column names the clip; the file has: {shorten(', '.join(header), 1000)}.",
                fix="Say which one it is: --map id=COLUMN.",
            )
        return replace(columns, fields={**columns.fields, "id": (files[0],)})
    return columns


def _plain(columns: ColumnMap) -> ColumnMap:
    """The columns as those of a product table: the first caption is the title, times are attributes."""
    fields = {name: found for name, found in columns.fields.items() if name in PRODUCT_ALIASES}
    fields.setdefault("id", columns.fields.get("source", ()))
    captions = fields.pop("title", ())
    kept = {column: name for name in _TIMES for column in columns.fields.get(name, ())}
    if "id" in columns.fields:
        kept |= {column: column for column in columns.fields.get("source", ())}
    more = {"title": captions[:1], "bullets": captions[1:]} if captions else {}
    return replace(columns, fields={**fields, **more}, attributes={**columns.attributes, **kept})


def _gathered(rows: Iterable[Parts], columns: ColumnMap, notes: list[str]) -> Iterator[tuple[int, Product]]:
    cut = 0
    with Gathering() as held:
        for parts in rows:
            _complete(parts, columns)
            captions = [text for text in (parts.found.pop("title", ""), *parts.found.pop("bullets", ())) if text]
            held.add(parts.id, parts.number, to_json(single(parts)))
            for caption in captions:
                held.say(parts.id, parts.number, "caption", caption)
        for number, doc, said in held.things():
            cut += len(said) == MAX_SAID
            product = from_json(doc)
            if said:
                product = replace(product, title=said[0].text, bullets=tuple(one.text for one in said[1:]))
            yield number, product
    if cut:
        notes.append(f"Of {cut} clips only the first {MAX_SAID} captions are kept.")


def _complete(parts: Parts, columns: ColumnMap) -> None:
    """Times in seconds, references by their ending, and the id of a clip that is only named by its video."""
    for name in _TIMES:
        if name in parts.attributes and (value := _seconds(parts.attributes[name])) is not None:
            parts.attributes[name] = value
    parts.media = tuple(_by_ending(ref) for ref in parts.media)
    source = columns.fields.get("source", ("",))[0]
    video = parts.record.get(source)
    if video and fold(source) in ("youtube_id", "ytid"):
        parts.found.setdefault("url", f"{_WATCH}{v.text_of(video)}")
    if "id" not in columns.fields and isinstance(start := parts.attributes.get("start"), float):
        parts.id = f"{parts.id}_{v.text_of(start)}"


def _seconds(value: Any) -> float | None:
    """Seconds out of 12.5, 00:01:02.5, PT1M2.5S; None for anything else, which stays as it is."""
    if not isinstance(value, str):
        return None
    if match := _CLOCK.fullmatch(value.strip()):
        hours, minutes, seconds = match.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
    text = re.sub(r"\b0+(?=\d)", "", value.strip().upper())
    if text.startswith("P") and any(char.isdigit() for char in text) and (match := _ISO.fullmatch(text)):
        days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return None


def _file_kind(uri: str) -> type[MediaRef] | None:
    """What a path or URL leads to, by its ending."""
    path = re.split(r"[?#]", uri, maxsplit=1)[0] if "://" in uri else uri
    return ENDINGS.get(path.rpartition(".")[2].lower()) if "." in path else None


def _by_ending(ref: MediaRef) -> MediaRef:
    """A sound in a column of files is a sound; what has no telling ending is what its column says."""
    kind = _file_kind(ref.uri)
    return kind(ref.uri) if kind is not None and isinstance(ref, VideoRef) else ref


# ---- writing


def _rows(product: Product) -> Iterator[dict[str, str]]:
    cells = {"clip": product.id}
    for modality in _MEDIA:
        if links := tuple(link for link in uris(product.media, modality) if link):
            cells[modality] = listed(links, "|", v.uris_of)
    if product.category:
        cells["label"] = listed(product.category, " > ", v.category_of)
    times = {f"attribute.{name}": name for name in _TIMES}
    cells.update((times.get(name, name), cell) for name, cell in attribute_cells(product).items())
    texts = {"split": product.split, "language": product.language, "page_url": product.url}
    cells.update((name, text) for name, text in texts.items() if text)
    captions = [text for text in (product.title, *product.bullets) if text] or [""]
    yield cells | {"caption": captions[0]}
    for caption in captions[1:]:
        yield {"clip": product.id, "caption": caption}
