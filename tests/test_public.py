"""What the package promises to its users: names, documentation, one error tree."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import goodsense
from goodsense import errors
from goodsense.errors import GoodsenseError

SOURCE = Path(goodsense.__file__).parent
MODULES = sorted(module.name for module in pkgutil.walk_packages(goodsense.__path__, "goodsense."))
ROOMS = [name for name in MODULES if name.count(".") == 1]


def public_modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module without a leading underscore, parsed rather than imported: heavy ones stay out."""
    for path in sorted(SOURCE.rglob("*.py")):
        if not path.name.startswith("_") or path.name == "__init__.py":
            yield str(path.relative_to(SOURCE)), ast.parse(path.read_text("utf-8"))


PARSED = dict(public_modules())


@pytest.mark.parametrize("name", goodsense.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(goodsense, name)
    if name == "__version__":
        assert [part.isdigit() for part in found.split(".")][:2] == [True, True]
        return
    assert inspect.getdoc(found)
    assert found.__name__ == name
    assert found.__module__.startswith("goodsense.")


def test_dir_lists_what_is_public_and_nothing_else_is_given() -> None:
    assert dir(goodsense) == sorted(goodsense.__all__) == sorted(set(goodsense.__all__))
    assert set(goodsense._HOMES) == set(goodsense.__all__) - {"__version__"}
    with pytest.raises(AttributeError, match="no attribute 'Shopp'"):
        goodsense.Shopp  # noqa: B018


@pytest.mark.parametrize("name", ROOMS)
def test_rooms_give_what_they_name_and_document_it(name: str) -> None:
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", []):
        found = getattr(module, public)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert inspect.getdoc(found), f"{name}.{public} is not documented"


@pytest.mark.parametrize("path", PARSED)
def test_every_public_module_says_what_it_is_for(path: str) -> None:
    said = ast.get_docstring(PARSED[path])
    assert said


# ---- the error tree


def tree() -> list[type[GoodsenseError]]:
    for name in MODULES:
        if name.startswith("goodsense.") and ".minilm" not in name:
            importlib.import_module(name)
    found, waiting = [], [GoodsenseError]
    while waiting:
        found.append(kind := waiting.pop())
        waiting += kind.__subclasses__()
    return found


def test_errors_have_one_root_and_codes_by_class() -> None:
    expected = {
        "GoodsenseError": (1, "error"),
        "UsageError": (2, "usage"),
        "DataError": (3, "data"),
        "StorageError": (3, "storage"),
        "FetchError": (3, "fetch"),
        "NoSoundError": (3, "data"),
        "DependencyError": (4, "dependency"),
        "PartialError": (5, "partial"),
    }
    defined = {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, Exception) and kind.__module__ == errors.__name__
    }
    assert {name: (kind.exit_code, kind.code) for name, kind in defined.items()} == expected
    assert all(issubclass(kind, GoodsenseError) for kind in defined.values())


def test_errors_of_every_room_have_the_root_and_a_known_exit_code() -> None:
    kinds = tree()
    assert len(kinds) >= 6
    for kind in kinds:
        assert kind.__module__.startswith("goodsense.")
        assert kind.exit_code in (1, 2, 3, 4, 5)
        assert inspect.getdoc(kind)


def test_a_message_and_its_fix_read_as_one_text() -> None:
    error = errors.missing_extra("nltk", "pos", needed_for="English parts of speech")
    assert error.exit_code == 4
    assert "English parts of speech needs the package 'nltk'" in error.message
    assert str(error) == f"{error.message} {error.fix}"
    assert str(GoodsenseError("only this.")) == "only this."


def test_extras_that_messages_name_exist() -> None:
    """An install hint for an extra that is not declared helps nobody."""
    from importlib.metadata import metadata

    declared = set(metadata("goodsense").get_all("Provides-Extra") or [])
    named = set()
    for module in PARSED.values():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "missing_extra":
                named |= {extra.value for extra in node.args[1:] if isinstance(extra, ast.Constant)}
    assert named
    assert named <= declared


NETWORK = {
    "socket",
    "ssl",
    "httpcore",
    "urllib.request",
    "http.client",
    "ftplib",
    "smtplib",
    "requests",
    "httpx",
    "aiohttp",
}


@pytest.mark.parametrize("path", sorted(p for p in PARSED if not p.startswith("media/")))
def test_nothing_but_the_media_room_can_open_a_connection(path: str) -> None:
    imported = {
        name
        for node in ast.walk(PARSED[path])
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not imported & NETWORK, f"{path} opens connections by itself; use goodsense.media.fetch"
