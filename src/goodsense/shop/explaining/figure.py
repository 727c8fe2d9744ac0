"""Explanations as pictures: what carried a hit, which words, and which part of the picture, drawn over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.evaluate.lettering import Lettering, installed_lettering
from goodsense.evaluate.plots import bare, blank_figure
from goodsense.shop.explaining.results import HitExplanation, Modality, ProductExplanation, Regions, Word
from goodsense.shop.explaining.sentences import asked, name_of
from goodsense.shop.picture import COLOURS, OTHER
from goodsense.types import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_WORDS = 8  # bars of either side
SEEN = 0.02  # share of what moves a score: a part of a picture that does so much has its whole colour
LEAST = 0.005  # share of what moves a score: modalities that do less have no bar
FOR, AGAINST = (214, 69, 20), (49, 104, 181)  # colours of what raises and what lowers the score
STRONGEST = 0.7  # of the colour, where a picture does most
PALE = 0.45  # of a picture's own light and colour that is left below
_WORDS, _VECTORS = COLOURS["bm25"], COLOURS["text"]


def heat_over(image: Image, grid: NDArray[np.float64], *, least: float = 0.0) -> Image:
    """A picture ``(h, w, 3)``, paler, with what its parts do ``(rows, columns)`` over it: red raises, blue lowers.

    The part that does most is the most coloured, unless it does less than ``least``.
    """
    import cv2

    height, width = image.shape[:2]
    fine = cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    strength = np.clip(fine / max(float(np.abs(grid).max()), least, 1e-12), -1, 1)[:, :, None]  # (h, w, 1)
    pale = 255 - PALE * (255 - image.astype(np.float32))
    colour = np.where(strength > 0, np.array(FOR, dtype=np.float32), np.array(AGAINST, dtype=np.float32))
    share = STRONGEST * np.abs(strength)
    found: Image = np.clip(pale * (1 - share) + colour * share, 0, 255).astype(np.uint8)
    return found


def coloured(found: HitExplanation, regions: Regions) -> Image:
    """A picture with what its parts do over it; where they hardly move the score, hardly coloured."""
    moved = sum(abs(own.value) for own in found.modalities)
    return heat_over(regions.image, regions.grid, least=SEEN * moved)


def hit_figure(found: HitExplanation, *, lettering: Lettering | None = None) -> Figure:
    """The pictures of a hit with what their parts do, bars of its modalities, and bars of words."""
    letters = lettering or installed_lettering()
    sides = [(side, words[:MOST_WORDS]) for side, words in _sides(found) if words]
    figure = blank_figure(11.5, max(4.6, 2.2 + 0.34 * len(found.modalities) + 0.3 * _most(sides)))
    title = f"{letters.legible(asked(found.query), width=50)}  →  {letters.legible(found.title or found.id, width=60)}"
    figure.suptitle(title, size=12, family=letters.families, x=0.02, ha="left")
    left, right = _halves(figure) if found.regions else (None, figure)
    for axes, regions in zip(_column(left, len(found.regions)) if left else (), found.regions, strict=True):
        _draw_regions(axes, found, regions, letters)
    bars = right.subplots(2 if sides else 1, 1, squeeze=False, height_ratios=[1, 1.2] if sides else [1])[:, 0]
    rank = "" if found.rank is None else f"rank {found.rank:,}, "
    _draw_modalities(bars[0], found.modalities, f"{rank}score {found.score:.2f}", letters)
    if sides:
        _draw_sides(bars[1], sides, letters)
    return figure


def product_figure(found: ProductExplanation, *, lettering: Lettering | None = None) -> Figure:
    """What a product's vectors are made of, and what it shares with its neighbours by modality."""
    letters = lettering or installed_lettering()
    figure = blank_figure(11.5, 4.4 + 0.3 * len(found.neighbours))
    figure.suptitle(
        letters.legible(found.title or found.id, width=90), size=12, family=letters.families, x=0.02, ha="left"
    )
    left, right = _halves(figure)
    axes = _column(left, 1)[0]
    _draw_photo(axes, found.image, letters.legible(found.id), letters)
    bars = right.subplots(2 if found.neighbours else 1, 1, squeeze=False)[:, 0]
    _draw_modalities(bars[0], found.modalities, "compared with itself", letters)
    if found.neighbours:
        names = [letters.legible(f"{own.id}  {own.title}", width=44) for own in found.neighbours]
        _draw_piles(bars[1], names, [own.modalities for own in found.neighbours], letters)
    return figure


# ---- parts of a figure


def _halves(figure: Figure) -> tuple[Any, Any]:
    """Pictures to the left, bars to the right."""
    halves: Any = figure.subfigures(1, 2, width_ratios=(1, 2.4))
    return halves[0], halves[1]


def _column(figure: Any, count: int) -> list[Any]:
    return list(figure.subplots(count, 1, squeeze=False)[:, 0])


def _draw_regions(axes: Any, found: HitExplanation, regions: Regions, letters: Lettering) -> None:
    whose = "the product's picture" if regions.side == "product" else "the query's picture"
    _draw_photo(axes, coloured(found, regions), whose, letters)


def _draw_photo(axes: Any, image: Image | None, title: str, letters: Lettering) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if image is None:
        axes.set_facecolor("#eeeeee")
        axes.set_box_aspect(1)
    else:
        axes.imshow(image)
    axes.set_title(title, size=9, family=letters.families)


def _draw_modalities(axes: Any, modalities: Sequence[Modality], title: str, letters: Lettering) -> None:
    shown = [own for own in modalities if own.share >= LEAST] or list(modalities)[:1]
    places = np.arange(len(shown))[::-1]
    values = [own.value for own in shown]
    axes.barh(places, values, color=[COLOURS.get(own.name, OTHER) for own in shown], height=0.66)
    axes.set_yticks(places, [name_of(own.name).en for own in shown], size=9)
    room = 0.03 * (max([*values, 0.0]) - min([*values, 0.0]) or 1.0)
    for place, own in zip(places, shown, strict=True):
        fell = "" if own.rank is None else f"; rank {own.rank:,} without"
        axes.text(max(own.value, 0) + room, place, f"{own.value:+.2f} ({own.share:.0%}{fell})", va="center", size=8)
    axes.set_xlim(min([*values, 0.0]) * 1.05, max([*values, 0.0]) * 1.45 + room)
    axes.axvline(0, color="#888888", linewidth=0.8)
    axes.set_title(f"what each modality of the product does ({title})", size=9.5, loc="left", family=letters.families)
    bare(axes, grid="x")


def _draw_sides(axes: Any, sides: Sequence[tuple[str, Sequence[Word]]], letters: Lettering) -> None:
    """Words of the query above words of the product; exact parts first, vectors after them."""
    entries = [(side, word) for side, words in sides for word in words]
    places = np.arange(len(entries))[::-1]
    exact = np.array([word.bm25 for _, word in entries])
    vectors = np.array([sum(word.vectors.values()) for _, word in entries])
    if exact.any():
        axes.barh(places, exact, color=_WORDS, height=0.66, label="as words (exact)")
    axes.barh(places, vectors, left=np.where(vectors > 0, exact, 0), color=_VECTORS, height=0.66, label="as meaning")
    labels = [f"{letters.legible(word.text, width=22)} ({side})" for side, word in entries]
    axes.set_yticks(places, labels, size=8.5, family=letters.families)
    axes.axvline(0, color="#888888", linewidth=0.8)
    axes.set_title("which words do it", size=9.5, loc="left")
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    bare(axes, grid="x")


def _draw_piles(axes: Any, names: Sequence[str], piles: Sequence[Mapping[str, float]], letters: Lettering) -> None:
    """One bar per neighbour: what raises its score to the right of zero, what lowers it to the left."""
    places = np.arange(len(names))[::-1]
    modalities = list(dict.fromkeys(name for pile in piles for name in pile))
    up, down = np.zeros(len(names)), np.zeros(len(names))
    for modality in modalities:
        values = np.array([pile.get(modality, 0.0) for pile in piles])
        left = np.where(values > 0, up, down)
        axes.barh(
            places, values, left=left, color=COLOURS.get(modality, OTHER), height=0.66, label=name_of(modality).en
        )
        up, down = up + np.maximum(values, 0), down + np.minimum(values, 0)
    axes.set_yticks(places, names, size=8.5, family=letters.families)
    axes.axvline(0, color="#888888", linewidth=0.8)
    axes.set_title("what it shares with its nearest neighbours", size=9.5, loc="left")
    axes.legend(
        fontsize=8, frameon=False, ncols=min(4, len(modalities)), loc="upper center", bbox_to_anchor=(0.4, -0.1)
    )
    bare(axes, grid="x")


def _sides(found: HitExplanation) -> list[tuple[str, Sequence[Word]]]:
    return [("query", _shown(found.query_words)), ("product", _shown(found.product_words))]


def _shown(words: Sequence[Word]) -> list[Word]:
    """The words that do most, for or against, in their order."""
    strong = sorted(words, key=lambda word: -abs(word.value))[:MOST_WORDS]
    return [word for word in words if word in strong and abs(word.value) > 1e-6]


def _most(sides: Sequence[tuple[str, Sequence[Word]]]) -> int:
    return sum(len(words) for _, words in sides)
