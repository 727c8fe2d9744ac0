"""Small charts as inline SVG: they need no script and no other file, and follow the page's colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from math import log10

from markupsafe import Markup

_RING = 52.0  # radius


def ring(score: float) -> Markup:
    """A score of 0 to 100 as a ring."""
    around = 2 * 3.141592653589793 * _RING
    filled = around * max(0.0, min(100.0, score)) / 100
    return Markup(
        f'<svg class="ring {grade(score)}" viewBox="0 0 128 128" role="img" aria-label="{score:.1f}">'
        f'<circle class="track" cx="64" cy="64" r="{_RING:g}"/>'
        f'<circle class="value" cx="64" cy="64" r="{_RING:g}" stroke-dasharray="{filled:.1f} {around:.1f}"/>'
        f'<text x="64" y="72" text-anchor="middle">{score:.0f}</text></svg>'
    )


def grade(score: float) -> str:
    """The class by which a score is coloured."""
    return "good" if score >= 90 else "fair" if score >= 70 else "poor"


def sparkline(values: Sequence[float]) -> Markup:
    """A line of values over time, the last one marked; empty for fewer than two."""
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    spread = (high - low) or 1.0
    points = [(4 + 112 * n / (len(values) - 1), 28 - 22 * (v - low) / spread) for n, v in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return Markup(
        f'<svg class="spark" viewBox="0 0 120 34" role="img" aria-label="{values[0]:.1f} to {values[-1]:.1f}">'
        f'<polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="3"/></svg>'
    )


def heat(share: float) -> str:
    """A background for a share of filled fields, from red (none) to green (all)."""
    hue = round(8 + 130 * max(0.0, min(1.0, share)))
    return f"--hue:{hue}"


def price_strips(groups: Sequence[tuple[str, Sequence[float], Sequence[float]]], currency: str) -> Markup:
    """Prices of categories on one logarithmic scale: box from quartile to quartile, median, whiskers, outliers.

    ``groups`` holds name, the prices, and those among them that were found to be outliers.
    """
    every = [price for _, prices, _ in groups for price in prices if price > 0]
    if not every:
        return Markup("")
    low, high = log10(min(every)), log10(max(every))
    span = (high - low) or 1.0

    def x(price: float) -> float:
        return 190 + 600 * (log10(price) - low) / span

    rows = []
    for place, (name, prices, outliers) in enumerate(groups):
        ranked = sorted(price for price in prices if price > 0)
        if ranked:
            rows.append(_strip(name, ranked, [price for price in outliers if price > 0], 26 + 34 * place, x))
    height = 34 * len(groups) + 50
    ticks = _ticks(low, high, x, height - 30)
    return Markup(
        f'<svg class="strips" viewBox="0 0 820 {height}" role="img" aria-label="prices in {escape(currency)}">'
        f"{ticks}{''.join(rows)}</svg>"
    )


def _strip(name: str, ranked: list[float], outliers: list[float], y: float, x: Callable[[float], float]) -> str:
    p5, p25, p50, p75, p95 = (ranked[min(len(ranked) - 1, int(len(ranked) * q))] for q in (0.05, 0.25, 0.5, 0.75, 0.95))
    dots = "".join(
        f'<circle class="out" cx="{x(price):.1f}" cy="{y:.0f}" r="4"><title>{price:g}</title></circle>'
        for price in outliers[:50]
    )
    width = max(2.0, x(p75) - x(p25))
    label = escape(name if len(name) <= 24 else f"{name[:23]}…")
    return (
        f'<text class="name" x="176" y="{y + 4:.0f}" text-anchor="end">{label}</text>'
        f'<line class="whisker" x1="{x(p5):.1f}" x2="{x(p95):.1f}" y1="{y:.0f}" y2="{y:.0f}"/>'
        f'<rect class="box" x="{x(p25):.1f}" width="{width:.1f}" y="{y - 8:.0f}" height="16" rx="4"/>'
        f'<line class="median" x1="{x(p50):.1f}" x2="{x(p50):.1f}" y1="{y - 9:.0f}" y2="{y + 9:.0f}"/>{dots}'
    )


def _ticks(low: float, high: float, x: Callable[[float], float], y: float) -> str:
    steps = [10.0**power * factor for power in range(int(low) - 2, int(high) + 2) for factor in (1, 2, 5)]
    inside = [step for step in steps if low - 1e-9 <= log10(step) <= high + 1e-9]
    kept = inside[:: max(1, len(inside) // 8)]
    return "".join(
        f'<line class="grid" x1="{x(step):.1f}" x2="{x(step):.1f}" y1="6" y2="{y:.0f}"/>'
        f'<text class="tick" x="{x(step):.1f}" y="{y + 18:.0f}" text-anchor="middle">{step:g}</text>'
        for step in kept
    )
