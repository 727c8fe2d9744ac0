"""Labels that people give: kept with who gave them and why, shared out, agreed on, and written into the catalog."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeAlias

from goodsense.catalog import Product
from goodsense.errors import DataError, UsageError
from goodsense.quality.cleaning import Plan, value_of
from goodsense.quality.cleaning.fields import PREFIX, check_field
from goodsense.quality.cleaning.values import Set
from goodsense.shop.truth import Truth
from goodsense.tables import Reject, Rejects, match_columns, read_header, read_rows, sniff, write_table
from goodsense.understand.suggest import Mentions, Suggester, Suggestion, WordModel

AUDIT = "audit"
How: TypeAlias = Literal["none", "rules", "model"]
LABEL_ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("product_id", "id", "item_id", "商品id", "商品编号"),
    "value": ("value", "label", "answer", "标签", "标注", "值"),
    "annotator": ("annotator", "worker", "worker_id", "user", "rater", "标注员", "标注人"),
    "confidence": ("confidence", "置信度"),
}
_COLUMNS = ("product_id", "title", "brand", "category", "description", "image", "field", "suggestion", "value")


@dataclass(frozen=True, slots=True)
class Label:
    """One value of one field of one product as one annotator sees it.

    ``source`` keeps the provenance: ``human``, ``human, suggested by model``, ``audit``, or the file it came from.
    """

    product: str
    field: str
    annotator: str
    value: str
    source: str = "human"
    confidence: float | None = None
    time: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def add_labels(truth: Truth, labels: Iterable[Label]) -> int:
    """Keep labels; one annotator's later label of the same field replaces the earlier one. Durable on return."""
    given = list(labels)
    if not given:
        return 0
    with truth.batch() as db:
        seq = truth.next_seq()
        db.executemany(
            "INSERT OR REPLACE INTO labels (product_id, field, annotator, seq, value, source, confidence, time) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (x.product, x.field, x.annotator, seq, x.value, x.source, x.confidence, x.time or time.time())
                for x in given
            ],
        )
    return len(given)


def forget_label(truth: Truth, product: str, field: str, annotator: str) -> None:
    """Take one label back."""
    with truth.batch() as db:
        truth.next_seq()
        db.execute(
            "DELETE FROM labels WHERE product_id = ? AND field = ? AND annotator = ?", (product, field, annotator)
        )


def read_labels(truth: Truth, field: str | None = None) -> list[Label]:
    """Every label, or those of one field, by field, product and annotator."""
    rows = truth.rows(
        "SELECT product_id, field, annotator, value, source, confidence, time FROM labels "
        "WHERE ? IS NULL OR field = ? ORDER BY field, product_id, annotator",
        (field, field),
    )
    return [Label(*row) for row in rows]


def by_product(labels: Iterable[Label]) -> dict[str, dict[str, str]]:
    """Product to annotator to value, as agreement is measured."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for label in labels:
        found[label.product][label.annotator] = label.value
    return dict(found)


def consensus(labels: Iterable[Label]) -> dict[str, str]:
    """The value that most annotators gave; products on which they are evenly split are left out, audits too."""
    found: dict[str, str] = {}
    for product, given in by_product(label for label in labels if label.source != AUDIT).items():
        (value, most), *others = Counter(given.values()).most_common(2)
        if value and not (others and others[0][1] == most):
            found[product] = value
    return found


def plan_labels(truth: Truth, field: str) -> Plan:
    """A cleaning plan that writes the consensus into the catalog; as any cleaning it can be undone."""
    values = consensus(read_labels(truth, field))
    if not values:
        raise UsageError(f"{field} has no labels that agree.", fix="Label some: goodsense label SHOP FIELD")
    return Plan.of([Set(field=field, values=dict(values), why=f"labels of {len(values)} products")])


# ---- what to ask


def field_name(field: str) -> str:
    """The full name of a field: a bare name that is no field of its own means the attribute."""
    try:
        return check_field(field)
    except ValueError:
        return check_field(f"{PREFIX}{field}")


def sample(truth: Truth, size: int, *, seed: int = 0, where_missing: str = "", where_filled: str = "") -> list[str]:
    """A random sample of product ids that stays the same as long as the catalog does (ordered by a seeded hash).

    ``where_missing`` and ``where_filled`` name a field that must be missing or filled.
    """
    field = where_missing or where_filled
    wanted = [
        product.id
        for product in truth.products()
        if not field or (value_of(product, field) is None) == bool(where_missing)
    ]
    return sorted(wanted, key=lambda id: _draw(id, seed))[:size]


def _draw(id: str, seed: int) -> bytes:
    return blake2b(id.encode(), digest_size=8, key=seed.to_bytes(8, "big")).digest()


def values_of(truth: Truth, field: str, *, limit: int = 1000) -> list[str]:
    """The values that products and labels have in a field, most frequent first."""
    counts: Counter[str] = Counter(label.value for label in read_labels(truth, field) if label.source != AUDIT)
    for product in truth.products():
        counts.update(_spoken(value_of(product, field)))
    return [value for value, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]]


def _spoken(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, tuple):
        return (value[-1],) if value else ()
    return (f"{value:g}",) if isinstance(value, float) else (str(value),)


def suggestions(truth: Truth, ids: Sequence[str], field: str, how: How) -> dict[str, Suggestion | None]:
    """What a rule or a model proposes for these products; the model learns from labels, else from the catalog.

    Raises
    ------
    DataError
        If a model has too little to learn from.
    """
    if how == "none":
        return dict.fromkeys(ids)
    suggester: Suggester
    if how == "rules":
        suggester = Mentions(values_of(truth, field), field)
    else:
        known = _known_values(truth, field, without=frozenset(ids))
        suggester = WordModel.fit(list(_products(truth, known)), known, field)
    asked = truth.get(ids)
    products = [asked[id] for id in ids if id in asked]
    return dict(zip((product.id for product in products), suggester.suggest(products), strict=True))


def _known_values(truth: Truth, field: str, *, without: frozenset[str], limit: int = 20_000) -> dict[str, str]:
    known: dict[str, str] = {}
    for product in truth.products():
        if len(known) < limit and product.id not in without and (spoken := _spoken(value_of(product, field))):
            known[product.id] = spoken[0]
    return known | consensus(read_labels(truth, field))


def _products(truth: Truth, ids: Iterable[str]) -> Iterator[Product]:
    yield from truth.get(ids).values()


# ---- to crowd workers and back


def write_tasks(
    truth: Truth,
    ids: Sequence[str],
    field: str,
    path: Path,
    proposed: Mapping[str, Suggestion | None],
    *,
    raw: bool = False,
) -> int:
    """Write products to label as CSV, one row each; workers fill the column ``value`` in."""
    products = truth.get(ids)
    rows = (_task(products[id], field, proposed.get(id)) for id in ids if id in products)
    return write_table(path, _COLUMNS, rows, raw=raw)


def _task(product: Product, field: str, proposed: Suggestion | None) -> dict[str, str]:
    return {
        "product_id": product.id,
        "title": product.title,
        "brand": product.brand,
        "category": " > ".join(product.category),
        "description": product.description[:500],
        "image": product.images[0].uri if product.images else "",
        "field": field,
        "suggestion": proposed.value if proposed else "",
        "value": "",
    }


def read_tasks(path: Path, field: str, *, annotator: str, rejects: Rejects, known: Iterable[str]) -> Iterator[Label]:
    """Labels that came back in a table; rows without a product or value of it are rejected.

    Raises
    ------
    DataError
        If the file cannot be read or lacks the columns ``product_id`` and ``value``.
    """
    sniffed = sniff(path)
    header = read_header(path, sniffed)
    columns = match_columns(header.names, aliases=LABEL_ALIASES, many=frozenset()).fields
    _check_columns(path, columns, header.names)
    ids = frozenset(known)
    names = {name: columns[name][0] for name in columns}
    for row in read_rows(path, sniffed, rejects):
        cells = {name: str(row.values.get(column) or "").strip() for name, column in names.items()}
        problem = _problem(cells, ids)
        if problem is not None:
            column, reason, fix = problem
            rejects.add(Reject(str(path), row.number, names[column], cells[column], reason, fix, row.values))
            continue
        yield Label(cells["id"], field, cells.get("annotator") or annotator, cells["value"], source=path.name)


def _check_columns(path: Path, columns: Mapping[str, Sequence[str]], header: Sequence[str]) -> None:
    for name in ("id", "value"):
        if name not in columns:
            raise DataError(
                f"{path}: no column is called {LABEL_ALIASES[name][0]!r}; the file has: {', '.join(header)[:500]}.",
                fix="Name the column of the product and that of the label product_id and value.",
            )


def _problem(cells: Mapping[str, str], ids: frozenset[str]) -> tuple[str, str, str] | None:
    if cells["id"] not in ids:
        return "id", "no product of the shop has this id", "Keep the ids as they were exported."
    if not cells["value"]:
        return "value", "the label is empty", "Write a value, or delete the row."
    return None
