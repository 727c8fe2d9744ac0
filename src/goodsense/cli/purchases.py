"""What ``goodsense evaluate purchase`` prints and keeps."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING

from goodsense.cli.output import say, table

if TYPE_CHECKING:
    from goodsense.shop.purchases import Foretold, PurchaseEvaluation

SHOWN = ("accuracy", "precision", "recall", "f1", "auc")
HEADER = ["", "accuracy", "precision", "recall", "F1", "AUC", "of uniform", "of popular", "calibration"]


def keep(shop: Path, found: PurchaseEvaluation) -> Path:
    """Write the figures into the shop's reports; returns where."""
    path = shop / "reports" / "purchase.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(jsonlib.dumps(found.to_json(), ensure_ascii=False, indent=1), "utf-8")
    return path


def tell(found: PurchaseEvaluation, path: Path) -> None:
    """The table, the study beside it, and what to make of both."""
    from goodsense.shop.purchases import STUDY

    counts, settings = found.counts, found.settings
    say(
        f"{counts['users']:,} shoppers of two products or more bought {counts['purchases']:,} times among "
        f"{counts['products']:,} products; {counts['questions']:,} questions in {settings['folds']} folds of shoppers"
    )
    say(
        f"{', '.join(found.modalities)} by {found.fusion}; of products that were not bought {settings['popular']:.0%} "
        f"are drawn by popularity, the others from all; thresholds are chosen for {settings['threshold']}"
    )
    say()
    study = ["published study", f"{STUDY.accuracy:.3f}", "not given", f"{STUDY.recall:.3f}", f"{STUDY.f1:.3f}"]
    table([*(_line(method) for method in found.methods), [*study, "", "", "", ""]], header=HEADER)
    say("(mean over the folds, +- their standard deviation; of uniform, of popular: AUC against what was drawn so)")
    for name, count in found.parameters.items():
        layers = settings["layers"] if name == "transformer" else settings["recurrent_layers"]
        say(f"{name}: {layers} layers, {settings['width']} wide, {count:,} parameters")
    say()
    for verdict in found.verdicts:
        say(verdict)
    for line in (*STUDY.differences, *found.notes):
        say(f"note: {line}")
    say(f"report: {path}")


def _line(method: Foretold) -> list[str]:
    measured = [f"{method.mean(measure):.3f} +- {method.spread(measure):.3f}" for measure in SHOWN]
    apart = [f"{sum(values) / len(values):.3f}" for values in method.apart.values()]
    return [method.name, *measured, *apart, f"{method.mean('calibration_error'):.3f}"]
