"""Motion as the codec found it, when it was looking for blocks to copy from other frames.

H.264, MPEG-4 and MPEG-2 decoders tell these vectors; VP9, HEVC and AV1 decoders do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

CELLS = 16  # of the grid along the longer side; fewer for frames of fewer blocks
_BLOCK = 16  # pixels of a macroblock's side
_B = 3  # the picture type
_FASTEST = 8.0  # frame widths per second; beyond, the codec matched by texture, not by motion


class MotionField:
    """Gathers the vectors of decoded frames on a grid, as shares of width and height per second.

    A vector points to the last frame that others depend on, so it is divided by the time since then. Blocks of P frames
    that were copied from nowhere count as still; those of B frames may come from a later frame, so they count as
    unknown.
    """

    def __init__(self) -> None:
        self.found = False
        self._size = (0, 0)
        self._areas: NDArray[np.float64] = np.zeros((0, 0))  # of the cells, in pixels of whole macroblocks
        self._sum: NDArray[np.float64] = np.zeros((0, 0, 2))
        self._weight: NDArray[np.float64] = np.zeros((0, 0))
        self._reference: float | None = None  # when the frame was shown that vectors point to

    def see(self, frame: VideoFrame, time: float) -> None:
        """Add a decoded frame; frames come in the order of their times."""
        if self._size != (frame.width, frame.height):
            self._begin(frame.width, frame.height)
        vectors = frame.side_data.get("MOTION_VECTORS")
        since = time - self._reference if self._reference is not None else 0.0
        if vectors is not None and since > 0:
            self.found = True
            moved, covered = self._on_grid(vectors.to_ndarray())
            self._sum += moved / since
            self._weight += covered if frame.pict_type == _B else self._areas
        if frame.pict_type != _B:  # B frames are seldom pointed to
            self._reference = time

    def mean(self) -> NDArray[np.float32]:
        """``(rows, columns, 2)``: the mean since it was asked last; nothing moves where nothing is known."""
        found = self._sum / np.maximum(self._weight, 1.0)[..., None]
        self._sum, self._weight = np.zeros_like(self._sum), np.zeros_like(self._weight)
        return np.clip(found, -_FASTEST, _FASTEST).astype(np.float32)

    @staticmethod
    def turned(fields: NDArray[np.float32], turns: int) -> NDArray[np.float32]:
        """``(t, rows, columns, 2)`` fields turned by quarters counter-clockwise, as their frames are."""
        fields = np.rot90(fields, turns, axes=(1, 2))
        right, down = fields[..., 0], fields[..., 1]
        for _ in range(turns % 4):
            right, down = down, -right
        return np.ascontiguousarray(np.stack([right, down], axis=-1))

    def _begin(self, width: int, height: int) -> None:
        """A grid for frames of a size; a clip that changes it keeps its first grid."""
        self._size = (width, height)
        if not self._areas.size:
            self._areas = np.zeros([_count(side, max(width, height)) for side in (height, width)])
            self._sum, self._weight = np.zeros((*self._areas.shape, 2)), np.zeros(self._areas.shape)
        rows, columns = self._areas.shape
        counts = (
            np.bincount(_cells(size, cells), minlength=cells) for size, cells in ((height, rows), (width, columns))
        )
        self._areas = np.outer(*counts).astype(np.float64) * _BLOCK**2

    def _on_grid(self, vectors: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Displacement from the earlier frame times area, and area, summed over the blocks of each cell."""
        vectors = vectors[(vectors["source"] < 0) & (vectors["motion_scale"] > 0)]
        rows, columns = self._areas.shape
        width, height = self._size
        across, along = _cells(width, columns), _cells(height, rows)
        column = across[np.clip(vectors["dst_x"] // _BLOCK, 0, len(across) - 1)]
        row = along[np.clip(vectors["dst_y"] // _BLOCK, 0, len(along) - 1)]
        cell = row * columns + column
        area = vectors["w"].astype(np.float64) * vectors["h"]
        scale = vectors["motion_scale"].astype(np.float64)
        sums: list[NDArray[np.float64]] = [
            np.bincount(cell, weights, rows * columns).astype(np.float64).reshape(rows, columns)
            for weights in (
                -area * vectors["motion_x"] / (scale * width),
                -area * vectors["motion_y"] / (scale * height),
                area,
            )
        ]
        return np.stack(sums[:2], axis=-1), sums[2]


def _count(side: int, longer: int) -> int:
    """Cells along a side; none is smaller than a block."""
    return min(max(1, round(CELLS * side / longer)), -(-side // _BLOCK))


def _cells(size: int, cells: int) -> NDArray[np.int64]:
    """The cell of each macroblock along one side."""
    blocks = -(-size // _BLOCK)
    return np.arange(blocks) * cells // blocks
