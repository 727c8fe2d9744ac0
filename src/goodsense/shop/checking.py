"""Checking a shop's quality: the census of its truth, its pictures and links, the findings, the kept report."""

from __future__ import annotations

import base64
import io
import json
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from goodsense.errors import DataError
from goodsense.media import MediaStore, decode_image
from goodsense.progress import Progress, silent
from goodsense.quality.census import Census
from goodsense.quality.pictures import PictureFacts
from goodsense.quality.report import QualityReport, Summary
from goodsense.shop.fetching import broken_links
from goodsense.shop.ingest import REPEATED
from goodsense.shop.redaction import personal_data
from goodsense.shop.truth import Truth
from goodsense.text.personal import PersonalKind

THUMB = 144  # pixels; shown at half of it, so that they are sharp on dense screens
_REJECTS = 200_000  # lines of the rejects that are looked at
_KEPT = 50  # checks that the trend looks back


@dataclass(frozen=True, eq=False)
class Checked:
    """A report with the census that it is about."""

    report: QualityReport
    census: Census


def check_shop(
    truth: Truth,
    *,
    pictures: bool = True,
    keep: bool = True,
    today: datetime | None = None,
    progress: Progress = silent,
) -> Checked:
    """Look at everything in the truth, and keep the report beside the earlier ones.

    Parameters
    ----------
    pictures
        Look at the pictures too; what was found out about a picture is remembered by its content.
    keep
        Write ``reports/check.json`` and remember this check for the trend.
    today
        What counts as now, for dates in the future.
    """
    from goodsense.quality.check import check

    started = time.perf_counter()
    when = today or datetime.now(UTC)
    with truth.snapshot() as seq:
        census = Census.of(truth.products(), progress=progress)
        personal = personal_data(truth, progress=progress)
    findings = check(
        census,
        pictures=_pictures(truth.directory, census, progress) if pictures else None,
        links=broken_links(truth.directory, truth.products()),
        personal={str(kind): count for kind, count in personal.items()},
        repeated=repeated_ids(truth.directory),
        today=when.date(),
        progress=progress,
    )
    report = QualityReport.of(
        findings,
        shop=truth.directory.resolve().name,
        products=len(census),
        seq=seq,
        when=when,
        earlier=earlier_checks(truth.directory),
    )
    report = replace(report, seconds=round(time.perf_counter() - started, 2), notes=_personal_note(truth, personal))
    if keep:
        _keep(truth.directory, report)
    return Checked(report, census)


def _pictures(directory: Path, census: Census, progress: Progress) -> PictureFacts:
    """What is known of the catalog's pictures; new ones are measured and remembered by their content."""
    hashes = [picture.sha256 for picture in census.pictures if picture.sha256]
    return PictureFacts.of(hashes, MediaStore(directory / "media"), cache=directory / "reports", progress=progress)


def _personal_note(truth: Truth, personal: Counter[PersonalKind]) -> tuple[str, ...]:
    """What was met of personal data in reviews, questions and conversations."""
    if not personal:
        return ()
    listed = ", ".join(f"{kind} {count}" for kind, count in personal.most_common())
    return (
        f"Personal data in reviews, questions and conversations / 评价、问答和对话中的个人信息: {listed}. "
        f"goodsense redact {truth.directory} --apply",
    )


def repeated_ids(directory: Path) -> list[str]:
    """Ids that an ingest met more than once, from the rows that it rejected."""
    found: dict[str, None] = {}
    with suppress(OSError), (directory / "rejects.jsonl").open(encoding="utf-8", errors="replace") as file:
        for line in islice(file, _REJECTS):
            if REPEATED in line:
                with suppress(ValueError, KeyError, TypeError):
                    found[str(json.loads(line)["value"])] = None
    return list(found)


def write_page(checked: Checked, directory: Path, target: Path, *, lang: Literal["en", "zh"] = "en") -> Path:
    """Write the report as one self-contained page with thumbnails of the products that it names."""
    from goodsense.quality.page import render, shown_pictures

    wanted = shown_pictures(checked.report, checked.census)
    thumbs = thumbnails(MediaStore(directory / "media"), wanted)
    page = render(checked.report, checked.census, directory=str(directory), thumbs=thumbs, lang=lang)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, "utf-8", errors="replace")
    return target


def thumbnails(store: MediaStore, names: Iterable[str]) -> dict[str, str]:
    """Small JPEG pictures as ``data:`` addresses by SHA-256; what cannot be shown is left out."""
    from PIL import Image

    found = {}
    for name in names:
        try:
            pixels = decode_image(store.read(name))
        except DataError:
            continue
        picture = Image.fromarray(pixels)
        picture.thumbnail((THUMB, THUMB))
        out = io.BytesIO()
        picture.convert("RGB").save(out, "JPEG", quality=72, optimize=True)
        found[name] = f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
    return found


def earlier_checks(directory: Path) -> list[Summary]:
    """The checks that were kept, oldest first; lines that cannot be read are left out."""
    found: list[Summary] = []
    try:
        lines = (directory / "reports" / "checks.jsonl").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    for line in lines[-_KEPT:]:
        try:
            found.append(Summary.from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def _keep(directory: Path, report: QualityReport) -> None:
    reports = directory / "reports"
    reports.mkdir(exist_ok=True)
    whole: dict[str, Any] = report.to_json()
    (reports / "check.json").write_text(json.dumps(whole, ensure_ascii=False, indent=1, default=str) + "\n", "utf-8")
    with (reports / "checks.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(report.summary.to_json(), ensure_ascii=False) + "\n")
