"""What is bought and viewed together, to vectors: PPMI and a truncated SVD, fitted on the shop's own products."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from goodsense.encoders import artefacts
from goodsense.encoders.options import number, whole_number
from goodsense.encoders.profiles import known_columns, sparse_rows
from goodsense.errors import UsageError
from goodsense.factors.ppmi import PpmiFactors, ppmi_factors
from goodsense.types import Modality, Profile, Vectors, normalise

KIND = "ppmi"
VERSION = 1
CONTEXTS = 200_000  # products that can be a context, the most frequent first


class PpmiEncoder:
    """Products are alike if they go together with the same others; unit rows, a zero row for a cold product.

    The contexts are the products in the profiles of the fit; one that goes with a single product ties it to no other
    and is left out. Any profile can be folded in later: its mutual information with these contexts, projected on the
    fitted directions. No other kind of query reaches the block, only products themselves.

    Parameters
    ----------
    dim
        Length of the vectors; when the shop's behaviour has less to tell, the last columns are zero.
    shift
        How many times more often than by chance two products must go together to count.
    smoothing
        Power of the contexts' totals: below 1, rare contexts weigh less.
    whiten
        Power of the singular values that is divided out: 0 keeps the strongest directions strong, 1 weighs all alike.
    """

    def __init__(self, *, dim: int = 128, shift: float = 1.0, smoothing: float = 0.75, whiten: float = 0.25) -> None:
        self._settings = {
            "dim": whole_number("dim", dim, least=1),
            "shift": number("shift", shift, least=0, above=True),
            "smoothing": number("smoothing", smoothing, least=0, most=1),
            "whiten": number("whiten", whiten, least=0, most=1),
        }
        self._places: dict[str, int] = {}
        self._factors: PpmiFactors | None = None
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
        """Learn the contexts, their shares and the directions from products."""
        rows = [value.together for value in values]
        self._places = {name: place for place, name in enumerate(known_columns(rows, least=2, limit=CONTEXTS))}
        settings: dict[str, Any] = dict(self._settings)
        self._factors = ppmi_factors(sparse_rows(rows, self._places), seed=seed, **settings)
        self._fingerprint = ""
        return self

    def encode(self, values: Sequence[Profile]) -> Vectors:
        """``n`` profiles to ``(n, dim)`` unit rows; zero where no context is known."""
        if self._factors is None:
            raise UsageError("this behaviour encoder was not fitted yet.", fix="Call fit(profiles, seed=...) first.")
        return normalise(self._factors.fold_in(sparse_rows((value.together for value in values), self._places)))

    def encode_query(self, values: Sequence[Profile]) -> Vectors:
        """The same as :meth:`encode`."""
        return self.encode(values)

    def save(self, directory: Path) -> None:
        """Write settings, contexts and directions into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        settings = dict(found.settings)
        contexts = settings.pop("contexts")
        encoder = cls(**settings)
        if contexts is not None:
            encoder._places = {name: place for place, name in enumerate(contexts)}
            encoder._factors = PpmiFactors(found.arrays["shares"], found.arrays["basis"], settings["shift"])
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        factors = self._factors
        settings = {**self._settings, "contexts": None if factors is None else list(self._places)}
        arrays: artefacts.Arrays = {} if factors is None else {"shares": factors.shares, "basis": factors.basis}
        return artefacts.Artefact(KIND, VERSION, settings, arrays)
