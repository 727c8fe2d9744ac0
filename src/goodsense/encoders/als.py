"""Who cares for a product, to vectors: factors of implicit feedback, fitted on the shop's own products."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.options import number, whole_number
from goodsense.encoders.profiles import known_columns, sparse_rows
from goodsense.errors import UsageError
from goodsense.factors.als import als_factors, solve_rows
from goodsense.types import Modality, Profile, Vectors, normalise

KIND = "als"
VERSION = 1
USERS = 200_000  # shoppers that are learned from, those of most products first


class AlsEncoder:
    """Products are alike if the same shoppers, or like ones, care for them; unit rows, zero for a cold product.

    The shoppers' factors are kept from the fit, so a product that comes later is folded in by its own normal equations
    (:func:`goodsense.factors.solve_rows`). A shopper of one product ties it to no other and is left out. No other kind
    of query reaches the block, only products themselves.

    Parameters
    ----------
    dim
        Length of the vectors.
    regularisation
        What large factors cost.
    alpha
        How fast the confidence grows with how much a shopper cared.
    iterations
        How often both sides are solved in turn.
    """

    def __init__(
        self, *, dim: int = 64, regularisation: float = 1.0, alpha: float = 10.0, iterations: int = 12
    ) -> None:
        self._settings: dict[str, Any] = {
            "dim": whole_number("dim", dim, least=1),
            "regularisation": number("regularisation", regularisation, least=0, above=True),
            "alpha": number("alpha", alpha, least=0),
            "iterations": whole_number("iterations", iterations, least=1),
        }
        self._places: dict[str, int] = {}
        self._users: NDArray[np.float64] | None = None
        self._fingerprint = ""

    @property
    def dim(self) -> int:
        return int(self._settings["dim"])

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"behaviour"})

    @property
    def fingerprint(self) -> str:
        if not self._fingerprint:
            self._fingerprint = artefacts.fingerprint(self._artefact())
        return self._fingerprint

    def fit(self, values: Sequence[Profile], *, seed: int) -> Self:
        """Learn the shoppers' factors from products."""
        rows = [value.users for value in values]
        self._places = {name: place for place, name in enumerate(known_columns(rows, least=2, limit=USERS))}
        self._users = als_factors(sparse_rows(rows, self._places), seed=seed, **self._settings).columns
        self._fingerprint = ""
        return self

    def encode(self, values: Sequence[Profile]) -> Vectors:
        """``n`` profiles to ``(n, dim)`` unit rows; zero where no shopper is known."""
        if self._users is None:
            raise UsageError("this behaviour encoder was not fitted yet.", fix="Call fit(profiles, seed=...) first.")
        weights = sparse_rows((value.users for value in values), self._places)
        costs = {name: self._settings[name] for name in ("regularisation", "alpha")}
        return normalise(solve_rows(weights, self._users, **costs).astype(np.float32))

    def encode_query(self, values: Sequence[Profile]) -> Vectors:
        """The same as :meth:`encode`."""
        return self.encode(values)

    def save(self, directory: Path) -> None:
        """Write settings and the shoppers' factors into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        settings = dict(found.settings)
        users = settings.pop("users")
        encoder = cls(**settings)
        if users is not None:
            encoder._places = {name: place for place, name in enumerate(users)}
            encoder._users = found.arrays["users"]
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings = {**self._settings, "users": None if self._users is None else list(self._places)}
        arrays = {} if self._users is None else {"users": self._users}
        return artefacts.Artefact(KIND, VERSION, settings, arrays)
