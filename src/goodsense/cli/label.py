"""``goodsense label``: give products of a sample a value for one field, key by key."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from goodsense.cli.output import emit, say
from goodsense.errors import UsageError

if TYPE_CHECKING:
    from goodsense.catalog import Product
    from goodsense.shop import Shop
    from goodsense.understand.suggest import Suggestion

_SHOWN = 9  # values that have a key of their own
_HELP = "1-9 choose, Enter accept, / type a value, s skip, u undo, q quit (what is labelled stays)"


def label(
    shop: Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")],
    field: Annotated[str, typer.Argument(metavar="FIELD", help="brand, category, attribute.colour ...")],
    size: Annotated[int, typer.Option("--sample", min=1, help="How many products.")] = 50,
    annotator: Annotated[str, typer.Option(help="Your name; each annotator has labels of their own.")] = "",
    suggest: Annotated[
        Literal["none", "rules", "model"], typer.Option(help="Propose a value and ask about the least certain first.")
    ] = "none",
    values: Annotated[str, typer.Option(metavar="A,B,C", help="The values to choose from; else those in use.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Also products that have a value already.")] = False,
    audit: Annotated[bool, typer.Option("--audit", help="Ask whether values are right; tells the error rate.")] = False,
    agreement: Annotated[bool, typer.Option("--agreement", help="Show how far annotators agree.")] = False,
    export: Annotated[Path | None, typer.Option("--export", metavar="FILE.csv", help="Write tasks for others.")] = None,
    back: Annotated[Path | None, typer.Option("--import", metavar="FILE", help="Read labels that came back.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write what annotators agree on into the catalog.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws another sample.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Label one field of a sample of products, audit it, share the work out, and see whether people agree."""
    from goodsense.shop import Shop
    from goodsense.shop.labels import field_name

    modes = {"audit": audit, "agreement": agreement, "export": export, "import": back, "apply": apply}
    if sum(map(bool, modes.values())) > 1:
        raise UsageError("label does one thing at a time.", fix=f"Give one of --{', --'.join(modes)}, or none.")
    field = field_name(field)
    name = annotator or getpass.getuser()
    with Shop.open(shop) as opened:
        if agreement:
            return _agreement(opened, field, as_json=json)
        if apply:
            return _apply(opened, shop, field, as_json=json)
        if back is not None:
            return _import(opened, back, field, name, as_json=json)
        draw = _Draw(size, seed, every)
        if export is not None:
            return _export(opened, export, field, draw, suggest, as_json=json)
        if audit:
            return _audit(opened, field, name, draw, as_json=json)
        return _ask(opened, field, name, draw, suggest, _split(values), as_json=json)


@dataclass(frozen=True)
class _Draw:
    """Which products are asked about."""

    size: int
    seed: int
    every: bool

    def ids(self, opened: Shop, field: str) -> list[str]:
        from goodsense.shop.labels import sample

        return sample(opened.truth, self.size, seed=self.seed, where_missing="" if self.every else field)


def _split(values: str) -> list[str]:
    return [value.strip() for value in values.replace("，", ",").split(",") if value.strip()]


# ---- asking


def keys() -> Iterator[str]:
    """Answers as they are given: single keys on a terminal (a typed value after ``/``), else lines of the input."""
    if not sys.stdin.isatty():
        for line in sys.stdin:
            yield line.rstrip("\r\n")
        return
    while True:
        try:
            key = typer.getchar()
        except (EOFError, KeyboardInterrupt):
            return
        if key == "/":
            yield "/" + input("value: ")
        else:
            yield "" if key in "\r\n" else key


def _ask(
    opened: Shop,
    field: str,
    annotator: str,
    draw: _Draw,
    how: Literal["none", "rules", "model"],
    values: list[str],
    *,
    as_json: bool,
) -> None:
    from goodsense.shop.labels import read_labels, suggestions, values_of
    from goodsense.understand.suggest import least_certain

    ids = draw.ids(opened, field)
    done = {label.product for label in read_labels(opened.truth, field) if label.annotator == annotator}
    proposed = suggestions(opened.truth, ids, field, how)
    order = [id for id in (least_certain(proposed) if how != "none" else ids) if id not in done]
    if not as_json:
        say(f"{field}: {len(order)} products to label, {len(ids) - len(order)} done already. {_HELP}")
    choices = values or values_of(opened.truth, field)
    given = _Session(opened, field, annotator, choices, proposed, quiet=as_json).run(order)
    left = len(order) - given
    said = (
        f"{given} labelled, {left} left; the same command goes on. Agreement: goodsense label SHOP {field} --agreement"
    )
    emit({"field": field, "labelled": given, "left": left}, as_json=as_json, text=lambda: say(said))


@dataclass(frozen=True)
class _Session:
    """One annotator at work on one field; every answer is kept at once."""

    opened: Shop
    field: str
    annotator: str
    choices: Sequence[str]
    proposed: Mapping[str, Suggestion | None]
    quiet: bool

    def run(self, order: Sequence[str]) -> int:
        """Ask about these products until the answers end; returns how many were labelled."""
        from goodsense.shop.labels import forget_label

        products = self.opened.truth.get(order)
        answers = keys()
        labelled: list[int] = []
        place = 0
        while place < len(order):
            id = order[place]
            if not self.quiet:
                _show(products[id], place, len(order), self.proposed.get(id), self.choices)
            answer = next(answers, "q")
            if answer == "q":
                break
            if answer == "u" and labelled:
                place = labelled.pop()
                forget_label(self.opened.truth, order[place], self.field, self.annotator)
            elif self._take(id, answer):
                labelled.append(place)
                place += 1
            elif answer == "s":
                place += 1
            elif not self.quiet:
                say(f"  {answer!r} is none of: {_HELP}")
        return len(labelled)

    def _take(self, id: str, answer: str) -> bool:
        """Keep the value that an answer means; False if it means none."""
        from goodsense.shop.labels import Label, add_labels

        suggestion = self.proposed.get(id)
        value = _value(answer, self.choices, suggestion)
        if value is None:
            return False
        source = f"human, suggested by {suggestion.source}" if suggestion else "human"
        confidence = suggestion.confidence if suggestion else None
        add_labels(self.opened.truth, [Label(id, self.field, self.annotator, value, source, confidence)])
        return True


def _value(answer: str, choices: Sequence[str], suggestion: Suggestion | None) -> str | None:
    """The value that an answer means; None if it means none."""
    if answer == "":
        return suggestion.value if suggestion else None
    if answer.isdecimal() and answer.isascii() and 1 <= int(answer) <= min(len(choices), _SHOWN):
        return choices[int(answer) - 1]
    if answer.startswith("/"):
        return answer[1:].strip() or None
    return answer if answer in choices else None


def _show(product: Product, place: int, total: int, suggestion: Suggestion | None, choices: Sequence[str]) -> None:
    say()
    say(f"[{place + 1}/{total}] {product.id}  {product.title or '(no title)'}")
    facts = [product.brand, " > ".join(product.category), *(f"{k}: {v}" for k, v in product.attributes.items())]
    say(f"    {' | '.join(filter(None, facts))[:300]}")
    if product.description:
        say(f"    {' '.join(product.description.split())[:300]}")
    if product.images:
        say(f"    picture: {product.images[0].uri}")
    if suggestion is not None:
        say(f"    Enter: {suggestion.value}  ({suggestion.source}, {suggestion.confidence:.0%} sure)")
    say("    " + "  ".join(f"{key}: {value}" for key, value in enumerate(choices[:_SHOWN], 1)))


# ---- audit


def _audit(opened: Shop, field: str, annotator: str, draw: _Draw, *, as_json: bool) -> None:
    """Ask of a random sample whether the value is right; y, n, or / and the right value."""
    from goodsense.evaluate import error_rate
    from goodsense.quality.cleaning import value_of
    from goodsense.shop.labels import AUDIT, Label, add_labels, read_labels, sample

    annotator = f"{annotator} (audit)"  # an audit is no label: it does not replace one
    ids = sample(opened.truth, draw.size, seed=draw.seed, where_filled=field)
    verdicts = {
        label.product: label.value for label in read_labels(opened.truth, field) if label.annotator == annotator
    }
    products = opened.truth.get(ids)
    answers = keys()
    for place, id in enumerate(ids):
        if id in verdicts:
            continue
        now = _text(value_of(products[id], field))
        if not as_json:
            _show(products[id], place, len(ids), None, ())
            say(f"    is {field} = {now!r} right?  y yes, n no, / the right value, s skip, q quit")
        verdict = _verdict(answers, now)
        if verdict == "q":
            break
        if verdict:
            verdicts[id] = verdict.removeprefix("=")
            add_labels(opened.truth, [Label(id, field, annotator, verdicts[id], AUDIT)])
    wrong = sum(verdicts[id] != _text(value_of(products[id], field)) for id in ids if id in verdicts)
    asked = sum(id in verdicts for id in ids)
    if not asked:
        raise UsageError(f"nothing was audited of {field}.", fix="Answer y or n for at least one product.")
    rate = error_rate(wrong, asked)
    said = (
        f"{field}: {wrong} of {asked} wrong, {rate.rate:.1%}; with 95 % confidence between {rate.lower:.1%} and "
        f"{rate.upper:.1%}."
    )
    emit({"field": field, **rate.to_json()}, as_json=as_json, text=lambda: say(said))


def _verdict(answers: Iterator[str], now: str) -> str:
    """``=VALUE`` as it is or as it should be, "?" alone for wrong, "q" to quit, "" to skip."""
    answer = next(answers, "q")
    if answer == "y":
        return f"={now}"
    if answer == "n":
        return "=?"
    if answer.startswith("/") and answer[1:].strip():
        return f"={answer[1:].strip()}"
    return "q" if answer == "q" else ""


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return " > ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


# ---- the other modes


def _agreement(opened: Shop, field: str, *, as_json: bool) -> None:
    from goodsense.evaluate import agreement
    from goodsense.shop.labels import AUDIT, by_product, read_labels

    labels = [label for label in read_labels(opened.truth, field) if label.source != AUDIT]
    found = agreement(by_product(labels))
    counts: dict[str, int] = {}
    for item in labels:
        counts[item.annotator] = counts.get(item.annotator, 0) + 1

    def tell() -> None:
        say(f"{field}: {len(labels)} labels, by annotator: {_listed(counts)}.")
        if found.share is None:
            say("No product was labelled by two people yet; agreement needs that.")
            return
        alpha = "not defined (only one value)" if found.alpha is None else f"{found.alpha:.3f}"
        say(f"{found.items} products by two or more: {found.share:.1%} of pairs agree, Krippendorff's alpha {alpha}.")
        for a, b, n, kappa in found.pairs:
            say(f"  {a} and {b}: {n} in common, kappa {'-' if kappa is None else format(kappa, '.3f')}")
        for a, b, count in found.confused:
            say(f"  {count} x {a!r} against {b!r}")

    emit({"field": field, "labels": counts, **found.to_json()}, as_json=as_json, text=tell)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def _apply(opened: Shop, shop: Path, field: str, *, as_json: bool) -> None:
    from goodsense.shop.cleaning import clean
    from goodsense.shop.labels import plan_labels

    report = clean(opened.truth, plan_labels(opened.truth, field))
    said = f"{report.changed} products have their label in {field} now."
    if report.cleaning is not None:
        said += f" Taken back by: goodsense clean {shop} --undo --cleaning {report.cleaning}"
    found = {"field": field, "changed": report.changed, "cleaning": report.cleaning}
    emit(found, as_json=as_json, text=lambda: say(said))


def _export(
    opened: Shop, path: Path, field: str, draw: _Draw, how: Literal["none", "rules", "model"], *, as_json: bool
) -> None:
    from goodsense.shop.labels import suggestions, write_tasks
    from goodsense.understand.suggest import least_certain

    ids = draw.ids(opened, field)
    proposed = suggestions(opened.truth, ids, field, how)
    order = least_certain(proposed) if how != "none" else ids
    count = write_tasks(opened.truth, order, field, path, proposed)
    said = f"{count} products -> {path}. Filled in, they come back by: goodsense label SHOP {field} --import FILE"
    emit({"field": field, "products": count, "file": str(path)}, as_json=as_json, text=lambda: say(said))


def _import(opened: Shop, path: Path, field: str, annotator: str, *, as_json: bool) -> None:
    from goodsense.shop.labels import add_labels, read_tasks
    from goodsense.tables import Rejects

    kept = opened.directory / "rejected-labels.jsonl"
    known = (id for (id,) in opened.truth.rows("SELECT id FROM products"))
    with Rejects(kept) as rejects:
        count = add_labels(opened.truth, read_tasks(path, field, annotator=annotator, rejects=rejects, known=known))
        rejected = len(rejects)
    said = f"{count} labels of {field} read." + (f" {rejected} rows rejected: {kept}" if rejected else "")
    found = {"field": field, "labels": count, "rejected": rejected}
    emit(found, as_json=as_json, text=lambda: say(said))
