"""Draws the pictures of ``docs/quality.md``: near-identical photos of the Grocery Store dataset (MIT licence).

``python docs/make_quality_pictures.py FOLDER`` with the folder that holds ``train.csv`` and the photos.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

from goodsense.media import MediaStore, decode_image
from goodsense.shop import Shop, Source

TARGET = Path(__file__).parent / "images" / "grocery-pairs.png"


def main(data: Path) -> None:
    """Check the photos as a catalog, and draw the groups that show nearly the same."""
    from matplotlib.figure import Figure

    with tempfile.TemporaryDirectory() as work, Shop.create(Path(work) / "grocery") as shop:
        shop.ingest(Source(_feed(data, Path(work)), media_root=data))
        found = {one.kind: one for one in shop.check().report.findings}["near_duplicate_picture"]
        groups: dict[str, list[str]] = {}
        for case in found.cases:
            groups.setdefault(case.group, []).append(str(case.found))
        store = MediaStore(shop.directory / "media")
        figure = Figure(figsize=(2 * len(groups), 4.2), layout="constrained", facecolor="white")
        axes = figure.subplots(2, len(groups), squeeze=False)
        for column, names in enumerate(groups.values()):
            for row, name in enumerate(names[:2]):
                axes[row][column].imshow(decode_image(store.read(name)))
                axes[row][column].set_axis_off()
        figure.savefig(TARGET, dpi=80)


def _feed(data: Path, work: Path) -> Path:
    path = work / "photos.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "split"])
        for split in ("train", "val", "test"):
            with (data / f"{split}.csv").open(encoding="utf-8", newline="") as rows:
                writer.writerows([row["image"], row["image"], split] for row in csv.DictReader(rows))
    return path


if __name__ == "__main__":
    main(Path(sys.argv[1]))
