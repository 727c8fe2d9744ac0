"""Write docs/benchmarks.md from the committed results, and from nothing else."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS

PAGE = RESULTS.parent.parent / "docs" / "benchmarks.md"
ORDER = (
    "crowdflower", "crowdflower-minilm", "texts", "fashion", "grocery", "esc10", "fsdd", "grozi", "voice",
    "minilm_int8", "throughput", "quality", "feeds", "crawl", "scale",
)  # fmt: skip
HEAD = """# Benchmarks

Written by `python -m benchmarks.table` from the files in `benchmarks/results`; every number below stands there.
`make bench DATA=FOLDER` measures again. A figure without a target is given for comparison; a target that was not
reached says **no**.
"""


def main() -> None:
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    made.add_argument("--out", type=Path, default=PAGE, help="the page to write")
    options = made.parse_args()
    reports = read_reports(options.results)
    if not reports:
        sys.exit(f"{options.results} holds no results; run: python -m benchmarks.all --data FOLDER")
    options.out.write_text(page(reports), "utf-8")


def read_reports(results: Path) -> list[dict[str, Any]]:
    """Every report in the folder that these scripts wrote, in a fixed order."""
    every = [json.loads(path.read_text("utf-8")) for path in sorted(results.glob("*.json"))]
    found = [report for report in every if "benchmark" in report and "figures" in report]
    rank = {name: place for place, name in enumerate(ORDER)}
    return sorted(found, key=lambda report: (rank.get(report["benchmark"], len(ORDER)), report["benchmark"]))


def page(reports: list[dict[str, Any]]) -> str:
    return "\n".join([HEAD, *_summary(reports), *(line for report in reports for line in _section(report))])


def _summary(reports: list[dict[str, Any]]) -> Iterator[str]:
    aimed = [figure for report in reports for figure in report["figures"].values() if figure["target"] is not None]
    met = sum(is_met(figure) for figure in aimed)
    yield f"{met} of {len(aimed)} targets are met.\n"


def _section(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {report['benchmark']}\n"
    yield f"{report['protocol']}.\n"
    yield from figure_rows(report)
    yield ""
    took = f"Measured {report['date']} in {report['wall_s']:.0f} s"
    yield f"{took} on {_machine(report['machine'])}; {_versions(report)}."
    if settings := _plain(report["settings"]):
        yield f"Settings: {settings}."
    yield f"Seeds: {_plain(report['seeds'])}.\n"


def figure_rows(report: Mapping[str, Any]) -> Iterator[str]:
    """The figures of a report as the lines of a table."""
    yield "| figure | target | reached | met? |"
    yield "|---|---|---|---|"
    for name, figure in report["figures"].items():
        yield f"| {name} | {_target(figure)} | {_shown(figure['value'], figure['unit'])} | {_verdict(figure)} |"


def is_met(figure: Mapping[str, Any]) -> bool:
    """Compared as measured, not as rounded for the page."""
    value, target = figure["value"], figure["target"]
    return bool(value >= target if figure["better"] == "higher" else value <= target)


def _verdict(figure: Mapping[str, Any]) -> str:
    if figure["target"] is None:
        return ""
    return "yes" if is_met(figure) else "**no**"


def _target(figure: Mapping[str, Any]) -> str:
    if figure["target"] is None:
        return ""
    sign = "at least" if figure["better"] == "higher" else "at most"
    return f"{sign} {_shown(figure['target'], figure['unit'])}"


def _shown(value: float, unit: str) -> str:
    """Four significant digits: enough to see what decides, few enough to read."""
    if value and abs(value) < 1:
        text = f"{value:.4f}"
    elif abs(value) < 100:
        text = f"{value:.4g}"
    else:
        text = f"{value:,.0f}"
    return f"{text} {unit}".strip()


def _machine(machine: Mapping[str, Any]) -> str:
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']} "
        f"(load before the run {machine['load_before']}, threads {machine['threads']})"
    )


def _versions(report: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in report["versions"].items())


def _plain(values: Mapping[str, Any]) -> str:
    """Settings in one line; whole recipes stay in the JSON."""
    return ", ".join(f"{k} {v}" for k, v in values.items() if v is not None and not isinstance(v, dict))


if __name__ == "__main__":
    main()
