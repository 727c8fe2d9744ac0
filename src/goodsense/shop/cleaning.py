"""Running a cleaning plan on the truth, and taking it back: each is one durable batch."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

from goodsense.catalog import Product
from goodsense.catalog.product import content_hash, dumps
from goodsense.errors import DataError, UsageError
from goodsense.progress import Progress, silent
from goodsense.quality.cleaning import Plan, fit_steps, trace_steps
from goodsense.shop.truth import Truth

_EXAMPLES = 3


@dataclass(frozen=True)
class Example:
    """One product before and after a plan; None where it is not there."""

    id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass
class CleanReport:
    """What a plan did (or would do): products changed, dropped and added, and how many each step touched.

    ``examples`` holds a few products per step; ``cleaning`` is the number by which it can be undone.
    """

    read: int = 0
    changed: int = 0
    dropped: int = 0
    added: int = 0
    steps: list[dict[str, Any]] = field(default_factory=list)
    examples: dict[int, list[Example]] = field(default_factory=dict)
    cleaning: int | None = None

    def to_json(self) -> dict[str, Any]:
        examples = {str(step): [vars(example) for example in found] for step, found in self.examples.items()}
        return {**vars(self), "examples": examples}


@dataclass(frozen=True)
class Undone:
    """What undoing a cleaning did; ``kept`` counts products that were changed again since and stay as they are."""

    cleaning: int
    restored: int
    kept: int


def clean(truth: Truth, plan: Plan, *, dry_run: bool = False, progress: Progress = silent) -> CleanReport:
    """Run the steps of a plan over the whole catalog; all of it or, when interrupted, nothing.

    The rows as they were are kept beside it for :func:`undo`.

    Raises
    ------
    DataError
        If a step makes an id that another product has, or the catalog was changed meanwhile.
    """
    steps = [
        {"do": step.do, "field": getattr(step, "field", ""), "why": step.why, "products": 0} for step in plan.steps
    ]
    report = CleanReport(steps=steps)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass") as spool:
        with truth.snapshot() as seq:
            _work_out(truth, plan, report, spool, progress)
        if not dry_run and report.changed + report.dropped + report.added:
            spool.seek(0)
            report.cleaning = _write(truth, plan, seq, map(json.loads, spool), progress)
    return report


def _work_out(truth: Truth, plan: Plan, report: CleanReport, spool: IO[str], progress: Progress) -> None:
    """Write every row that changes to the spool: ``[id, after or null, step numbers]``."""
    total = len(truth)
    transforms = fit_steps(plan.steps, lambda: _watched(truth, total, progress))
    touched: Counter[int] = Counter()
    made: dict[str, str] = {}  # ids that are new, and what they were made from
    for product in truth.products():
        report.read += 1
        results = trace_steps(transforms, product)
        steps = sorted({place for _, places in results for place in places})
        kept = next((result for result, _ in results if result.id == product.id), None)
        if not results:
            steps = _dropping(plan, transforms, product)
        if kept != product:
            spool.write(json.dumps([product.id, None if kept is None else dumps(kept), steps]) + "\n")
            report.changed += kept is not None
            report.dropped += kept is None
            _note(report, steps, product.id, product, kept)
        for result, _ in results:
            if result.id != product.id:
                _check_new(truth, made, product.id, result.id)
                spool.write(json.dumps([result.id, dumps(result), steps]) + "\n")
                report.added += 1
                _note(report, steps, result.id, None, result)
        touched.update(steps)
        if report.read % 1000 == 0:
            progress("clean", report.read, total)
    progress("clean", report.read, total)
    for place, step in enumerate(report.steps):
        step["products"] = touched[place]


def _watched(truth: Truth, total: int, progress: Progress) -> Iterator[Product]:
    for place, product in enumerate(truth.products(), 1):
        if place % 1000 == 0 or place == total:
            progress("look at peers", place, total)
        yield product


def _dropping(plan: Plan, transforms: list[Any], product: Product) -> list[int]:
    """The step after which nothing was left of a product."""
    for place in range(len(plan.steps)):
        if not trace_steps(transforms[: place + 1], product):
            return [place]
    return []


def _note(report: CleanReport, steps: Iterable[int], id: str, before: Product | None, after: Product | None) -> None:
    """Keep a few examples per step, with the fields that differ only."""
    for place in steps:
        examples = report.examples.setdefault(place, [])
        if len(examples) < _EXAMPLES:
            then, now = (json.loads(dumps(side)) if side is not None else {} for side in (before, after))
            keys = [key for key in dict.fromkeys((*then, *now)) if then.get(key) != now.get(key)]
            sides = [
                {key: side[key] for key in keys if key in side} if there is not None else None
                for side, there in ((then, before), (now, after))
            ]
            examples.append(Example(id, *sides))


def _check_new(truth: Truth, made: dict[str, str], source: str, id: str) -> None:
    if id in made or truth.get([id]):
        other = f"the new one of {made[id]!r}" if id in made else "another product"
        raise DataError(
            f"the product {source!r} would become a product {id!r}, but {other} has that id.",
            fix="Leave it out of the step, or give its variants other SKUs.",
        )
    made[id] = source


def _write(truth: Truth, plan: Plan, seq: int, changes: Iterable[list[Any]], progress: Progress) -> int:
    """One batch: the changed rows, and for each the row as it was and the hash of what it became."""
    with truth.batch() as db:
        if truth.seq != seq:
            raise DataError(
                "the catalog was changed while the plan was worked out; nothing was cleaned.",
                fix="Run the same command again.",
            )
        new = truth.next_seq()
        row = db.execute(
            "INSERT INTO cleanings (seq, plan, applied) VALUES (?, ?, ?) RETURNING id",
            (new, plan.to_toml(), datetime.now(UTC).isoformat(timespec="seconds")),
        )
        cleaning = int(row.fetchone()[0])
        for place, (id, after, steps) in enumerate(changes, 1):
            found = db.execute("SELECT doc FROM products WHERE id = ?", (id,)).fetchone()
            digest = None if after is None else content_hash(after)
            names = json.dumps([plan.steps[step].do for step in steps])
            db.execute("INSERT INTO cleaned VALUES (?, ?, ?, ?, ?)", (cleaning, id, found and found[0], digest, names))
            put_document(db, id, after, new)
            if place % 1000 == 0:
                progress("write", place, None)
    return cleaning


def put_document(db: sqlite3.Connection, id: str, document: str | None, seq: int) -> None:
    """Write one product's document inside a batch, or delete the product where it is None."""
    if document is None:
        db.execute("DELETE FROM products WHERE id = ?", (id,))
        db.execute("INSERT OR REPLACE INTO tombstones VALUES (?, ?)", (id, seq))
        return
    db.execute("INSERT OR REPLACE INTO products VALUES (?, ?, ?, ?)", (id, seq, content_hash(document), document))
    db.execute("DELETE FROM tombstones WHERE id = ?", (id,))


def undo(truth: Truth, cleaning: int | None = None) -> Undone:
    """Bring the rows back that a cleaning (the last one that is not undone yet) changed.

    A product that was changed again since, by a feed or a later cleaning, stays as it is and is counted.

    Raises
    ------
    UsageError
        If there is no such cleaning, or it was undone already.
    """
    with truth.batch() as db:
        number = _which(db, cleaning)
        new = truth.next_seq()
        restored = kept = 0
        rows = db.execute("SELECT id, before, after FROM cleaned WHERE cleaning = ?", (number,)).fetchall()
        for id, before, after in rows:
            now = db.execute("SELECT hash FROM products WHERE id = ?", (id,)).fetchone()
            if (now and now[0]) != after:
                kept += 1
                continue
            put_document(db, id, before, new)
            restored += 1
        when = datetime.now(UTC).isoformat(timespec="seconds")
        db.execute("UPDATE cleanings SET undone = ? WHERE id = ?", (when, number))
    return Undone(number, restored, kept)


def _which(db: sqlite3.Connection, cleaning: int | None) -> int:
    known = db.execute("SELECT id, undone FROM cleanings ORDER BY id").fetchall()
    open_ones = [id for id, undone in known if undone is None]
    if cleaning is None and open_ones:
        return int(open_ones[-1])
    if cleaning in open_ones:
        return int(cleaning)  # type: ignore[arg-type]
    if not open_ones:
        raise UsageError("there is no cleaning to undo.", fix="See what was done: goodsense clean SHOP --list")
    listed = ", ".join(map(str, open_ones))
    raise UsageError(f"cleaning {cleaning} is not there or was undone already.", fix=f"Those that can be: {listed}.")


def history(truth: Truth) -> list[dict[str, Any]]:
    """The cleanings of a shop, oldest first: number, time, steps, products, whether undone."""
    rows = truth.rows(
        "SELECT c.id, c.applied, c.undone, c.plan, count(d.id) FROM cleanings c LEFT JOIN cleaned d "
        "ON d.cleaning = c.id GROUP BY c.id ORDER BY c.id"
    )
    return [
        {
            "cleaning": id,
            "applied": applied,
            "undone": undone,
            "steps": [step.do for step in Plan.parse(plan).steps],
            "products": count,
        }
        for id, applied, undone, plan, count in rows
    ]
