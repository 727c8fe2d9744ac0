"""The gate: what may replace the baseline, and which of those that may is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from goodsense.evaluate.cases import Case
from goodsense.evaluate.experiment import paired_bootstrap

_CELLS = 4_000_000  # resampled counts held at once


def beyond_noise(gains: NDArray[np.float64], *, samples: int = 2_000, seed: int = 0) -> NDArray[np.float64]:
    """One-sided p-values of "this case gains nothing", corrected for choosing among all of them.

    The studentised largest gain is resampled with all cases together (White, Econometrica 2000; Romano and Wolf,
    Econometrica 2005, single step), so that cases which do much the same cost little. ``(n, c) -> (c,)``.
    """
    n, cases = gains.shape
    means, deviations = gains.mean(axis=0), gains.std(axis=0)
    moving = deviations > 1e-12
    score = np.where(means > 1e-12, np.inf, -np.inf)  # of cases that differ by the same everywhere
    score[moving] = means[moving] / deviations[moving]
    centred = (gains[:, moving] - means[moving]) / deviations[moving]  # (n, moving)
    largest = np.full(samples, -np.inf)
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // n)
    for at in range(0, samples if moving.any() else 0, step):
        counts = rng.multinomial(n, np.full(n, 1 / n), size=min(step, samples - at))  # (s, n)
        largest[at : at + step] = (counts @ centred / n).max(axis=1)
    reached = np.array([np.count_nonzero(largest >= each - 1e-12) for each in score])
    reached[score == -np.inf] = samples
    assert reached.shape == (cases,)
    p_values: NDArray[np.float64] = (reached + 1) / (samples + 1)
    return p_values


def best(cases: Sequence[Case], scores: Mapping[str, NDArray[np.float64]]) -> Case:
    """The highest mean; of equal ones the fewest modalities, then the name."""
    return min(cases, key=lambda case: (-float(scores[case.name].mean()), len(case.modalities), case.name))


def simplest(
    passing: Sequence[Case],
    scores: Mapping[str, NDArray[np.float64]],
    *,
    level: float = 0.95,
    samples: int = 2_000,
    seed: int = 0,
) -> Case:
    """Of the cases that are not surely worse than the best one (paired), the best with fewest modalities."""
    first = scores[best(passing, scores).name]
    alike = [
        case
        for case in passing
        if paired_bootstrap(scores[case.name], first, level=level, samples=samples, seed=seed).lower <= 0
    ]
    fewest = min(len(case.modalities) for case in alike)
    return best([case for case in alike if len(case.modalities) == fewest], scores)


def without_ballast(
    chosen: Case,
    rivals: Sequence[Case],
    scores: Mapping[str, NDArray[np.float64]],
    baseline: NDArray[np.float64],
    *,
    level: float = 0.95,
    samples: int = 2_000,
    seed: int = 0,
) -> Case:
    """The best with fewest modalities among the chosen case and those that do as well with some of its modalities.

    These need not have passed among all that were tried, for the chosen one has: that together beats the baseline is
    settled, and the question is what of it is needed. But each must beat the baseline taken by itself, and not be
    surely worse than the chosen one (both paired).
    """
    options = {"level": level, "samples": samples, "seed": seed}

    def serves(case: Case) -> bool:
        own = scores[case.name]
        return (
            set(case.modalities) < set(chosen.modalities)
            and paired_bootstrap(baseline, own, **options).lower > 0  # type: ignore[arg-type]
            and paired_bootstrap(own, scores[chosen.name], **options).lower <= 0  # type: ignore[arg-type]
        )

    serving = [chosen, *(case for case in rivals if serves(case))]
    fewest = min(len(case.modalities) for case in serving)
    return best([case for case in serving if len(case.modalities) == fewest], scores)
