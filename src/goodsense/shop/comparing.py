"""Two recipes of one shop beside each other: what differs, which answers better, and whether beyond noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from goodsense.errors import UsageError
from goodsense.evaluate.experiment import Comparison
from goodsense.evaluate.shadow import Shadow, shadow
from goodsense.progress import Progress, silent
from goodsense.shop.artefacts import current_build
from goodsense.shop.build import BuildReport
from goodsense.shop.carrying import Carried, carried_blocks, changed_blocks
from goodsense.shop.generations import Generation, Generations
from goodsense.shop.live import Live
from goodsense.shop.migrating import opened_build
from goodsense.shop.recipe import Recipe
from goodsense.shop.recipe_text import Difference, recipe_differences
from goodsense.shop.shop import Shop
from goodsense.shop.trial_queries import Answers, Asked, answers, like_queries, trial_queries
from goodsense.shop.worker import build_in_child
from goodsense.types import Query

EXAMPLES = 5
LEAST = 10  # queries with answers, below which nothing is said about better or worse


@dataclass(frozen=True)
class RecipeFile:
    """A recipe and the text that it was read from."""

    path: Path
    text: str
    recipe: Recipe

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a recipe file; errors as of :meth:`goodsense.shop.recipe.Recipe.load`."""
        recipe = Recipe.load(path)
        return cls(path, path.read_text("utf-8"), recipe)


@dataclass(frozen=True)
class Side:
    """One of two builds: where its recipe is from, what it holds, and what it costs.

    ``encoders`` say by block what made it and how long its vectors are; ``pending`` counts by block the products that
    changed after the build and have no vector there.
    """

    recipe: str
    build: str
    products: int
    seq: int
    encoders: dict[str, str]
    pending: dict[str, int]
    megabytes: float
    median_ms: float

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Compared:
    """Two recipes of one shop, ``a`` usually what serves, ``b`` what was built beside it.

    ``better`` is ``a``, ``b``, ``neither`` (no difference beyond noise), or ``unknown`` where nothing can be measured.
    ``examples`` are the queries whose answers changed most, with their rank-biased overlap.
    """

    a: Side
    b: Side
    differences: tuple[Difference, ...]
    changed: tuple[str, ...]  # blocks that both have, from different encoders
    source: str
    asked: Shadow | None
    alike: Shadow | None
    examples: tuple[tuple[str, float], ...]
    carried: tuple[Carried, ...]
    better: str
    verdict: str
    built: BuildReport
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"better": self.better, "verdict": self.verdict, "source": self.source}
        parts = {"a": self.a, "b": self.b, "asked": self.asked, "alike": self.alike, "built": self.built}
        found |= {name: None if part is None else part.to_json() for name, part in parts.items()}
        found["differences"] = [each.to_json() for each in self.differences]
        found["carried"] = [each.to_json() for each in self.carried]
        return {**found, "changed": list(self.changed), "examples": list(self.examples), "notes": list(self.notes)}


def compare_recipes(
    shop: Shop,
    b: RecipeFile,
    a: RecipeFile | None = None,
    *,
    queries: Path | None = None,
    qrels: Path | None = None,
    k: int = 10,
    carry: int = 0,
    download: bool = False,
    workers: int = 2,
    seed: int = 0,
    progress: Progress = silent,
) -> Compared:
    """Build ``b`` beside what serves and compare both; with ``a``, that recipe instead of the one that serves.

    Queries are those of the files, else the shop's judged ones, else titles of validation products. What serves goes on
    serving, with its engine: both builds are searched exactly. With ``carry``, ``b`` encodes so many inputs of each
    block anew, and the others are old vectors carried to its space, where that is good enough.

    Raises
    ------
    UsageError
        If both recipes are the same, ``b`` is what serves, or nothing serves and there is no ``a``.
    StorageError
        If a build of this shop is running.
    """
    directory = shop.directory
    serving = _serving(directory)
    against = a if a is None or serving is None or a.recipe != serving[1] else None  # what serves is built already
    old = against.recipe if against is not None else _recipe_that_serves(directory, serving)
    _check_different(b, old, serving)
    asked = trial_queries(shop, queries, qrels, seed=seed)
    if against is not None:
        build_in_child(
            directory,
            against.recipe,
            download=download,
            workers=workers,
            role="against",
            recipe_file=against.text,
            progress=progress,
        )
    built = build_in_child(
        directory,
        b.recipe,
        download=download,
        workers=workers,
        role="beside",
        recipe_file=b.text,
        carry=carry,
        progress=progress,
    )
    home = directory / "builds"
    before = serving[0] if against is None and serving is not None else home / _kept(directory, "against").build
    with opened_build(shop, before) as left, opened_build(shop, home / built.build) as right:
        named = (str(a.path) if a is not None else "what serves", str(b.path))
        return _compared(left, right, named, (old, b.recipe), asked, built, k=k, seed=seed, progress=progress)


def _compared(
    left: Live,
    right: Live,
    named: tuple[str, str],
    recipes: tuple[Recipe, Recipe],
    asked: Asked,
    built: BuildReport,
    *,
    k: int,
    seed: int,
    progress: Progress,
) -> Compared:
    found = [answers(live, asked.queries, stage=f"ask {side}", progress=progress) for side, live in _sides(left, right)]
    like = like_queries(_there(left) & _there(right), seed=seed)
    likes = [answers(live, like, stage=f"likes in {side}", progress=progress) for side, live in _sides(left, right)]
    asked_shadow = _shadow(found, asked, k=k, seed=seed)
    carried, notes = carried_blocks(left, right, asked, seed=seed)
    better, verdict = _verdict(asked, asked_shadow)
    changed = asked_shadow.most_changed if asked_shadow is not None else ()
    sides = [_side(live, name, told) for live, name, told in zip((left, right), named, found, strict=True)]
    return Compared(
        a=sides[0],
        b=sides[1],
        differences=recipe_differences(*recipes),
        changed=tuple(changed_blocks(left, right)),
        source=asked.source,
        asked=asked_shadow,
        alike=_shadow(likes, None, k=k, seed=seed),
        examples=tuple((_said(asked.queries[id]), agreement) for id, agreement in changed[:EXAMPLES]),
        carried=tuple(carried),
        better=better,
        verdict=verdict,
        built=built,
        notes=(*_notes(sides, asked, found), *notes),
    )


def _said(query: Query) -> str:
    """A query in a few words: its texts, and what else it has."""
    parts = [str(part.value) if part.kind in ("text", "like") else f"<{part.kind}>" for part in query.parts]
    return " + ".join(parts) or str(query.where)


def _there(live: Live) -> set[str]:
    """The products of today."""
    snapshot = live.snapshot
    return {snapshot.ids[row] for row in snapshot.rows_of(list(snapshot.ids)).tolist()}


def _sides(left: Live, right: Live) -> Iterator[tuple[str, Live]]:
    yield from (("A", left), ("B", right))


def _shadow(found: list[Answers], asked: Asked | None, *, k: int, seed: int) -> Shadow | None:
    """Both runs over the queries that both could read."""
    unreadable = found[0].unreadable | found[1].unreadable
    runs = [{id: hits for id, hits in one.run.items() if id not in unreadable} for one in found]
    if not runs[0]:
        return None
    qrels = None if asked is None else {id: own for id, own in asked.qrels.items() if id in runs[0]}
    return shadow(runs[0], runs[1], qrels=qrels or None, k=k, seed=seed)


def _verdict(asked: Asked, found: Shadow | None) -> tuple[str, str]:
    """Which is better, and whether beyond noise; the interval and the randomisation test must agree."""
    if found is None or not found.judged or found.judged[0].queries < LEAST:
        return "unknown", (
            f"Which is better cannot be said: {asked.source}, {LEAST} or more are needed. "
            "Judge some queries (goodsense judge), or give --queries and --qrels."
        )
    first = found.judged[0]
    if first.lower == first.upper == 0:
        return "neither", f"No query is answered better or worse: {figures(first)}. Prefer what is cheaper."
    if not beyond_noise(first):
        half = (first.upper - first.lower) / 2
        return "neither", (
            f"No difference beyond noise: {figures(first)}. Less than about {half:.3f} cannot be seen with so few "
            "queries; prefer what is cheaper, or judge more."
        )
    name, did = ("b", "better") if first.difference > 0 else ("a", "worse")
    return name, f"B is {did} than A, beyond noise: {figures(first)}."


def beyond_noise(found: Comparison) -> bool:
    """Whether the interval leaves 0 out and chance alone would seldom do as much."""
    return (found.lower > 0 or found.upper < 0) and found.p_randomisation < 1 - found.level


def figures(found: Comparison) -> str:
    """Both values and their difference with its interval."""
    return (
        f"{found.metric} {found.baseline:.3f} -> {found.candidate:.3f}, {found.difference:+.3f} "
        f"({found.level:.0%} interval {found.lower:+.3f} to {found.upper:+.3f}, {found.queries} queries)"
    )


def _side(live: Live, recipe: str, told: Answers) -> Side:
    encoders = {
        name: f"{spec['name']} ({live.base.blocks[name].dim})" for name, spec in live.base.meta["encoders"].items()
    }
    size = sum(path.stat().st_size for path in live.build.rglob("*") if path.is_file())
    return Side(
        recipe=recipe,
        build=live.build.name,
        products=len(live.base),
        seq=int(live.base.meta["seq"]),
        encoders=encoders,
        pending={name: count for name, count in live.overlays.pending.items() if count},
        megabytes=round(size / 2**20, 2),
        median_ms=told.median_ms,
    )


def _notes(sides: list[Side], asked: Asked, found: list[Answers]) -> Iterator[str]:
    for letter, side in zip("AB", sides, strict=True):
        if side.pending:
            counts = ", ".join(f"{count} {name}" for name, count in side.pending.items())
            yield f"{letter} was built before the catalog changed and lacks vectors ({counts}): build again to be fair"
    if asked.judged and asked.source.endswith("of the shop"):
        yield "both builds tuned their weights on these queries; give others (--queries, --qrels) to be strict"
    if lost := len(found[0].unreadable | found[1].unreadable):
        yield f"{lost} queries are left out: their files cannot be read any more"


def _serving(directory: Path) -> tuple[Path, Recipe] | None:
    live = current_build(directory)
    return None if live is None else (live, Recipe.load(live / "recipe.toml"))


def _recipe_that_serves(directory: Path, serving: tuple[Path, Recipe] | None) -> Recipe:
    if serving is None:
        raise UsageError(
            f"{directory} was not built yet, so there is nothing to compare with.",
            fix=f"Run: goodsense build {directory}, or give two recipes.",
        )
    return serving[1]


def _check_different(b: RecipeFile, old: Recipe, serving: tuple[Path, Recipe] | None) -> None:
    if b.recipe == old:
        raise UsageError("both recipes are the same: no setting differs.", fix="Change a setting in one of them.")
    if serving is not None and b.recipe == serving[1]:
        raise UsageError(
            f"{b.path} is the recipe of what serves, so no build is made beside it.",
            fix="Give it first, or alone the other one.",
        )


def _kept(directory: Path, role: str) -> Generation:
    found = getattr(Generations.read(directory), role)
    assert isinstance(found, Generation), f"no build {role}"
    return found
