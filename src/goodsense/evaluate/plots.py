"""Pictures of reports. Every function returns a matplotlib figure of its own; nothing global is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from goodsense.errors import UsageError
from goodsense.evaluate.classification import ClassificationReport
from goodsense.evaluate.experiment import bootstrap
from goodsense.evaluate.lettering import Lettering, installed_lettering
from goodsense.evaluate.ranking import RankingReport
from goodsense.evaluate.regression import regression_report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.text import Text

SHOWN_METRICS = ("ndcg@10", "mrr@10", "map@10", "precision@10", "recall@10", "recall@100")
MOST_CLASSES = 100
FORMATS = (".png", ".svg", ".pdf")

COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
)  # Okabe and Ito: safe for colour blindness
INK, _FAINT = "#222222", "#dddddd"
_SAMPLES = 2_000  # bootstrap samples per bar


def ranking_figure(
    reports: Mapping[str, RankingReport],
    *,
    metrics: Sequence[str] | None = None,
    distribution: str = "ndcg@10",
    lettering: Lettering | None = None,
) -> Figure:
    """Bars of the metrics with 95 % bootstrap intervals, and how the queries spread around the mean.

    Parameters
    ----------
    reports
        Name of a system -> its report; up to six.
    metrics
        Which bars; default: those of ``SHOWN_METRICS`` that every report has.
    distribution
        The metric whose values per query are shown.

    Raises
    ------
    UsageError
        If there is no report, more than six, or one lacks a metric.
    """
    if not 1 <= len(reports) <= len(COLOURS):
        raise UsageError(f"{len(reports)} reports in one picture; expected 1 to {len(COLOURS)}.")
    common = [name for name in next(iter(reports.values())).metrics if all(name in r.metrics for r in reports.values())]
    shown = list(metrics) if metrics is not None else [name for name in SHOWN_METRICS if name in common] or common
    for name in (*shown, distribution):
        if name not in common:
            raise UsageError(f"no metric {name!r} in every report; they share {', '.join(common)}.")
    figure = blank_figure(11, max(4.2, 1.6 + 0.24 * len(shown) * (len(reports) + 1)))
    bars, spread = figure.subplots(1, 2, width_ratios=(1.15, 1))
    letters = lettering or installed_lettering()
    names = {letters.legible(name): report for name, report in reports.items()}
    _metric_bars(bars, names, shown)
    if len(names) == 1:
        _query_histogram(spread, next(iter(names.values())).per_query[distribution], distribution)
    else:
        _query_curves(spread, names, distribution)
        # The systems share their colours with the right side, so one legend serves both.
        spread.legend(frameon=False, loc="upper right")
    counts = sorted({report.queries for report in reports.values()})
    figure.suptitle(f"Ranking over {' / '.join(f'{n:,}' for n in counts)} queries", fontweight="bold")
    return lettered(figure, letters)


def confusion_figure(report: ClassificationReport, *, lettering: Lettering | None = None) -> Figure:
    """The confusion matrix, rows normalised, with the most confused pairs beside it as text.

    Beyond 100 classes only those with most rows are drawn; the list of pairs covers all.
    """
    letters = lettering or installed_lettering()
    support = report.confusion.sum(axis=1)
    shown = np.sort(np.argsort(-support, kind="stable")[:MOST_CLASSES])
    count = len(shown)
    names = [letters.legible(report.labels[at], width=20 if count > 30 else 24) for at in shown]
    cells = max(2.6, min(0.42 * count, max(6.5, 0.105 * count)))  # inches along one side of the matrix
    size = float(np.clip(cells / count * 72 * 0.75, 4.5, 9))
    figure = blank_figure(cells + 8, cells + 4, layout=None)
    matrix, scale, pairs = (figure.add_axes((0, 0, 1, 1), label=label) for label in ("matrix", "scale", "pairs"))
    image = _matrix(matrix, report.confusion[np.ix_(shown, shown)], support[shown], names, size=size)
    _share_scale(figure, scale, image)
    hidden = f", {count} of {len(report.labels)} classes drawn" if count < len(report.labels) else ""
    title = f"accuracy {report.accuracy:.3f}, macro F1 {report.macro.f1:.3f} over {report.rows:,} rows{hidden}"
    heading = figure.suptitle(title, fontweight="bold", va="top")
    lettered(figure, letters)
    margin = _widest(matrix.get_yticklabels()) + 0.2
    height = cells + margin + 0.9
    _pairs(pairs, report, letters, limit=int((height - 0.9) * 4))
    _place(
        figure,
        (margin + cells + 5.9, height),
        {
            matrix: (margin, margin, cells, cells),
            scale: (margin + cells + 0.15, margin + cells / 4, 0.12, cells / 2),
            pairs: (margin + cells + 1.2, 0.2, 4.6, height - 0.9),
        },
    )
    heading.set_y(1 - 0.15 / height)
    return lettered(figure, letters)


def regression_figure(
    truth: ArrayLike, predicted: ArrayLike, *, quantity: str = "value", lettering: Lettering | None = None
) -> Figure:
    """Predicted against true numbers, and how the errors spread. Logarithmic when positive over two decades."""
    from matplotlib.ticker import NullFormatter

    report = regression_report(truth, predicted)
    wanted, given = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    letters = lettering or installed_lettering()
    name = letters.legible(quantity)
    figure = blank_figure(10.5, 4.8)
    points, errors = figure.subplots(1, 2)
    low, high = min(wanted.min(), given.min()), max(wanted.max(), given.max())
    points.scatter(
        wanted, given, s=14, alpha=float(np.clip(40 / np.sqrt(len(wanted)) / 2, 0.12, 0.8)), color=COLOURS[0], lw=0
    )
    points.plot([low, high], [low, high], color=INK, lw=1, ls="--", label="exact")
    if wanted.min() > 0 and given.min() > 0 and high / low > 100:
        points.set(xscale="log", yscale="log")
        for axis in (points.xaxis, points.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
    points.set(xlabel=f"true {name}", ylabel=f"predicted {name}")
    points.legend(frameon=False, loc="upper left")
    _error_histogram(errors, given - wanted, name)
    bare(points)
    figure.suptitle(
        f"MAE {report.mae:.4g}, RMSE {report.rmse:.4g}, R² {report.r2:.3f} over {report.rows:,} rows", fontweight="bold"
    )
    return lettered(figure, letters)


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure as PNG, SVG or PDF, by the ending of the name; the same figure gives the same PNG bytes.

    Raises
    ------
    UsageError
        If the ending is another one.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise UsageError(f"a picture named {target.name!r}; expected an ending of {', '.join(FORMATS)}.")
    plain: dict[str, Any] = {"Software": None} if target.suffix.lower() == ".png" else {}
    figure.savefig(target, dpi=130, metadata=plain, facecolor="white")


def blank_figure(width: float, height: float, *, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """A figure of so many inches that no global state knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _widest(texts: Iterable[Text]) -> float:
    """Width or height in inches, whichever is larger, of the largest of these texts."""
    boxes = [text.get_window_extent() for text in texts]
    return float(max(max(box.width, box.height) for box in boxes)) / 100  # figures have 100 dots per inch until saved


def _place(figure: Figure, size: tuple[float, float], axes: Mapping[Axes, tuple[float, float, float, float]]) -> None:
    """Set the figure's size and put axes at (left, bottom, width, height), all in inches."""
    figure.set_size_inches(size)
    for each, (left, bottom, width, height) in axes.items():
        each.set_position((left / size[0], bottom / size[1], width / size[0], height / size[1]))


def lettered(figure: Figure, letters: Lettering) -> Figure:
    """Give every text the fonts that can write it, and take ``$`` literally."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        bold = text.get_fontweight() == "bold"  # plain words and numbers only; few CJK fonts have a bold face
        text.set_fontfamily(list(letters.families[:1] if bold else letters.families))
        text.set_parse_math(False)
    return figure


def bare(axes: Axes, *, grid: str = "both") -> None:
    """No frame, and a faint grid behind everything."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, axis=grid, color=_FAINT, lw=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def _metric_bars(axes: Axes, reports: Mapping[str, RankingReport], shown: Sequence[str]) -> None:
    high = 0.8 / len(reports)
    for at, (name, report) in enumerate(reports.items()):
        found = [bootstrap(report.per_query[metric], samples=_SAMPLES) for metric in shown]
        means = np.array([interval.mean for interval in found])
        whiskers = np.array([[i.mean - i.lower, i.upper - i.mean] for i in found]).T.clip(min=0)  # (2, metrics)
        places = np.arange(len(shown)) + (at - (len(reports) - 1) / 2) * high
        axes.barh(places, means, high * 0.92, color=COLOURS[at], label=name)
        axes.errorbar(means, places, xerr=whiskers, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
        for place, mean, whisker in zip(places, means, whiskers[1], strict=True):
            axes.text(mean + whisker + 0.012, place, f"{mean:.3f}", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(shown)), labels=list(shown))
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.09), xlabel="mean over queries, 95 % bootstrap interval")
    axes.set_xticks(np.linspace(0, 1, 6))
    bare(axes, grid="x")


def _query_histogram(axes: Axes, values: NDArray[np.float64], metric: str) -> None:
    axes.hist(values, bins=np.linspace(0, 1, 21).tolist(), color=COLOURS[0], edgecolor="white", lw=0.6)
    mean = float(values.mean())
    axes.axvline(mean, color=INK, lw=1.2, ls="--")
    axes.annotate(
        f" mean {mean:.3f} " if mean < 0.7 else f"mean {mean:.3f} ",
        (mean, 0.97),
        xycoords=("data", "axes fraction"),
        ha="left" if mean < 0.7 else "right",
        va="top",
        fontsize=9,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
    )
    zero, full = np.mean(values <= 0), np.mean(values >= 1 - 1e-9)
    axes.set(xlim=(0, 1), xlabel=metric, ylabel="queries")
    axes.set_title(f"{zero:.0%} of queries score 0, {full:.0%} score 1", fontsize=10)
    bare(axes, grid="y")


def _query_curves(axes: Axes, reports: Mapping[str, RankingReport], metric: str) -> None:
    for at, (name, report) in enumerate(reports.items()):
        values = np.sort(report.per_query[metric])[::-1]
        share = np.arange(1, len(values) + 1) / len(values) * 100
        axes.step(share, values, where="pre", color=COLOURS[at], lw=1.8, label=name)
    axes.set(xlim=(0, 100), ylim=(0, 1.02), xlabel="per cent of queries, best first", ylabel=metric)
    axes.set_title("how the queries of each system spread", fontsize=10)
    bare(axes)


def _matrix(
    axes: Axes, confusion: NDArray[np.int64], support: NDArray[np.int64], names: Sequence[str], *, size: float
) -> AxesImage:
    from matplotlib.colors import PowerNorm

    shares = np.divide(confusion, support[:, None], out=np.zeros(confusion.shape), where=support[:, None] > 0)
    # A square root brings out rare confusions that a linear scale would leave white.
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    axes.set_xticks(range(len(names)), labels=list(names), rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), labels=list(names), fontsize=size)
    axes.set_title("rows: true class, columns: predicted class", loc="left", fontsize=9)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(-0.5, len(names)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(names)), minor=True)
    axes.grid(which="minor", color="#eeeeee", lw=0.4)
    axes.tick_params(which="minor", length=0)
    if len(names) <= 15:
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.005:
                colour = "white" if share > 0.4 else INK
                axes.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=7, color=colour)
    return image


def _share_scale(figure: Figure, axes: Axes, image: AxesImage) -> None:
    bar = figure.colorbar(image, cax=axes, ticks=[0, 0.05, 0.2, 0.5, 1])
    axes.set_yticklabels(["0", "5 %", "20 %", "50 %", "100 %"], fontsize=7)
    bar.set_label("share of the true class", fontsize=8)


def _pairs(axes: Axes, report: ClassificationReport, letters: Lettering, *, limit: int) -> None:
    axes.axis("off")
    axes.set_title("most confused", loc="left", fontsize=10)
    pairs = report.most_confused(limit)
    if not pairs:
        axes.text(0, 0.97, "nothing was confused", transform=axes.transAxes, va="top", fontsize=8.5)
    step = 1 / max(limit, 1)
    for at, pair in enumerate(pairs):
        line = f"{letters.legible(pair.truth, width=18)} → {letters.legible(pair.predicted, width=18)}"
        height = 1 - (at + 0.6) * step
        axes.text(0, height, f"{pair.count:,}", transform=axes.transAxes, ha="left", fontsize=8, fontweight="bold")
        axes.text(0.11, height, f"{pair.share:.0%}", transform=axes.transAxes, ha="left", fontsize=8, color="#666666")
        axes.text(0.24, height, line, transform=axes.transAxes, ha="left", fontsize=8)


def _error_histogram(axes: Axes, errors: NDArray[np.float64], name: str) -> None:
    edge = float(np.quantile(np.abs(errors), 0.99)) or 1.0
    inside = errors[np.abs(errors) <= edge]
    bins = int(np.clip(np.sqrt(len(inside)), 11, 41)) | 1  # odd: one bin around 0
    axes.hist(inside, bins=bins, range=(-edge, edge), color=COLOURS[0], edgecolor="white", lw=0.4)
    axes.axvline(0, color=INK, lw=1, ls="--")
    outside = len(errors) - len(inside)
    axes.set(xlabel=f"predicted minus true {name}", ylabel="rows")
    axes.set_title(f"{outside:,} larger errors not shown" if outside else "all errors", fontsize=10)
    bare(axes, grid="y")
