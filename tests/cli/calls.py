"""Ways to run the command line: as a process of its own, or in this one where speed matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from goodsense.shop.build import BuildReport, build
from goodsense.shop.recipe import Recipe

COMMAND = Path(sys.executable).parent / "goodsense"


@dataclass(frozen=True)
class Called:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def error(self) -> dict[str, str]:
        """The error object: the last line of standard error; nothing may be on standard output."""
        assert self.out == ""
        found = json.loads(self.err.splitlines()[-1])
        assert set(found) == {"error"}
        assert set(found["error"]) == {"code", "message", "fix"}
        error: dict[str, str] = found["error"]
        return error


def environment(**more: str) -> dict[str, str]:
    """This process's environment with one thread per numeric library, and no terminal."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "CI": "1", **more}


def run_command(*arguments: object, cwd: Path | None = None, **more: str) -> Called:
    """Run the installed command in a process of its own."""
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    return Called(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Caller:
    """Runs commands in this process, through the very entry point of the installed command."""

    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Called:
        from goodsense.cli import main

        self.monkeypatch.setattr(sys, "argv", ["goodsense", *map(str, arguments)])
        self.capture.readouterr()
        with pytest.raises(SystemExit) as leaving:
            main()
        said = self.capture.readouterr()
        code = leaving.value.code
        assert isinstance(code, int)
        return Called(code, said.out, said.err)


def builds_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let builds run in this process, without workers: those of their own cost seconds to start, for small shops."""

    def build_here(shop: Path, recipe: Recipe, *, workers: int = 1, **settings: Any) -> BuildReport:
        return build(shop, recipe, workers=1, **settings)

    for module in ("shop", "comparing"):
        monkeypatch.setattr(f"goodsense.shop.{module}.build_in_child", build_here)
