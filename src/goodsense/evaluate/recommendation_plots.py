"""Pictures of recommenders: accuracy against what else a list should be, and where a model is good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from goodsense.errors import UsageError
from goodsense.evaluate.lettering import Lettering, installed_lettering
from goodsense.evaluate.plots import COLOURS, INK, bare, blank_figure, lettered
from goodsense.evaluate.recommendation import RecommendationReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BEYOND = {
    "coverage": "share of items that anybody is shown",
    "novelty": "novelty: bits of surprise per item",
    "diversity": "diversity: 1 - cosine within a list",
    "popularity_lift": "popularity over that of histories",
}
MARKERS = "osD^vP"
_PANEL = 4.3  # inches


def beyond_figure(
    reports: Mapping[str, RecommendationReport],
    *,
    k: int | None = None,
    metric: str = "ndcg",
    lettering: Lettering | None = None,
) -> Figure:
    """Accuracy upwards, and to the right coverage, novelty, diversity, popularity: one point per recommender.

    Parameters
    ----------
    reports
        Name -> report; at least one.
    k
        The cut-off; default: the last one that all reports have.
    metric
        Of accuracy; its 95 % interval over shoppers is drawn.

    Raises
    ------
    UsageError
        If there is no report, or none has this metric at this cut-off.
    """
    if not reports:
        raise UsageError("no recommenders to draw.", fix="Give at least one report.")
    cut = min(max(report.ks) for report in reports.values()) if k is None else k
    wanted = f"{metric}@{cut}"
    lacking = next((name for name, report in reports.items() if wanted not in report.per_user), None)
    if lacking is not None:
        raise UsageError(f"the report of {lacking} has no {wanted}.", fix="Evaluate at the same cut-offs.")
    shown = [name for name in BEYOND if all(f"{name}@{cut}" in report.metrics for report in reports.values())]
    letters = lettering or installed_lettering()
    legend_rows = int(np.ceil(len(reports) / 5))
    figure = blank_figure(_PANEL * len(shown), 4.2 + 0.28 * legend_rows)
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, shown, strict=True):
        _points(axes, reports, wanted, f"{name}@{cut}", letters)
        axes.set_xlabel(BEYOND[name])
    panels[0].set_ylabel(f"{wanted}, 95 % interval over shoppers")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    first = next(iter(reports.values()))
    title = f"What is recommended: the first {cut} of {first.items:,} items to {first.users:,} shoppers"
    figure.suptitle(title, fontweight="bold")
    return lettered(figure, letters)


def _points(
    axes: Axes, reports: Mapping[str, RecommendationReport], metric: str, beyond: str, letters: Lettering
) -> None:
    for place, (name, report) in enumerate(reports.items()):
        found, across = report.interval(metric), report.metrics[beyond]
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place // len(COLOURS) % len(MARKERS)]
        axes.errorbar(
            across,
            found.mean,
            yerr=[[max(0.0, found.mean - found.lower)], [max(0.0, found.upper - found.mean)]],
            fmt="none",
            ecolor=colour,
            alpha=0.45,
            elinewidth=1,
        )
        label = letters.legible(name)
        axes.scatter(
            across, found.mean, s=64, color=colour, marker=marker, edgecolor="white", lw=0.8, zorder=3, label=label
        )
    axes.margins(x=0.12, y=0.08)
    bare(axes)


def slices_figure(
    reports: Mapping[str, RecommendationReport], *, metric: str | None = None, lettering: Lettering | None = None
) -> Figure:
    """One metric by parts of the data, with 95 % intervals; up to six recommenders side by side.

    Raises
    ------
    UsageError
        If there is no report, more than six, or one has no slices.
    """
    if not 1 <= len(reports) <= len(COLOURS):
        raise UsageError(f"{len(reports)} reports in one picture; expected 1 to {len(COLOURS)}.")
    first = next(iter(reports.values()))
    wanted = metric or f"recall@{max(first.ks)}"
    parts = [(each.kind, each.name) for each in first.slices if wanted in each.metrics]
    if not parts:
        raise UsageError(f"the report has no slices with {wanted}.", fix="Evaluate with slices.")
    letters = lettering or installed_lettering()
    figure = blank_figure(8.6, max(3.2, 1.4 + 0.16 * len(parts) * (len(reports) + 1)))
    axes = figure.subplots()
    high = 0.8 / len(reports)
    for at, (name, report) in enumerate(reports.items()):
        known = {(each.kind, each.name): each for each in report.slices}
        places = np.arange(len(parts)) + (at - (len(reports) - 1) / 2) * high
        means = np.array([known[part].metrics[wanted] if part in known else 0.0 for part in parts])
        ends = np.array(
            [
                [known[p].intervals[wanted].lower, known[p].intervals[wanted].upper] if p in known else [0, 0]
                for p in parts
            ]
        )
        axes.barh(places, means, high * 0.92, color=COLOURS[at], label=letters.legible(name))
        whiskers = np.abs(ends.T - means)
        axes.errorbar(means, places, xerr=whiskers, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    users = {(each.kind, each.name): each.users for each in first.slices}
    axes.set_yticks(
        range(len(parts)),
        labels=[f"{letters.legible(f'{kind}: {name}', width=34)}  ({users[kind, name]:,})" for kind, name in parts],
    )
    axes.invert_yaxis()
    axes.set_xlabel(f"{wanted}, 95 % interval (in brackets: shoppers)")
    axes.legend(frameon=False, loc="best", fontsize=9)
    bare(axes, grid="x")
    figure.suptitle("Where recommendations are good", fontweight="bold")
    return lettered(figure, letters)
