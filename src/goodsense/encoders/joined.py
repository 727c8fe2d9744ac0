"""Several encoders of one modality as one: ``image = "descriptors+fisher+cnn"``.

Every part keeps its own fit, its own way to see a value and its own place in the vector, so what one family misses
another may know. Parts of unit length are weighted by the square roots of their weights; a part that says nothing of a
value leaves its place empty, and the others fill the unit length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.errors import DataError, UsageError
from goodsense.media.reading import ClipWish, ImageWish, SoundWish
from goodsense.progress import Progress, silent
from goodsense.types import Clip, FittedEncoder, Labels, MediaEncoder, Modality, Sound, Vectors, normalise

KIND = "joined"
VERSION = 1
WEIGHTS = "weights"  # the option that is no part

Parts = Mapping[str, FittedEncoder]


def join(modality: Modality, parts: Parts, weights: Mapping[str, float] | None = None) -> JoinedEncoder:
    """One encoder of several: in two halves if all of them are.

    Parameters
    ----------
    modality
        Of all parts.
    parts
        Name -> encoder, not fitted yet.
    weights
        Name -> weight; 1 where none is given.
    """
    given = dict.fromkeys(parts, 1.0) | _checked(weights or {}, parts)
    return kind_of(parts.values())(modality, parts, given)


def kind_of(parts: Iterable[object]) -> type[JoinedEncoder]:
    """Which class joins these encoders, or classes of encoders."""
    return JoinedMediaEncoder if all(hasattr(part, "fit_described") for part in parts) else JoinedEncoder


class JoinedEncoder:
    """Several encoders whose vectors stand side by side; see :func:`join`, which makes it."""

    def __init__(self, modality: Modality, parts: Parts, weights: Mapping[str, float]) -> None:
        self._modality = modality
        self._parts = dict(parts)
        self._weights = dict(weights)

    @property
    def parts(self) -> Parts:
        return self._parts

    @property
    def dim(self) -> int:
        return sum(part.dim for part in self._parts.values())

    @property
    def accepts(self) -> frozenset[Modality]:
        """What any of the parts accepts; a query that only some of them read fills only their places."""
        return frozenset().union(*(part.accepts for part in self._parts.values()))

    @property
    def pretrained(self) -> bool:
        return any(getattr(part, "pretrained", False) for part in self._parts.values())

    @property
    def fingerprint(self) -> str:
        return artefacts.fingerprint(self._artefact())

    @property
    def slices(self) -> Mapping[str, slice]:
        """Where each part stands in the vectors, for heads that weigh parts by themselves."""
        found, start = {}, 0
        for name, part in self._parts.items():
            found[name] = slice(start, start + part.dim)
            start += part.dim
        return found

    def fit(self, values: Sequence[Any], *, seed: int) -> Self:
        """Fit every part on the same values."""
        self._parts = {name: part.fit(values, seed=seed) for name, part in self._parts.items()}
        return self

    def unknown_share(self, values: Sequence[Any]) -> float:
        """The most that is unknown to any part which knows that of itself."""
        asked = [getattr(part, "unknown_share", None) for part in self._parts.values()]
        return max((float(share(values)) for share in asked if share is not None), default=0.0)

    def encode(self, values: Sequence[Any]) -> Vectors:
        """``n`` values to ``(n, dim)``."""
        return self._side_by_side({name: part.encode(values) for name, part in self._parts.items()})

    def encode_query(self, values: Sequence[Any]) -> Vectors:
        """The same from the query's side: every value goes to the parts that accept its kind."""
        found = {name: np.zeros((len(values), part.dim), dtype=np.float32) for name, part in self._parts.items()}
        kinds = [_kind(value, self._modality) for value in values]
        for name, part in self._parts.items():
            rows = [row for row, kind in enumerate(kinds) if kind in part.accepts or kind == self._modality]
            if rows:
                found[name][rows] = part.encode_query([values[row] for row in rows])
        return self._side_by_side(found)

    def save(self, directory: Path) -> None:
        """Write every part into a directory of its own below ``directory``."""
        for number, part in enumerate(self._parts.values()):
            part.save(directory / f"part-{number}")
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`.

        Raises
        ------
        DataError
            If a part is not the one that was saved here.
        """
        from goodsense.encoders import load_encoder

        found = artefacts.read(directory, kind=KIND, version=VERSION)
        modality, prints = found.settings["modality"], found.settings["parts"]
        parts = {name: load_encoder(modality, name, directory / f"part-{at}") for at, name in enumerate(prints)}
        for name, part in parts.items():
            if part.fingerprint != prints[name]:
                raise DataError(
                    f"{directory} holds another encoder {name!r} than the one that was joined here.",
                    fix="Build again with --refit.",
                )
        return cls(modality, parts, found.settings["weights"])

    def _artefact(self) -> artefacts.Artefact:
        prints = {name: part.fingerprint for name, part in self._parts.items()}
        settings = {"modality": self._modality, "parts": prints, "weights": self._weights}
        return artefacts.Artefact(KIND, VERSION, settings, {"scales": np.array(list(self._scales().values()))})

    def _scales(self) -> dict[str, float]:
        total = sum(self._weights.values())
        return {name: math.sqrt(self._weights[name] / total) for name in self._parts}

    def _side_by_side(self, vectors: Mapping[str, Vectors]) -> Vectors:
        scales = self._scales()
        return normalise(
            np.concatenate([normalise(found) * np.float32(scales[name]) for name, found in vectors.items()], axis=1)
        )


class JoinedMediaEncoder(JoinedEncoder):
    """The same of encoders in two halves; what they describe travels as one record with a field for each."""

    @property
    def learns_labels(self) -> bool:
        return any(part.learns_labels for part in self._media.values())

    @property
    def wish(self) -> Any:
        """A decoding that serves every part; each gets what it wished for itself from it."""
        return merged([part.wish for part in self._media.values()])

    @property
    def describe(self) -> Callable[[Any], NDArray[Any]]:
        """One value to a record: what every part describes, under ``part-0``, ``part-1``, ..."""
        return DescribeAll(tuple((part.wish, part.describe) for part in self._media.values()))

    def fit(self, values: Sequence[Any], *, seed: int) -> Self:
        """Fit every part on the same values."""
        describe = self.describe
        return self.fit_described([describe(value) for value in values], seed=seed)

    def fit_described(
        self,
        raw: Sequence[NDArray[Any]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """The same from records, as :attr:`describe` gives them."""
        fitted: dict[str, FittedEncoder] = {}
        for number, (name, part) in enumerate(self._media.items()):
            own = [_field(record, number) for record in raw]
            fitted[name] = part.fit_described(own, labels=labels, seed=seed, progress=progress)
        self._parts = fitted
        return self

    def redescribed(self, raw: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Records from before the fit, as :attr:`describe` gives them after it."""
        parts = enumerate(self._media.values())
        fields = [part.redescribed([_field(record, number) for record in raw]) for number, part in parts]
        return [_record(found) for found in zip(*fields, strict=True)]

    def project(self, raw: Sequence[NDArray[Any]]) -> Vectors:
        """Records to vectors ``(n, dim)``."""
        return self._side_by_side(
            {
                name: part.project([_field(record, number) for record in raw])
                for number, (name, part) in enumerate(self._media.items())
            }
        )

    def encode(self, values: Sequence[Any]) -> Vectors:
        """``n`` values to ``(n, dim)``."""
        describe = self.describe
        return self.project([describe(value) for value in values])

    @property
    def _media(self) -> dict[str, MediaEncoder]:
        return {name: part for name, part in self._parts.items() if isinstance(part, MediaEncoder)}


@dataclass(frozen=True)
class DescribeAll:
    """A value to one record of what every part makes of it: a numpy scalar array with one field per part."""

    parts: tuple[tuple[Any, Callable[[Any], NDArray[Any]]], ...]

    def __call__(self, value: Any) -> NDArray[Any]:
        return _record([np.asarray(describe(as_wished(value, wish))) for wish, describe in self.parts])


def _record(found: Sequence[NDArray[Any]]) -> NDArray[Any]:
    kinds = [(f"part-{number}", array.dtype, array.shape) for number, array in enumerate(found)]
    record = np.zeros((), dtype=np.dtype(kinds))
    for (name, _, _), array in zip(kinds, found, strict=True):
        record[name] = array
    return record


def _field(record: NDArray[Any], number: int) -> NDArray[Any]:
    return np.ascontiguousarray(record[f"part-{number}"])


def merged(wishes: Sequence[Any]) -> Any:
    """One wish that gives every part at least what it wished for: the longer, the larger, the more often."""
    first = wishes[0]
    if all(wish == first for wish in wishes):
        return first
    if any(type(wish) is not type(first) for wish in wishes):
        raise UsageError("encoders that read different media cannot be joined.")
    if isinstance(first, ImageWish):
        return ImageWish(_most([wish.max_side for wish in wishes]))
    if isinstance(first, SoundWish):
        return _sound(wishes)
    sounds = [wish.sound for wish in wishes if wish.sound is not None]
    return ClipWish(
        fps=max(wish.fps for wish in wishes),
        max_frames=max(wish.max_frames for wish in wishes),
        max_side=_most([wish.max_side for wish in wishes]),
        motion=any(wish.motion for wish in wishes),
        sound=_sound(sounds) if sounds else None,
    )


def _sound(wishes: Sequence[SoundWish]) -> SoundWish:
    rate, mono = _most([wish.rate for wish in wishes]), all(wish.mono for wish in wishes)
    return SoundWish(rate, mono, max(wish.max_seconds for wish in wishes))


def _most(limits: Sequence[int | None]) -> int | None:
    """The largest limit; None is no limit."""
    known = [limit for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) else None


def as_wished(value: Any, wish: Any) -> Any:
    """A sound or picture that was decoded for several parts, as one of them wished for it; clips stay as they are."""
    if isinstance(value, Sound) and isinstance(wish, SoundWish):
        from goodsense.media import sound_steps

        value = Sound(value.samples[: math.ceil(wish.max_seconds * value.rate)], value.rate)
        value = sound_steps.mono(value) if wish.mono and value.samples.shape[1] > 1 else value
        return value if wish.rate in (None, value.rate) else sound_steps.resample(value, wish.rate)
    if isinstance(value, np.ndarray) and isinstance(wish, ImageWish) and wish.max_side:
        longest = max(value.shape[:2])
        if longest > wish.max_side:
            import cv2

            size = [max(1, round(length * wish.max_side / longest)) for length in value.shape[1::-1]]
            return cv2.resize(value, size, interpolation=cv2.INTER_AREA)
    return value


def _kind(value: Any, own: Modality) -> Modality:
    """Which modality a query's value is of; what is no medium and no text is of the encoder's own."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, Sound):
        return "audio"
    if isinstance(value, Clip):
        return "video"
    return "image" if isinstance(value, np.ndarray) else own


def _checked(weights: Mapping[str, float], parts: Parts) -> dict[str, float]:
    for name, weight in weights.items():
        if name not in parts:
            raise UsageError(f"weights names the part {name!r}; expected {', '.join(parts)}.")
        if not 0 < weight < float("inf"):
            raise UsageError(f"weights gives {name!r} the weight {weight!r}; expected a finite number above 0.")
    return {name: float(weight) for name, weight in weights.items()}
