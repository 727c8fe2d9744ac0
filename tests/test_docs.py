"""What the pages show works: their Python runs, and so does every `goodsense` line of their shell blocks.

Blocks of one page run in the order of the page, in one directory with a demo shop (``demo-shop/source``,
``demo-shop/shop``) as `goodsense demo` makes it, and with the demo's files under the names that pages use for a
reader's own (``products.csv``, ``shopify.csv``, ``photo.jpg``, ``query.wav``, ``queries.tsv``, ``qrels.txt``,
``events.csv``, ``reviews.jsonl``, ``questions.jsonl``, ``conversations.jsonl``; ``ID`` is a product). A block right
after the comment ``<!-- not run -->`` is left alone; one after ``<!-- file: NAME -->`` is that file.
"""

from __future__ import annotations

import csv
import doctest
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.calls import Caller, builds_here

ROOT = Path(__file__).parent.parent
PAGES = [
    path
    for path in (ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").glob("*.md")))
    if path.exists()
]
SHELL = ("console", "sh", "shell", "bash")
NOT_RUN = "<!-- not run -->"
FILE = re.compile(r"<!-- file: ([\w.-]+) -->")
# commands of a shell block that are not run here, each for its reason
LEFT_ALONE = {
    "make": "sets up, runs these very tests, or takes long",
    "pip": "installs",
    "python": "sets up",
    "python3": "sets up",
    "git": "fetches",
    "cd": "goes where these tests are already",
    "source": "enters the environment",
    ".": "enters the environment",
}
# what a command is given here besides what the page gives it: the same run on less
LESS = {"ablate myshop --quick": ("--modality", "text", "--modality", "image", "--modality", "behaviour")}
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,}) *(?P<language>[\w+-]*)[^\n`]*$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str
    run: bool = True
    file: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(text: str, page: str) -> Iterator[Block]:
    """Every fenced block (CommonMark): closed by as many signs of its kind, indented or not.

    Raises
    ------
    ValueError
        If a block is not closed.
    """
    opened: re.Match[str] | None = None
    start, body, before = 0, list[str](), ""
    for number, line in enumerate(text.splitlines(), start=1):
        if opened is None:
            opened = _FENCE.match(line)
            if opened is not None:
                start, body = number, []
            elif line.strip():
                before = line.strip()
            continue
        if line.strip().startswith(opened["fence"]) and not line.strip().strip(opened["fence"][0]):
            file = FILE.fullmatch(before)
            name = file[1] if file else ""
            yield Block(page, start, opened["language"].lower(), "\n".join(body) + "\n", before != NOT_RUN, name)
            opened, before = None, ""
            continue
        body.append(line.removeprefix(opened["indent"]))
    if opened is not None:
        raise ValueError(f"{page}:{start}: the block is not closed")


def commands(block: Block) -> list[list[str]]:
    """The command lines of a shell block, split as a shell does.

    Where lines begin with a ``$`` only these are commands; a backslash continues a line, ``#`` begins a comment.
    """
    joined = block.text.replace("\\\n", " ").splitlines()
    if any(line.strip().startswith("$ ") for line in joined):
        joined = [line.strip()[1:] for line in joined if line.strip().startswith("$ ")]
    split = [shlex.split(line, comments=True) for line in joined]
    return [words for words in split if words]


def program_of(words: list[str]) -> str:
    """The command's name; ``.venv/bin/goodsense`` is goodsense."""
    return words[0].rpartition("/")[2] or words[0]


def all_blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks(page.read_text("utf-8"), page.name)]


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a demo shop, and the demo's files as a reader's own."""
    from goodsense.catalog.feeds import write_feed
    from goodsense.cli.demo import run_demo
    from goodsense.shop import Shop

    directory = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        builds_here(patch)
        run_demo(Path("demo-shop"), products=50, as_json=True)
    source = directory / "demo-shop" / "source"
    shutil.copytree(source, directory, dirs_exist_ok=True)
    shutil.copy(source / "qrels.tsv", directory / "qrels.txt")
    shutil.copy(min((source / "query_images").iterdir()), directory / "photo.jpg")
    shutil.copy(source / "spoken" / "red-wooden-train.flac", directory / "query.wav")
    with Shop.open(directory / "demo-shop" / "shop") as shop:
        write_feed(shop.truth.products(), directory / "shopify.csv", format="shopify")
    return directory


@pytest.fixture(scope="module")
def done() -> set[str]:
    """The lines of a README that ran already, in the directory of ``toys``."""
    return set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_run(
    page: Path, toys: Path, done: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The README in both languages shares its lines; a line that ran for one of them is not run for the other."""
    monkeypatch.chdir(toys)
    builds_here(monkeypatch)
    call = Caller(monkeypatch, capsys)
    names: dict[str, object] = {"__name__": "__page__"}
    lines: set[str] = set()
    for block in blocks(page.read_text("utf-8"), page.name):
        if block.file:
            Path(block.file).write_text(block.text, "utf-8")
    for block in blocks(page.read_text("utf-8"), page.name):
        if block.run and block.language in ("python", "pycon"):
            run_python(block, names)
        elif block.run and block.language in SHELL:
            for words in commands(block):
                line = shlex.join(words)
                if program_of(words) == "goodsense" and line not in done:
                    given = (a_product(toys) if word == "ID" else word for word in words[1:])
                    called = call(*given, *LESS.get(line.removeprefix("goodsense "), ()))
                    assert called.code == 0, f"{block}: {line}: {called.err}"
                    lines.add(line)
    if page.name.startswith("README"):
        done |= lines


def run_python(block: Block, names: dict[str, object]) -> None:
    """Run a block, or, where it is a session, compare what it prints; later blocks go on with its names."""
    if ">>> " not in block.text:
        exec(compile("\n" * block.line + block.text, block.page, "exec"), names)
        return
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    test = doctest.DocTestParser().get_doctest(block.text, names, block.page, block.page, block.line)
    runner.run(test, out=said.append, clear_globs=False)
    names.update(test.globs)
    assert not runner.failures, f"{block}: {''.join(said)}"


def a_product(directory: Path) -> str:
    """The id of some product of the demo."""
    with (directory / "products.csv").open(encoding="utf-8", newline="") as file:
        return next(csv.DictReader(file))["id"]


def test_every_shell_line_is_run_or_left_alone_for_a_reason() -> None:
    for block in all_blocks():
        if block.run and block.language in SHELL:
            for words in commands(block):
                assert program_of(words) in {"goodsense", *LEFT_ALONE}, f"{block}: {shlex.join(words)}"


def test_every_block_says_its_language() -> None:
    """A block without one would silently not run."""
    nameless = [str(block) for block in all_blocks() if not block.language]
    assert not nameless


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


# ---- the extractor itself

SAMPLE = """\
# A page

```python
x = 1
```

~~~console
$ make demo   # two minutes
$ goodsense search demo-shop/shop "red train" \\
    --where "price < 100"
   #  id
~~~

- a list

  ```sh
  # a comment
  .venv/bin/goodsense doctor
  ```

<!-- not run -->

```python
raise SystemExit
```

````text
```python
no block of its own
```
````
"""


def test_the_extractor_finds_what_is_there() -> None:
    found = list(blocks(SAMPLE, "sample"))
    assert [(b.language, b.line, b.run) for b in found] == [
        ("python", 3, True),
        ("console", 7, True),
        ("sh", 16, True),
        ("python", 23, False),
        ("text", 27, True),
    ]
    assert found[0].text == "x = 1\n"
    assert commands(found[1]) == [
        ["make", "demo"],
        ["goodsense", "search", "demo-shop/shop", "red train", "--where", "price < 100"],
    ]
    assert commands(found[2]) == [[".venv/bin/goodsense", "doctor"]]
    assert "no block of its own" in found[4].text
    assert commands(Block("sample", 1, "console", "goodsense doctor  # well\n")) == [["goodsense", "doctor"]]


def test_sessions_are_compared_with_what_they_print() -> None:
    names: dict[str, object] = {}
    run_python(Block("page", 1, "python", "x = 20\n"), names)
    run_python(Block("page", 3, "python", ">>> y = x + 1\n>>> y\n21\n"), names)
    assert names["y"] == 21
    with pytest.raises(AssertionError, match="page:8"):
        run_python(Block("page", 8, "python", ">>> x\n21\n"), names)


def test_an_open_block_is_an_error() -> None:
    with pytest.raises(ValueError, match="page:2: the block is not closed"):
        list(blocks("text\n```python\nx = 1\n", "page"))
