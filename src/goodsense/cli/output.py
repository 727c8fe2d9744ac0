"""Results on standard output, progress and errors on standard error, JSON when asked for."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from goodsense.errors import GoodsenseError

if TYPE_CHECKING:
    import typer

    from goodsense.shop import Shop


def emit(data: dict[str, Any], *, as_json: bool, text: Callable[[], None]) -> None:
    """One JSON object on standard output, or whatever ``text`` prints."""
    if as_json:
        sys.stdout.write(json.dumps(data, ensure_ascii=False, default=str) + "\n")
    else:
        text()


def say(line: str = "") -> None:
    """A line of a result; characters that the terminal cannot show are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def complain(error: GoodsenseError, *, as_json: bool) -> None:
    """An error on standard error."""
    if as_json:
        body = {"error": {"code": error.code, "message": error.message, "fix": error.fix}}
        sys.stderr.write(json.dumps(body, ensure_ascii=False) + "\n")
        return
    sys.stderr.write(f"goodsense: {error.message}\n")
    if error.fix:
        sys.stderr.write(f"           {error.fix}\n")


def help_without_command(context: typer.Context) -> None:
    """A command group alone asks for nothing: its help goes to standard error, and it is a usage error."""
    if context.invoked_subcommand is None:
        sys.stderr.write(context.get_help() + "\n")
        context.exit(2)


def table(rows: list[list[str]], *, header: list[str]) -> None:
    """A plain aligned table; wide (Chinese) characters count double."""
    from rich.cells import cell_len

    every = [header, *rows]
    widths = [max(cell_len(row[i]) for row in every) for i in range(len(header))]
    for n, row in enumerate(every):
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        say("  ".join(padded).rstrip())
        if n == 0:
            say("  ".join("-" * width for width in widths))


class TerminalProgress:
    """A bar per stage with rate, time left and notes on a terminal; elsewhere a line per finished stage.

    Stages may run at once, and threads may call at once.
    """

    def __init__(self) -> None:
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._started: dict[str, float] = {}
        self._open_ended: dict[str, int] = {}  # stage -> how far it came, where nobody knows the total
        self._finished: set[str] = set()
        self._terminal = sys.stderr.isatty()
        self._lock = threading.Lock()

    def __call__(self, stage: str, done: int, total: int | None, *, note: str = "") -> None:
        with self._lock:
            self._started.setdefault(stage, time.monotonic())
            if self._terminal:
                self._draw(stage, done, total, note)
            elif total is None:
                self._open_ended[stage] = done
            elif done >= total > 0 and stage not in self._finished:
                self._finished.add(stage)
                self._open_ended.pop(stage, None)
                self._tell(stage, done, note)

    def _tell(self, stage: str, done: int, note: str = "") -> None:
        seconds = max(time.monotonic() - self._started[stage], 1e-3)
        after = f", {note}" if note else ""
        sys.stderr.write(f"{stage}: {done:,} in {seconds:.1f} s ({done / seconds:,.0f}/s){after}\n")

    def close(self) -> None:
        for stage, done in self._open_ended.items():
            if done and not self._terminal:
                self._tell(stage, done)
        if self._bars is not None:
            self._bars.stop()

    def _draw(self, stage: str, done: int, total: int | None, note: str) -> None:
        if self._bars is None:
            self._bars = _bars()
            self._bars.start()
        if stage not in self._tasks:
            for other in self._open_ended:  # nobody says when they are done
                self._bars.stop_task(self._tasks[other])
            self._tasks[stage] = self._bars.add_task(stage, total=total, note=note)
        if total is None:
            self._open_ended[stage] = done
        self._bars.update(self._tasks[stage], completed=done, total=total, note=note)
        if total is not None and done >= total:
            self._open_ended.pop(stage, None)
            self._bars.stop_task(self._tasks[stage])


def _bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    class Rate(TextColumn):
        def render(self, task: Any) -> Any:
            from rich.text import Text

            return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="cyan")

    return Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        Rate(""),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
        console=Console(stderr=True),
        transient=False,
    )


@contextmanager
def progress_shown() -> Iterator[TerminalProgress]:
    """Progress on standard error while the block runs."""
    shown = TerminalProgress()
    try:
        yield shown
    finally:
        shown.close()


@contextmanager
def shop_to_fill(directory: Path, *, dry_run: bool) -> Iterator[Shop]:
    """The shop, made if there is none; a dry run without one gets a passing one, so that nothing is left behind."""
    from goodsense.shop import Shop

    only_looking = dry_run and not (directory / "catalog.sqlite").exists()
    with TemporaryDirectory() as nowhere, Shop.creating(Path(nowhere) if only_looking else directory) as opened:
        yield opened
