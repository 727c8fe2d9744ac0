"""Pictures: what they say is in them, whatever the labels hold, and nothing global changes."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from goodsense.errors import UsageError
from goodsense.evaluate import RankingReport, classification_report, evaluate_run
from goodsense.evaluate.lettering import Lettering, columns, installed_lettering
from goodsense.evaluate.plots import confusion_figure, ranking_figure, regression_figure, save_figure


def _report(seed: int) -> RankingReport:
    rng = np.random.default_rng(seed)
    ids = [f"d{n}" for n in range(30)]
    run = {f"q{q}": list(zip(ids, rng.random(30).tolist(), strict=True)) for q in range(25)}
    return evaluate_run(run, {query: {f"d{rng.integers(30)}": 1} for query in run})


def _said(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def _inside(figure: Figure) -> None:
    """Everything drawn stands inside the picture, in inches."""
    figure.canvas.draw()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 >= -0.02
    assert box.y0 >= -0.02
    assert box.x1 <= width + 0.02
    assert box.y1 <= height + 0.02


def test_ranking_of_one_and_of_several(tmp_path: Path) -> None:
    one, other = _report(0), _report(1)
    figure = ranking_figure({"bm25": one})
    assert f"{one.metrics['ndcg@10']:.3f}" in _said(figure)
    assert "25 queries" in _said(figure)
    _inside(figure)
    both = ranking_figure({"bm25": one, "融合 $x_1$": other})
    assert "$x_1$" in _said(both)
    _inside(both)
    save_figure(both, tmp_path / "ranking.png")
    with Image.open(tmp_path / "ranking.png") as picture:
        assert picture.width > 1000
        assert len(set(picture.convert("L").tobytes())) > 20  # not a blank page
    with pytest.raises(UsageError, match="0 reports"):
        ranking_figure({})
    with pytest.raises(UsageError, match="ndcg@7"):
        ranking_figure({"bm25": one}, metrics=["ndcg@7"])


@pytest.mark.parametrize("classes", [2, 12, 100])
def test_confusion_of_any_size(classes: int) -> None:
    names = [f"类别 {n:03d} with a long name of its own" for n in range(classes)]
    truth = names * 3
    predicted = names * 2 + names[1:] + names[:1]
    figure = confusion_figure(classification_report(truth, predicted))
    assert "accuracy 0.667" in _said(figure)
    assert "33%" in _said(figure)
    _inside(figure)


def test_confusion_of_very_many_classes_draws_the_largest() -> None:
    truth = [f"c{n}" for n in range(130) for _ in range(1 + (n < 100))]
    figure = confusion_figure(classification_report(truth, truth))
    assert "100 of 130 classes drawn" in _said(figure)
    assert "c99" in _said(figure)
    assert "c129" not in _said(figure)
    assert "nothing was confused" in _said(figure)


def test_regression() -> None:
    rng = np.random.default_rng(0)
    truth = np.exp(rng.normal(3, 2, 300))
    figure = regression_figure(truth, truth * 1.1, quantity="价格 $")
    assert "over 300 rows" in _said(figure)
    assert figure.axes[0].get_xscale() == "log"
    _inside(figure)
    flat = regression_figure([1.0, 1.0], [1.0, 1.0])
    assert flat.axes[0].get_xscale() == "linear"
    _inside(flat)


def test_saving(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save_figure(regression_figure([1.0, 2.0, 3.0], [1.1, 2.0, 2.5]), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    save_figure(regression_figure([1.0, 2.0], [1.0, 2.5]), tmp_path / "c.svg")
    assert "<svg" in (tmp_path / "c.svg").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match=r"\.gif"):
        save_figure(regression_figure([1.0, 2.0], [1.0, 2.5]), tmp_path / "d.gif")


def test_nothing_global_changes() -> None:
    before, had_pyplot = dict(mpl.rcParams), "matplotlib.pyplot" in sys.modules
    ranking_figure({"a": _report(0)})
    assert dict(mpl.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot


def test_labels_are_legible_with_and_without_a_chinese_font() -> None:
    plain = Lettering(("DejaVu Sans",), frozenset(range(32, 127)))
    chinese = Lettering(("DejaVu Sans", "Noto Sans CJK SC"), plain.characters | {ord(char) for char in "红色连衣裙"})
    assert plain.legible("红 dress") == "\\u7ea2 dress"
    assert chinese.legible("红 dress") == "红 dress"
    assert plain.legible("\U0001f45f") == "\\U0001f45f"
    assert chinese.legible("a\tb\n\u0000c") == "a b c"
    assert chinese.legible("红色连衣裙", width=10) == "红色连衣裙"
    assert chinese.legible("红色连衣裙", width=9) == "红色连衣…"
    assert plain.legible("红色", width=10) == "\\u7ea2…"  # an escape is never cut in two
    assert columns("红a") == 3
    assert installed_lettering().families[0] == "DejaVu Sans"


def test_a_font_installed_after_matplotlib_wrote_its_list_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import font_manager

    known = list(font_manager.fontManager.ttflist)
    path = next(entry.fname for entry in known if entry.name == "DejaVu Serif")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [e for e in known if e.name == "DejaVu Sans"])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [path])
    monkeypatch.setattr("goodsense.evaluate.lettering._CJK_FONTS", ("DejaVu Serif",))
    assert installed_lettering.__wrapped__().families == ("DejaVu Sans", "DejaVu Serif")
