"""Overlays that many pictures have in the same corner: watermarks, banners, badges.

What is printed over pictures stays where it is while the pictures change. Corners with equal edges in pictures that are
otherwise different are gathered first; the median of their edges is the overlay, and every picture is compared with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.quality.groups import Pair, grouped
from goodsense.quality.hashing import near_pairs, packed
from goodsense.quality.pictures import PictureFacts

CORNERS = ("top left", "top right", "bottom left", "bottom right")
FEWEST = 3  # different pictures with one overlay
_STRONG = 24.0  # grey levels between neighbouring pixels: an edge
_BUSY = 0.12  # of a corner's pixels lie on edges; in fewer there is no lettering
_CHANGES = 1.5  # times per row, on average, that the edges of lettering change direction
_BITS_APART = 15
_SEED_COSINE = 0.93  # of the edges of two corners that begin a group
_COSINE = 0.7  # of a corner's edges and the overlay's

Edges = NDArray[np.float32]  # (n, h, w, 2)


@dataclass(frozen=True, slots=True)
class Overlay:
    """One overlay: in which corner, and which pictures (records) have it, each with the cosine of its edges."""

    corner: str
    pictures: Mapping[int, float]


def overlays(facts: PictureFacts, same: Iterable[tuple[int, int, float]]) -> list[Overlay]:
    """Overlays on at least three pictures that are different otherwise.

    Parameters
    ----------
    facts
        The pictures.
    same
        Pairs of pictures that show the same; together they count as one.
    """
    alone = _representatives(len(facts), same)
    found: list[Overlay] = []
    for place, corner in enumerate(CORNERS):
        busy = [rows for rows in _blocks(len(facts)) for rows in [rows[_is_busy(_edges(facts, place, rows))]]]
        rows = np.concatenate(busy) if busy else np.zeros(0, np.int64)
        for template in _templates(_edges(facts, place, rows), rows, alone):
            members = _having(facts, place, rows, template)
            if len({alone[row] for row in members}) >= FEWEST:
                found.append(Overlay(corner, members))
    return _distinct(found)


def _representatives(count: int, same: Iterable[tuple[int, int, float]]) -> list[int]:
    """For every picture one that stands for all that show the same."""
    first = list(range(count))
    for group in grouped((Pair(a, b, score) for a, b, score in same), [""] * count):
        for member in group.members:
            first[member.row] = group.members[0].row
    return first


def _blocks(count: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, count, 4096):
        yield np.arange(start, min(start + 4096, count))


def _edges(facts: PictureFacts, place: int, rows: NDArray[np.int64]) -> Edges:
    """Differences between neighbouring pixels of one corner, across and down. ``-> (n, h - 1, w - 1, 2)``."""
    grey = facts.records["corners"][rows, place].astype(np.float32)
    across = grey[:, :-1, 1:] - grey[:, :-1, :-1]
    down = grey[:, 1:, :-1] - grey[:, :-1, :-1]
    return np.stack((across, down), axis=-1)


def _is_busy(edges: Edges) -> NDArray[np.bool_]:
    """Corners with the many edges that lettering and badges have, in changing directions."""
    strong = np.abs(edges[..., 0]) >= _STRONG
    signs = np.where(strong, np.sign(edges[..., 0]), 0)
    changes = ((signs[:, :, 1:] * signs[:, :, :-1]) < 0).sum(axis=2)
    share = (np.abs(edges).max(axis=3) >= _STRONG).mean(axis=(1, 2))
    return np.asarray((share >= _BUSY) & (np.sort(changes, axis=1)[:, -4:].mean(axis=1) >= _CHANGES))


def _templates(edges: Edges, rows: NDArray[np.int64], alone: Sequence[int]) -> Iterator[Edges]:
    """The median edges of every group of corners that look alike in different pictures."""
    if len(rows) < FEWEST:
        return
    flat = edges.reshape(len(rows), -1)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), np.float32(1e-6))
    planes = np.random.default_rng(0).standard_normal((flat.shape[1], 64), dtype=np.float32)
    bits = packed(flat @ planes, np.zeros(64, np.float32))
    pairs: dict[tuple[int, int], float] = {}
    for a, b in near_pairs(bits, within=_BITS_APART):
        cosine = np.einsum("nd,nd->n", flat[a], flat[b])
        near = cosine >= _SEED_COSINE
        pairs.update(zip(zip(a[near].tolist(), b[near].tolist(), strict=True), cosine[near].tolist(), strict=True))
    apart = (Pair(a, b, score) for (a, b), score in pairs.items() if alone[rows[a]] != alone[rows[b]])
    for group in grouped(apart, [""] * len(rows)):
        members = np.array([member.row for member in group.members])
        if len({alone[row] for row in rows[members].tolist()}) >= FEWEST:
            yield np.median(edges[members], axis=0)


def _having(facts: PictureFacts, place: int, rows: NDArray[np.int64], template: Edges) -> dict[int, float]:
    """Pictures whose edges are the overlay's where the overlay has any."""
    mask = np.abs(template).max(axis=-1) >= _STRONG / 2
    wanted = template[mask].ravel()
    wanted = wanted / max(float(np.linalg.norm(wanted)), 1e-6)
    own = _edges(facts, place, rows)[:, mask].reshape(len(rows), -1)
    cosine = own @ wanted / np.maximum(np.linalg.norm(own, axis=1), 1e-6)
    return {row: round(float(score), 3) for row, score in zip(rows.tolist(), cosine, strict=True) if score >= _COSINE}


def _distinct(found: Sequence[Overlay]) -> list[Overlay]:
    """Overlays of one corner that are on nearly the same pictures are one."""
    kept: defaultdict[str, list[Overlay]] = defaultdict(list)
    for overlay in sorted(found, key=lambda overlay: -len(overlay.pictures)):
        others = kept[overlay.corner]
        if all(len(overlay.pictures.keys() & other.pictures.keys()) < len(overlay.pictures) / 2 for other in others):
            others.append(overlay)
    return [overlay for overlays in kept.values() for overlay in overlays]
