"""The runner of the long suites: what goes wrong in a job is a violation that says how to repeat it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.torture import Job, jobs, main, run


def sound(*, seed: int) -> dict[str, Any]:
    return {"slowest": 0.25, "decoded": seed}


def wrong(*, seed: int) -> dict[str, Any]:
    raise AssertionError(f"case of seed {seed} is wrong")


def reports_failures(*, seed: int) -> dict[str, Any]:
    return {"failures": [f"{seed}: raised ValueError"], "slowest": 0.1}


def slow(*, seed: int) -> dict[str, Any]:
    return {"slowest": 5.5}


def dies(*, seed: int) -> dict[str, Any]:
    os._exit(7)


def hangs(*, seed: int) -> dict[str, Any]:
    time.sleep(60)
    return {}


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (wrong, "case of seed 4 is wrong"),
        (reports_failures, "4: raised ValueError"),
        (slow, "one case took 5.5 s"),
        (dies, "the process died (exit code 7)"),
        (hangs, "not done after 1 s"),
    ],
)
def test_every_kind_of_failure_is_a_violation(function: Any, problem: str, tmp_path: Path) -> None:
    job = Job("suite", function, {"seed": 4}, 1, 1.0 if function is hangs else 60.0, needs_work=False)
    (violation,) = run([job], workers=2, work=tmp_path)["suite"].violations
    assert problem in violation["problem"]
    assert violation["repeat"] == f"{__name__}.{function.__name__}(seed=4)"


def test_figures_of_a_suite_add_up(tmp_path: Path) -> None:
    todo = [Job("suite", sound, {"seed": seed}, 10, 60, needs_work=False) for seed in (1, 2, 3)]
    suite = run(todo, workers=2, work=tmp_path)["suite"]
    assert (suite.cases, sorted(suite.seeds), suite.slowest_case_s) == (30, [1, 2, 3], 0.25)
    assert suite.told == {"decoded": 6}
    assert not suite.violations


def test_the_full_counts() -> None:
    counts: dict[str, int] = {}
    for job in jobs(1.0, 60):
        counts[job.suite] = counts.get(job.suite, 0) + job.cases
    formats = ("feed ", "picture ", "events ", "voices ", "mapped ", "mapping ")
    damaged = {name: count for name, count in counts.items() if name.startswith(formats)}
    assert {"feed shopify", "feed csv.gz", "picture gif", "events jsonl", "voices reviews.csv", "mapped xml"} <= set(
        damaged
    )
    assert set(damaged.values()) == {10_000}
    assert {count for name, count in counts.items() if name.startswith("round trip ")} == {1_000}
    assert {count for name, count in counts.items() if name.startswith("kills ")} == {50}
    assert (counts["ssrf"] >= 60, counts["archives"] >= 40) == (True, True)


def test_the_command_writes_its_figures(tmp_path: Path) -> None:
    target = tmp_path / "results" / "torture.json"
    assert main(["--only", "picture gif", "--scale", "0.002", "--json", str(target)]) == 0
    found = json.loads(target.read_text("utf-8"))
    assert found["violations"] == 0
    assert found["suites"]["picture gif"]["cases"] == 20
    assert found["machine"]["cores"] == os.cpu_count()
    assert main(["--only", "picture png", "--scale", "0.001", "--update", "--json", str(target)]) == 0
    both = json.loads(target.read_text("utf-8"))
    assert (both["cases"], list(both["suites"])) == (30, ["picture gif", "picture png"])
    assert main(["--only", "no such suite", "--json", str(target)]) == 2
