"""Clips through an image encoder: key frames become vectors, and these are pooled into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.decomposition import Projection, principal
from goodsense.encoders.discriminants import Discriminant, discriminant
from goodsense.encoders.frame_choice import SELECTIONS, DescribeFrames
from goodsense.encoders.frame_pooling import POOLS, Vlad, fit_vlad, max_pool, mean_pool
from goodsense.encoders.halves import TwoHalves
from goodsense.encoders.options import check_choice, check_whole
from goodsense.errors import DataError, UsageError
from goodsense.media.reading import ClipWish, ImageWish
from goodsense.progress import Progress, silent
from goodsense.types import Labels, MediaEncoder, Modality, Vectors, normalise

KIND = "frames"
VERSION = 1
DISCRIMINANTS = ("apart", "steady", "off")
FPS = 4.0
SIDE = 256  # pixels of a frame's longer side, if the image encoder has no wish of its own
FIT_LIMIT = 8_000  # frames, or cells of frames, that a fit reads


class FramesEncoder(TwoHalves):
    """Clips to vectors by way of an image encoder.

    Parameters
    ----------
    image
        The image encoder, by its name in a recipe; it is fitted on frames of the clips.
    image_options
        Its options.
    frames
        At most so many frames of a clip are read.
    select
        ``even``, spread over the clip; ``key``, the most typical ones of each shot, out of three times as many, so
        that in a clip that is cut every shot is seen (:mod:`goodsense.media.shots`).
    pool
        ``mean`` or ``max`` over the frames' vectors; ``vlad``, their differences from learned centres (NetVLAD,
        Arandjelovic & others, 2016); ``action-vlad``, the same of cells of the frames over space and time
        (ActionVLAD, Girdhar & others, 2017).
    dim
        Length of the vectors.
    discriminant
        What is learned from the clips' products (:mod:`goodsense.encoders.discriminants`): ``apart``, what tells them
        apart, which is best for the products of the fit; ``steady``, only what varies within one, which is best for
        new products; ``off``, nothing. Of clips whose product is not known, each is one of its own.
    clusters
        Centres of ``vlad`` and ``action-vlad``.
    local_dim
        Length of the frames' or cells' vectors before these pools.
    grid
        Cells along each side of a frame, for ``action-vlad``.
    trained
        Train the centres of these pools, on products where they are known; needs torch.

    Notes
    -----
    With ``mean`` and ``max`` a picture is a clip of one frame, so pictures may be searched with. ``vlad`` pools sum
    over frames how they spread about centres, which one picture does not show; there only clips are accepted.
    """

    def __init__(
        self,
        *,
        image: str = "descriptors",
        image_options: Mapping[str, Any] | None = None,
        frames: int = 8,
        select: str = "even",
        pool: str = "mean",
        dim: int = 512,
        discriminant: str = "off",
        clusters: int = 16,
        local_dim: int = 256,
        grid: int = 3,
        trained: bool = False,
    ) -> None:
        from goodsense.encoders import make_encoder

        check_whole(frames=frames, clusters=clusters, grid=grid)
        check_whole(dim=dim, local_dim=local_dim, least=2)
        check_choice(POOLS, pool=pool)
        check_choice(SELECTIONS, select=select)
        check_choice(DISCRIMINANTS, discriminant=discriminant)
        self._options: dict[str, Any] = {
            "image": image, "image_options": dict(image_options or {}), "frames": frames, "select": select,
            "pool": pool, "dim": dim, "discriminant": discriminant, "clusters": clusters, "local_dim": local_dim,
            "grid": grid, "trained": bool(trained),
        }  # fmt: skip
        made = make_encoder("image", image, self._options["image_options"])
        if not isinstance(made, MediaEncoder):
            raise UsageError(f"the image encoder {image!r} cannot describe frames one by one.")
        self._image: MediaEncoder = made
        self.learns_labels = discriminant != "off" or bool(trained) or made.learns_labels
        self._frame_map: Projection | Discriminant | None = None
        self._vlad: Vlad | None = None
        self._reduction: Projection | None = None

    @property
    def dim(self) -> int:
        return int(self._options["dim"])

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"video"} if self._pools_locally else {"video", "image"})

    @property
    def wish(self) -> ClipWish:
        of_image = self._image.wish
        side = of_image.max_side if isinstance(of_image, ImageWish) else None
        seen = 3 if self._options["select"] == "key" else 1
        return ClipWish(fps=seen * FPS, max_frames=seen * self._options["frames"], max_side=side or SIDE)

    @property
    def describe(self) -> DescribeFrames:
        """The unfitted half: a clip to what the image encoder describes of its key frames."""
        grid = self._options["grid"] if self._options["pool"] == "action-vlad" else 1
        return DescribeFrames(self._image.describe, self._options["frames"], self._options["select"], grid)

    @property
    def _pools_locally(self) -> bool:
        return self._options["pool"] in ("vlad", "action-vlad")

    def fit_described(
        self,
        raw: Sequence[NDArray[Any]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """The same from what :attr:`describe` gives; ``labels`` reach the image encoder too."""
        picked = _sample([clip.shape[0] * clip.shape[1] for clip in raw], seed)
        rows, owners = _flattened([raw[i] for i in picked])
        if not len(rows):
            raise UsageError("there are no frames to learn from.", fix="Fit on clips that have frames.")
        labels = [labels[i] for i in picked] if len(labels) else []
        of_frames = [labels[owner] for owner in owners.tolist()] if len(labels) else []
        self._image.fit_described(rows, labels=of_frames, seed=seed, progress=progress)
        vectors = self._image.project(self._image.redescribed(rows))
        dim = self._options["local_dim"] if self._pools_locally else self.dim
        learns = self._options["discriminant"]
        if learns != "off":
            products = _products(owners, labels)
            self._frame_map = discriminant(vectors, products, dim, seed=seed, steady_only=learns == "steady")
        else:
            self._frame_map = principal(vectors, dim, seed=seed)
        if self._pools_locally:
            local = normalise(self._frame_map.apply(vectors))
            self._vlad = fit_vlad(local, self._options["clusters"], seed=seed)
            if self._options["trained"]:
                self._train(local, owners, _products(owners, labels), seed, progress)
            pooled = [self._vlad.pool(local[owners == owner]) for owner in np.unique(owners).tolist()]
            self._reduction = principal(np.stack(pooled), self.dim, seed=seed)
        self._fingerprint = ""
        return self

    def _train(
        self,
        local: Vectors,
        owners: NDArray[np.int64],
        products: NDArray[np.int64],
        seed: int,
        progress: Progress,
    ) -> None:
        from goodsense.encoders.vlad_training import train_vlad

        assert self._vlad is not None
        starts = np.unique(owners, return_index=True)[1]
        clips = np.split(local, starts[1:])
        self._vlad = train_vlad(self._vlad, clips, products[starts], seed=seed, progress=progress)

    def redescribed(self, raw: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Every frame's description as the fitted image encoder gives it."""
        rows = iter(self._image.redescribed(_flattened(raw)[0]))
        sizes = [clip.shape[:2] for clip in raw]
        taken = [[next(rows) for _ in range(frames * cells)] for frames, cells in sizes]
        return [
            np.stack(found).reshape(*size, *found[0].shape) if found else clip
            for found, size, clip in zip(taken, sizes, raw, strict=True)
        ]

    def project(self, raw: Sequence[NDArray[Any]]) -> Vectors:
        """The fitted half: ``n`` descriptions to vectors ``(n, dim)``; a clip without frames gives a zero row."""
        if self._frame_map is None:
            raise UsageError("this clip encoder was not fitted yet.", fix="Call fit(clips, seed=...) first.")
        found = np.zeros((len(raw), self.dim), dtype=np.float32)
        rows, owners = _flattened(raw)
        if not len(rows):
            return found
        local = normalise(self._frame_map.apply(self._image.project(rows)))
        known, starts = np.unique(owners, return_index=True)
        pooled = np.stack([self._pooled(part) for part in np.split(local, starts[1:])])
        found[known] = normalise(self._reduction.apply(pooled) if self._reduction else pooled)
        return found

    def _pooled(self, rows: Vectors) -> NDArray[np.float32]:
        if self._vlad is not None:
            return self._vlad.pool(rows)
        return max_pool(rows) if self._options["pool"] == "max" else mean_pool(rows)

    def save(self, directory: Path) -> None:
        """Write settings and arrays into ``directory``, and the image encoder into ``image`` below it."""
        artefacts.write(self._artefact(), directory)
        self._image.save(directory / "image")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`.

        Raises
        ------
        DataError
            If the directory holds no such encoder, or the image encoder in it is another than was saved with it.
        """
        from goodsense.encoders import load_encoder

        found = artefacts.read(directory, kind=KIND, version=VERSION)
        encoder = cls(**found.settings["options"])
        image = load_encoder("image", found.settings["options"]["image"], directory / "image")
        if image.fingerprint != found.settings["image"] or not isinstance(image, MediaEncoder):
            raise DataError(
                f"{directory / 'image'} is not the image encoder that was saved there.", fix="Build again with --refit."
            )
        encoder._image = image
        encoder._restore(found.arrays)
        return encoder

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        if "frame.matrix" in arrays:
            self._frame_map = Projection(arrays["frame.centre"], arrays["frame.matrix"])
        if "frame.apart" in arrays:
            self._frame_map = Discriminant(
                *(arrays[f"frame.{part}"] for part in ("centre", "apart", "steady_centre", "steady"))
            )
        if "vlad.centres" in arrays:
            self._vlad = Vlad(*(arrays[f"vlad.{part}"] for part in ("weights", "biases", "centres")))
            self._reduction = Projection(arrays["reduction.centre"], arrays["reduction.matrix"])

    def _artefact(self) -> artefacts.Artefact:
        arrays: dict[str, NDArray[Any]] = {}
        for name, part in (("frame", self._frame_map), ("vlad", self._vlad), ("reduction", self._reduction)):
            if part is not None:
                arrays |= {f"{name}.{key}": value for key, value in vars(part).items()}
        settings = {"options": self._options, "image": self._image.fingerprint}
        return artefacts.Artefact(KIND, VERSION, settings, arrays)


def _flattened(raw: Sequence[NDArray[Any]]) -> tuple[list[NDArray[Any]], NDArray[np.int64]]:
    """Descriptions of all frames and cells ``(t, cells, ...)`` in one row, and the clip that each is of."""
    rows = [cell for clip in raw for frame in clip for cell in frame]
    owners = np.repeat(np.arange(len(raw)), [clip.shape[0] * clip.shape[1] for clip in raw])
    return rows, owners


def _sample(sizes: Sequence[int], seed: int) -> list[int]:
    """The clips that a fit reads: all, or a seeded sample with about :data:`FIT_LIMIT` frames or cells, in order."""
    if sum(sizes) <= FIT_LIMIT:
        return list(range(len(sizes)))
    count = max(1, FIT_LIMIT * len(sizes) // sum(sizes))
    return sorted(np.random.default_rng(seed).choice(len(sizes), count, replace=False).tolist())


def _products(owners: NDArray[np.int64], labels: Sequence[Labels]) -> NDArray[np.int64]:
    """A number for the product of each frame; a clip without one is a product of its own."""
    names = [labels[owner].get("id", "") if len(labels) else "" for owner in range(int(owners.max()) + 1)]
    places: dict[str, int] = {}
    numbers = [places.setdefault(f"id {name}" if name else f"clip {i}", len(places)) for i, name in enumerate(names)]
    return np.array(numbers, dtype=np.int64)[owners]
