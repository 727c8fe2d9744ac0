"""Several fusions as one vector: what each makes of a product, z-scored, side by side, and distilled if wished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.options import check_choice, number, whole_number
from goodsense.errors import DataError, UsageError
from goodsense.fusion.base import FittedFusion, check_fitted, unit_sum
from goodsense.fusion.blocks import check_blocks, check_widths, slots
from goodsense.fusion.recipes import RECIPES, Member
from goodsense.fusion.registry import load_fusion, make_fusion
from goodsense.learning.distillation import DistillationReport, LinearStudent, distil
from goodsense.learning.ensemble import TowerEnsemble
from goodsense.learning.lesson import Lesson
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings, Vectors

CALIBRATED = 2_000  # products of which scores are z-scored, as wholes and by each modality alone
_ENSEMBLE, _STUDENT = "ensemble.", "student."


class EnsembledFusion:
    """Fusions of different families, each in a slot of its own: the inner product is the sum of their z-scores.

    The scores of every member are brought to deviation 1 over pairs of different products, as wholes and by single
    modalities, so ranking by the inner product of two vectors is late fusion of the members' rankings (CombSUM, Fox &
    Shaw, TREC-2 1994), with one vector per product and any vector index. Members err in different ways: two networks
    less so than a network and a kernel.

    Parameters
    ----------
    members
        ``"strong"`` or ``"quick"`` (:data:`goodsense.fusion.recipes.RECIPES`), or ``[name, options]`` of each fusion.
        A member that cannot be fitted on the blocks or the lesson there are is left out (:attr:`left_out`).
    weights
        One per member on top of the z-score; None weighs all alike, or as the recipe says.
    dim
        Distil the vectors to so many columns by principal components; :attr:`report` says what that costs.
    """

    kind: ClassVar[str] = "ensemble"
    version: ClassVar[int] = 1

    def __init__(
        self,
        *,
        members: str | Sequence[Member] = "strong",
        weights: Sequence[float] | None = None,
        dim: int | None = None,
    ) -> None:
        self._given: list[tuple[str, dict[str, Any]]] = _listed(members)
        own = RECIPES[members].weights if isinstance(members, str) else ()
        if weights is not None and len(weights) != len(self._given):
            raise UsageError(f"weights are of {len(weights)} members; expected {len(self._given)}.")
        self._shares = [number("weights", weight, least=0, above=True) for weight in weights or own]
        self._options: dict[str, Any] = {
            "members": members if isinstance(members, str) else [[name, given] for name, given in self._given],
            "weights": None if weights is None else self._shares,
            "dim": None if dim is None else whole_number("dim", dim),
        }
        for name, given in self._given:
            if name == self.kind:
                raise UsageError("a member of the ensemble is 'ensemble' itself; expected other fusions.")
            make_fusion(name, **given)  # refuses unknown names and options now
        self._dims: dict[str, int] = {}
        self._members: dict[str, FittedFusion] = {}
        self._towers: TowerEnsemble | None = None
        self._student: LinearStudent | None = None
        self.left_out: dict[str, str] = {}
        self.report: DistillationReport | None = None

    @property
    def dims(self) -> Mapping[str, int]:
        """Block -> columns that it had at the fit; empty before."""
        return dict(self._dims)

    @property
    def dim(self) -> int:
        """Length of fused vectors; 0 before the fit."""
        if self._student is not None:
            return self._student.dim
        return self._towers.dim if self._towers else 0

    @property
    def members(self) -> Mapping[str, FittedFusion]:
        """Slot -> the fusion that fills it; empty before the fit."""
        return dict(self._members)

    @property
    def weights(self) -> Mapping[str, float]:
        """Slot -> what its member's scores are multiplied by, one over their deviation included."""
        return self._fitted().weights

    def centre(self, member: str) -> NDArray[np.float32]:
        """What is taken from the unit rows of a member before they are scaled: ``(d,)``."""
        found: NDArray[np.float32] = self._fitted().to_parts()[1][f"0.{member}.centre"]
        return found

    @property
    def fingerprint(self) -> str:
        """Names code version, options, members and calibration."""
        return artefacts.fingerprint(self._artefact())

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Fit every member, each with a seed of its own, and bring their scores to one scale.

        Raises
        ------
        UsageError
            If there is no block, or blocks are not of the same products.
        DataError
            If no member can be fitted on them; says why of the first.
        """
        check_blocks(blocks, list(blocks))
        ordered = {name: blocks[name] for name in sorted(blocks)}
        members, self.left_out = {}, {}
        for place, (name, options) in enumerate(self._given):
            try:
                made = make_fusion(name, **options).fit(ordered, lesson=lesson, seed=seed + place, progress=progress)
                members[slot(place, name)] = made
            except (DataError, UsageError) as error:
                self.left_out[slot(place, name)] = str(error)
        if not members:
            raise DataError(
                f"no member of the ensemble can be fitted: {next(iter(self.left_out.values()))}",
                fix="Give products with two modalities, or use a fusion that needs no training (additive).",
            )
        self._dims, self._members = {name: block.dim for name, block in ordered.items()}, members
        self._calibrate(ordered, seed)
        return self

    def fuse(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """One unit vector per product: ``(n, dim)``; products without any block are not present.

        Raises
        ------
        UsageError
            Before a fit, or if a block is unknown, has other ids than the rest, or another width than at the fit.
        """
        joined = self._fitted().join(self._each(blocks, lambda member: member.fuse(blocks)))
        return self._distilled(joined)

    def parts(self, blocks: Mapping[str, Embeddings]) -> Mapping[str, Vectors]:
        """What each block adds to the fused vectors: block -> ``(n, dim)``; the parts sum to :meth:`fuse`.

        The parts of the members, carried through the scaling and the distillation, both of which are linear for one
        product; what the centring takes away is shared alike by the blocks that a product has.

        Raises
        ------
        UsageError
            As for :meth:`fuse`; also if a member has no parts.
        """
        wordless = [name for name, member in self._members.items() if not hasattr(member, "parts")]
        if wordless:
            raise UsageError(f"the member {wordless[0]!r} does not say what each block adds.")
        towers = self._fitted()
        fused = self._each(blocks, lambda member: member.fuse(blocks).vectors)
        split = self._each(blocks, lambda member: member.parts(blocks))  # type: ignore[attr-defined]
        found = {name: np.zeros((len(block), towers.dim), dtype=np.float32) for name, block in blocks.items()}
        shares = _shares(blocks)
        for name, place in slots(towers.dims).items():
            centre = self.centre(name)
            sizes = np.linalg.norm(fused[name], axis=1, keepdims=True)
            far = sizes * np.linalg.norm(fused[name] / np.maximum(sizes, 1e-12) - centre, axis=1, keepdims=True)
            scale = np.sqrt(towers.weights[name]) / np.maximum(far, 1e-12) * (sizes > 0)
            for block in found:
                taken = shares[block][:, None] * sizes * centre
                found[block][:, place] = scale * (split[name].get(block, np.float32(0)) - taken)
        axes = np.eye(towers.dim, dtype=np.float32) if self._student is None else self._student.axes
        carried = {name: part @ axes for name, part in found.items()}
        return unit_sum(carried)

    def save(self, directory: Path) -> None:
        """Write options, calibration and every member into ``directory``."""
        self._fitted()
        for name, member in self._members.items():
            member.save(directory / name)
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=cls.kind, version=cls.version)
        settings = found.settings
        fusion = cls(**settings["options"])
        fusion._dims = {name: int(settings["dims"][name]) for name in sorted(settings["dims"])}
        fusion._members = {name: load_fusion(kind, directory / name) for name, kind, _ in settings["inside"]}
        fusion.left_out = dict(settings["left_out"])
        fusion._towers = TowerEnsemble.from_parts(settings["ensemble"], _under(found.arrays, _ENSEMBLE))
        if student := _under(found.arrays, _STUDENT):
            fusion._student = LinearStudent.from_arrays(student)
            told = settings["report"]
            overlap = {int(depth): share for depth, share in told["overlap"].items()}
            fusion.report = DistillationReport(**{**told, "overlap": overlap})
        return fusion

    def _calibrate(self, blocks: Mapping[str, Embeddings], seed: int) -> None:
        """Bring the members' scores of wholes and of single modalities to one scale; distil if wished."""
        count = len(next(iter(blocks.values())))
        picked = np.sort(np.random.default_rng(seed).permutation(count)[:CALIBRATED])
        some = {name: block.take(picked) for name, block in blocks.items()}
        sides = [some, *({name: block} for name, block in some.items() if len(some) > 1)]
        made = {name: _stacked([member.fuse(side) for side in sides]) for name, member in self._members.items()}
        mute = [name for name, block in made.items() if not block.present.any()]
        for name in mute:
            self.left_out[name] = "it says nothing of any product"
            del made[name], self._members[name]
        if not made:
            raise DataError("no product has any block, so there is nothing to learn.", fix="Give products with blocks.")
        weights = {name: self._share(name) for name in made}
        self._towers = TowerEnsemble(weights).fit(made, seed=seed)
        self._student, self.report = None, None
        if self._options["dim"] is not None:
            joined = self._towers.join(made)
            width = min(self._options["dim"], self._towers.dim)
            distilled = distil(joined, method="pca", dim=width, seed=seed)
            assert isinstance(distilled.student, LinearStudent)
            self._student, self.report = distilled.student, distilled.report

    def _share(self, name: str) -> float:
        return self._shares[int(name.partition("-")[0]) - 1] if self._shares else 1.0

    def _each(self, blocks: Mapping[str, Embeddings], work: Callable[[FittedFusion], Any]) -> dict[str, Any]:
        """What every member makes of the blocks, once they are known to fit."""
        self._fitted()
        check_blocks(blocks, self._dims)
        check_widths(blocks, self._dims)
        return {name: work(member) for name, member in self._members.items()}

    def _distilled(self, joined: Embeddings) -> Embeddings:
        if self._student is None:
            return joined
        small = np.where(joined.present[:, None], self._student.apply(joined.vectors), np.float32(0))
        return Embeddings(joined.ids, joined.owners, small, joined.present & small.any(axis=1))

    def _fitted(self) -> TowerEnsemble:
        check_fitted(self.kind, self._towers is not None)
        assert self._towers is not None
        return self._towers

    def _artefact(self) -> artefacts.Artefact:
        settings: dict[str, Any] = {"options": self._options, "dims": self._dims, "left_out": self.left_out}
        arrays: dict[str, NDArray[Any]] = {}
        if self._towers is not None:
            settings["ensemble"], found = self._towers.to_parts()
            arrays |= {f"{_ENSEMBLE}{name}": array for name, array in found.items()}
        if self._student is not None:
            assert self.report is not None
            arrays |= {f"{_STUDENT}{name}": array for name, array in self._student.to_arrays().items()}
            settings["report"] = {**asdict(self.report), "overlap": {str(k): v for k, v in self.report.overlap.items()}}
        settings["inside"] = [
            [name, name.partition("-")[2], member.fingerprint] for name, member in self._members.items()
        ]
        return artefacts.Artefact(self.kind, self.version, settings, arrays)


def slot(place: int, name: str) -> str:
    """What a member is called: its number from 1 and its kind."""
    return f"{place + 1}-{name}"


def _listed(members: str | Sequence[Member]) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(members, str):
        check_choice(RECIPES, members=members)
        members = RECIPES[members].members
    if not members:
        raise UsageError("an ensemble has no members; expected [name, options] of at least one fusion.")
    return [(name, dict(options)) for name, options in members]


def _shares(blocks: Mapping[str, Embeddings]) -> dict[str, NDArray[np.float32]]:
    """One over how many blocks a product has, 0 where it lacks the block: block -> ``(n,)``."""
    there = np.stack([block.present for block in blocks.values()]).astype(np.float32)
    return dict(zip(blocks, there / np.maximum(there.sum(axis=0), 1), strict=True))


def _stacked(sides: Sequence[Embeddings]) -> Embeddings:
    """The same products, once per side, as rows of one table; the owner of a row is its product."""
    return Embeddings(
        tuple(f"{side}:{one}" for side, block in enumerate(sides) for one in block.ids),
        tuple(owner for block in sides for owner in block.owners),
        np.concatenate([block.vectors for block in sides]),
        np.concatenate([block.present for block in sides]),
    )


def _under(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
