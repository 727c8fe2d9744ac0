"""The command starts quickly and says everything it can do."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command

from goodsense.cli.app import app
from tests.cli.calls import COMMAND, environment, run_command

HEAVY = {
    "torch",
    "sklearn",
    "scipy",
    "cv2",
    "jieba",
    "pyarrow",
    "matplotlib",
    "qdrant_edge",
    "pydantic",
    "PIL",
    "skimage",
}
COMMANDS = (
    "ablate build check clean compare conversations crawl demo doctor evaluate events explain export fetch ingest "
    "judge label mapping questions recipe recommend redact reviews search similar"
).split()
# generous against a busy machine; the medians that are promised are 0.3 s and 0.5 s on a quiet one
IMPORT_S, HELP_S = 0.9, 1.5


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after running ``code``."""
    script = (
        f"import sys\n{code}\nprint(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", env=environment(), check=True
    )
    return set(done.stderr.split())


def test_importing_loads_nothing_heavy() -> None:
    loaded = loaded_by("import goodsense")
    assert "goodsense" in loaded
    assert not loaded & HEAVY


_HELP = """
sys.argv = ["goodsense", *{arguments!r}]
from goodsense.cli import main
try:
    main()
except SystemExit as leaving:
    assert leaving.code == 0
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["search", "--help"], ["evaluate", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_by(_HELP.format(arguments=arguments))
    assert "typer" in loaded
    typers_own = (
        set() if arguments[0].startswith("--") else {"pydantic"}
    )  # some versions of typer check options with it
    assert not (loaded & HEAVY) - typers_own


def test_start_is_quick() -> None:
    def seconds(*command: object) -> float:
        took = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run([*map(str, command)], check=True, stdout=subprocess.DEVNULL, env=environment())
            took.append(time.perf_counter() - started)
        return statistics.median(took)

    assert seconds(sys.executable, "-c", "import goodsense") < IMPORT_S
    assert seconds(COMMAND, "--help") < HELP_S


def test_version() -> None:
    said = run_command("--version")
    assert (said.code, said.out, said.err) == (0, f"goodsense {version('goodsense')}\n", "")


def test_help_lists_every_command() -> None:
    said = run_command("--help")
    assert said.code == 0
    assert sorted(get_command(app).commands) == COMMANDS  # type: ignore[attr-defined]
    for name in COMMANDS:
        assert f"\n  {name} " in said.out


def commands(group: object, *path: str) -> Iterator[tuple[str, object]]:
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield " ".join([*path, name]), command


EVERY = dict(commands(get_command(app)))


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_command_and_option_is_documented(name: str) -> None:
    command = EVERY[name]
    assert command.help.strip().endswith(".")  # type: ignore[attr-defined]
    options = {option for parameter in command.params for option in parameter.opts}  # type: ignore[attr-defined]
    assert "--json" in options
    for parameter in command.params:  # type: ignore[attr-defined]
        assert getattr(parameter, "help", None), f"{name}: {parameter.name} is not documented"


@pytest.mark.parametrize("name", sorted(EVERY))
def test_help_of_every_command_shows_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        get_command(app)([*name.split(), "--help"], prog_name="goodsense")
    said = capsys.readouterr().out
    options = [option for parameter in EVERY[name].params for option in parameter.opts]  # type: ignore[attr-defined]
    for option in options:
        assert not option.startswith("-") or option in said


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{COMMAND} doctor | head -n 1", shell=True, capture_output=True, encoding="utf-8", env=environment()
    )
    assert done.stdout.startswith("goodsense")
    assert done.stderr == ""


def test_characters_that_the_terminal_cannot_show_are_escaped(tmp_path: Path) -> None:
    feed = tmp_path / "饲料.csv"
    feed.write_text("id,title\n1,木制火车\n", "utf-8")
    said = run_command("ingest", tmp_path / "shop", feed, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert said.code == 0, said.err
    assert "1 products read" in said.out
    missing = run_command("ingest", tmp_path / "shop", "没有.csv", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (missing.code, missing.out) == (2, "")
    assert "no such file" in missing.err
