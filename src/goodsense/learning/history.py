"""How a training went: a typed result, as JSON, as a picture of its learning curves, and for TensorBoard."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from goodsense.errors import DataError
from goodsense.learning.events import Scalar, write_events

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Stopped = Literal["epochs", "patience"]
FORMAT = "goodsense training history 1"
HISTORY, CURVES = "history.json", "curves.png"

_BLUE, _GREEN, _GREY = "#0072b2", "#009e73", "#777777"  # Okabe and Ito: safe for colour blindness
_INK, _FAINT = "#222222", "#dddddd"


@dataclass(frozen=True)
class History:
    """How a training went; epochs are counted from 1, and 0 is the network as it came.

    Parameters
    ----------
    losses, rates
        The mean loss of each epoch, and its last learning rate.
    validation, untrained
        The validation figure after each epoch, and before the first; empty and None where nothing was validated.
    best_epoch
        Whose weights the network has now.
    stopped
        ``epochs``: all were done. ``patience``: the validation figure got no better for so many of them.
    learned
        Whether the network got better at all: its validation figure beats that of the network as it came, or is no
        worse and the loss fell by more than chance explains.
    epoch_seconds
        Of each epoch, validation included. No part of equality.
    """

    losses: tuple[float, ...]
    rates: tuple[float, ...]
    validation: tuple[float, ...]
    untrained: float | None
    best_epoch: int
    stopped: Stopped
    learned: bool
    epoch_seconds: tuple[float, ...] = field(default=(), compare=False)

    @property
    def seconds(self) -> float:
        """Of all epochs, also those of an earlier process from whose checkpoint this training went on."""
        return math.fsum(self.epoch_seconds)

    @property
    def best_figure(self) -> float | None:
        """The validation figure of the network as it is now; None where nothing was validated."""
        return self.validation[self.best_epoch - 1] if self.validation and self.best_epoch else self.untrained

    @property
    def note(self) -> str:
        """A few words for whoever watches."""
        found = [] if self.learned else ["nothing was learned"]
        if self.losses:
            found.append(f"loss {self.losses[-1]:.4g}")
        if self.best_figure is not None:
            found.append(f"validation {self.best_figure:.4g} (epoch {self.best_epoch})")
        return ", ".join(found)

    @property
    def summary(self) -> str:
        """What happened, in a sentence or two; says what to do if nothing was learned."""
        why = "all were done" if self.stopped == "epochs" else "the validation figure got no better"
        said = f"{len(self.losses)} epochs in {self.seconds:.1f} s ({why})"
        if self.losses:
            said += f", loss {self.losses[0]:.4g} to {self.losses[-1]:.4g}"
        if self.best_figure is not None:
            said += f", validation {self.best_figure:.4g} at epoch {self.best_epoch}, {self.untrained:.4g} untrained"
        if self.learned:
            return f"{said}."
        return (
            f"Nothing was learned: {said}. Check that there are labels or pairs to learn from and that inputs differ, "
            "give more epochs, or try another learning rate."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, strings and lists; a loss that is not a number (an epoch without batches) is None."""
        found: dict[str, Any] = {"format": FORMAT}
        for each in fields(self):
            value = getattr(self, each.name)
            found[each.name] = [None if math.isnan(v) else v for v in value] if isinstance(value, tuple) else value
        return {**found, "seconds": self.seconds}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> History:
        """Come back from :meth:`to_json`."""
        if found["stopped"] not in get_args(Stopped):
            raise ValueError(f"stopped is {found['stopped']!r}")
        return cls(
            losses=_numbers(found["losses"]),
            rates=_numbers(found["rates"]),
            validation=_numbers(found["validation"]),
            untrained=None if found["untrained"] is None else float(found["untrained"]),
            best_epoch=int(found["best_epoch"]),
            stopped=found["stopped"],
            learned=bool(found["learned"]),
            epoch_seconds=_numbers(found["epoch_seconds"]),
        )


def _numbers(found: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else float(value) for value in found)


# ---- what the numbers say


def best_epoch(validation: Sequence[float]) -> int:
    """The best place of figures of which the first is that of the untrained network.

    Of equal figures the earliest counts, but the untrained network only where it is better than every later one.
    """
    if len(validation) < 2:
        return 0
    best = 1 + int(np.argmax(validation[1:]))
    return best if validation[best] >= validation[0] else 0


def loss_fell(first: Sequence[float], last: Sequence[float], *, epochs: int) -> bool:
    """Whether the loss fell, by the steps of the first and the last epoch, by more than the standard error.

    Of a single epoch its halves are compared; of a single step nothing can be said, so the answer is no.
    """
    if epochs == 1:
        first, last = first[: len(first) // 2], first[len(first) // 2 :]
    if not first or not last:
        return False
    fall = float(np.mean(first) - np.mean(last))
    error = math.hypot(_standard_error(first), _standard_error(last))
    return fall > max(error, 1e-6 * abs(float(np.mean(first))))


def _standard_error(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


# ---- files


def save_history(history: History, path: Path) -> None:
    """Write the history as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(history.to_json(), indent=1, allow_nan=False) + "\n", "utf-8")


def load_history(path: Path) -> History:
    """Come back from :func:`save_history`.

    Raises
    ------
    DataError
        If the file is no history.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(f"the format is {found['format']!r}")
        return History.from_json(found)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no history of a training ({error!r}); expected {FORMAT!r}.",
            fix="Train anew, or name the history.json that a training wrote.",
        ) from error


def write_report(history: History, directory: Path, *, title: str) -> None:
    """History, learning curves and TensorBoard events in one directory (``tensorboard --logdir`` shows the last)."""
    save_history(history, directory / HISTORY)
    save_curves(history, directory / CURVES, title=title)
    write_events(scalars_of(history), directory)


def scalars_of(history: History, *, ended: float | None = None) -> list[Scalar]:
    """The history as TensorBoard has it: step = epoch, and when each epoch ended, seconds since 1970."""
    end = time.time() if ended is None else ended
    times = end - history.seconds + np.cumsum([0.0, *history.epoch_seconds])
    if len(times) != len(history.losses) + 1:  # seconds unknown
        times = np.full(len(history.losses) + 1, end)
    found = []
    if history.untrained is not None:
        found.append(Scalar("validation", 0, history.untrained, float(times[0])))
    for epoch, loss in enumerate(history.losses, 1):
        at = float(times[epoch])
        found += [Scalar("loss", epoch, loss, at), Scalar("learning rate", epoch, history.rates[epoch - 1], at)]
        if history.validation:
            found.append(Scalar("validation", epoch, history.validation[epoch - 1], at))
    return found


# ---- picture


def curves_figure(history: History, *, title: str) -> Figure:
    """Loss, validation figure and learning rate, one under the other over the epochs; the best epoch is marked."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    validated = history.untrained is not None
    heights = (3, 3, 1.2) if validated else (3, 1.2)
    figure = Figure(figsize=(8, 1.6 + sum(heights) * 0.85), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    parts = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    epochs = range(1, len(history.losses) + 1)
    _curve(parts[0], epochs, history.losses, "training loss", _BLUE)
    _curve(parts[-1], epochs, history.rates, "learning rate", _GREY)
    parts[-1].set(xlabel="epoch", ylim=(0, None))
    if validated:
        _curve(parts[1], range(len(history.losses) + 1), (history.untrained, *history.validation), "validation", _GREEN)
        _mark_best(parts, history)
    parts[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    plain = title.encode("ascii", "backslashreplace").decode()  # not every font has every character
    figure.suptitle(plain if history.learned else f"{plain}: nothing was learned", fontweight="bold", parse_math=False)
    return figure


def save_curves(history: History, path: Path, *, title: str) -> None:
    """Write the learning curves as PNG; the same history gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    curves_figure(history, title=title).savefig(path, dpi=130, metadata={"Software": None}, facecolor="white")


def _curve(axes: Axes, epochs: range, values: Sequence[float | None], name: str, colour: str) -> None:
    marker = "o" if len(epochs) <= 60 else ""
    axes.plot(list(epochs), [math.nan if v is None else v for v in values], color=colour, lw=1.8, marker=marker, ms=3.5)
    axes.set_ylabel(name)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color=_FAINT, lw=0.6)
    axes.set_axisbelow(True)


def _mark_best(parts: Sequence[Axes], history: History) -> None:
    figure = history.best_figure
    assert figure is not None
    for axes in parts:
        axes.axvline(history.best_epoch, color=_INK, lw=1, ls="--", alpha=0.6)
    late = history.best_epoch > 0.6 * len(history.losses)
    parts[1].annotate(
        f"best: {figure:.4g}, epoch {history.best_epoch}",
        (history.best_epoch, 0.04),
        xycoords=("data", "axes fraction"),
        xytext=(-6 if late else 6, 0),
        textcoords="offset points",
        ha="right" if late else "left",
        fontsize=9,
        color=_INK,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
    )
