"""Who takes part in an ablation: every modality, subsets of them by one method, and every fusion, each as a case."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import combinations
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.evaluate.cases import Case, Kind, every_subset
from goodsense.evaluate.gate import best, simplest
from goodsense.fusion import FUSIONS, FittedFusion, fusion_options, make_fusion
from goodsense.fusion.recipes import NETWORKS, needs_torch
from goodsense.learning.lesson import Lesson
from goodsense.progress import Progress, silent
from goodsense.shop.ablation.goals import Blocks, Fuse
from goodsense.types import Rows

Effort: TypeAlias = Literal["quick", "usual", "all"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)
Names: TypeAlias = tuple[str, ...]
EVERY_SUBSET: Mapping[Effort, int] = {"quick": 5, "usual": 6, "all": 7}  # modalities of which all subsets are tried


@dataclass(frozen=True)
class Entry:
    """A fusion with its options."""

    label: str
    fusion: str
    options: Mapping[str, Any] = field(default_factory=dict)


ADDITIVE = Entry("additive", "additive")  # equal weights
LEARNED = Entry("learned weights", "learned")
CCA = Entry("cca", "cca")
QUICK = (ADDITIVE, LEARNED, Entry("mean", "mean"), Entry("concat", "concat"), CCA, Entry("ridge", "ridge"))
FURTHER = (
    Entry("max", "max"),
    Entry("concat (pca)", "concat", {"dim": 128}),
    Entry("activated (relu)", "activated"),
    Entry("product", "product"),
    Entry("hybrid (cca)", "hybrid"),
    Entry("kernel ridge", "kernel-ridge"),
    Entry("ensemble (quick)", "ensemble", {"members": "quick"}),
)
TRAINED = tuple(
    Entry(f"trained ({network})", "trained", {"network": network})
    for network in ("mean", "gated", "inter-attention", "transformer")
)
RARE = (
    Entry("activated (sigmoid)", "activated", {"activation": "sigmoid"}),
    Entry("activated (tanh)", "activated", {"activation": "tanh"}),
    *(
        Entry(f"trained ({network})", "trained", {"network": network})
        for network in ("max", "weighted", "middle", "product", "gru", "lstm", "intra-attention")
    ),
    Entry("graph (sage)", "graph"),
    Entry("graph (gcn)", "graph", {"layer": "gcn"}),
    Entry("ensemble (strong)", "ensemble", {"members": "strong"}),
)


def entries_for(effort: Effort, by_hand: Mapping[str, float] | None = None) -> tuple[Entry, ...]:
    """The fusions to try; those made of torch only where it is installed, ``weighted`` only with weights by hand."""
    found = QUICK if effort == "quick" else (*QUICK, *FURTHER)
    if by_hand:
        found = (*found, Entry("weighted (by hand)", "weighted", {"weights": dict(by_hand)}))
    if effort == "quick":
        return found
    every = (*found, *TRAINED, *((*RARE, *_others((*found, *TRAINED, *RARE))) if effort == "all" else ()))
    return tuple(entry for entry in every if find_spec("torch") or not needs_torch(entry.fusion, entry.options))


def _others(known: Sequence[Entry]) -> list[Entry]:
    """Whatever else is in the table of fusions and needs nothing to be given."""
    names = set(FUSIONS) - {entry.fusion for entry in known} - {"weighted"}
    return [Entry(name, name) for name in sorted(names) if inspect.Parameter.empty not in fusion_options(name).values()]


@dataclass
class Bench:
    """Fusions of the same blocks, fitted on the same training products, each once.

    Parameters
    ----------
    blocks
        Of all products.
    train
        Rows to learn from.
    lesson, target
        What is known of these rows, and which of it weights are learned from; None where nothing is.
    effort
        How many subsets and fusions are tried.
    notes
        What could not take part, and why.
    """

    blocks: Blocks
    train: Rows
    lesson: Lesson
    target: str | None = None
    seed: int = 0
    progress: Progress = silent
    effort: Effort = "usual"
    notes: list[str] = field(default_factory=list)
    _fitted: dict[tuple[str, Names], FittedFusion | None] = field(default_factory=dict)

    @property
    def names(self) -> Names:
        return tuple(sorted(self.blocks))

    def only(self, names: Names) -> dict[str, Any]:
        return {name: self.blocks[name] for name in names}

    def fitted(self, entry: Entry, names: Names) -> FittedFusion | None:
        """The fusion, learned from training rows; None, and a note, where these teach it nothing."""
        key = entry.label, names
        if key not in self._fitted:
            try:
                self._fitted[key] = self._fit(entry, names)
            except DataError as error:
                self._fitted[key] = None
                self.notes.append(f"{entry.label} of {called(names, self.names)} takes no part: {error.message}")
        return self._fitted[key]

    def _fit(self, entry: Entry, names: Names) -> FittedFusion:
        options = dict(entry.options)
        if entry.fusion == "additive":
            options["weights"] = dict.fromkeys(names, 1.0)
        if entry.fusion == "learned":
            options["target"] = self.target
        if entry.fusion == "weighted":
            options["weights"] = {name: options["weights"].get(name, 0.0) for name in names}
        known = {name: block.take(self.train) for name, block in self.only(names).items()}
        made = make_fusion(entry.fusion, **options)
        found = made.fit(known, lesson=self.lesson, seed=self.seed, progress=self.progress)
        if not getattr(found, "learned", True):
            raise DataError(str(getattr(found, "reason", "nothing was learned.")))
        return found

    def reference(self, *, crossing: bool) -> Entry:
        """The method that every subset is measured with: learned weights, or equal ones; CCA where modalities meet."""
        if crossing:
            return CCA
        return LEARNED if self.target is not None and self.fitted(LEARNED, self.names) is not None else ADDITIVE

    def fuse(self, entry: Entry, names: Names) -> Fuse | None:
        """A fusion as a function; one modality by itself is centred by the additive one, for all methods."""
        found = self.fitted(entry if len(names) > 1 else ADDITIVE, names)
        return None if found is None else found.fuse


Made: TypeAlias = Callable[[str, Names, Kind | None, Fuse], Case]


@dataclass(frozen=True)
class Way:
    """A method on some modalities; ``again`` makes its case on others, None where they do not support it."""

    names: Names
    named: Callable[[Names], str]
    again: Callable[[str, Names], Case | None]


@dataclass
class Field:
    """The cases of one goal; ``reference`` is how subsets are fused, ``fusions`` say of what fused cases are made."""

    reference: str
    every: Names
    cases: list[Case] = field(default_factory=list)
    fusions: dict[str, tuple[Entry, Names]] = field(default_factory=dict)
    ways: dict[str, Way] = field(default_factory=dict)

    def enter(self, way: Way, names: Names | None = None) -> Case | None:
        """Let a method take part, on its own modalities or on others; None where that cannot be."""
        chosen = way.names if names is None else names
        name = way.named(chosen)
        found = next((case for case in self.cases if case.name == name), None)
        if found is None and (found := way.again(name, chosen)) is not None:
            self.cases.append(found)
            self.ways[name] = Way(chosen, way.named, way.again)
        return found


def contest(bench: Bench, made: Made, entries: Sequence[Entry], *, crossing: bool, metric: str) -> Field:
    """Single modalities and subsets by the reference method; then every fusion of all, and of the best subset."""
    reference = bench.reference(crossing=crossing)
    found = Field(reference.label, bench.names)
    wanted = _subsets(bench.names, EVERY_SUBSET[bench.effort] + (not crossing))  # weights are learned sooner than CCA
    if len(wanted) < 2 ** len(bench.names) - 1:
        bench.notes.append(f"of {len(bench.names)} modalities, pairs and all but one are tried, not every subset")
    every_subset(
        bench.names, lambda names: found.enter(_way(bench, found, made, reference, names)) if names in wanted else None
    )
    for names in dict.fromkeys([bench.names, _best_subset(found.cases, bench.names, metric, bench.seed)]):
        stage = f"fuse {called(names, bench.names)}"
        for done, entry in enumerate(entries):
            bench.progress(stage, done, len(entries))
            if entry != reference:
                found.enter(_way(bench, found, made, entry, names))
        bench.progress(stage, len(entries), len(entries))
    return found


def without_ballast(found: Field, *, metric: str, seed: int) -> None:
    """Let the best method take part with ever fewer modalities, as long as it is not surely worse for it.

    So whatever does well with a modality that says nothing competes with itself without that one.
    """
    scores = {case.name: _validation(case, metric) for case in found.cases}
    current = best([case for case in found.cases if case.name in found.ways], scores) if found.ways else None
    while current is not None:
        way, rivals = found.ways[current.name], [current]
        for name in way.names if len(way.names) > 2 else ():
            fewer = found.enter(way, tuple(other for other in way.names if other != name))
            if fewer is not None:
                scores[fewer.name] = _validation(fewer, metric)
                rivals.append(fewer)
        chosen = simplest(rivals, scores, seed=seed)
        current = chosen if len(chosen.modalities) < len(current.modalities) else None


def _way(bench: Bench, found: Field, made: Made, entry: Entry, names: Names) -> Way:
    """A fusion; a network is not trained again for fewer modalities, it knows how to do without some."""
    subset = entry.label == found.reference

    def named(chosen: Names) -> str:
        words = called(chosen, bench.names)
        return words if subset else entry.label if chosen == bench.names else f"{entry.label} of {words}"

    def again(name: str, chosen: Names) -> Case | None:
        whole = names if entry.fusion in NETWORKS else chosen
        fuse = bench.fuse(entry, whole)
        if fuse is None:
            return None
        if len(chosen) > 1 and whole == chosen:
            found.fusions[name] = entry, chosen
        return made(name, chosen, None if subset else "fusion", fuse)

    return Way(names, named, again)


def _validation(case: Case, metric: str) -> NDArray[np.float64]:
    return np.asarray(case.values("validation")[metric], dtype=np.float64)


def called(names: Names, every: Names) -> str:
    """A set of modalities in few words."""
    absent = [name for name in every if name not in names]
    if len(every) > 3 and len(absent) < 2:
        return f"all but {absent[0]}" if absent else f"all {len(every)}"
    return " + ".join(names)


def _subsets(names: Names, most: int) -> set[Names]:
    sizes = range(1, len(names) + 1) if len(names) <= most else (1, 2, len(names) - 1, len(names))
    return {subset for size in sizes for subset in combinations(names, size)}


def _best_subset(cases: Sequence[Case], names: Names, metric: str, seed: int) -> Names:
    """By validation rows, of at least two modalities; all of them where there is no other."""
    several = [case for case in cases if len(case.modalities) > 1]
    if not several:
        return names
    scores = {case.name: _validation(case, metric) for case in several}
    return simplest(several, scores, seed=seed).modalities
