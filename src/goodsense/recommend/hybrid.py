"""Several recommenders as one: their scores on one scale, weighted, and summed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.progress import Progress, silent
from goodsense.recommend.blending import Normalising, Pool, checked_normalising, greedy_weights, normalised
from goodsense.recommend.content import Content
from goodsense.recommend.held_out import HeldOut
from goodsense.recommend.histories import histories_of
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.models import make_model
from goodsense.recommend.storage import Arrays


class Hybrid(Model):
    """A blend of recommenders; see :mod:`goodsense.recommend.blending` for scales and weights.

    Parameters
    ----------
    models
        Names of :data:`goodsense.recommend.MODELS`, at least one; a name may stand twice with other options.
    settings
        The options of each, as many as models; () for the defaults of all.
    weights
        How much each counts, not negative. None: chosen when it is fitted, on one held-out item each of some shoppers,
        with everything fitted without these items; then all is fitted again on everything.
    normalise
        ``z`` or ``rank``.

    Attributes
    ----------
    used_weights
        ``(m,)`` the weights after the fit.
    parts
        The fitted recommenders.

    Raises
    ------
    UsageError
        If the options disagree, or a recommender is unknown.
    """

    kind: ClassVar[str] = "hybrid"

    def __init__(
        self,
        *,
        models: Sequence[str] = ("item-knn", "popular"),
        settings: Sequence[Mapping[str, Any]] = (),
        weights: Sequence[float] | None = None,
        normalise: str = "z",
    ) -> None:
        super().__init__()
        self.models = tuple(models)
        self.settings = tuple(dict(own) for own in settings)
        self.weights = None if weights is None else tuple(float(weight) for weight in weights)
        self.normalise: Normalising = checked_normalising(normalise)
        self._check_options()
        self.parts = self._made()
        self.needs_events = all(part.needs_events for part in self.parts)  # type: ignore[misc]
        self.used_weights: NDArray[np.float64] = np.zeros(0)

    @classmethod
    def blended(
        cls,
        parts: Sequence[Model],
        histories: Interactions,
        validation: Interactions,
        *,
        normalise: str = "z",
    ) -> Self:
        """Fitted recommenders, with weights chosen by what ``validation`` has of shoppers with these ``histories``.

        Raises
        ------
        UsageError
            If they recommend other items, which is no blend.
        """
        how = checked_normalising(normalise)
        items = parts[0].items
        if any(part.items != items for part in parts):
            raise UsageError("the recommenders know other items.", fix="Fit them on the same events and content.")
        users = [validation.users[row] for row in np.flatnonzero(np.diff(validation.starts))]
        asked, wanted = (parts[0]._aligned(events.select(users=users)) for events in (histories, validation))
        weights = greedy_weights(Pool.of([part._scored for part in parts], asked, wanted, how))
        found = cls(
            models=[part.kind for part in parts],
            settings=[part.options for part in parts],
            weights=weights.tolist(),
            normalise=how,
        )
        found._take(items)
        found.popularity, found._empty = parts[0].popularity, False
        found.parts, found.used_weights = tuple(parts), weights
        return found

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        if self.weights is None:
            self.used_weights = self._chosen(interactions, content, seed)
        else:
            self.used_weights = np.array(self.weights) / sum(self.weights)
        self.parts = self._made()
        for part in self.parts:
            part.fit(interactions, content, seed=seed, progress=progress)

    def _chosen(self, interactions: Interactions, content: Content, seed: int) -> NDArray[np.float64]:
        """Weights by what was held out; equal ones where there is nobody to ask."""
        even = np.full(len(self.models), 1 / len(self.models))
        if not len(interactions) or len(self.models) == 1:
            return even
        held = HeldOut.of(interactions, seed=seed)
        if not len(held):
            return even
        parts = self._made()
        for part in parts:
            part.fit(held.train, content, seed=seed, progress=silent)
        wanted = histories_of([[self.items[row]] for row in held.rows.tolist()], users=held.histories.users)
        pool = Pool.of([part._scored for part in parts], held.histories, self._aligned(wanted), self.normalise)
        return greedy_weights(pool)

    def _scores(self, histories: Interactions) -> Scores:
        return self._blend([part._scored(histories) for part in self.parts], histories)

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        asked = self._aligned(histories_of([[self.items[row]] for row in rows.tolist()]))
        return self._blend([self._none(len(rows)) if p._empty else p._alike(rows) for p in self.parts], asked)

    def _blend(self, scores: Sequence[Scores], histories: Interactions) -> NDArray[np.float32]:
        found = np.zeros((len(histories.users), len(self.items)), np.float32)
        for weight, own in zip(self.used_weights.tolist(), scores, strict=True):
            if weight:
                found += np.float32(weight) * normalised(own, histories, self.normalise)
        return found

    def _arrays(self) -> Arrays:
        arrays: Arrays = {"weights": self.used_weights}
        arrays["empty"] = np.array([part._empty for part in self.parts])
        for place, part in enumerate(self.parts):
            if not part._empty:
                arrays |= {f"{place}.{name}": array for name, array in part._arrays().items()}
        return arrays

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.used_weights = np.asarray(arrays["weights"], dtype=np.float64)
        self.parts = self._made()
        for place, (part, empty) in enumerate(zip(self.parts, arrays["empty"].tolist(), strict=True)):
            part._take(self.items)
            part.popularity, part._empty = self.popularity, bool(empty)
            own = {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{place}.")}
            if not empty:
                part._restore(own)

    def _made(self) -> tuple[Model, ...]:
        settings = self.settings or ({},) * len(self.models)
        return tuple(make_model(name, **own) for name, own in zip(self.models, settings, strict=True))

    def _check_options(self) -> None:
        if not self.models:
            raise UsageError("a blend of no recommenders.", fix="Name at least one.")
        for what, given in (("settings", self.settings or self.models), ("weights", self.weights or self.models)):
            if len(given) != len(self.models):
                raise UsageError(f"{len(given)} {what} for {len(self.models)} recommenders.", fix="Give one for each.")
        if self.weights is not None and (min(self.weights) < 0 or not 0 < sum(self.weights) < np.inf):
            raise UsageError(f"weights of {self.weights}.", fix="Give numbers from 0 up, one of them positive.")
