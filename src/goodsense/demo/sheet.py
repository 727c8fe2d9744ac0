"""A contact sheet: many photos of the toy shop at one glance."""

from __future__ import annotations

from pathlib import Path

from goodsense.demo.toyshop import ToyShop
from goodsense.errors import DataError


def contact_sheet(toyshop: ToyShop, path: Path, *, columns: int = 12, rows: int = 9, queries: bool = False) -> Path:
    """Write the first ``columns * rows`` photos of the shop, or of its queries, side by side into one picture.

    Raises
    ------
    DataError
        If a photo is gone.
    """
    import cv2
    import numpy as np

    files = sorted((toyshop.query_images if queries else toyshop.images).glob("*.jpg"))[: columns * rows]
    tiles = []
    for file in files:
        tile = cv2.imread(str(file))
        if tile is None:
            raise DataError(f"{file} is no picture that can be read.", fix="Make the toy shop again.")
        tiles.append(cv2.copyMakeBorder(tile, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=(255, 255, 255)))
    if not tiles:
        raise DataError(f"{toyshop.images} holds no photos; expected some.", fix="Make the toy shop again.")
    columns = min(columns, len(tiles))
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % columns)
    sheet = np.vstack([np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)])
    done, data = cv2.imencode(path.suffix or ".png", sheet)
    assert done
    path.write_bytes(data.tobytes())
    return path
