"""Bar codes that cannot be right, and pictures that are missing, broken, or show no product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.values import gtin_of
from goodsense.quality.census import Census
from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.kinds import finding
from goodsense.quality.pictures import PictureFacts
from goodsense.quality.similar_pictures import BLANK

SMALLEST = 100  # pixels of the shorter side
_SUFFIXES = {"jpg": "jpeg", "jpe": "jpeg", "jfif": "jpeg", "tif": "tiff"}
_PICTURES = frozenset("jpeg png webp gif bmp tiff avif heic".split())


def wrong_gtins(evidence: Evidence) -> list[Finding]:
    """GTINs of a wrong length or with a wrong check digit (GS1 General Specifications 7.9)."""
    census = evidence.census
    cases = [
        Case(census.ids[offer.row], offer.field("gtin"), offer.gtin, group=why)
        for offer in census.offers
        if offer.gtin and (why := _mistake(offer.gtin))
    ]
    return finding("wrong_gtin", cases)


def _mistake(gtin: str) -> str:
    try:
        gtin_of(gtin[:100])
    except BadValue as error:
        return error.reason
    return ""


def odd_pictures(evidence: Evidence) -> list[Finding]:
    """Pictures that cannot be opened, are tiny or blank, or whose name says another format."""
    facts = evidence.pictures
    if facts is None:
        return []
    return [
        *finding("unreadable_picture", _pictures(evidence.census, facts, _unreadable)),
        *finding("tiny_picture", _pictures(evidence.census, facts, _tiny), {"smallest side": SMALLEST}),
        *finding("blank_picture", _pictures(evidence.census, facts, _blank)),
        *finding("wrong_picture_type", _mistyped(evidence.census, facts)),
    ]


def _pictures(census: Census, facts: PictureFacts, judge: Callable[[PictureFacts, int], float | None]) -> list[Case]:
    judged: dict[str, float | None] = {}
    cases = []
    for picture in census.pictures:
        at = facts.rows.get(picture.sha256)
        if at is None:
            continue
        if picture.sha256 not in judged:
            judged[picture.sha256] = judge(facts, at)
        score = judged[picture.sha256]
        if score is not None:
            cases.append(Case(census.ids[picture.row], "image", picture.sha256, group=picture.uri[:500], score=score))
    return cases


def _unreadable(facts: PictureFacts, at: int) -> float | None:
    return None if facts.records["readable"][at] else 0.0


def _tiny(facts: PictureFacts, at: int) -> float | None:
    record = facts.records[at]
    side = min(int(record["width"]), int(record["height"]))
    return float(side) if record["readable"] and side < SMALLEST else None


def _blank(facts: PictureFacts, at: int) -> float | None:
    record = facts.records[at]
    contrast = float(record["contrast"])
    return round(contrast, 2) if record["readable"] and contrast < BLANK else None


def _mistyped(census: Census, facts: PictureFacts) -> Iterator[Case]:
    for picture in census.pictures:
        at = facts.rows.get(picture.sha256)
        if at is None or not facts.records["readable"][at]:
            continue
        path = urlsplit(picture.uri).path if picture.is_url else picture.uri
        suffix = PurePosixPath(path.replace("\\", "/")).suffix[1:].lower()
        said, found = _SUFFIXES.get(suffix, suffix), facts.format_of(at)
        if said in _PICTURES and found and said != found:
            yield Case(census.ids[picture.row], "image", picture.sha256, expected=found, group=picture.uri[:500])


def missing_media(evidence: Evidence) -> list[Finding]:
    """Picture files that were not there, and links that lead nowhere."""
    census = evidence.census
    gone = [picture for picture in census.pictures if not picture.sha256 and not picture.is_url]
    files = [Case(census.ids[picture.row], "image", picture.uri[:500]) for picture in gone]
    links = [*_broken(census, evidence.links)] if evidence.links else []
    return [*finding("missing_file", files), *finding("broken_link", links)]


def _broken(census: Census, links: Mapping[str, str]) -> Iterator[Case]:
    for picture in census.pictures:
        if picture.uri in links:
            yield Case(census.ids[picture.row], "image", picture.uri[:500], group=links[picture.uri])
    for row, url in enumerate(census.urls):
        if url and url in links:
            yield Case(census.ids[row], "url", url[:500], group=links[url])


def stand_ins(evidence: Evidence) -> list[Finding]:
    """Pictures that stand for many unrelated products."""
    census, groups = evidence.census, evidence.placeholders
    cases = [
        Case(census.ids[picture.row], "image", picture.sha256, group=groups[picture.sha256])
        for picture in census.pictures
        if picture.sha256 in groups
    ]
    return finding("placeholder_picture", cases, {"pictures": len(set(groups.values()))})


def watermarked(evidence: Evidence) -> list[Finding]:
    """Pictures with an overlay that others have in the same corner."""
    from goodsense.quality.watermarks import overlays

    census, facts = evidence.census, evidence.pictures
    if facts is None:
        return []
    marks: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    found = overlays(facts, evidence.picture_pairs)
    for number, overlay in enumerate(found, start=1):
        for at, score in overlay.pictures.items():
            marks[facts.hashes[at]].append((f"{overlay.corner} {number}", score))
    cases = [
        Case(census.ids[picture.row], "image", picture.sha256, group=name, score=score)
        for picture in census.pictures
        if picture.sha256 not in evidence.placeholders
        for name, score in marks.get(picture.sha256, ())
    ]
    detail = {"overlays": [{"corner": one.corner, "pictures": len(one.pictures)} for one in found]}
    return finding("watermark", cases, detail)
