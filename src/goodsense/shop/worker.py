"""Builds run in a process of their own: engines hold Python's global lock for seconds, encoders take both cores.

The child reads one JSON object from standard input and writes JSON lines: progress, then a result or an error.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import goodsense.errors as errors
from goodsense.errors import GoodsenseError, PartialError
from goodsense.progress import Progress, silent
from goodsense.shop.build import BuildReport, build
from goodsense.shop.generations import Role
from goodsense.shop.recipe import Recipe
from goodsense.shop.truth import storage_error

# not `-m`: worker processes of the child would import this module, and all that it needs, once more each
_CHILD = "from goodsense.shop.worker import main; main()"


def build_in_child(
    shop: Path,
    recipe: Recipe,
    *,
    refit: bool = False,
    download: bool = False,
    workers: int = 2,
    role: Role = "live",
    recipe_file: str = "",
    carry: int = 0,
    progress: Progress = silent,
) -> BuildReport:
    """Run :func:`goodsense.shop.build.build` in a child process.

    Raises
    ------
    PartialError
        On Ctrl-C, or if the child was killed; what was encoded is kept.
    GoodsenseError
        Whatever the build raised.
    """
    request = {
        "shop": str(shop),
        "recipe": recipe.model_dump(mode="json"),
        "refit": refit,
        "download": download,
        "workers": workers,
        "role": role,
        "recipe_file": recipe_file,
        "carry": carry,
    }
    child = subprocess.Popen([sys.executable, "-c", _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    answer: dict[str, Any] | None = None
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(request))
        child.stdin.close()
        for line in child.stdout:
            message = json.loads(line)
            if "progress" in message:
                *step, note = message["progress"]
                progress(*step, note=note)
            else:
                answer = message
        child.wait()
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        answer = None
    finally:
        child.stdout.close()
    return _result(answer, child.returncode)


def _result(answer: dict[str, Any] | None, code: int | None) -> BuildReport:
    if answer is None:
        how = f"killed by signal {-code}" if code is not None and code < 0 else "stopped"
        raise PartialError(
            f"the build was {how} before it was done; the live build is unchanged.",
            fix="Run it again: what was encoded is kept.",
        )
    if "error" in answer:
        kind = getattr(errors, answer["error"]["class"], GoodsenseError)
        raise kind(answer["error"]["message"], fix=answer["error"]["fix"])
    return BuildReport(**answer["result"])


def main() -> None:
    """The child's side."""
    threading.Thread(target=_die_with_parent, args=(os.getppid(),), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    request = json.loads(sys.stdin.read())
    shop = Path(request["shop"])
    try:
        report = build(
            shop,
            Recipe.model_validate(request["recipe"]),
            refit=request["refit"],
            download=request["download"],
            workers=request["workers"],
            role=request["role"],
            recipe_file=request["recipe_file"],
            carry=request["carry"],
            progress=_Reporter(),
        )
        _say({"result": report.to_json()})
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        _say_error(storage_error(shop, error))
    except GoodsenseError as error:
        _say_error(error)


class _Reporter:
    """Passes progress on, ten times a second and stage at most, and always the end of a stage."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int | None, *, note: str = "") -> None:
        now = time.monotonic()
        if now - self._last.get(stage, 0.0) >= 0.1 or done == total or done == 0:
            self._last[stage] = now
            _say({"progress": [stage, done, total, note]})


_SAYING = threading.Lock()  # several stages may be under way at once


def _say(message: dict[str, Any]) -> None:
    with _SAYING:
        sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def _say_error(error: GoodsenseError) -> None:
    _say({"error": {"class": type(error).__name__, "message": error.message, "fix": error.fix}})


def _die_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
