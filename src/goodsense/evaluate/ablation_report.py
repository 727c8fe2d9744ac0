"""An ablation as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from goodsense.evaluate.ablation import Ablation, Contribution, Row, plus, short, signed, within
from goodsense.evaluate.experiment import Interval
from goodsense.evaluate.lettering import Lettering, columns, installed_lettering
from goodsense.evaluate.plots import COLOURS, INK, bare, blank_figure, lettered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 24  # bars in one picture
_USED, _BASELINE, _ADDS, _HARM = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[5]
_GREY, _SOFT = "#b8b8b8", "#666666"
_WIDTH = 46  # columns of a name
_VALUE, _GAIN = 1.02, 1.13  # where columns of text begin, in widths of the axes


def table(ablation: Ablation) -> str:
    """The comparison as text, best first: ``=`` marks the baseline, ``*`` what is used."""
    head = ("", "case", "modalities", "validation", "test", f"over {ablation.baseline}")
    lines = [head, *(_line(row, ablation) for row in ablation.rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    said = [f"  {contribution.verdict}" for contribution in ablation.contributions]
    how = f"What each modality adds to {ablation.metric} on test ({_how(ablation)}):" if said else ""
    return "\n".join([f"{ablation.metric}, {_counts(ablation)}", *text, "", ablation.verdict, how, *said]).rstrip()


def ablation_figure(ablation: Ablation, *, method: str = "", lettering: Lettering | None = None) -> Figure:
    """Bars of every case on test, best first, and what each modality adds; both with their intervals.

    The baseline and what is used have colours of their own, and a line stands at the baseline. Of very many cases,
    those of :func:`shown_rows` are drawn. ``method`` says how sets of modalities are fused.
    """
    letters = lettering or installed_lettering()
    rows, added = shown_rows(ablation), ablation.contributions
    heights = [0.32 * len(rows) + 0.6, *([0.32 * len(added) + 0.6] if added else [])]
    figure = blank_figure(11.5, sum(heights) + 1.3)
    figure.set_layout_engine("constrained", w_pad=0.12)
    axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    _cases(axes[0], ablation, rows, letters, method=method)
    if added:
        _additions(axes[1], ablation, letters)
    figure.suptitle(_title(ablation, letters), fontweight="bold", x=0.01, ha="left")
    return lettered(figure, letters)


def shown_rows(ablation: Ablation, *, most: int = MOST_ROWS) -> list[Row]:
    """The rows that a picture or a screen has room for, best first.

    What the others are compared with, single modalities and what is used are always there; then comes whatever looks
    at all modalities, then the best of the rest. Of cases that do exactly the same, one with fewest modalities stays.
    """
    whole = max((len(row.modalities) for row in ablation.rows), default=0)
    must = {row.name for row in ablation.rows if row.kind in ("single", "baseline", "chance")} | {ablation.winner}
    different: dict[object, Row] = {}
    for row in sorted(ablation.rows, key=lambda row: (row.name not in must, len(row.modalities))):
        different.setdefault((row.value, row.gain, tuple(row.validation.items())), row)
    rest = [row for row in ablation.rows if row.name not in must and row in different.values()]
    rest.sort(key=lambda row: len(row.modalities) < whole)  # stable: best first within both
    chosen = must | {row.name for row in rest[: max(0, most - len(must))]}
    return [row for row in ablation.rows if row.name in chosen]


def _line(row: Row, ablation: Ablation) -> tuple[str, ...]:
    mark = "=" * (row.name == ablation.baseline) + "*" * (row.name == ablation.winner)
    looked_at = " + ".join(row.modalities)
    test = f"{short(row.value.mean)} {within(row.value)}"
    gain = signed(row.gain) if row.name != ablation.baseline else ""
    return (mark, row.name, looked_at * (looked_at != row.name), short(row.validation[ablation.metric]), test, gain)


def _how(ablation: Ablation) -> str:
    methods = {contribution.method for contribution in ablation.contributions}
    return "averaged over all subsets of the others" if methods == {"shapley"} else "on top of all the others"


def _counts(ablation: Ablation) -> str:
    counts = [f"{number:,} {split} queries" for split, number in ablation.queries.items()]
    return f"{' and '.join(counts)}, {_level(ablation)} intervals"


def _level(ablation: Ablation) -> str:
    return f"{ablation.level * 100:g} %"


def _title(ablation: Ablation, letters: Lettering) -> str:
    used, base = (_named(ablation[name], ablation, letters) for name in (ablation.winner, ablation.baseline))
    if not ablation.fused:
        return f"{base} is kept: nothing beats it beyond noise"
    return f"{used} is used: {plus(ablation[ablation.winner].gain.mean)} {ablation.metric} over {base}"


def _named(row: Row, ablation: Ablation, letters: Lettering) -> str:
    """A name that fits: a large subset that does not is called after what it leaves out."""
    every = sorted({modality for other in ablation.rows for modality in other.modalities})
    absent = [modality for modality in every if modality not in row.modalities]
    if row.kind != "subset" or columns(row.name) <= _WIDTH or len(absent) >= len(row.modalities):
        return letters.legible(row.name, width=_WIDTH)
    return letters.legible(f"all but {', '.join(absent)}" if absent else f"all {len(every)}", width=_WIDTH)


def _cases(axes: Axes, ablation: Ablation, rows: Sequence[Row], letters: Lettering, *, method: str) -> None:
    colours = {ablation.winner: _USED, ablation.baseline: _BASELINE}
    names = [_named(row, ablation, letters) for row in rows]
    _bars(axes, names, [row.value for row in rows], [colours.get(row.name, _GREY) for row in rows])
    axes.axvline(ablation[ablation.baseline].value.mean, color=_BASELINE, lw=1.2, ls="--", zorder=0.5)
    base = letters.legible(ablation.baseline, width=24)
    _column(axes, _VALUE, [short(row.value.mean) for row in rows], head="test")
    _column(axes, _GAIN, [_gain(row, ablation) for row in rows], head=f"gain over {base}")
    axes.set_xlim(0, (max(row.value.upper for row in rows) or 1.0) * 1.02)
    how = f"; sets of modalities by {letters.legible(method)}" if method else ""
    axes.set_xlabel(
        f"{ablation.metric} on {ablation.queries['test']:,} test queries, {_level(ablation)} intervals{how}"
    )


def _gain(row: Row, ablation: Ablation) -> str:
    used = ", used" * (row.name == ablation.winner)
    return f"baseline{used}" if row.name == ablation.baseline else f"{signed(row.gain)}{used}"


def _additions(axes: Axes, ablation: Ablation, letters: Lettering) -> None:
    added = ablation.contributions
    names = [letters.legible(each.modality, width=_WIDTH) for each in added]
    _bars(axes, names, [each.adds for each in added], [_hue(each) for each in added])
    axes.axvline(0, color=INK, lw=0.8)
    _column(axes, _VALUE, [fill(each.verdict.removeprefix(each.modality).strip(), 52) for each in added])
    low, high = min(0.0, *(each.adds.lower for each in added)), max(0.0, *(each.adds.upper for each in added))
    axes.set_xlim(low - 0.02 * (high - low), (high + 0.02 * (high - low)) or 1.0)
    axes.set_xlabel(f"what each modality adds to {ablation.metric}, {_how(ablation)}")


def _bars(axes: Axes, names: Sequence[str], found: Sequence[Interval], colours: Sequence[str]) -> None:
    """One bar with its interval per name, the first on top."""
    places, means = np.arange(len(found)), np.array([each.mean for each in found])
    reach = np.array([[each.mean - each.lower, each.upper - each.mean] for each in found]).T  # (2, names)
    axes.barh(places, means, 0.74, color=list(colours))
    axes.errorbar(means, places, xerr=reach.clip(min=0), fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    axes.set_yticks(places, labels=list(names))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(found) - 0.45, -0.55)
    bare(axes, grid="x")


def _column(axes: Axes, left: float, texts: Sequence[str], *, head: str = "") -> None:
    """Texts right of the axes, one beside each bar; ``left`` in widths of the axes."""
    beside = axes.get_yaxis_transform()
    for place, text in enumerate(texts):
        axes.text(left, place, text, transform=beside, va="center", fontsize=8.5, color=INK)
    axes.text(left, 1.0, f"{head}\n" if head else "", transform=axes.transAxes, va="center", fontsize=8.5, color=_SOFT)


def _hue(contribution: Contribution) -> str:
    least = min([contribution.adds, contribution.last or contribution.adds], key=lambda interval: interval.lower)
    if least.upper < 0:
        return _HARM
    return _ADDS if least.lower > 0 else _GREY
